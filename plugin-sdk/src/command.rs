//! What runs on the build's worker: a command, its output, its end.

use crate::context::Context;
use crate::error::HostError;
use crate::host::{Host, Running};
use crate::secret::Text;
use std::fmt;
use std::time::Duration;

/// A command to run in the builder's work directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Program and arguments, or a line for the shell.
    pub what: What,
    /// Folder in the work directory; none is the work directory itself.
    pub directory: Option<String>,
    /// Added to the worker's and the builder's environment.
    pub env: Vec<(String, Text)>,
    /// What the command reads.
    pub stdin: Option<Vec<u8>>,
    /// The step's log that output goes to; none is `stdio`.
    pub log: Option<String>,
    /// Where output goes.
    pub output: OutputMode,
    /// Ends it when it runs longer.
    pub timeout: Option<Duration>,
    /// Ends it when it prints nothing for so long.
    pub idle_timeout: Option<Duration>,
}

/// What a command is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Program and arguments; no shell.
    Program(Vec<String>),
    /// A line for `/bin/sh -c`.
    Shell(String),
}

/// Where a command's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputMode {
    /// Straight to the log; it never passes through the plugin.
    #[default]
    Log,
    /// To the plugin only.
    Capture,
    /// To the log and to the plugin.
    Both,
}

impl Command {
    /// A program with its arguments; no shell takes part.
    pub fn program<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Self {
        Self::new(What::Program(words.into_iter().map(Into::into).collect()))
    }

    /// A line for the shell. Never build it from settings: values that the configuration interpolates are quoted only in settings
    /// whose schema says `"format": "shell"`.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::new(What::Shell(line.into()))
    }

    fn new(what: What) -> Self {
        Self {
            what,
            directory: None,
            env: Vec::new(),
            stdin: None,
            log: None,
            output: OutputMode::Log,
            timeout: None,
            idle_timeout: None,
        }
    }

    /// Runs it in this folder of the work directory.
    #[must_use]
    pub fn directory(mut self, directory: Option<impl Into<String>>) -> Self {
        self.directory = directory.map(Into::into);
        self
    }

    /// Adds a variable to its environment: a text, or a [`crate::Secret`].
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<Text>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sends its output to another log of the step.
    #[must_use]
    pub fn log(mut self, name: Option<impl Into<String>>) -> Self {
        self.log = name.map(Into::into);
        self
    }

    /// Gives it this to read.
    #[must_use]
    pub fn stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(stdin.into());
        self
    }

    /// Says where its output goes.
    #[must_use]
    pub fn output(mut self, output: OutputMode) -> Self {
        self.output = output;
        self
    }
}

/// A command's output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a command ended. Shown as the end of a sentence: `exited with 2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal that was not the host's.
    Signal(i32),
    /// It ran longer than its timeout.
    TimedOut,
    /// It printed nothing for longer than its idle timeout.
    Idle,
    /// Somebody stopped the build.
    Stopped,
    /// The worker went away with it.
    Lost(String),
}

impl Exit {
    /// It ended by itself with code 0.
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with {code}"),
            Self::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "was killed by {name}"),
                None => write!(f, "was killed by signal {signal}"),
            },
            Self::TimedOut => f.write_str("ran longer than its timeout and was ended"),
            Self::Idle => f.write_str("printed nothing for too long and was ended"),
            Self::Stopped => f.write_str("was stopped"),
            Self::Lost(why) => write!(f, "was lost with its worker: {why}"),
        }
    }
}

/// Names that people know; numbers are Linux's, which the ones below share with every Unix.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

/// What happened to a running command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It printed something; not cut at lines.
    Output(Channel, Vec<u8>),
    /// It ended; the last event.
    Exited(Exit),
    /// Nothing happened for as long as was waited.
    NothingYet,
}

/// A captured command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// How it ended.
    pub exit: Exit,
    /// What it printed on standard output, up to the bound.
    pub stdout: Vec<u8>,
    /// What it printed on standard error, up to the bound.
    pub stderr: Vec<u8>,
    /// Something was cut off at the bound.
    pub truncated: bool,
}

impl Captured {
    /// Standard output as text without the blanks around it; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }
}

impl Context {
    /// Runs a command to its end; its output goes to the log without passing through the plugin.
    ///
    /// # Errors
    /// Where it could not be run; a command that ran and failed is an [`Exit`].
    pub fn run(&mut self, command: &Command) -> Result<Exit, HostError> {
        self.host().run(command)
    }

    /// Starts a command whose events the plugin reads. Its output comes here where its mode is `Capture` or `Both`.
    ///
    /// # Errors
    /// Where it could not be started.
    pub fn start(&mut self, command: &Command) -> Result<Box<dyn Running>, HostError> {
        self.host().start(command)
    }

    /// Runs a command to its end and returns at most `max_bytes` of each stream; the rest is read and dropped.
    ///
    /// # Errors
    /// Where it could not be run.
    pub fn capture(&mut self, command: &Command, max_bytes: usize) -> Result<Captured, HostError> {
        let mut captured = Captured { exit: Exit::Code(0), stdout: vec![], stderr: vec![], truncated: false };
        let mut running = self.host().start(&with_output(command))?;
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

    /// Runs a command to its end and hands each line of its standard output to `line`, without its end and cut at `max_bytes`. Every
    /// line passes through the plugin: where only some are wanted, [`Context::find_lines`] lets the host look for them.
    ///
    /// # Errors
    /// Where it could not be run.
    pub fn lines(
        &mut self,
        command: &Command,
        max_bytes: usize,
        mut line: impl FnMut(&str),
    ) -> Result<Exit, HostError> {
        let mut running = self.host().start(&with_output(command))?;
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
}

/// Output that only goes to the log would never arrive here.
fn with_output(command: &Command) -> Command {
    let mut command = command.clone();
    if command.output == OutputMode::Log {
        command.output = OutputMode::Capture;
    }
    command
}
