//! A view resolved: its builders in order, with all that a Waterfall says of them.

use super::resource::{Build, BuilderStatus};
use crate::model::id::EventId;
use crate::model::time::Time;
use std::sync::Arc;

/// A view's page: everything that a Waterfall of it draws. Every builder of the view is there, whatever its age.
#[derive(Debug, Clone)]
pub struct ViewPage {
    /// The view's name; none for `/waterfall`.
    pub name: Option<String>,
    /// For people.
    pub title: String,
    /// The team that declares it.
    pub team: Option<String>,
    /// Its builders, in order.
    pub columns: Vec<Column>,
    /// Whether columns carry groups.
    pub is_grouped: bool,
    /// The oldest moment shown; none is as far as `num_events` reaches.
    pub first_time: Option<Time>,
    /// The newest moment shown.
    pub last_time: Time,
    /// Rows of time at most.
    pub num_events: usize,
    /// Builds older than these exist in some column.
    pub has_older: bool,
    /// The page is true up to this event.
    pub as_of: EventId,
    /// The configuration that it is drawn from: see [`super::Status::generation`].
    pub generation: u64,
}

/// One builder of a view.
#[derive(Debug, Clone)]
pub struct Column {
    /// All that the head says.
    pub status: BuilderStatus,
    /// The group that it stands under.
    pub group: Option<String>,
    /// Its builds in the window, newest first, running ones included.
    pub builds: Vec<Arc<Build>>,
}
