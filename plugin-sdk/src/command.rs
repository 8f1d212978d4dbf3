//! What runs on the build's worker: a command, its output, its end.

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
    pub env: Vec<(String, String)>,
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

    /// Adds a variable to its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sends its output to another log of the step.
    #[must_use]
    pub fn log(mut self, name: Option<impl Into<String>>) -> Self {
        self.log = name.map(Into::into);
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
