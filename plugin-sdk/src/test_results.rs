//! What tests said: kept with the step, shown by pages and the API.

use crate::context::Context;
use crate::error::HostError;
use crate::host::Host;
use std::time::Duration;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// What it tests is broken.
    Failed,
    /// It could not be run.
    Errored,
    /// It was not run.
    Skipped,
}

/// One test and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// Where it belongs: a suite, a class, a file; may be empty.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// How long it took.
    pub duration: Option<Duration>,
    /// Why it failed or was skipped; longer ones are cut at 64 KiB.
    pub message: Option<String>,
}

impl TestCase {
    /// A test that ended so.
    pub fn new(suite: impl Into<String>, name: impl Into<String>, outcome: TestOutcome) -> Self {
        Self { suite: suite.into(), name: name.into(), outcome, duration: None, message: None }
    }

    /// Says how long it took.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Says why it failed or was skipped.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }
}

impl Context {
    /// Adds test cases to the step's; at most 100,000 in a step. Report some thousands at once, not one by one.
    ///
    /// ```
    /// use weir_plugin_sdk::{Context, Error, TestCase, TestOutcome};
    ///
    /// fn report(cx: &mut Context) -> Result<(), Error> {
    ///     Ok(cx.report_tests(&[
    ///         TestCase::new("parser", "reads_numbers", TestOutcome::Passed),
    ///         TestCase::new("parser", "reads_dates", TestOutcome::Failed).message("left: 1, right: 2"),
    ///     ])?)
    /// }
    /// # let script = weir_plugin_sdk::testing::Script::new();
    /// # report(&mut script.context()).unwrap();
    /// # assert_eq!(script.tests().len(), 2);
    /// ```
    ///
    /// # Errors
    /// Where there are too many, or they cannot be stored.
    pub fn report_tests(&mut self, cases: &[TestCase]) -> Result<(), HostError> {
        self.host().report_tests(cases)
    }
}
