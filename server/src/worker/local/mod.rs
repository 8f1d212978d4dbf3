//! The embedded worker: commands run in the server's process tree, each under a small supervisor (`weir exec`), inside a fence.
//!
//! The server starts `weir exec` with a control socket as its descriptor 0 and says over it what to run (`spec`). The supervisor makes a
//! process group and session for the command, enters the fence in the child and executes it, kills what the command left running, and
//! reports how it ended (`supervisor`). Standard output and error are pipes that the server reads (`run`); a log that is full stops the
//! reading, and so the command. However the server dies, the closed socket makes every supervisor kill its command.

/// What a command finds in its environment.
mod environment;
/// What a command can reach.
mod fence;
/// What Weir says about a command in its log.
mod header;
/// Whether this machine can keep builds apart.
mod isolation;
/// Starting a supervisor.
mod launch;
/// Where a builder's directories are.
mod place;
/// Processes as the system shows them.
mod process;
/// One command, seen from the server.
mod run;
/// What server and supervisor say to each other.
mod spec;
/// `weir exec`.
mod supervisor;

pub use fence::Hidden;
pub use isolation::check_isolation;
pub use place::Directories;
pub use supervisor::supervise;

use super::{Command, Error, Exit, FileStat, OutputSender, Place, What, Worker};
use crate::clock::SharedClock;
use crate::config;
use crate::config::worker::Isolation;
use async_trait::async_trait;
use bytes::Bytes;
use fence::Fence;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Runs the lines of [`What::Shell`].
const SHELL: &str = "/bin/sh";
/// From the interrupt to the kill of a command that does not end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// The embedded worker.
pub struct LocalWorker {
    name: String,
    state_dir: PathBuf,
    env: BTreeMap<String, String>,
    weir: PathBuf,
    grace: Duration,
    /// None where the operator wants none, or the kernel has none and one team uses the worker ([`check_isolation`]).
    fence: Option<Fence>,
    clock: SharedClock,
}

impl LocalWorker {
    /// A worker that keeps its work directories under `state_dir` and its commands from what is hidden.
    pub fn new(worker: &config::worker::Worker, state_dir: &Path, hidden: Hidden, clock: SharedClock) -> Self {
        let is_fenced = worker.isolation == Isolation::Landlock && fence::support() != fence::Support::None;
        Self {
            name: worker.name.clone(),
            state_dir: state_dir.to_owned(),
            env: environment::of_worker(worker, |name| std::env::var_os(name)),
            // What this process runs, even after the file has been replaced by a newer one that speaks differently.
            weir: PathBuf::from("/proc/self/exe"),
            grace: GRACE,
            fence: is_fenced.then(|| Fence::new(hidden, worker.paths.clone())),
            clock,
        }
    }

    /// Starts supervisors from another binary, where this process is not `weir` itself.
    #[must_use]
    pub fn with_binary(self, weir: PathBuf) -> Self {
        Self { weir, ..self }
    }

    /// Gives commands that are ended so long from the interrupt to the kill.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// The directories of a builder, made where they are missing.
    async fn directories(&self, place: &Place) -> Result<Directories, Error> {
        let directories = Directories::of(&self.state_dir, &self.name, place);
        for directory in [&directories.work, &directories.tmp] {
            tokio::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .await
                .map_err(|source| Error::Io { what: format!("making `{}`", directory.display()), source })?;
        }
        Ok(directories)
    }
}

#[async_trait]
impl Worker for LocalWorker {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: Command, output: OutputSender, stop: CancellationToken) -> Result<Exit, Error> {
        let directories = self.directories(&command.place).await?;
        let program = match command.what {
            What::Program(words) if words.is_empty() => return Err(Error::NoProgram(String::new())),
            What::Program(words) => words,
            What::Shell(line) => vec![SHELL.to_owned(), "-c".to_owned(), line],
        };
        let grants = self.fence.as_ref().map(|fence| fence.grants(&directories)).unwrap_or_default();
        let spec = spec::Spec {
            program,
            root: directories.work,
            directory: command.directory,
            env: environment::of_command(&self.env, &directories.tmp, &command.env),
            fenced: self.fence.is_some(),
            has_stdin: command.stdin.is_some(),
        };
        let stdin = command.stdin.unwrap_or_default();
        let starting = |source| Error::Io { what: "starting `weir exec`".to_owned(), source };
        let head = spec::encode_head(&spec, &grants, stdin.len()).map_err(starting)?;
        let mut launched = launch::Launched::new(&self.weir).map_err(starting)?;
        launched.tell(&head, &stdin).await.map_err(starting)?;
        let limits = run::Limits { timeout: command.timeout, idle_timeout: command.idle_timeout, grace: self.grace };
        let sink = run::Sink { output, clock: self.clock.clone() };
        run::run(launched, &spec, &sink, limits, &stop).await
    }

    async fn mkdir(&self, _place: &Place, _path: &str) -> Result<(), Error> {
        Err(not_yet())
    }

    async fn rmdir(&self, _place: &Place, _path: &str) -> Result<(), Error> {
        Err(not_yet())
    }

    async fn cpdir(&self, _place: &Place, _from: &str, _to: &str) -> Result<(), Error> {
        Err(not_yet())
    }

    async fn stat(&self, _place: &Place, _path: &str) -> Result<Option<FileStat>, Error> {
        Err(not_yet())
    }

    async fn glob(&self, _place: &Place, _pattern: &str, _max: usize) -> Result<Vec<String>, Error> {
        Err(not_yet())
    }

    async fn upload(&self, _place: &Place, _path: &str, _max_bytes: usize) -> Result<Bytes, Error> {
        Err(not_yet())
    }

    async fn download(&self, _place: &Place, _path: &str, _content: Bytes) -> Result<(), Error> {
        Err(not_yet())
    }
}

fn not_yet() -> Error {
    Error::Io { what: "files".to_owned(), source: std::io::ErrorKind::Unsupported.into() }
}
