//! The seam between a plugin and whoever runs it: the server in a component, a script in a test.

use crate::command::{Command, Event, Exit};
use crate::error::HostError;
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

/// What stands at a path of the work directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// A directory, not a file.
    pub is_dir: bool,
    /// Bytes of a file; what is larger says `u32::MAX`.
    pub size_bytes: u32,
    /// Unix permissions.
    pub mode: u32,
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

/// What a plugin may ask; see the methods of [`crate::Context`] of the same names.
#[expect(clippy::missing_errors_doc, reason = "each is described at the method of Context that calls it")]
#[expect(missing_docs, reason = "each is described at the method of Context that calls it")]
pub trait Host {
    fn log(&mut self, level: Level, text: &str);
    fn append(&mut self, log: &str, text: &str) -> Result<(), HostError>;
    fn summary(&mut self, text: &str) -> Result<(), HostError>;
    fn link(&mut self, name: &str, url: &str) -> Result<(), HostError>;
    fn property(&mut self, name: &str) -> Option<Value>;
    fn set_property(&mut self, name: &str, value: &Value) -> Result<(), HostError>;
    fn sleep(&mut self, duration: Duration) -> bool;
    fn cancelled(&mut self) -> bool;
    fn run(&mut self, command: &Command) -> Result<Exit, HostError>;
    fn start(&mut self, command: &Command) -> Result<Box<dyn Running>, HostError>;
    fn upload(&mut self, path: &str, max_bytes: u32) -> Result<Vec<u8>, HostError>;
    fn download(&mut self, path: &str, content: &[u8]) -> Result<(), HostError>;
    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, HostError>;
    fn glob(&mut self, pattern: &str, max: u32) -> Result<Vec<String>, HostError>;
    fn mkdir(&mut self, path: &str) -> Result<(), HostError>;
    fn rmdir(&mut self, path: &str) -> Result<(), HostError>;
    fn cpdir(&mut self, from: &str, to: &str) -> Result<(), HostError>;
}
