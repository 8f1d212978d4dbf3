//! `cargo xtask bench tenants`: a hostile team beside a quiet one. The quiet team's builds and pages are measured twice in one server: alone,
//! and while the other has queued builds by the thousand whose logs are floods and asks the server as fast as it can.

use super::http::Client;
use super::surroundings::surroundings;
use crate::build;
use crate::program::{output, say, target_dir};
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Builds that run at once on the worker.
const SLOTS: u32 = 4;
/// Builders of the hostile team.
const BUILDERS: usize = 20;
/// A build's length, where nothing holds it up.
const BUILD_S: f64 = 2.0;
/// Connections on which the hostile team asks without pause.
const HAMMERS: usize = 8;
/// Between two questions for whether a build has begun.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Between two readings of a page.
const PAGE_EVERY: Duration = Duration::from_millis(25);

/// The quiet team asks at a pace, not as fast as it can.
#[expect(clippy::disallowed_methods, reason = "a pace is what is wanted; nothing is waited for")]
fn rest(pause: Duration) {
    std::thread::sleep(pause);
}

/// Arguments of `cargo xtask bench tenants`.
#[derive(Debug, clap::Args)]
pub struct Tenants {
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Measures the debug build: to try the measuring, not for figures.
    #[arg(long)]
    debug: bool,
    /// Builds that the hostile team queues.
    #[arg(long, default_value_t = 10_000)]
    queued: usize,
    /// Builds of the quiet team that are timed, each time.
    #[arg(long, default_value_t = 20)]
    builds: usize,
    /// Readings of the quiet team's page that are timed, each time.
    #[arg(long, default_value_t = 800)]
    pages: usize,
}

/// What was measured in one run, in milliseconds and in the order of measuring.
struct Measured {
    starts_ms: Vec<f64>,
    pages_ms: Vec<f64>,
}

/// What the hostile team does until it is told to end.
struct Hostile {
    ends: Arc<AtomicBool>,
    n_answered: Arc<AtomicU64>,
    n_refused: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Tenants {
    /// Measures and prints.
    ///
    /// # Errors
    /// Where something does not build or run, or where a figure is beyond its bound.
    pub fn run(self) -> Result<()> {
        build::plugins()?;
        let weir = build::server(!self.debug)?;
        if self.debug {
            say("this is a debug build: its figures are many times those of a release build");
        }
        let dir = target_dir().join("bench-tenants");
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("weir.toml"), site(self.queued))?;
        let mut serve = Command::new(&weir);
        serve.current_dir(&dir).arg("serve").env("WEIR_LOG", "warn,weir::app=info");
        let mut server = Server::start(serve, &dir.join("state/server.json"))?;
        let report = self.measure(&Site { weir, dir: dir.clone(), address: server.address() });
        server.end();
        let report = report?;
        if self.json {
            println!("{report:#}");
        } else {
            print!("{}", table(&report));
        }
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        let missed = missed(&report);
        ensure!(missed.is_empty(), "beyond its bound: {}", missed.join(", "));
        Ok(())
    }

    fn measure(&self, site: &Site) -> Result<Value> {
        let owner = site.token(&["--owner"])?;
        say("the quiet team alone");
        let alone = self.quiet(site, &owner)?;
        say(&format!("the hostile team queues {} builds", self.queued));
        let queued_s = queue(site, &owner, self.queued)?;
        let hostile = Hostile::start(site)?;
        say("the quiet team beside it");
        let beside = self.quiet(site, &owner);
        let (n_answered, n_refused) = hostile.end();
        let (beside, waiting) = (beside?, waiting(site, &owner)?);
        let figures = [
            figure("start of a build", &alone.starts_ms, &beside.starts_ms, Bound::Added(BUILD_S * 1_000.0)),
            figure("page of the quiet team", &alone.pages_ms, &beside.pages_ms, Bound::Times(4.0 / 3.0)),
        ];
        Ok(json!({
            "surroundings": surroundings(if self.debug { "dev" } else { "release" }),
            "hostile": {
                "queued": self.queued, "queued_in_s": queued_s, "still_waiting": waiting,
                "answered": n_answered, "refused": n_refused,
            },
            "figures": figures,
        }))
    }

