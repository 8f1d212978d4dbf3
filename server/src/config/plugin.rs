//! `[plugin.*]`: what a plugin gets beyond nothing.

use crate::model::size::Size;
use std::path::PathBuf;
use std::time::Duration;

/// A plugin's table. Everything is off unless granted here.
#[derive(Debug, Clone, Default)]
pub struct Plugin {
    /// The component, absolute; none is `NAME.wasm` in `plugin_dir`, then beside the binary.
    pub file: Option<PathBuf>,
    /// Refuses any other content; lower-case hex.
    pub sha256: Option<String>,
    /// Who may use it; empty is all.
    pub teams: Vec<String>,
    /// What it may do.
    pub grants: Grants,
    /// What it may use.
    pub limits: Limits,
}

/// What a plugin may do. `None` or false is not granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// Run commands on the build's worker: `true` for any, a list for these programs only.
    pub command: Option<CommandGrant>,
    /// Hosts it may reach.
    pub http: Vec<String>,
    /// Send mail by the instance's SMTP.
    pub mail: bool,
    /// Keep a chat connection.
    pub chat: bool,
    /// Keep a small state.
    pub state: bool,
    /// Start builders of the own team.
    pub trigger: bool,
    /// Store artifacts.
    pub artifacts: bool,
    /// Read status in the team's scope.
    pub builds: bool,
    /// `compat`: unknown WASI imports trap when called instead of refusing the load.
    pub wasi_compat: bool,
}

/// Which commands a plugin may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandGrant {
    /// Any.
    Any,
    /// These programs only, by the name given as the first word.
    Programs(Vec<String>),
}

/// What a plugin may use; the defaults are those of `plugins.md`, D14.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, summed over the instance.
    pub memory: Size,
    /// CPU of one call.
    pub cpu: Duration,
    /// Wall time of one call, not counting time spent waiting for a command.
    pub wall: Duration,
    /// What the guest itself writes to logs in one step.
    pub log_bytes: Size,
    /// Host calls in one call of the guest.
    pub host_calls: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Size(64 << 20),
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(300),
            log_bytes: Size(16 << 20),
            host_calls: 2_000_000,
        }
    }
}
