//! The server as a process: the shipped binary on a free port, ended and looked over at drop.

use crate::binary;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a server may take to be ready, and to end.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running `weir serve`.
///
/// Dropping it asks the server to end (SIGTERM), kills it when it does not, and fails the test when it panicked, did not
/// end well, or left processes behind.
pub struct TestServer {
    child: Child,
    dir: PathBuf,
    address: String,
    log: Arc<Mutex<String>>,
    lines: Receiver<()>,
    killed: bool,
}

impl TestServer {
    /// Starts `weir serve` on `dir/weir.toml`, which listens on port 0, and returns when it is ready.
    ///
    /// Readiness is read, not guessed: the server writes the address it got to `server.json` in its state folder before it
    /// says so in its log, and then `/readyz` answers when it does.
    ///
    /// # Panics
    /// Where it ends or the deadline passes before it is ready; with its log.
    pub async fn start(dir: &Path, state_dir: &Path, env: &[(&str, &str)]) -> Self {
        let address_file = state_dir.join("server.json");
        // What an earlier server of the same folder left would be read as this one's.
        let _ = std::fs::remove_file(&address_file);
        let mut command = binary::weir_command(dir, env);
        command.args(["serve", "--config", "weir.toml"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the built weir can be started");
        let (log, lines) = capture(child.stderr.take().expect("stderr is a pipe"));
        let mut server = Self { child, dir: dir.to_owned(), address: String::new(), log, lines, killed: false };
        server.address = server.read_address(&address_file);
        server.wait_until_ready().await;
        server
    }

    /// `127.0.0.1:41234`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it has written to its log so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no reader panics").clone()
    }

    /// Waits until its log holds `text`.
    ///
    /// # Panics
    /// Where the deadline passes first.
    pub fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.log().contains(text) {
            let heard = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            // What was heard last may have been written while we looked.
            assert!(heard.is_ok() || self.log().contains(text), "`{text}` did not come into the log:\n{}", self.log());
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as a crash would: SIGKILL, no chance to tidy up. What it leaves is for the next server to deal with.
    pub fn crash(&mut self) {
        self.killed = true;
        self.signal(Signal::SIGKILL);
        self.child.wait().expect("our child can be waited for");
    }

    /// Each line of the log is a reason to look whether the address is there.
    fn read_address(&mut self, file: &Path) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let heard = self.lines.recv_timeout(left);
            if let Some(address) = address_in(file) {
                return address;
            }
            match heard {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => self.give_up("was not ready in time"),
                Err(RecvTimeoutError::Disconnected) => self.give_up("ended before it was ready"),
            }
        }
    }

    async fn wait_until_ready(&mut self) {
        let url = format!("http://{}/readyz", self.address);
        let ready = tokio::time::timeout(DEADLINE, crate::world::client().get(&url).send()).await;
        match ready {
            Ok(Ok(answer)) if answer.status().is_success() => {}
            other => self.give_up(&format!("is not ready: GET /readyz gave {other:?}")),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id fits"));
        // A server that has ended already needs no signal.
        let _ = kill(pid, signal);
    }

    fn give_up(&mut self, why: &str) -> ! {
        self.crash();
        panic!("weir serve {why}; its log:\n{}", self.log());
    }

    /// Ends it and says what was wrong with the end.
    fn end(&mut self) -> Option<String> {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + DEADLINE;
        // Its log ends when it does: reading to the end is waiting for the end.
        while let Ok(()) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {}
        if Instant::now() >= deadline {
            self.crash();
            return Some("did not end after SIGTERM".to_owned());
        }
        let status = self.child.wait().expect("our child can be waited for");
        (!status.success()).then(|| format!("ended with {status}"))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let mut wrong: Vec<String> = if self.killed { Vec::new() } else { self.end().into_iter().collect() };
        let log = self.log();
        // A guest that panics is no panic of the server, whose own begin with their thread.
        if log.lines().any(|line| line.starts_with("thread '") && line.contains("panicked at")) {
            wrong.push("panicked".to_owned());
        }
        if !self.killed {
            wrong.extend(left_behind(&self.dir).iter().map(|process| format!("left {process} running")));
        }
        if std::thread::panicking() {
            eprintln!("weir serve logged:\n{log}");
        } else {
            assert!(wrong.is_empty(), "weir serve {}; its log:\n{log}", wrong.join(", "));
        }
    }
}

/// Reads the log as it comes; the receiver hears of each line and is cut off at the end.
fn capture(stderr: std::process::ChildStderr) -> (Arc<Mutex<String>>, Receiver<()>) {
    let log = Arc::new(Mutex::new(String::new()));
    let (heard, lines) = channel();
    let writer = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let mut log = writer.lock().expect("no reader panics");
            log.push_str(&String::from_utf8_lossy(&line));
            log.push('\n');
            drop(log);
            // Nobody listens any more once the server is ready and dropped.
            let _ = heard.send(());
        }
    });
    (log, lines)
}

/// The first address in `server.json`; none until it is whole.
fn address_in(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    json["listen"][0].as_str().map(str::to_owned)
}

/// Processes that work in `dir` or below.
fn left_behind(dir: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let theirs = processes
        .filter(|process| std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir)));
    theirs
        .map(|process| {
            let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            format!("process {} ({})", process.file_name().to_string_lossy(), command.trim())
        })
        .collect()
}
