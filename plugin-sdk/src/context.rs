//! What a step may ask for, in Rust clothes. Each noun adds its own methods in its own file.

use crate::error::HostError;
use crate::host::Host;
use crate::outside::{AnyHost, Outside};
use serde_json::Value;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// What the host gives a call where the operator does not say.
const WALL: Duration = Duration::from_secs(300);

/// Which build a step belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// The team that owns the builder.
    pub team: String,
    /// The builder's name in its team.
    pub builder: String,
    /// The build's number.
    pub number: u32,
    /// The exact revision to build; none is the branch's newest.
    pub revision: Option<String>,
    /// The branch to build; none is the repository's default branch.
    pub branch: Option<String>,
}

/// A running step's way to the outside; what reporters have as well stands at [`Outside`].
pub struct Context {
    build: Build,
    step: String,
    deadline: Duration,
    outside: Outside,
}

impl Deref for Context {
    type Target = Outside;

    fn deref(&self) -> &Outside {
        &self.outside
    }
}

impl DerefMut for Context {
    fn deref_mut(&mut self) -> &mut Outside {
        &mut self.outside
    }
}

impl Context {
    /// A context over the host; the SDK and tests make it.
    pub fn new(build: Build, step: String, host: AnyHost) -> Self {
        Self { build, step, deadline: WALL, outside: Outside::new(host) }
    }

    /// The same context in a call that may run so long.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// How long this call may run from its beginning, not counting waits for commands and triggered builds: what runs longer is ended by
    /// the host.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Which build this step belongs to.
    pub fn build(&self) -> &Build {
        &self.build
    }

    /// The step's name in its builder.
    pub fn step(&self) -> &str {
        &self.step
    }

    /// Writes text into the step's log of that name.
    ///
    /// # Errors
    /// Where there are too many logs, or the name is none.
    pub fn append(&mut self, log: &str, text: &str) -> Result<(), HostError> {
        self.host().append(log, text)
    }

    /// Says in a few words what the step does now.
    ///
    /// # Errors
    /// Where it is too long.
    pub fn summary(&mut self, text: &str) -> Result<(), HostError> {
        self.host().summary(text)
    }

    /// Puts a link beside the step.
    ///
    /// # Errors
    /// Where it is no `http` or `https` URL, or there are too many.
    pub fn link(&mut self, name: &str, url: &str) -> Result<(), HostError> {
        self.host().link(name, url)
    }

    /// Keeps a number that the step measured ("coverage", "tests"); the last value of a name counts.
    ///
    /// # Errors
    /// Where the name is none, the value no number, or there are too many.
    pub fn statistic(&mut self, name: &str, value: f64) -> Result<(), HostError> {
        self.host().statistic(name, value)
    }

    /// The value of a property of the build.
    pub fn property(&mut self, name: &str) -> Option<Value> {
        self.host().property(name)
    }

    /// Every property of the build.
    pub fn properties(&mut self) -> Vec<(String, Value)> {
        self.host().properties()
    }

    /// Sets a property of the build.
    ///
    /// # Errors
    /// Where it may not be set or cannot be stored.
    pub fn set_property(&mut self, name: &str, value: impl Into<Value>) -> Result<(), HostError> {
        self.host().set_property(name, &value.into())
    }
}