    /// Forces builds one after the other and reads a page in between, as people do.
    fn quiet(&self, site: &Site, owner: &str) -> Result<Measured> {
        let address = site.address;
        let n_pages = self.pages;
        let reading = std::thread::spawn(move || read_pages(address, n_pages));
        let mut client = Client::new(address, Some(owner));
        let mut starts_ms = Vec::with_capacity(self.builds);
        for _ in 0..self.builds {
            let began = Instant::now();
            let request = force(&mut client, "quiet", "ping")?;
            let path = format!("/api/v2/buildrequests/{request}");
            let mut started = None;
            loop {
                let json: Value = serde_json::from_slice(&client.get(&path)?.body).context("a request's JSON")?;
                let json = &json["buildrequests"][0];
                ensure!(json.is_object(), "{path} holds no request");
                if started.is_none() && json["claimed"] == true {
                    started = Some(began.elapsed());
                }
                if json["complete"] == true {
                    break;
                }
                rest(LOOK_EVERY);
            }
            starts_ms.push(started.unwrap_or_else(|| began.elapsed()).as_secs_f64() * 1_000.0);
        }
        let pages_ms = reading.join().map_err(|_| anyhow::anyhow!("the reader of pages broke"))??;
        Ok(Measured { starts_ms, pages_ms })
    }
}

/// A site that is served.
struct Site {
    weir: PathBuf,
    dir: PathBuf,
    address: SocketAddr,
}

impl Site {
    fn token(&self, who: &[&str]) -> Result<String> {
        let mut issue = Command::new(&self.weir);
        issue.current_dir(&self.dir).args(["token", "issue", "--expires", "2h"]).args(who);
        output(&mut issue).context("weir token issue failed: run it by hand to see why")
    }
}

/// The hostile team may queue as much as it wants and write logs as long as they may be; else it has what every team has.
fn site(queued: usize) -> String {
    let mut text = format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\nstate_dir = \"state\"\n\n[auth.jwt.local]\nkey_file = \"state/jwt.pem\"\n\n\
         [worker.local]\nslots = {SLOTS}\n\n[team.quiet.builder.ping]\n[[team.quiet.builder.ping.step]]\nuse = \"shell\"\n\
         with = {{ command = \"sleep 0.1\" }}\n\n[view.quiet]\nteams = [\"quiet\"]\n\n\
         [team.hostile]\nquota = {{ queued = {}, forces_per_minute = 1000000 }}\n",
        queued + 1
    );
    for n in 0..BUILDERS {
        write!(
            text,
            "[team.hostile.builder.flood-{n}]\n[[team.hostile.builder.flood-{n}.step]]\nuse = \"shell\"\n\
             with = {{ command = \"yes 'a line of a flood that nobody reads' | head -c 20000000; sleep {BUILD_S}\" }}\n"
        )
        .expect("a String takes all");
    }
    text
}

fn force(client: &mut Client, team: &str, builder: &str) -> Result<u64> {
    let answer = client.post(&format!("/api/v2/teams/{team}/builders/{builder}/force"), "{}")?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    ensure!(answer.status == 202, "a force was answered with {}: {text}", answer.status);
    let json: Value = serde_json::from_str(&text)?;
    let requests = json["buildrequests"].as_object().context("a force's answer names its requests")?;
    requests.values().next().and_then(Value::as_u64).context("a force's answer names its request")
}

