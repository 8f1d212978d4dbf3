//! The serialisable types: the only `Serialize` for the outside. Field names are Buildbot's where it has the thing.

use crate::model::id::{BuildId, BuildRequestId, BuilderId, BuildsetId, LogId, StepId};
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::results::Results;
use crate::model::right::Visibility;
use crate::model::source_stamp::SourceStamp;
use crate::model::test_outcome::TestOutcome;
use crate::model::time::Time;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::sync::Arc;

/// A tenant, as its readers see it.
#[derive(Debug, Clone, Serialize)]
pub struct Team {
    /// Stands in its URL.
    pub name: String,
    /// For people.
    pub title: String,
    /// Who sees it.
    pub visibility: Visibility,
}

/// A builder: what is declared of it. What it does is in [`BuilderStatus`].
#[derive(Debug, Clone, Serialize)]
pub struct Builder {
    /// Its row.
    #[serde(rename = "builderid")]
    pub id: BuilderId,
    /// `team/name`.
    pub key: BuilderKey,
    /// For people; may be empty.
    pub description: String,
    /// Buildbot calls them tags.
    #[serde(rename = "tags")]
    pub categories: Vec<String>,
    /// What its worker must be.
    pub labels: Vec<String>,
    /// The configuration declares it no more: it runs nothing new and keeps its history.
    #[serde(rename = "retired")]
    pub is_retired: bool,
}

/// What a builder does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuilderState {
    /// A build runs.
    Building,
    /// Nothing runs, something waits.
    Pending,
    /// Nothing runs, nothing waits.
    Idle,
    /// Nothing runs, and nothing will: the configuration declares it no more.
    Retired,
    /// No worker could run it.
    Offline,
}

impl BuildRequest {
    /// Who of those that wait comes first: higher priority, then older. The least is the next.
    pub fn turn(&self) -> (Reverse<i32>, BuildRequestId) {
        (Reverse(self.priority), self.id)
    }

    /// One that tests decide about.
    #[cfg(test)]
    pub fn sample(id: i64, builder: BuilderKey) -> Self {
        Self {
            id: BuildRequestId(id),
            buildset_id: BuildsetId(id),
            builder_id: BuilderId(0),
            builder,
            priority: 0,
            submitted_at: Time::UNIX_EPOCH,
            reason: String::new(),
            owner: None,
            source_stamp: SourceStamp::default(),
            properties: Properties::default(),
            n_retries: 0,
        }
    }
}

/// Requests of one builder that are listed; of the others it is said how many they are.
pub const PENDING_LISTED: usize = 20;

/// A builder with all that a Waterfall's head says of it.
#[derive(Debug, Clone, Serialize)]
pub struct BuilderStatus {
    /// What is declared.
    pub builder: Arc<Builder>,
    /// What it does now.
    pub state: BuilderState,
    /// The last finished build, whatever its age.
    pub last: Option<Arc<Build>>,
    /// Since when the last result is what it is: the end of the first of the unbroken run of builds with that result.
    pub last_since: Option<Time>,
    /// Running builds, oldest first.
    pub running: Vec<Arc<Build>>,
    /// What waits, next first: the first [`PENDING_LISTED`], as many as are shown.
    pub pending: Vec<Arc<BuildRequest>>,
    /// How many wait in all.
    pub n_pending: usize,
    /// When a scheduler starts it next, where one does.
    pub next: Option<Time>,
}

/// One numbered run of a builder, with its steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// Its row.
    #[serde(rename = "buildid")]
    pub id: BuildId,
    /// Its builder's row.
    #[serde(rename = "builderid")]
    pub builder_id: BuilderId,
    /// Its builder.
    pub builder: BuilderKey,
    /// Counts from 1 for each builder.
    pub number: i64,
    /// The request it builds.
    #[serde(rename = "buildrequestid")]
    pub request_id: BuildRequestId,
    /// The worker that runs it.
    #[serde(rename = "workername")]
    pub worker: String,
    /// Why.
    pub reason: String,
    /// Who asked, where somebody did.
    pub owner: Option<String>,
    /// What is built.
    pub source_stamp: SourceStamp,
    /// What the checkout found.
    pub got_revision: Option<String>,
    /// When it began.
    pub started_at: Time,
    /// When it ended; none while it runs.
    pub finished_at: Option<Time>,
    /// How it ended; none while it runs.
    pub results: Option<Results>,
    /// A few words for people, such as `failed compile`.
    #[serde(rename = "state_string")]
    pub summary: String,
    /// Seconds that it is expected to take, from the builder's recent good builds.
    pub expected_s: Option<f64>,
    /// Its steps, by number.
    pub steps: Vec<Step>,
}

impl Build {
    /// A step by its number from 0, or its name.
    pub fn step(&self, step: &str) -> Option<&Step> {
        let by_number = step.parse().ok().and_then(|n: i32| self.steps.iter().find(|s| s.number == n));
        by_number.or_else(|| self.steps.iter().find(|s| s.name == step))
    }
}

/// One part of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its row.
    #[serde(rename = "stepid")]
    pub id: StepId,
    /// Counts from 0 in its build.
    pub number: i32,
    /// Unique in its build.
    pub name: String,
    /// When it began.
    pub started_at: Time,
    /// When it ended; none while it runs.
    pub finished_at: Option<Time>,
    /// How it ended; none while it runs.
    pub results: Option<Results>,
    /// A few words for people.
    #[serde(rename = "state_string")]
    pub summary: String,
    /// Links that its plugin added.
    pub urls: Vec<Link>,
    /// What its tests said, counted.
    #[serde(default)]
    pub tests: TestTotals,
    /// Its logs, in the order they were opened.
    pub logs: Vec<Log>,
}

