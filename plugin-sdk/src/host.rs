//! The seam between a plugin and whoever runs it: the server in a component, a script in a test.

use crate::artifact::Artifact;
use crate::command::{Command, Event, Exit};
use crate::error::HostError;
use crate::http::{Request, Response};
use crate::lines::{LineBatch, LineFilter};
use crate::secret::Secret;
use crate::state::{Expect, Versioned};
use crate::test_results::TestCase;
use crate::trigger::{Finished, Order};
use crate::workspace::FileStat;
use serde_json::Value;
use std::time::Duration;

/// How loud a line of the plugin's own is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For the server's own log only.
    Debug,
    /// For whoever reads the step's log.
    Info,
    /// Something to look at.
    Warn,
    /// Something broke.
    Error,
}

/// A command that runs; dropping it ends the command.
pub trait Running {
    /// What happens next, or [`Event::NothingYet`] after `wait`.
    ///
    /// # Errors
    /// Where the host lost track of it.
    fn next(&mut self, wait: Option<Duration>) -> Result<Event, HostError>;
    /// Interrupts it, and kills it where that does not help.
    fn stop(&mut self);
}

/// Lines of a command that runs; dropping it ends the command.
pub trait LineReader {
    /// The next lines that were found; may be empty after `wait`.
    ///
    /// # Errors
    /// Where the host lost track of it.
    fn next(&mut self, wait: Option<Duration>) -> Result<LineBatch, HostError>;
    /// Interrupts it, and kills it where that does not help.
    fn stop(&mut self);
}

/// What a plugin may ask, interface by interface as in `wit/imports.wit`; see the methods of [`crate::Context`] and of
/// [`crate::Outside`] of the same names.
#[expect(clippy::missing_errors_doc, reason = "each is described at the method of Context that calls it")]
#[expect(missing_docs, reason = "each is described at the method of Context that calls it")]
pub trait Host {
    // log
    fn log(&mut self, level: Level, text: &str);
    fn append(&mut self, log: &str, text: &str) -> Result<(), HostError>;
    // progress
    fn summary(&mut self, text: &str) -> Result<(), HostError>;
    fn link(&mut self, name: &str, url: &str) -> Result<(), HostError>;
    fn statistic(&mut self, name: &str, value: f64) -> Result<(), HostError>;
    // properties
    fn property(&mut self, name: &str) -> Option<Value>;
    fn properties(&mut self) -> Vec<(String, Value)>;
    fn set_property(&mut self, name: &str, value: &Value) -> Result<(), HostError>;
    // wait
    fn sleep(&mut self, duration: Duration) -> bool;
    fn cancelled(&mut self) -> bool;
    fn now(&mut self) -> String;
    // random
    fn random_bytes(&mut self, n: u32) -> Vec<u8>;
    // secret-reveal
    fn reveal(&mut self, secret: &Secret) -> Result<String, HostError>;
    // command
    fn run(&mut self, command: &Command) -> Result<Exit, HostError>;
    fn start(&mut self, command: &Command) -> Result<Box<dyn Running>, HostError>;
    fn read_lines(&mut self, command: &Command, wanted: &LineFilter) -> Result<Box<dyn LineReader>, HostError>;
    // workspace
    fn upload(&mut self, path: &str, max_bytes: u32) -> Result<Vec<u8>, HostError>;
    fn download(&mut self, path: &str, content: &[u8]) -> Result<(), HostError>;
    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, HostError>;
    fn glob(&mut self, pattern: &str, max: u32) -> Result<Vec<String>, HostError>;
    fn mkdir(&mut self, path: &str) -> Result<(), HostError>;
    fn rmdir(&mut self, path: &str) -> Result<(), HostError>;
    fn cpdir(&mut self, from: &str, to: &str) -> Result<(), HostError>;
    // test-results
    fn report_tests(&mut self, cases: &[TestCase]) -> Result<(), HostError>;
    // artifacts
    fn store_file(&mut self, path: &str, name: &str) -> Result<Artifact, HostError>;
    fn store_bytes(&mut self, name: &str, content: &[u8]) -> Result<Artifact, HostError>;
    // builds
    fn builder_status(&mut self, builder: &str) -> Result<Value, HostError>;
    fn build_status(&mut self, builder: &str, number: u32) -> Result<Value, HostError>;
    fn recent_builds(&mut self, builder: &str, max: u32) -> Result<Vec<Value>, HostError>;
    fn view_status(&mut self, view: &str) -> Result<Value, HostError>;
    // trigger
    fn trigger(&mut self, order: &Order) -> Result<String, HostError>;
    fn wait_for(&mut self, requests: &[String], timeout: Option<Duration>) -> Result<Vec<Finished>, HostError>;
    // http
    fn send(&mut self, request: &Request) -> Result<Response, HostError>;
    // state
    fn state_get(&mut self, key: &str) -> Result<Option<Versioned>, HostError>;
    fn state_put(&mut self, key: &str, value: &[u8], expected: &Expect) -> Result<String, HostError>;
    fn state_delete(&mut self, key: &str) -> Result<(), HostError>;
    fn state_keys(&mut self, prefix: &str, max: u32) -> Result<Vec<String>, HostError>;
}
