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

/// A command that runs; dropping it ends the command. [`crate::Context::start`] hands it over.
///
/// ```
/// use weir_plugin_sdk::command::{Event, OutputMode};
/// use weir_plugin_sdk::{Command, Context, Error};
///
/// /// Waits until a server has said that it is up; it ends with the step.
/// fn wait_until_up(cx: &mut Context) -> Result<(), Error> {
///     let mut running = cx.start(&Command::program(["serve"]).output(OutputMode::Both))?;
///     let mut said = Vec::new();
///     loop {
///         match running.next(None)? {
///             Event::Output(_, bytes) => said.extend(bytes),
///             Event::Exited(exit) => return Err(Error::failed(format!("the server {exit}"))),
///             Event::NothingYet => {}
///         }
///         if String::from_utf8_lossy(&said).contains("listening") {
///             return Ok(());
///         }
///     }
/// }
/// # let script = weir_plugin_sdk::testing::Script::new().prints(["serve"], "listening on 80\n");
/// # assert_eq!(wait_until_up(&mut script.context()), Ok(()));
/// ```
pub trait Running {
    /// What happens next, or [`Event::NothingYet`] after `wait`.
    ///
    /// # Errors
    /// Where the host lost track of it.
    fn next(&mut self, wait: Option<Duration>) -> Result<Event, HostError>;
    /// Interrupts it, and kills it where that does not help.
    fn stop(&mut self);
}

/// Lines of a command that runs, batch by batch; dropping it ends the command. Plugins read them one by one from
/// [`crate::Lines`], which [`crate::Context::read_lines`] makes of it; who scripts a host of his own implements it:
///
/// ```
/// use std::time::Duration;
/// use weir_plugin_sdk::host::LineReader;
/// use weir_plugin_sdk::lines::LineBatch;
/// use weir_plugin_sdk::{Exit, HostError};
///
/// /// A command that says nothing and ends well.
/// struct Silent;
///
/// impl LineReader for Silent {
///     fn next(&mut self, _wait: Option<Duration>) -> Result<LineBatch, HostError> {
///         Ok(LineBatch { lines: Vec::new(), exit: Some(Exit::Code(0)) })
///     }
///
///     fn stop(&mut self) {}
/// }
/// ```
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
/// [`crate::Outside`] of the same names. In a component the server stands behind it, in a test a script:
///
/// ```
/// use weir_plugin_sdk::testing::Script;
/// use weir_plugin_sdk::{Build, Context, Level, Outside};
///
/// let script = Script::new().at("2026-11-22T10:30:00Z");
/// let mut step = Context::new(Build::default(), "compile".to_owned(), script.host());
/// step.log(Level::Info, "begun");
/// let mut any = Outside::new(script.host());
/// assert_eq!((any.now().as_str(), script.log("stdio").as_str()), ("2026-11-22T10:30:00Z", "begun\n"));
/// ```
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
