//! What a page asks for: the classic Waterfall arguments as a type, one grammar for all doors.

use crate::model::time::Time;

/// How a Waterfall is narrowed: `reference/buildbot-classic-features.md`, section 1.1. Any-of within a field, all-of across fields.
/// Where each came from in the URL is the web's concern.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Narrowing {
    /// `show=` and `builder=`: `name` or `team/name`.
    pub builders: Vec<String>,
    /// `category=` and `tag=`: a category includes what is nested in it.
    pub categories: Vec<String>,
    /// `branch=`: builds of these branches only.
    pub branches: Vec<String>,
    /// `failures_only=true`: builders that fail now (offline, last build not good, or a failed step in a running build).
    pub failures_only: bool,
    /// `last_time=`: the newest moment shown; none is now.
    pub last_time: Option<Time>,
    /// `first_time=`, or `last_time` less `show_time=`: the oldest moment shown.
    pub first_time: Option<Time>,
    /// `num_events=`: how many rows of time at most.
    pub num_events: Option<usize>,
}
