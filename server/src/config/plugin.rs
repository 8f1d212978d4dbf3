//! `[plugin.*]`: what a plugin gets beyond nothing.

use super::read::{At, Node, Read, Reader, section, words};
use super::value::{Count, FilePath};
use crate::model::egress::Rule;
use crate::model::size::Size;
use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// What one plugin gets beyond nothing. A plugin that lies in `plugin_dir` may be used without a table.
    struct RawPlugin {
        /// The component, where it is not `NAME.wasm` in `plugin_dir` or beside the binary.
        file = "file": FilePath;
        /// Refuses any other content: the SHA-256 of the file, 64 hex digits.
        sha256 = "sha256": At<String>;
        /// Teams that may use it.
        teams = "teams": Vec<At<String>>, "all";
        /// Run commands on the build's worker: `true` for any, or a list of programs. `false` takes it away from a bundled plugin too.
        command = "command": CommandKey, "what a bundled plugin needs, else false";
        /// Services that it may call: `HOST:PORT` by https, `http://HOST:PORT` by plain HTTP; `*.` before a host takes every name
        /// below it. Only public addresses are connected to; a network such as `10.0.0.0/8` in this list lets the hosts in it have an
        /// address of it.
        http = "http": Vec<At<String>>, "none";
        /// Send mail through `[mail]`.
        mail = "mail": bool, "false";
        /// Keep a chat connection.
        chat = "chat": bool, "false";
        /// Keep a small state.
        state = "state": bool, "what a bundled plugin needs, else false";
        /// Start builders of its own team.
        trigger = "trigger": bool, "what a bundled plugin needs, else false";
        /// Store artifacts.
        artifacts = "artifacts": bool, "what a bundled plugin needs, else false";
        /// Read status in its team's scope.
        builds = "builds": bool, "what a bundled plugin needs, else false";
        /// Read the plain text of secrets that its settings hand over; without it a plugin can pass them on and not see them.
        reveal = "reveal": bool, "false";
        /// `compat`: imports of WASI trap when called instead of refusing the plugin.
        wasi = "wasi": Wasi, "refuse the plugin";
        /// Linear memory of an instance.
        memory = "memory": Size, "64 MiB";
        /// CPU time of one call.
        cpu = "cpu": Duration, "10s";
        /// Wall time of one call; waiting for a command does not count.
        wall = "wall": Duration, "5m";
        /// What the plugin itself writes to logs in one step.
        log_bytes = "log_bytes": Size, "16 MiB";
        /// Calls to the host in one call of the plugin.
        host_calls = "host_calls": Count, "2000000";
        /// Calls to the host in a second; over it the plugin waits.
        host_calls_per_s = "host_calls_per_s": Count, "200000";
        /// Elements of all tables of an instance.
        table_elements = "table_elements": Count, "20000";
        /// Things of the host that a call holds at the same time: commands, readers, secrets.
        resources = "resources": Count, "1024";
        /// Bytes of HTTP requests and answers in one call of the plugin.
        http_bytes = "http_bytes": Size, "64 MiB";
        /// The state of one use.
        state_bytes = "state_bytes": Size, "1 MiB";
        /// Artifacts of one step.
        artifact_bytes = "artifact_bytes": Size, "1 GiB";
    }
}

words! {
    /// What imports of WASI do.
    enum Wasi {
        /// They trap when called.
        Compat = "compat",
    }
}

/// `command` as written: a boolean or a list of programs.
#[derive(Debug, Clone)]
pub struct CommandKey(CommandGrant);

/// A plugin's table. Everything is off unless granted here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Run commands on the build's worker; none where the configuration does not say: then a bundled plugin has what came with it.
    pub command: Option<CommandGrant>,
    /// Services that it may call, and networks that are not public and that these may lie in.
    pub http: Vec<Rule>,
    /// Send mail by the instance's SMTP.
    pub mail: bool,
    /// Keep a chat connection.
    pub chat: bool,
    /// Keep a small state; none where the configuration does not say, as for those below.
    pub state: Option<bool>,
    /// Start builders of the own team.
    pub trigger: Option<bool>,
    /// Store artifacts.
    pub artifacts: Option<bool>,
    /// Read status in the team's scope.
    pub builds: Option<bool>,
    /// Read the plain text of secrets that the settings hand over.
    pub reveal: bool,
    /// `compat`: unknown WASI imports trap when called instead of refusing the load.
    pub wasi_compat: bool,
}

