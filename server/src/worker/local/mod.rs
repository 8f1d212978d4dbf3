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
/// Files of a work directory.
mod files;
/// Paths that fit a pattern.
mod glob;
/// What Weir says about a command in its log.
mod header;
/// Whether this machine can keep builds apart.
mod isolation;
/// Starting a supervisor.
mod launch;
/// What a dead server left running.
mod leftover;
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
/// Trees of files are removed and copied.
mod tree;

pub use fence::Hidden;
pub use isolation::check_isolation;
pub use leftover::end_leftovers;
pub use place::Directories;
pub use supervisor::supervise;

use super::{Command, Error, Exit, FileStat, OutputSender, Place, What, Worker};
use crate::clock::SharedClock;
use crate::config;
use crate::config::worker::Isolation;
use crate::open_files;
use async_trait::async_trait;
use bytes::Bytes;
use fence::Fence;
use files::Files;
use launch::Launched;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

/// Runs the lines of [`What::Shell`].
const SHELL: &str = "/bin/sh";
/// From the interrupt to the kill of a command that does not end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// Supervisors started in advance; each takes a few megabytes.
const WAITING_MAX: usize = 2;

/// Closes the server's memory, environment and descriptors (`/proc/PID/mem` ...) to other processes of the same user, and with them its
/// core dumps. The fence does that for builds; this does it also where there is none. To be called at start.
///
/// # Errors
/// What the system says.
pub fn hide_server() -> anyhow::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(false)?)
}

/// The embedded worker.
pub struct LocalWorker {
    name: String,
    state_dir: PathBuf,
    env: BTreeMap<String, String>,
    weir: PathBuf,
    grace: Duration,
    /// None where the operator wants none, or the kernel has none and one team uses the worker ([`check_isolation`]).
    fence: Option<Fence>,
    /// Supervisors that wait to be told.
    waiting: Mutex<Vec<Launched>>,
    /// The last build of each builder that ran something here.
    last_build: Mutex<HashMap<(String, String), i64>>,
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
            waiting: Mutex::default(),
            last_build: Mutex::default(),
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

    /// Runs a command in the fence of a builder, starting in `root`.
    async fn run_in(
        &self,
        root: &Path,
        directories: &Directories,
        command: Command,
        output: OutputSender,
        stop: CancellationToken,
    ) -> Result<Exit, Error> {
        let program = match command.what {
            What::Program(words) if words.is_empty() => return Err(Error::NoProgram(String::new())),
            What::Program(words) => words,
            What::Shell(line) => vec![SHELL.to_owned(), "-c".to_owned(), line],
        };
        let grants = self.fence.as_ref().map(|fence| fence.grants(directories)).unwrap_or_default();
        let spec = spec::Spec {
            program,
            root: root.to_owned(),
            directory: command.directory,
            env: environment::of_command(&self.env, &directories.tmp, &command.env),
            fenced: self.fence.is_some(),
            open_files: open_files::of_children(),
            has_stdin: command.stdin.is_some(),
        };
        let stdin = command.stdin.unwrap_or_default();
        let starting = |source| Error::Io { what: "starting `weir exec`".to_owned(), source };
        let head = spec::encode_head(&spec, &grants, stdin.len()).map_err(starting)?;
        let mut launched = self.supervisor().map_err(starting)?;
        launched.tell(&head, &stdin).await.map_err(starting)?;
        self.prepare_next();
        let limits = run::Limits { timeout: command.timeout, idle_timeout: command.idle_timeout, grace: self.grace };
        let sink = run::Sink { output, clock: self.clock.clone() };
        let exit = run::run(launched, &spec, &sink, limits, &stop).await;
        if let Err(Error::Lost(why)) = &exit {
            tracing::warn!("a command of {}/{} was lost: {why}", command.place.team, command.place.builder);
            self.end_strays(directories).await;
        }
        exit
    }

    /// A supervisor that has started already and waits to be told, or a new one.
    fn supervisor(&self) -> io::Result<Launched> {
        let waiting = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        while let Some(mut launched) = waiting() {
            if launched.is_waiting() {
                return Ok(launched);
            }
        }
        Launched::new(&self.weir, &self.state_dir)
    }

