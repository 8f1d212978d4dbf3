//! `[worker.*]`: where commands run.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A machine, or the server's own process tree, that runs commands.
#[derive(Debug, Clone)]
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
