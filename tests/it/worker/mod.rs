//! The embedded worker: real commands through the real `weir exec`.

/// Commands as they run.
mod command;
/// Commands as they end, by themselves and otherwise.
mod end;
/// What a build may reach.
mod fence;
/// What is done to files of a work directory.
mod tree;

use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use weir::clock::SystemClock;
use weir::config::worker::{Isolation, Worker as Table, WorkerKind};
use weir::worker::local::{Directories, Hidden, LocalWorker};
use weir::worker::{Channel, Command, Error, Exit, Output, Place, What, Worker};

/// A worker on a state directory of its own.
struct Fixture {
    dir: tempfile::TempDir,
    worker: LocalWorker,
}

/// What a command did.
struct Ran {
    exit: Result<Exit, Error>,
    pieces: Vec<Output>,
}

impl Ran {
    fn bytes(&self, channel: Channel) -> Vec<u8> {
        self.pieces.iter().filter(|piece| piece.channel == channel).flat_map(|piece| piece.bytes.to_vec()).collect()
    }

    fn out(&self) -> String {
        String::from_utf8(self.bytes(Channel::Stdout)).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.bytes(Channel::Stderr)).unwrap()
    }

    fn header(&self) -> String {
        String::from_utf8(self.bytes(Channel::Header)).unwrap()
    }

    fn code(&self) -> i32 {
        match &self.exit {
            Ok(Exit::Code(code)) => *code,
            other => panic!("no exit code: {other:?}\n{}{}", self.out(), self.err()),
        }
    }
}

fn table() -> Table {
    Table {
        name: "local".to_owned(),
        kind: WorkerKind::Embedded,
        slots: 1,
        labels: Vec::new(),
        teams: Vec::new(),
        env: BTreeMap::from([("FROM_WORKER".to_owned(), "w".to_owned())]),
        pass_env: Vec::new(),
        paths: None,
        isolation: Isolation::Landlock,
        password: None,
    }
}

fn place() -> Place {
    Place { team: "core".to_owned(), builder: "linux + gcc".to_owned(), number: 1 }
}

fn command(what: What) -> Command {
    Command {
        place: place(),
        what,
        directory: None,
        env: BTreeMap::new(),
        stdin: None,
        timeout: None,
        idle_timeout: None,
    }
}

fn shell(line: &str) -> Command {
    command(What::Shell(line.to_owned()))
}

fn program(words: &[&str]) -> Command {
    command(What::Program(words.iter().map(|word| (*word).to_owned()).collect()))
}

impl Fixture {
    fn new() -> Self {
        Self::with(table(), |_| Hidden::default())
    }

    /// Not under `/tmp`, which is to stay writable although the state directory beside it is hidden.
    fn with(table: Table, hidden: impl FnOnce(&Path) -> Hidden) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let worker = LocalWorker::new(&table, &dir.path().join("state"), hidden(dir.path()), Arc::new(SystemClock))
            .with_binary(weir_tests::binary::weir())
            .with_grace(Duration::from_millis(300));
        Self { dir, worker }
    }

    fn directories(&self) -> Directories {
        Directories::of(&self.dir.path().join("state"), "local", &place())
    }

    async fn run(&self, command: Command) -> Ran {
        self.run_until(command, CancellationToken::new()).await
    }

    async fn run_until(&self, command: Command, stop: CancellationToken) -> Ran {
        let (sender, mut receiver) = mpsc::channel::<Output>(16);
        let collect = async {
            let mut pieces = Vec::new();
            while let Some(piece) = receiver.recv().await {
                pieces.push(piece);
            }
            pieces
        };
        let (exit, pieces) = tokio::join!(self.worker.run(command, sender, stop), collect);
        Ran { exit, pieces }
    }

    /// Starts a command, waits until it has printed `word` on a line of its own, stops it, and waits for its end.
    async fn stop_when_it_says(&self, word: &str, command: Command) -> Ran {
        let (sender, mut receiver) = mpsc::channel::<Output>(16);
        let stop = CancellationToken::new();
        let collect = async {
            let (mut pieces, mut said) = (Vec::<Output>::new(), Vec::new());
            while let Some(piece) = receiver.recv().await {
                if piece.channel == Channel::Stdout {
                    said.extend_from_slice(&piece.bytes);
                    if String::from_utf8_lossy(&said).lines().any(|line| line == word) {
                        stop.cancel();
                    }
                }
                pieces.push(piece);
            }
            pieces
        };
        let (exit, pieces) = tokio::join!(self.worker.run(command, sender, stop.clone()), collect);
        Ran { exit, pieces }
    }
}

/// Whether a process still runs; one that was reaped or waits for that does not.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// A site: what must be hidden, and what lies beside it.
fn site(table: Table) -> Fixture {
    let w = Fixture::with(table, |dir| Hidden {
        secret: ["state", "weir.toml", "teams", "conf.d", "home/token"].map(|name| dir.join(name)).into(),
        read_only: [dir.join("plugins")].into(),
    });
    let dir = w.dir.path();
    for folder in ["state/work/local/docs/manual", "state/plugins", "teams", "plugins", "home/toolchain", "repo/.git"] {
        std::fs::create_dir_all(dir.join(folder)).unwrap();
    }
    for file in [
        "state/jwt.pem",
        "state/weir.db",
        "state/weir.db-wal",
        "state/plugins/shell.cwasm",
        "state/work/local/docs/manual/book",
        "weir.toml",
        "teams/core.toml",
        "home/token",
    ] {
        std::fs::write(dir.join(file), "hush").unwrap();
    }
    for file in ["plugins/shell.wasm", "home/toolchain/lib", "repo/.git/HEAD"] {
        std::fs::write(dir.join(file), "open").unwrap();
    }
    w
}

fn attempt(w: &Fixture, line: &str) -> Command {
    let mut command = shell(line);
    command.env.insert("D".to_owned(), w.dir.path().display().to_string());
    command.env.insert("SERVER".to_owned(), std::process::id().to_string());
    command
}
