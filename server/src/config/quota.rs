//! `quota` of a team: what it may use.

use super::read::section;
use super::value::Count;
use crate::model::size::Size;
use crate::model::time::Span;
use std::time::Duration;

section! {
    /// What a team may use. Each limit says where it is reached what was asked for, how much is allowed and when to come again; the
    /// team's page shows what is used of it. What a team's `quota` does not say, `quota` of `[server]` says.
    struct RawQuota {
        /// Builds at the same time.
        builds = "builds": Count, "no limit";
        /// Requests that wait at the same time; who asks for more is refused until some are built or cancelled.
        queued = "queued": Count, "1000";
        /// Builds that people and tokens force within a minute. Counted in memory, by each process for itself: a restart forgives, and
        /// two processes let through twice as much.
        forces_per_minute = "forces_per_minute": Count, "600";
        /// Calls of the server by the team's tokens within a second; four times as many may come at once. Counted in memory, by each
        /// process for itself: a restart forgives, and two processes let through twice as much.
        requests_per_s = "requests_per_s": Count, "50";
        /// Bytes of one log; over it the middle is cut, visibly.
        log_bytes = "log_bytes": Size, "1 GiB";
        /// Bytes of all artifacts that the team keeps; a step that would store more is told so.
        artifact_bytes = "artifact_bytes": Size, "no limit";
        /// Bytes of logs (as they are read) and artifacts together that the team keeps; over it logs end early, visibly, and artifacts
        /// are refused.
        stored_bytes = "stored_bytes": Size, "no limit";
        /// CPU time that its plugins use in the server within an hour; after that its steps fail and its reporters wait.
        plugin_cpu_per_hour = "plugin_cpu_per_hour": Duration, "1h";
        /// How long finished builds are kept. The last one of a builder always is.
        history = "history": Duration, "for ever";
        /// Finished builds that are kept of each builder.
        history_builds = "history_builds": Count, "all";
    }
}

/// Requests that wait at once, where nothing else is written.
const QUEUED: u32 = 1_000;
/// Forces within a minute, where nothing else is written.
const FORCES_PER_MINUTE: u32 = 600;
/// Calls within a second, where nothing else is written.
pub const REQUESTS_PER_S: u32 = 50;
/// Bytes of one log, where nothing else is written: no log is without a limit.
const LOG_BYTES: Size = Size(1 << 30);
/// CPU time of plugins within an hour, where nothing else is written: one core.
const PLUGIN_CPU_PER_HOUR: Span = Span(Duration::from_secs(3_600));

/// What a team may use; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Builds at the same time.
    pub builds: Option<u32>,
    /// Requests that wait at the same time.
    pub queued: u32,
    /// Builds that people and tokens force within a minute.
    pub forces_per_minute: u32,
    /// Calls of the server by its tokens within a second.
    pub requests_per_s: u32,
    /// Bytes of one log, uncompressed; over it the middle is cut.
    pub log_bytes: Size,
    /// Bytes of all its artifacts.
    pub artifact_bytes: Option<Size>,
    /// Bytes of its logs, uncompressed, and artifacts.
    pub stored_bytes: Option<Size>,
    /// CPU time of its plugins within an hour.
    pub plugin_cpu_per_hour: Span,
    /// How long finished builds are kept.
    pub history: Option<Span>,
    /// Finished builds that are kept of each builder.
    pub history_builds: Option<u32>,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            builds: None,
            queued: QUEUED,
            forces_per_minute: FORCES_PER_MINUTE,
            requests_per_s: REQUESTS_PER_S,
            log_bytes: LOG_BYTES,
            artifact_bytes: None,
            stored_bytes: None,
            plugin_cpu_per_hour: PLUGIN_CPU_PER_HOUR,
            history: None,
            history_builds: None,
        }
    }
}

impl RawQuota {
    /// The quota as it is used; what is not written is as in `base`.
    pub fn freeze(self, base: &Quota) -> Quota {
        let count = |count: Option<Count>| count.map(|count| count.0);
        Quota {
            builds: count(self.builds).or(base.builds),
            queued: count(self.queued).unwrap_or(base.queued),
            forces_per_minute: count(self.forces_per_minute).unwrap_or(base.forces_per_minute),
            requests_per_s: count(self.requests_per_s).unwrap_or(base.requests_per_s),
            log_bytes: self.log_bytes.unwrap_or(base.log_bytes),
            artifact_bytes: self.artifact_bytes.or(base.artifact_bytes),
            stored_bytes: self.stored_bytes.or(base.stored_bytes),
            plugin_cpu_per_hour: self.plugin_cpu_per_hour.map_or(base.plugin_cpu_per_hour, Span),
            history: self.history.map(Span).or(base.history),
            history_builds: count(self.history_builds).or(base.history_builds),
        }
    }
}