/// Queues `n` builds on several connections; returns how long that took.
fn queue(site: &Site, owner: &str, n: usize) -> Result<f64> {
    let began = Instant::now();
    let each = |part: usize| {
        let (address, owner) = (site.address, owner.to_owned());
        std::thread::spawn(move || -> Result<()> {
            let mut client = Client::new(address, Some(&owner));
            for i in (part..n).step_by(HAMMERS) {
                force(&mut client, "hostile", &format!("flood-{}", i % BUILDERS))?;
            }
            Ok(())
        })
    };
    let threads: Vec<_> = (0..HAMMERS).map(each).collect();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a thread that queues broke"))??;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// Requests of the hostile team that wait still.
fn waiting(site: &Site, owner: &str) -> Result<u64> {
    let body = Client::new(site.address, Some(owner)).get("/waterfall.json?num_events=1")?.body;
    let json: Value = serde_json::from_slice(&body).context("the Waterfall's JSON")?;
    let builders = json["builders"].as_array().context("a Waterfall has builders")?;
    Ok(builders.iter().filter_map(|builder| builder["n_pending"].as_u64()).sum())
}

fn read_pages(address: SocketAddr, n: usize) -> Result<Vec<f64>> {
    let mut client = Client::new(address, None);
    let mut took_ms = Vec::with_capacity(n);
    for i in 0..n {
        let path = if i % 2 == 0 { "/view/quiet" } else { "/team/quiet/builder/ping" };
        let began = Instant::now();
        let answer = client.get(path)?;
        took_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
        ensure!(answer.status == 200, "{path} was answered with {}", answer.status);
        rest(PAGE_EVERY);
    }
    Ok(took_ms)
}

impl Hostile {
    fn start(site: &Site) -> Result<Self> {
        let token = site.token(&["--team", "hostile", "--role", "operator"])?;
        let (ends, n_answered, n_refused) = (Arc::default(), Arc::default(), Arc::default());
        let mut hostile = Self { ends, n_answered, n_refused, threads: Vec::new() };
        for n in 0..HAMMERS {
            let (ends, answered, refused) =
                (hostile.ends.clone(), hostile.n_answered.clone(), hostile.n_refused.clone());
            let (address, token) = (site.address, token.clone());
            hostile.threads.push(std::thread::spawn(move || {
                let mut client = Client::new(address, Some(&token));
                let paths = ["/waterfall.json", "/waterfall?num_events=10000", "/team/hostile", "/api/v2/plugins"];
                for path in paths.iter().cycle().skip(n) {
                    if ends.load(Ordering::Relaxed) {
                        return;
                    }
                    // One that is not answered is as hostile.
                    let status = client.get(path).map_or(0, |answer| answer.status);
                    let counter = if status == 200 { &answered } else { &refused };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        Ok(hostile)
    }

    /// Ends it; returns how many of its questions were answered, and refused.
    fn end(self) -> (u64, u64) {
        self.ends.store(true, Ordering::Relaxed);
        for thread in self.threads {
            if thread.join().is_err() {
                say("a thread of the hostile team broke");
            }
        }
        (self.n_answered.load(Ordering::Relaxed), self.n_refused.load(Ordering::Relaxed))
    }
}

/// How much worse a figure may become.
enum Bound {
    /// By so much more at the worst.
    Added(f64),
    /// So many times the p99.
    Times(f64),
}

fn figure(name: &str, alone: &[f64], beside: &[f64], bound: Bound) -> Value {
    let (p99_alone, p99) = (percentile(alone, 99.0), percentile(beside, 99.0));
    let limit = match bound {
        Bound::Added(ms) => p99_alone + ms,
        Bound::Times(factor) => p99_alone * factor,
    };
    let said = |samples: &[f64], p99: f64| json!({ "median": percentile(samples, 50.0), "p99": p99, "samples": samples.len() });
    json!({
        "name": name, "unit": "ms", "alone": said(alone, p99_alone), "beside": said(beside, p99),
        "limit_p99": limit, "is_kept": p99 <= limit,
    })
}

/// Figures that are beyond their bounds.
fn missed(report: &Value) -> Vec<&str> {
    let figures = report["figures"].as_array().into_iter().flatten();
    figures.filter(|figure| figure["is_kept"] != true).filter_map(|figure| figure["name"].as_str()).collect()
}

/// The value that so many percent are not above.
fn percentile(samples: &[f64], percent: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The report for people, in Markdown.
fn table(report: &Value) -> String {
    let mut text = String::new();
    for part in ["surroundings", "hostile"] {
        for (name, value) in report[part].as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(text, "- {name}: {value}").expect("writing to a string never fails");
        }
    }
    text.push_str(
        "\n| what | alone: median | p99 | beside: median | p99 | p99 may be | |\n|---|---:|---:|---:|---:|---:|---|\n",
    );
    for figure in report["figures"].as_array().into_iter().flatten() {
        let ms = |value: &Value| value.as_f64().map_or_else(String::new, |ms| format!("{ms:.1} ms"));
        let (alone, beside) = (&figure["alone"], &figure["beside"]);
        let cells = [&alone["median"], &alone["p99"], &beside["median"], &beside["p99"], &figure["limit_p99"]].map(ms);
        let verdict = if figure["is_kept"] == true { "kept" } else { "MISSED" };
        let name = figure["name"].as_str().unwrap_or_default();
        writeln!(text, "| {name} | {} | {verdict} |", cells.join(" | ")).expect("writing to a string never fails");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Bound, figure, missed, percentile, table};
    use serde_json::json;

    #[test]
    fn a_percentile_is_one_of_the_samples() {
        let samples: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!((percentile(&samples, 50.0), percentile(&samples, 99.0)), (100.0, 198.0));
        assert_eq!(percentile(&[7.0], 99.0), 7.0);
    }

    #[test]
    fn what_is_missed_is_said() {
        let page = figure("page", &[3.0], &[4.1], Bound::Times(4.0 / 3.0));
        let start = figure("start", &[3.0], &[2_002.0], Bound::Added(2_000.0));
        let report = json!({ "figures": [page, start] });
        assert_eq!(missed(&report), ["page"]);
        let text = table(&report);
        assert!(text.contains("| page | 3.0 ms | 3.0 ms | 4.1 ms | 4.1 ms | 4.0 ms | MISSED |"), "{text}");
        assert!(text.contains("| start | 3.0 ms | 3.0 ms | 2002.0 ms | 2002.0 ms | 2003.0 ms | kept |"), "{text}");
    }
}
