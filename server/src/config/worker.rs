//! `[worker.*]`: where commands run.

use super::auth::check_team;
use super::read::{At, Reader, section, words};
use super::team::Secret;
use super::value::{Count, FilePath};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

section! {
    /// Where commands run: without `password` inside the server's own process tree, with one a `buildbot-worker` that connects.
    struct RawWorker {
        /// Builds at the same time.
        slots = "slots": Count, "one a core; 1 with `password`";
        /// What it is. A builder runs here only where all of the builder's labels are among these.
        labels = "labels": Vec<String>, "[]";
        /// Lent to these teams only.
        teams = "teams": Vec<At<String>>, "all";
        /// Added to the environment of its commands.
        env = "env": BTreeMap<String, String>, "{}";
        /// Variables of the server's environment that its commands get.
        pass_env = "pass_env": Vec<String>, "[]";
        /// Exactly what its commands may reach, besides their work directory.
        paths = "paths": Vec<FilePath>, "all but what the server hides";
        /// How its commands are kept from the server's own files.
        isolation = "isolation": IsolationWord, "\"landlock\"";
        /// Makes it a remote worker, which connects with this.
        password = "password": Secret;
    }
}

words! {
    /// `isolation` as written.
    enum IsolationWord {
        /// By the kernel.
        Landlock = "landlock",
        /// Not at all.
        None = "none",
    }
}

/// A machine, or the server's own process tree, that runs commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Named by the table.
    pub name: String,
    /// Embedded, or remote (which later issues act on).
    pub kind: WorkerKind,
    /// Builds at the same time.
    pub slots: u32,
    /// What it is; a builder's labels must all be among them.
    pub labels: Vec<String>,
    /// Lent to these teams only; empty is all.
    pub teams: Vec<String>,
    /// Added to the environment of its commands.
    pub env: BTreeMap<String, String>,
    /// Variables of the server's environment that its commands get.
    pub pass_env: Vec<String>,
    /// What commands may reach; none is the default (all but what is hidden).
    pub paths: Option<Vec<PathBuf>>,
    /// How commands are kept from what is hidden.
    pub isolation: Isolation,
    /// What a remote worker connects with; where it is a file, builds must not read it.
    pub password: Option<Secret>,
}

/// What a worker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerKind {
    /// In the server's process tree.
    Embedded,
    /// A `buildbot-worker` that connects with a password.
    Remote,
}

/// How an embedded worker's commands are kept from the server's own files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// By the kernel's Landlock; refused at start where there is none and the worker is open to more than one team.
    #[default]
    Landlock,
    /// Not at all: the operator says that every team may read the server's files.
    None,
}

impl Worker {
    /// Whether it runs `team`'s builds.
    pub fn serves(&self, team: &str) -> bool {
        self.teams.is_empty() || self.teams.iter().any(|t| t == team)
    }

    /// Whether it has all of `labels`.
    pub fn has_labels(&self, labels: &[String]) -> bool {
        labels.iter().all(|label| self.labels.contains(label))
    }
}

impl RawWorker {
    /// The table as it is used. `teams` is none where teams cannot be judged.
    pub fn freeze(self, name: &str, teams: Option<&BTreeSet<String>>, reader: &Reader<'_>) -> Worker {
        for team in self.teams.iter().flatten() {
            check_team(&team.value, &team.path, teams, reader);
        }
        // A password that could not be read is still a password.
        let is_remote = reader.sources.value(&self.at.key("password")).is_some();
        Worker {
            name: name.to_owned(),
            kind: if is_remote { WorkerKind::Remote } else { WorkerKind::Embedded },
            slots: self.slots.map_or(if is_remote { 1 } else { cores() }, |count| count.0),
            labels: self.labels.unwrap_or_default(),
            teams: self.teams.unwrap_or_default().into_iter().map(|team| team.value).collect(),
            env: self.env.unwrap_or_default(),
            pass_env: self.pass_env.unwrap_or_default(),
            paths: self.paths.map(|paths| paths.into_iter().map(|path| path.0).collect()),
            isolation: match self.isolation {
                Some(IsolationWord::None) => Isolation::None,
                Some(IsolationWord::Landlock) | None => Isolation::Landlock,
            },
            password: self.password,
        }
    }
}

/// The worker of a configuration that declares none: `local`, one slot a core.
pub fn only() -> Worker {
    Worker {
        name: "local".to_owned(),
        kind: WorkerKind::Embedded,
        slots: cores(),
        labels: Vec::new(),
        teams: Vec::new(),
        env: BTreeMap::new(),
        pass_env: Vec::new(),
        paths: None,
        isolation: Isolation::Landlock,
        password: None,
    }
}

/// Cores that this process may use.
fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
}