/// How many test results there are of each outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TestTotals {
    /// What they check does not hold.
    pub failed: i32,
    /// They broke.
    pub errored: i32,
    /// They did not run.
    pub skipped: i32,
    /// What they check holds.
    pub passed: i32,
}

impl TestTotals {
    /// How many there are of one outcome.
    pub fn of(&self, outcome: TestOutcome) -> i32 {
        match outcome {
            TestOutcome::Failed => self.failed,
            TestOutcome::Errored => self.errored,
            TestOutcome::Skipped => self.skipped,
            TestOutcome::Passed => self.passed,
        }
    }

    /// One more of that outcome.
    pub fn count(&mut self, outcome: TestOutcome) {
        *match outcome {
            TestOutcome::Failed => &mut self.failed,
            TestOutcome::Errored => &mut self.errored,
            TestOutcome::Skipped => &mut self.skipped,
            TestOutcome::Passed => &mut self.passed,
        } += 1;
    }

    /// All of them.
    pub fn all(&self) -> i32 {
        TestOutcome::ALL.into_iter().map(|outcome| self.of(outcome)).fold(0, i32::saturating_add)
    }

    /// These and others.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            failed: self.failed.saturating_add(other.failed),
            errored: self.errored.saturating_add(other.errored),
            skipped: self.skipped.saturating_add(other.skipped),
            passed: self.passed.saturating_add(other.passed),
        }
    }
}

/// What one test said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestCase {
    /// A suite, a class, a file; may be empty.
    pub suite: String,
    /// The test.
    pub name: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// Why it failed or was skipped.
    pub message: Option<String>,
}

/// A number that a step measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistic {
    /// What it counts.
    pub name: String,
    /// How much there is of it.
    pub value: f64,
}

/// A file that outlives its build's work directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The number of the step that stored it.
    pub step: i32,
    /// Unique in its build; may hold slashes.
    pub name: String,
    /// How large it is.
    pub size_bytes: i64,
    /// Of its content; lower-case hex.
    pub sha256: String,
    /// When it was stored.
    pub created_at: Time,
}

/// A link that a plugin added to a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What people read.
    pub name: String,
    /// Where it leads; http or https only.
    pub url: String,
}

/// A step's named output, without its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Its row.
    #[serde(rename = "logid")]
    pub id: LogId,
    /// For people.
    pub name: String,
    /// Stands in its URL; unique in its step.
    pub slug: String,
    /// Lines that are stored.
    #[serde(rename = "num_lines")]
    pub n_lines: i64,
    /// Bytes that are stored, uncompressed.
    pub size_bytes: i64,
    /// Nothing more will come.
    pub complete: bool,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Counts from 0.
    pub number: i64,
    /// Where it came from.
    pub channel: LogChannel,
    /// When it was read.
    pub at: Time,
    /// What was printed, without its newline; not always UTF-8.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// The next line goes on with this one: it was longer than a line may be, or ended without newline.
    pub continues: bool,
}

/// Where a log line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogChannel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// What Weir itself says.
    Header,
}

/// The wish for one build of one builder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildRequest {
    /// Its row.
    #[serde(rename = "buildrequestid")]
    pub id: BuildRequestId,
    /// The submission that it is part of.
    #[serde(rename = "buildsetid")]
    pub buildset_id: BuildsetId,
    /// Its builder's row.
    #[serde(rename = "builderid")]
    pub builder_id: BuilderId,
    /// Its builder.
    pub builder: BuilderKey,
    /// Higher first.
    pub priority: i32,
    /// When it was accepted.
    pub submitted_at: Time,
    /// Why.
    pub reason: String,
    /// Who asked, where somebody did.
    pub owner: Option<String>,
    /// What to build.
    pub source_stamp: SourceStamp,
    /// What it carries over the builder's own.
    pub properties: Properties,
    /// How many builds of it ended as `retry`; those that a stop of the server interrupted in good order do not count.
    pub n_retries: i32,
}

/// A named Waterfall, for the front page and for machines.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// Stands in its URL.
    pub name: String,
    /// For people.
    pub title: String,
    /// The team that declares it.
    pub team: Option<String>,
    /// How many of its builders (that may be seen) ended last with each outcome, and so on.
    pub tally: Tally,
}

/// Builders counted by what one sees first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// All of them.
    pub builders: usize,
    /// With a build that runs.
    pub building: usize,
    /// With a request that waits.
    pub pending: usize,
    /// Last build success, or skipped.
    pub success: usize,
    /// Last build warnings.
    pub warnings: usize,
    /// Last build failure.
    pub failure: usize,
    /// Last build exception, retry or cancelled.
    pub exception: usize,
    /// Never built.
    pub none: usize,
}

/// A worker, for the team page.
#[derive(Debug, Clone, Serialize)]
pub struct Worker {
    /// Named by the configuration.
    pub name: String,
    /// What it is.
    pub labels: Vec<String>,
    /// Builds at the same time.
    pub slots: u32,
    /// Ready to run commands.
    pub connected: bool,
    /// Builds that run there now and that the asker may see.
    pub running: Vec<Arc<Build>>,
}

/// What a force was answered with.
#[derive(Debug, Clone, Serialize)]
pub struct Forced {
    /// The buildset.
    pub bsid: BuildsetId,
    /// The request, by the builder's id.
    pub buildrequests: std::collections::BTreeMap<String, BuildRequestId>,
}
