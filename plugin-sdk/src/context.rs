//! What a step may ask for, in Rust clothes.

use crate::command::{Captured, Channel, Command, Event, Exit, OutputMode};
use crate::error::HostError;
use crate::host::{FileStat, Host, Level, Running};
use serde_json::Value;
use std::time::Duration;

/// Inside a component the host is one concrete type, so that what a plugin does not use is not imported and needs no grant.
#[cfg(target_family = "wasm")]
type AnyHost = crate::guest::Imports;
#[cfg(not(target_family = "wasm"))]
type AnyHost = Box<dyn Host>;

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

/// A running step's way to the outside.
pub struct Context {
    build: Build,
    step: String,
    host: AnyHost,
}

impl Context {
    /// A context over the host; the SDK and tests make it.
    pub fn new(build: Build, step: String, host: AnyHost) -> Self {
        Self { build, step, host }
    }

    /// Which build this step belongs to.
    pub fn build(&self) -> &Build {
        &self.build
    }

    /// The step's name in its builder.
    pub fn step(&self) -> &str {
        &self.step
    }

    /// Says something in the step's log, between the output of its commands.
    pub fn log(&mut self, level: Level, text: &str) {
        self.host.log(level, text);
    }

    /// Writes text into the step's log of that name.
    ///
    /// # Errors
    /// Where there are too many logs, or the name is none.
    pub fn append(&mut self, log: &str, text: &str) -> Result<(), HostError> {
        self.host.append(log, text)
    }

    /// Says in a few words what the step does now.
    ///
    /// # Errors
    /// Where it is too long.
    pub fn summary(&mut self, text: &str) -> Result<(), HostError> {
        self.host.summary(text)
    }

    /// Puts a link beside the step.
    ///
    /// # Errors
    /// Where it is no `http` or `https` URL, or there are too many.
    pub fn link(&mut self, name: &str, url: &str) -> Result<(), HostError> {
        self.host.link(name, url)
    }

    /// The value of a property of the build.
    pub fn property(&mut self, name: &str) -> Option<Value> {
        self.host.property(name)
    }

    /// Sets a property of the build.
    ///
    /// # Errors
    /// Where it may not be set or cannot be stored.
    pub fn set_property(&mut self, name: &str, value: impl Into<Value>) -> Result<(), HostError> {
        self.host.set_property(name, &value.into())
    }

    /// Waits; false where a stop or the deadline ended the wait.
    pub fn sleep(&mut self, duration: Duration) -> bool {
        self.host.sleep(duration)
    }

    /// Whether somebody stopped the build: then there are 10 seconds left to end.
    pub fn cancelled(&mut self) -> bool {
        self.host.cancelled()
    }

    /// Runs a command to its end; its output goes to the log without passing through the plugin.
    ///
    /// # Errors
    /// Where it could not be run; a command that ran and failed is an [`Exit`].
    pub fn run(&mut self, command: &Command) -> Result<Exit, HostError> {
        self.host.run(command)
    }

    /// Starts a command whose events the plugin reads. Its output comes here where its mode is `Capture` or `Both`.
    ///
    /// # Errors
    /// Where it could not be started.
    pub fn start(&mut self, command: &Command) -> Result<Box<dyn Running>, HostError> {
        self.host.start(command)
    }

    /// Runs a command to its end and returns at most `max_bytes` of each stream; the rest is read and dropped.
    ///
    /// # Errors
    /// Where it could not be run.
    pub fn capture(&mut self, command: &Command, max_bytes: usize) -> Result<Captured, HostError> {
        let mut captured = Captured { exit: Exit::Code(0), stdout: vec![], stderr: vec![], truncated: false };
        let mut running = self.host.start(&with_output(command))?;
        loop {
            match running.next(None)? {
                Event::Output(channel, bytes) => {
                    let kept = if channel == Channel::Stdout { &mut captured.stdout } else { &mut captured.stderr };
                    let room = max_bytes.saturating_sub(kept.len()).min(bytes.len());
                    kept.extend_from_slice(&bytes[..room]);
                    captured.truncated |= room < bytes.len();
                }
                Event::Exited(exit) => {
                    captured.exit = exit;
                    return Ok(captured);
                }
                Event::NothingYet => {}
            }
        }
    }

    /// Runs a command to its end and hands each line of its standard output to `line`, without its end and cut at `max_bytes`.
    ///
    /// # Errors
    /// Where it could not be run.
    pub fn lines(
        &mut self,
        command: &Command,
        max_bytes: usize,
        mut line: impl FnMut(&str),
    ) -> Result<Exit, HostError> {
        let mut running = self.host.start(&with_output(command))?;
        let mut rest = Vec::new();
        loop {
            match running.next(None)? {
                Event::Output(Channel::Stdout, bytes) => {
                    for byte in bytes {
                        if byte == b'\n' {
                            line(&String::from_utf8_lossy(&rest));
                            rest.clear();
                        } else if rest.len() < max_bytes {
                            rest.push(byte);
                        }
                    }
                }
                Event::Output(..) | Event::NothingYet => {}
                Event::Exited(exit) => {
                    if !rest.is_empty() {
                        line(&String::from_utf8_lossy(&rest));
                    }
                    return Ok(exit);
                }
            }
        }
    }

    /// The content of a file of the work directory.
    ///
    /// # Errors
    /// Where there is none, or it has more than `max_bytes`.
    pub fn upload(&mut self, path: &str, max_bytes: u32) -> Result<Vec<u8>, HostError> {
        self.host.upload(path, max_bytes)
    }

    /// Writes a file of the work directory.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn download(&mut self, path: &str, content: &[u8]) -> Result<(), HostError> {
        self.host.download(path, content)
    }

    /// What stands at a path of the work directory; none where nothing does.
    ///
    /// # Errors
    /// Where the worker cannot look.
    pub fn stat(&mut self, path: &str) -> Result<Option<FileStat>, HostError> {
        self.host.stat(path)
    }

    /// Paths of the work directory that fit a pattern, sorted, at most `max`.
    ///
    /// # Errors
    /// Where the worker cannot look.
    pub fn glob(&mut self, pattern: &str, max: u32) -> Result<Vec<String>, HostError> {
        self.host.glob(pattern, max)
    }

    /// Makes a directory and those above it.
    ///
    /// # Errors
    /// Where the worker cannot.
    pub fn mkdir(&mut self, path: &str) -> Result<(), HostError> {
        self.host.mkdir(path)
    }

    /// Removes a directory and all in it; one that is not there is fine.
    ///
    /// # Errors
    /// Where the worker cannot.
    pub fn rmdir(&mut self, path: &str) -> Result<(), HostError> {
        self.host.rmdir(path)
    }

    /// Copies a directory and all in it.
    ///
    /// # Errors
    /// Where the worker cannot.
    pub fn cpdir(&mut self, from: &str, to: &str) -> Result<(), HostError> {
        self.host.cpdir(from, to)
    }
}

/// Output that only goes to the log would never arrive here.
fn with_output(command: &Command) -> Command {
    let mut command = command.clone();
    if command.output == OutputMode::Log {
        command.output = OutputMode::Capture;
    }
    command
}
