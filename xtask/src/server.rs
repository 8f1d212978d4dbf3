//! A running `weir serve`: ready when it says so, ended when we are.

use crate::program::say;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long an answer of the server may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running `weir serve` in a process group of its own, so that Ctrl-C reaches it through us and once.
pub struct Server {
    child: Child,
    address: SocketAddr,
    asked_to_end: Arc<AtomicBool>,
    signals: Handle,
}

impl Server {
    /// Starts `serve` and returns when it answers; `address_file` is where it writes the address that it got.
    ///
    /// # Errors
    /// Where it ends before it is ready.
    pub fn start(mut serve: Command, address_file: &Path) -> Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("signals cannot be heard")?;
        // What an earlier server left would be read as this one's.
        let _ = std::fs::remove_file(address_file);
        let mut child = serve
            .process_group(0)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", serve.get_program().display()))?;
        let asked_to_end = Arc::new(AtomicBool::new(false));
        let (pid, asked, heard) = (pid(&child), Arc::clone(&asked_to_end), signals.handle());
        std::thread::spawn(move || {
            for _ in signals.forever() {
                asked.store(true, Ordering::SeqCst);
                // Once asks it to end; again makes it hurry. It may be gone already.
                let _ = kill(pid, Signal::SIGTERM);
            }
        });
        let log = child.stderr.take().expect("stderr is a pipe");
        match ready(log, address_file) {
            Ok(address) => Ok(Self { child, address, asked_to_end, signals: heard }),
            Err(error) => {
                heard.close();
                let _ = kill(pid, Signal::SIGTERM);
                let status = child.wait().context("the server cannot be waited for")?;
                if asked_to_end.load(Ordering::SeqCst) {
                    bail!("ended before it was ready");
                }
                Err(error.context(format!("weir serve did not get ready ({status}, see above)")))
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has ended; at Ctrl-C that is what it does.
    ///
    /// # Errors
    /// Where it ends by itself.
    pub fn wait(&mut self) -> Result<()> {
        let status = self.child.wait().context("the server cannot be waited for")?;
        ensure!(self.asked_to_end.load(Ordering::SeqCst), "weir serve ended by itself ({status})");
        say("ended");
        Ok(())
    }

    /// Ends it, where it has not ended.
    pub fn end(&mut self) {
        // Its number may be another's once it is gone: no signal goes there any more.
        self.signals.close();
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill(pid(&self.child), Signal::SIGTERM);
            // There is nobody to tell how it ended: we end because of something else.
            let _ = self.child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Shows the server's log, and looks at each line of it whether the address is there; then asks until it is ready.
fn ready(log: ChildStderr, address_file: &Path) -> Result<SocketAddr> {
    let mut lines = BufReader::new(log).lines();
    let address = loop {
        let Some(line) = lines.next() else { bail!("it ended") };
        eprintln!("{}", line.context("its log cannot be read")?);
        if let Some(address) = address_in(address_file) {
            break address;
        }
    };
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("{line}")));
    get(address, "/readyz")?;
    Ok(address)
}

/// The first address in `server.json`; none until it is whole.
fn address_in(file: &Path) -> Option<SocketAddr> {
    let text = std::fs::read_to_string(file).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    json["listen"][0].as_str()?.parse().ok()
}

/// Reads a page of the server. Plain HTTP/1.0 on loopback: not worth a client library that has to be compiled first.
///
/// # Errors
/// Where it does not answer with 200 in time.
pub fn get(address: SocketAddr, path: &str) -> Result<String> {
    let asked = || format!("GET http://{address}{path}");
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).with_context(asked)?;
    stream.set_read_timeout(Some(DEADLINE)).with_context(asked)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").with_context(asked)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(asked)?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(asked)?;
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.split(' ').nth(1) == Some("200"), "{} answered {status}", asked());
    Ok(body.to_owned())
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id fits"))
}
