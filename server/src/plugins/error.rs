//! How a plugin goes wrong: one shape, whose message names the plugin, the limit and its value.

use crate::model::time::Time;
use std::fmt;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is no such plugin.
    Unknown,
    /// It cannot be loaded: no component, wrong digest, lies about itself.
    Load,
    /// It wants an interface that this server does not offer.
    Incompatible,
    /// It does not compile.
    Compile,
    /// Its settings do not fit.
    Settings,
    /// Not granted.
    Denied,
    /// Over a limit that is no time.
    Quota,
    /// Over its CPU time.
    Cpu,
    /// Over its wall time.
    Deadline,
    /// Somebody stopped the build and it did not end by itself.
    Cancelled,
    /// It said that it could not do its work.
    Guest,
    /// It said that it may work later.
    Retryable,
    /// It broke.
    Trap,
    /// It broke too often for this team and is switched off for a while.
    SwitchedOff,
    /// We broke.
    Host,
}

/// A plugin that went wrong.
#[derive(Debug, Clone)]
pub struct Error {
    /// The plugin's name.
    pub plugin: String,
    /// What kind of trouble it is.
    pub kind: Kind,
    /// A sentence without the plugin's name.
    pub message: String,
    /// Where in the guest it happened, innermost function first; may be empty.
    pub backtrace: Vec<String>,
    /// Before this a call would be refused for the same reason; none where nobody knows.
    pub until: Option<Time>,
}

impl Error {
    /// Trouble with `plugin`.
    pub fn new(plugin: &str, kind: Kind, message: impl Into<String>) -> Self {
        Self { plugin: plugin.to_owned(), kind, message: message.into(), backtrace: Vec::new(), until: None }
    }

    /// The same trouble with the same file, under the name by which it is asked for now.
    pub fn of(self, plugin: &str) -> Self {
        Self { plugin: plugin.to_owned(), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Unknown => write!(f, "unknown plugin `{}`: {}", self.plugin, self.message),
            _ => write!(f, "plugin `{}`: {}", self.plugin, self.message),
        }
    }
}

impl std::error::Error for Error {}

/// Ends a guest's call from within a host function or from the ticker.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Breach {
    /// What kind of trouble it is.
    pub kind: Kind,
    /// A sentence that names the limit and its value.
    pub message: String,
}

impl Breach {
    /// A breach to return from a host function.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
