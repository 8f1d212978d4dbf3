//! Everything that can be heard: a closed enum. Each is a row of `events`, written in the transaction that it tells of.

use super::resource::{Artifact, Build, BuildRequest, Link, Log, Step, TestTotals};
use crate::model::id::{BuildId, BuildRequestId, BuilderId, EventId};
use crate::model::name::BuilderKey;
use crate::model::time::Time;
use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the one order.
    pub id: EventId,
    /// When.
    pub at: Time,
    /// The builder that it is about; its team and visibility decide who hears it.
    pub builder: BuilderKey,
    /// What.
    pub what: What,
}

/// What happened. The read model is a fold of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// A request was accepted and waits.
    RequestAdded {
        /// The request.
        request: BuildRequest,
    },
    /// A waiting request was dropped.
    RequestCancelled {
        /// The request.
        request_id: BuildRequestId,
    },
    /// A request was claimed and its build began.
    BuildStarted {
        /// The build, without steps.
        build: Build,
    },
    /// Something about a running build changed: its words, its revision, that it shall stop.
    BuildChanged {
        /// The build.
        build_id: BuildId,
        /// Its number.
        number: i64,
        /// Its request.
        request_id: BuildRequestId,
        /// Its words, where they changed.
        summary: Option<String>,
        /// What the checkout found, where that is new.
        got_revision: Option<String>,
    },
    /// A build ended.
    BuildFinished {
        /// The build, with all its steps.
        build: Build,
    },
    /// A step began.
    StepStarted {
        /// Its build.
        build_id: BuildId,
        /// The step.
        step: Step,
    },
    /// A step's words changed, or what it found: it has one more link, more test results, another number.
    StepChanged {
        /// Its build.
        build_id: BuildId,
        /// The step's number.
        step: i32,
        /// Its words, where they changed.
        summary: Option<String>,
        /// The new link.
        link: Option<Link>,
        /// How many test results it has of each outcome, where that changed.
        #[serde(default)]
        tests: Option<TestTotals>,
    },
    /// A step ended.
    StepFinished {
        /// Its build.
        build_id: BuildId,
        /// The step.
        step: Step,
    },
    /// A log was opened or ended; growth in between is not an event (see `get::Get::follow_log`).
    LogChanged {
        /// Its build.
        build_id: BuildId,
        /// Its step's number.
        step: i32,
        /// The log.
        log: Log,
    },
    /// A step stored a file that outlives the work directory.
    ArtifactAdded {
        /// Its build.
        build_id: BuildId,
        /// The artifact.
        artifact: Artifact,
    },
    /// A builder appeared, changed or went.
    BuilderChanged {
        /// Its row.
        builder_id: BuilderId,
    },
}

impl What {
    /// The event's name on the wire: `build.started` and so on.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RequestAdded { .. } => "request.added",
            Self::RequestCancelled { .. } => "request.cancelled",
            Self::BuildStarted { .. } => "build.started",
            Self::BuildChanged { .. } => "build.changed",
            Self::BuildFinished { .. } => "build.finished",
            Self::StepStarted { .. } => "step.started",
            Self::StepChanged { .. } => "step.changed",
            Self::StepFinished { .. } => "step.finished",
            Self::LogChanged { .. } => "log.changed",
            Self::ArtifactAdded { .. } => "artifact.added",
            Self::BuilderChanged { .. } => "builder.changed",
        }
    }
}
