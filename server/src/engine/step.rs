//! What a build needs of a step. `plugins` implements it; the engine knows no plugin.

use crate::config::vault::Vault;
use crate::model::id::BuildRequestId;
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::results::Results;
use crate::model::source_stamp::SourceStamp;
use crate::status::resource::TestCase;
use crate::status::trigger::TriggerWish;
use crate::worker::{OutputSender, Worker};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Runs steps by the name of their plugin.
#[async_trait]
pub trait StepRunner: Send + Sync {
    /// Runs one step to its end. A step that breaks ends as an exception with a message; this never fails.
    async fn run(&self, step: StepCall, host: Arc<dyn StepHost>) -> StepEnd;
}

/// One step to run.
#[derive(Clone)]
pub struct StepCall {
    /// The plugin's name.
    pub plugin: String,
    /// The step's name in its builder.
    pub name: String,
    /// The plugin's settings as the configuration has them, with placeholders not yet filled: only the plugin's schema tells
    /// which of them are shell lines, so whoever runs the step asks [`StepHost::fill`] with that knowledge.
    pub settings: Value,
    /// Whose build.
    pub builder: BuilderKey,
    /// The build's number.
    pub number: i64,
    /// What is built.
    pub source_stamp: SourceStamp,
    /// The builder's environment.
    pub env: BTreeMap<String, String>,
    /// Where its commands run.
    pub worker: Arc<dyn Worker>,
    /// Ends each of its commands that runs longer.
    pub timeout: Option<Duration>,
    /// Ends each of its commands that prints nothing for so long.
    pub idle_timeout: Option<Duration>,
    /// Cancelled when somebody stops the build.
    pub stop: CancellationToken,
}

/// What a running step may ask of its build. Every answer is durable before it is given.
#[async_trait]
pub trait StepHost: Send + Sync {
    /// The build's properties as they are now.
    fn properties(&self) -> Properties;

    /// The settings with every placeholder (`{{branch}}`) replaced by its property. `is_shell_line` tells by JSON pointer which
    /// strings are lines for the shell: there each value becomes one quoted word, elsewhere it is inserted as it is.
    ///
    /// # Errors
    /// A sentence that names the unknown property or the broken placeholder.
    fn fill(&self, settings: &Value, is_shell_line: &(dyn Fn(&str) -> bool + Sync)) -> Result<Value, String>;

    /// The secrets of the build's team, and what hides them in all that is stored. What a step hands over here is masked by whoever
    /// stores it; this is for what goes elsewhere, such as the server's own log.
    fn vault(&self) -> Arc<Vault> {
        Arc::default()
    }

    /// Sets a property; its source is `Step: <name>`.
    ///
    /// # Errors
    /// A sentence, where it cannot be stored.
    async fn set_property(&self, name: &str, value: Value) -> Result<(), String>;

    /// Opens the log `name` (or goes on with it) and returns where its output goes. Dropping every sender ends the log's input.
    ///
    /// # Errors
    /// A sentence, where it cannot be stored or there are too many.
    async fn log(&self, name: &str) -> Result<OutputSender, String>;

    /// Says in a few words what the step does now.
    ///
    /// # Errors
    /// A sentence, where it cannot be stored.
    async fn summary(&self, text: &str) -> Result<(), String>;

    /// Adds a link to the step.
    ///
    /// # Errors
    /// A sentence, where it cannot be stored.
    async fn link(&self, name: &str, url: &str) -> Result<(), String>;

    /// A number that the step measured; the last one of a name counts.
    ///
    /// # Errors
    /// A sentence, where it cannot be stored.
    async fn statistic(&self, name: &str, value: f64) -> Result<(), String>;

    /// Adds test results to the step's.
    ///
    /// # Errors
    /// A sentence, where they cannot be stored.
    async fn test_results(&self, cases: Vec<TestCase>) -> Result<(), String>;

    /// Begins to store a file that outlives the work directory.
    ///
    /// # Errors
    /// See [`ArtifactError`].
    async fn artifact(&self, name: &str) -> Result<Box<dyn ArtifactSink>, ArtifactError>;

    /// Requests a build of a builder of the own team; durable when this returns.
    ///
    /// # Errors
    /// See [`TriggerError`].
    async fn trigger(&self, _wish: TriggerWish) -> Result<BuildRequestId, TriggerError> {
        Err(TriggerError::Failed("there are no other builders here".to_owned()))
    }

    /// Waits until each of these requests was built or cancelled, or so much time has passed; returns those that are. Meanwhile the
    /// build's slot is lent to others, and it may have to wait until it has it back; while one of `commands` runs, it is not lent.
    ///
    /// # Errors
    /// See [`TriggerError`]; `Cancelled` where the step shall end.
    async fn wait_for(
        &self,
        _requests: Vec<BuildRequestId>,
        _timeout: Option<Duration>,
        _commands: &TaskTracker,
    ) -> Result<Vec<Triggered>, TriggerError> {
        Err(TriggerError::Failed("there are no other builders here".to_owned()))
    }
}

/// Takes the content of an artifact. Dropped before its end, the artifact was never there.
#[async_trait]
pub trait ArtifactSink: Send {
    /// Takes some bytes.
    ///
    /// # Errors
    /// See [`ArtifactError`].
    async fn write(&mut self, bytes: Bytes) -> Result<(), ArtifactError>;

    /// All has come: stored when this returns.
    ///
    /// # Errors
    /// See [`ArtifactError`].
    async fn finish(self: Box<Self>) -> Result<StoredArtifact, ArtifactError>;
}

/// An artifact that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredArtifact {
    /// Its name in the build.
    pub name: String,
    /// How large it is.
    pub size_bytes: u64,
    /// Of its content; lower-case hex.
    pub sha256: String,
    /// Where people and programs fetch it.
    pub url: String,
}

/// Why an artifact was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// It may not be called so, or another of the build is.
    #[error("{0}")]
    Invalid(String),
    /// There is no room, or it cannot be stored.
    #[error("{0}")]
    Failed(String),
}

/// A request that was built, or cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggered {
    /// The request.
    pub request: BuildRequestId,
    /// Its builder.
    pub builder: BuilderKey,
    /// Its newest build; none where none was made of it.
    pub number: Option<i64>,
    /// How it ended.
    pub results: Results,
    /// A few words for people.
    pub summary: String,
    /// Where people look at it.
    pub url: String,
}

/// Why another builder could not be asked, or waited for; each a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerError {
    /// The team has no such builder, or request.
    NotFound(String),
    /// The order or the wait makes no sense.
    Invalid(String),
    /// Of something there is no more.
    Limit(String),
    /// It could not be stored, or looked up.
    Failed(String),
    /// The step shall end.
    Cancelled,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEnd {
    /// The outcome, before the step's flags bend it.
    pub results: Results,
    /// A few words for people.
    pub summary: String,
}