    /// Starts the supervisor of a later command: loading and relocating a binary of this size takes longer than all it does.
    fn prepare_next(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            match Launched::new(&self.weir, &self.state_dir) {
                Ok(launched) => waiting.push(launched),
                // The command that needs it will say so to somebody who cares.
                Err(error) => tracing::debug!("no supervisor could be started in advance: {error}"),
            }
        }
    }

    /// Ends what a lost supervisor can no longer end.
    async fn end_strays(&self, directories: &Directories) {
        let tmp = directories.tmp.clone();
        match tokio::task::spawn_blocking(move || leftover::end_strays(&tmp)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!("processes of a lost command go on: {error:#}"),
            Err(panic) => tracing::warn!("processes of a lost command may go on: {panic}"),
        }
    }

    /// A build begins with an empty TMPDIR; its steps share it.
    async fn empty_tmp(&self, directories: &Directories, place: &Place) -> Result<(), Error> {
        let before = {
            let mut last = self.last_build.lock().unwrap_or_else(PoisonError::into_inner);
            last.insert((place.team.clone(), place.builder.clone()), place.number)
        };
        let is_empty = || std::fs::read_dir(&directories.tmp).is_ok_and(|mut entries| entries.next().is_none());
        if before == Some(place.number) || is_empty() { Ok(()) } else { tree::empty(self, directories, place).await }
    }

    /// Does something with a builder's files, where it blocks nobody.
    async fn files<T: Send + 'static>(
        &self,
        place: &Place,
        act: impl FnOnce(Files) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let root = self.directories(place).await?.work;
        let acted = tokio::task::spawn_blocking(move || Files::open(root).and_then(act)).await;
        acted.map_err(|panic| Error::Io { what: "working with files".to_owned(), source: panic.into() })?
    }
}

#[async_trait]
impl Worker for LocalWorker {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, command: Command, output: OutputSender, stop: CancellationToken) -> Result<Exit, Error> {
        let directories = self.directories(&command.place).await?;
        self.empty_tmp(&directories, &command.place).await?;
        self.run_in(&directories.work, &directories, command, output, stop).await
    }

    async fn mkdir(&self, place: &Place, path: &str) -> Result<(), Error> {
        let path = path.to_owned();
        self.files(place, move |files| files.mkdir(&path)).await
    }

    async fn rmdir(&self, place: &Place, path: &str) -> Result<(), Error> {
        let files = self.files(place, Ok).await?;
        tree::remove(self, files, place, path).await
    }

    async fn cpdir(&self, place: &Place, from: &str, to: &str) -> Result<(), Error> {
        let files = self.files(place, Ok).await?;
        tree::copy(self, files, place, from, to).await
    }

    async fn stat(&self, place: &Place, path: &str) -> Result<Option<FileStat>, Error> {
        let path = path.to_owned();
        self.files(place, move |files| files.stat(&path)).await
    }

    async fn glob(&self, place: &Place, pattern: &str, max: usize) -> Result<Vec<String>, Error> {
        let pattern = pattern.to_owned();
        let over = CancellationToken::new();
        // Who asked may go away, and the thread that looks cannot be dropped.
        let _goes = over.clone().drop_guard();
        self.files(place, move |files| files.glob(&pattern, max, &over)).await
    }

    async fn upload(&self, place: &Place, path: &str, max_bytes: usize) -> Result<Bytes, Error> {
        let path = path.to_owned();
        self.files(place, move |files| files.upload(&path, max_bytes)).await
    }

    async fn read_file(&self, place: &Place, path: &str, to: Sender<Bytes>) -> Result<u64, Error> {
        let path = path.to_owned();
        self.files(place, move |files| files.read_file(&path, &to)).await
    }

    async fn download(&self, place: &Place, path: &str, content: Bytes) -> Result<(), Error> {
        let path = path.to_owned();
        self.files(place, move |files| files.download(&path, &content)).await
    }
}
