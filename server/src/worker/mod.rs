//! Where commands run. One trait whose verbs are those of the worker protocol; the embedded worker and remote ones stand behind it.

/// The embedded worker.
pub mod local;

use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

/// Where commands of builds run. Paths are relative to the builder's own work directory and may not leave it.
#[async_trait]
pub trait Worker: Send + Sync {
    /// The name in the configuration.
    fn name(&self) -> &str;

    /// Runs a command to its end and hands its output to `output` as it comes; a slow receiver slows the command.
    ///
    /// When `stop` is cancelled, or a timeout passes, the whole process group is interrupted, then killed.
    ///
    /// # Errors
    /// Where the command could not be started; a command that ran and failed is an [`Exit`].
    async fn run(&self, command: Command, output: OutputSender, stop: CancellationToken) -> Result<Exit, Error>;

    /// Makes a directory and those above it.
    ///
    /// # Errors
    /// Where it cannot.
    async fn mkdir(&self, place: &Place, path: &str) -> Result<(), Error>;

    /// Removes a directory and all in it; one that is not there is fine.
    ///
    /// # Errors
    /// Where it cannot.
    async fn rmdir(&self, place: &Place, path: &str) -> Result<(), Error>;

    /// Copies a directory and all in it.
    ///
    /// # Errors
    /// Where it cannot.
    async fn cpdir(&self, place: &Place, from: &str, to: &str) -> Result<(), Error>;

    /// What stands at `path`; none where nothing does.
    ///
    /// # Errors
    /// Where it cannot look.
    async fn stat(&self, place: &Place, path: &str) -> Result<Option<FileStat>, Error>;

    /// Paths that fit a pattern, sorted, the first `max` of them.
    ///
    /// # Errors
    /// Where it cannot look, or would have to look at or hold too much.
    async fn glob(&self, place: &Place, pattern: &str, max: usize) -> Result<Vec<String>, Error>;

    /// The content of a file on the worker, refused over `max_bytes`.
    ///
    /// # Errors
    /// Where it cannot be read.
    async fn upload(&self, place: &Place, path: &str, max_bytes: usize) -> Result<Bytes, Error>;

    /// Reads a regular file on the worker and hands its bytes to `to` as they come, however large it is; a slow receiver slows the
    /// reading, and one that is gone ends it. The file may change meanwhile: what is read is what stands there. Returns how many bytes
    /// were handed over; without that answer the file did not come whole.
    ///
    /// # Errors
    /// Where it cannot be read, or is no regular file.
    async fn read_file(&self, place: &Place, path: &str, to: Sender<Bytes>) -> Result<u64, Error>;

    /// Writes a file on the worker, replacing what was there.
    ///
    /// # Errors
    /// Where it cannot be written.
    async fn download(&self, place: &Place, path: &str, content: Bytes) -> Result<(), Error>;
}

/// Whose work directory, and what runs there: each builder has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The builder's team.
    pub team: String,
    /// The builder.
    pub builder: String,
    /// The build's number, for naming its processes.
    pub number: i64,
}

/// A command to run on a worker.
#[derive(Clone)]
pub struct Command {
    /// Whose work directory.
    pub place: Place,
    /// Program and arguments, or a line for the shell.
    pub what: What,
    /// Folder in the work directory; none is the work directory itself.
    pub directory: Option<String>,
    /// Added to the worker's environment; the command's own wins.
    pub env: BTreeMap<String, String>,
    /// What the command reads.
    pub stdin: Option<Bytes>,
    /// Ends it when it runs longer.
    pub timeout: Option<Duration>,
    /// Ends it when it prints nothing for so long.
    pub idle_timeout: Option<Duration>,
}

/// Of the environment only the names are shown: values may be secret.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let env: Vec<&String> = self.env.keys().collect();
        let Self { place, what, directory, .. } = self;
        f.debug_struct("Command")
            .field("place", place)
            .field("what", what)
            .field("directory", directory)
            .field("env", &env)
            .finish_non_exhaustive()
    }
}

/// What a command is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Run as it is, no shell; never empty.
    Program(Vec<String>),
    /// Run by `/bin/sh -c`.
    Shell(String),
}

/// Which stream a piece of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// What Weir itself says about the command.
    Header,
}

/// A piece of output: bytes as they came, not cut at lines.
#[derive(Debug, Clone)]
pub struct Output {
    /// Where it came from.
    pub channel: Channel,
    /// What was printed.
    pub bytes: Bytes,
    /// When it was read.
    pub at: crate::model::time::Time,
}

/// Takes a command's output; bounded, so that a command is never read faster than its log is stored.
pub type OutputSender = Sender<Output>;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal that was not ours.
    Signal(i32),
    /// Ended by us: it ran longer than its timeout.
    TimedOut,
    /// Ended by us: it printed nothing for longer than its idle timeout.
    Idle,
    /// Ended by us: somebody stopped the build.
    Stopped,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStat {
    /// A directory, not a file.
    pub is_dir: bool,
    /// Bytes of a file.
    pub size_bytes: u64,
    /// Unix permissions.
    pub mode: u32,
}

/// Why a worker could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path leads out of the work directory.
    #[error("`{0}` leads out of the builder's work directory")]
    Outside(String),
    /// There is no such program.
    #[error("no such program: {0}")]
    NoProgram(String),
    /// The file is larger than asked for.
    #[error("`{path}` has more than {max} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The bound that was passed.
        max: usize,
    },
    /// The worker went away with the command.
    #[error("the worker was lost: {0}")]
    Lost(String),
    /// The system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}