/// Which commands a plugin may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandGrant {
    /// None, even where the plugin came with a grant.
    Nothing,
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
    /// Host calls in a second; over it the guest waits.
    pub host_calls_per_s: u64,
    /// Elements of all tables.
    pub table_elements: usize,
    /// Handles of host things at the same time.
    pub resources: usize,
    /// HTTP bytes, requests and answers, in one call of the guest.
    pub http_bytes: Size,
    /// State of one use.
    pub state_bytes: Size,
    /// Artifacts of one step.
    pub artifact_bytes: Size,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Size(64 << 20),
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(300),
            log_bytes: Size(16 << 20),
            host_calls: 2_000_000,
            host_calls_per_s: 200_000,
            table_elements: 20_000,
            resources: 1_024,
            http_bytes: Size(64 << 20),
            state_bytes: Size(1 << 20),
            artifact_bytes: Size(1 << 30),
        }
    }
}

impl RawPlugin {
    /// The table as it is used.
    pub fn freeze(self, reader: &Reader<'_>) -> Plugin {
        let limits = Limits::default();
        Plugin {
            file: self.file.map(|path| path.0),
            sha256: self.sha256.and_then(|digest| check_digest(digest, reader)),
            teams: self.teams.unwrap_or_default().into_iter().map(|team| team.value).collect(),
            grants: Grants {
                command: self.command.map(|command| command.0),
                http: self.http.unwrap_or_default().into_iter().filter_map(|entry| check_rule(entry, reader)).collect(),
                mail: self.mail.unwrap_or(false),
                chat: self.chat.unwrap_or(false),
                state: self.state,
                trigger: self.trigger,
                artifacts: self.artifacts,
                builds: self.builds,
                reveal: self.reveal.unwrap_or(false),
                wasi_compat: self.wasi.is_some(),
            },
            limits: Limits {
                memory: self.memory.unwrap_or(limits.memory),
                cpu: self.cpu.unwrap_or(limits.cpu),
                wall: self.wall.unwrap_or(limits.wall),
                log_bytes: self.log_bytes.unwrap_or(limits.log_bytes),
                host_calls: self.host_calls.map_or(limits.host_calls, |count| u64::from(count.0)),
                host_calls_per_s: self.host_calls_per_s.map_or(limits.host_calls_per_s, |count| u64::from(count.0)),
                table_elements: self.table_elements.map_or(limits.table_elements, |count| count.0 as usize),
                resources: self.resources.map_or(limits.resources, |count| count.0 as usize),
                http_bytes: self.http_bytes.unwrap_or(limits.http_bytes),
                state_bytes: self.state_bytes.unwrap_or(limits.state_bytes),
                artifact_bytes: self.artifact_bytes.unwrap_or(limits.artifact_bytes),
            },
        }
    }
}

/// A SHA-256 in lower case.
fn check_digest(digest: At<String>, reader: &Reader<'_>) -> Option<String> {
    let good = digest.value.len() == 64 && digest.value.bytes().all(|b| b.is_ascii_hexdigit());
    if !good {
        let diagnostic = reader.wrong(&digest.path, "bad-digest", "this is no SHA-256");
        reader.note(diagnostic.expected("64 hex digits, as `sha256sum FILE` prints them"));
    }
    good.then(|| digest.value.to_lowercase())
}

/// A service, or a network that services may lie in.
fn check_rule(entry: At<String>, reader: &Reader<'_>) -> Option<Rule> {
    match entry.value.parse::<Rule>() {
        Ok(rule) => Some(rule),
        Err(error) => {
            reader.note(reader.wrong(&entry.path, "bad-host", error.why).expected(error.instead));
            None
        }
    }
}

impl Read for CommandKey {
    fn expected() -> Cow<'static, str> {
        "`true`, `false` or a list of programs".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        if node.value.as_array().is_some() {
            return Vec::read(node, reader).map(|programs| Self(CommandGrant::Programs(programs)));
        }
        let Some(any) = node.value.to_bool() else {
            reader.wrong_type::<Self>(node);
            return None;
        };
        Some(Self(if any { CommandGrant::Any } else { CommandGrant::Nothing }))
    }
}
