//! What delivery needs of a reporter. `plugins` implements it; delivery knows no plugin.

use crate::model::time::Time;
use async_trait::async_trait;
use serde_json::Value;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Calls reporters by the name of their plugin.
#[async_trait]
pub trait ReporterRunner: Send + Sync {
    /// Hands one event to a reporter and says how that went. A plugin that breaks is an answer as well; this never fails.
    async fn report(&self, call: ReportCall) -> Told;
}

/// One event to tell.
#[derive(Debug, Clone)]
pub struct ReportCall {
    /// The plugin's name.
    pub plugin: String,
    /// Whose reporter: the plugin sees what this team may see.
    pub team: String,
    /// The reporter's name in its team.
    pub reporter: String,
    /// The plugin's settings; secrets are `{"$secret": NAME}`.
    pub settings: Value,
    /// What to tell.
    pub event: ReportEvent,
    /// Cancelled when the server ends.
    pub stop: CancellationToken,
}

/// Something that a reporter is told.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportEvent {
    /// The same in every try: a receiver that has seen it may drop it.
    pub id: String,
    /// A dotted name.
    pub kind: String,
    /// When it happened.
    pub at: Time,
    /// The document of that kind; `docs/reporter-events.md` says what is in it.
    pub payload: Value,
}

/// How telling an event went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It arrived; perhaps with a few words on how.
    Delivered(Option<String>),
    /// It may arrive later, and not before this has passed where the receiver said so.
    Later {
        /// Why not now.
        reason: String,
        /// What the receiver asked for.
        after: Option<Duration>,
    },
    /// It was not tried, and the receiver has no part in that: the reporter itself cannot be called now.
    NotNow {
        /// Why not.
        reason: String,
        /// When it may be asked again; it may be asked earlier as well.
        until: Time,
    },
    /// It will not arrive; says why.
    Failed(String),
}
