//! The hostile team: queues builds by the thousand whose logs are floods, asks without pause, and holds streams open.

use super::super::http::Client;
use super::site::{HOSTILE_BUILDERS, SLOTS, Site, force, watch};
use crate::program::say;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Connections on which it queues its builds.
const QUEUERS: usize = 8;
/// What it asks for, besides more builds.
const PATHS: [&str; 5] = [
    "/waterfall.json",
    "/waterfall?num_events=10000",
    "/team/hostile",
    "/api/v2/plugins",
    "/team/hostile/builder/flood-0",
];

/// What it does until it is told to end.
pub struct Hostile {
    ends: Arc<AtomicBool>,
    told: Arc<Counters>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Counters {
    n_answered: AtomicU64,
    n_refused: AtomicU64,
    n_streams: AtomicU64,
}

/// What it did.
#[derive(Default)]
pub struct Told {
    /// Calls that were answered.
    pub n_answered: u64,
    /// Calls that were refused, or not answered at all.
    pub n_refused: u64,
    /// Streams that were opened.
    pub n_streams: u64,
    /// Its requests that waited at the end of the last round.
    pub n_waiting: u64,
    /// How long it took to queue them, in seconds: the longest.
    pub queued_s: f64,
}

impl Told {
    /// With a later round, in which its requests were queued in `queued_s`.
    pub fn add(&mut self, later: Self, queued_s: f64) {
        self.n_answered += later.n_answered;
        self.n_refused += later.n_refused;
        self.n_streams += later.n_streams;
        self.queued_s = self.queued_s.max(queued_s);
    }

    /// For a report.
    pub fn json(&self) -> Value {
        json!({
            "calls answered": self.n_answered, "calls refused": self.n_refused, "streams opened": self.n_streams,
            "longest queueing in s": self.queued_s, "waiting at the end": self.n_waiting,
        })
    }
}

/// How long one of its builds takes while they fill the worker and nothing else goes on: the longest, in milliseconds.
///
/// # Errors
/// Where it is refused.
pub fn length_ms(site: &Site) -> Result<f64> {
    let owner = site.token(&["--owner"])?;
    let one = |n: u32| {
        let mut client = Client::new(site.address, Some(&owner));
        std::thread::spawn(move || -> Result<f64> {
            let request = force(&mut client, "hostile", &format!("flood-{n}"))?;
            let (started, ended) = watch(&mut client, request)?;
            Ok((ended - started).as_secs_f64() * 1_000.0)
        })
    };
    let threads: Vec<_> = (0..SLOTS).map(one).collect();
    let mut longest: f64 = 0.0;
    for thread in threads {
        longest = longest.max(thread.join().map_err(|_| anyhow::anyhow!("a thread that watches a build broke"))??);
    }
    Ok(longest)
}

/// Asks once for all that it will ask for, so that no plugin is compiled for the first time while something is measured.
///
/// # Errors
/// Where that is not answered.
pub fn warm_up(site: &Site) -> Result<()> {
    let mut client = Client::new(site.address, Some(&site.token(&["--owner"])?));
    PATHS.iter().try_for_each(|path| client.get(path).map(drop))
}

/// Queues `n` builds on several connections, by the owner's token, which is let as fast as that; returns how long it took in seconds.
///
/// # Errors
/// Where a build is refused.
pub fn queue(site: &Site, n: usize) -> Result<f64> {
    let owner = site.token(&["--owner"])?;
    let began = std::time::Instant::now();
    let each = |part: usize| {
        let mut client = Client::new(site.address, Some(&owner));
        std::thread::spawn(move || -> Result<()> {
            for i in (part..n).step_by(QUEUERS) {
                force(&mut client, "hostile", &format!("flood-{}", i % HOSTILE_BUILDERS))?;
            }
            Ok(())
        })
    };
    let threads: Vec<_> = (0..QUEUERS).map(each).collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a thread that queues broke"))??;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Its requests that wait.
///
/// # Errors
/// Where that is not answered.
pub fn waiting(site: &Site, token: &str) -> Result<u64> {
    let mut client = Client::new(site.address, Some(token));
    // It has asked too often, and is answered when it may ask again.
    let answer = loop {
        let answer = client.get("/waterfall.json?num_events=1")?;
        if answer.status != 429 {
            break answer;
        }
    };
    let json: Value = serde_json::from_slice(&answer.body).context("the Waterfall's JSON")?;
    let builders = json["builders"].as_array().context("a Waterfall has builders")?;
    let count = |builder: &Value| builder["n_pending"].as_u64().context("a Waterfall's builder says what waits");
    builders.iter().map(count).sum()
}

impl Hostile {
    /// Begins: asks on so many connections and reads so many streams.
    pub fn start(site: &Site, token: &str, n_callers: usize, n_streams: usize) -> Self {
        let mut hostile = Self { ends: Arc::default(), told: Arc::default(), threads: Vec::new() };
        for n in 0..n_callers {
            let (ends, told) = (hostile.ends.clone(), hostile.told.clone());
            let mut client = Client::new(site.address, Some(token));
            hostile.threads.push(std::thread::spawn(move || call(&mut client, n, &ends, &told)));
        }
        for n in 0..n_streams {
            let (ends, told) = (hostile.ends.clone(), hostile.told.clone());
            let (address, token) = (site.address, token.to_owned());
            hostile.threads.push(std::thread::spawn(move || follow(address, &token, n, &ends, &told)));
        }
        hostile
    }

    /// Ends it; returns what it did.
    pub fn end(self) -> Told {
        self.ends.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                say("a thread of the hostile team broke");
            }
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Told {
            n_answered: count(&self.told.n_answered),
            n_refused: count(&self.told.n_refused),
            n_streams: count(&self.told.n_streams),
            ..Told::default()
        }
    }
}

/// Its machines are not the server's: here they share processors with it, and what they use up shall be taken from nobody.
fn stand_back() {
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        say(&format!("the hostile team takes processors from the server: {error}"));
    }
}

/// Asks and forces without pause.
fn call(client: &mut Client, n: usize, ends: &AtomicBool, told: &Counters) {
    stand_back();
    for i in n.. {
        if ends.load(Ordering::Relaxed) {
            return;
        }
        let answer = match PATHS.get(i % (PATHS.len() + 1)) {
            Some(path) => client.get(path),
            None => client.post(&format!("/api/v2/teams/hostile/builders/flood-{}/force", i % HOSTILE_BUILDERS), "{}"),
        };
        // One that is not answered is as hostile.
        let is_answered = answer.is_ok_and(|answer| answer.status < 300);
        let counter = if is_answered { &told.n_answered } else { &told.n_refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads a stream of events as fast as they come, and opens it again where it ends.
fn follow(address: SocketAddr, token: &str, n: usize, ends: &AtomicBool, told: &Counters) {
    stand_back();
    let path = ["/sse/waterfall", "/sse/team/hostile"][n % 2];
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    let mut buffer = vec![0; 64 << 10];
    while !ends.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(address) else { continue };
        // So that the end is heard of.
        if stream.set_read_timeout(Some(Duration::from_millis(500))).is_err()
            || stream.write_all(head.as_bytes()).is_err()
        {
            continue;
        }
        let mut is_first = true;
        while !ends.load(Ordering::Relaxed) {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) if is_first => {
                    is_first = false;
                    if buffer[..len].starts_with(b"HTTP/1.1 200") {
                        told.n_streams.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Err(error)
                    if !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
                {
                    break;
                }
                _ => {}
            }
        }
    }
}
