//! `cargo xtask bench tenants`: a hostile team beside a quiet one. The quiet team's builds and pages are measured alone, and while the other
//! has queued builds by the thousand whose logs are floods, asks for more and holds streams open as fast as it can: once on a server of its
//! own on this machine, and once on the quiet team's. The bound is held against both: against alone, which is what is promised; and against
//! the hostile team elsewhere on the machine, which has that server's work, its builds and its clients compete for the same processors, too,
//! and so tells whether what is beyond comes of sharing the server. Several rounds, since a machine has good minutes and bad ones.

mod hostile;
mod quiet;
mod site;

use super::figures::{list, names_without, percentile};
use super::surroundings::surroundings;
use crate::build;
use crate::program::{say, target_dir};
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use hostile::{Hostile, Told};
use quiet::{Measured, Quiet};
use serde_json::{Value, json};
use site::Site;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Arguments of `cargo xtask bench tenants`.
#[derive(Debug, clap::Args)]
pub struct Tenants {
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Measures the debug build: to try the measuring, not for figures.
    #[arg(long)]
    debug: bool,
    /// Measures this binary instead of building one: to compare two.
    #[arg(long, value_name = "FILE", conflicts_with = "debug")]
    binary: Option<PathBuf>,
    /// Builds that the hostile team queues.
    #[arg(long, default_value_t = 10_000)]
    queued: usize,
    /// Connections on which the hostile team asks without pause.
    #[arg(long, default_value_t = 8)]
    callers: usize,
    /// Streams that the hostile team reads.
    #[arg(long, default_value_t = 16)]
    streams: usize,
    /// Rounds: each measures all on fresh servers.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Builds of the quiet team that are timed, each time.
    #[arg(long, default_value_t = 15)]
    builds: usize,
    /// Readings of each page of the quiet team that are timed, each time.
    #[arg(long, default_value_t = 300)]
    pages: usize,
}

impl Tenants {
    /// Measures and prints.
    ///
    /// # Errors
    /// Where something does not build or run, or where a figure is beyond its bound.
    pub fn run(self) -> Result<()> {
        build::plugins()?;
        let weir = match &self.binary {
            Some(binary) => std::path::absolute(binary)?,
            None => build::server(!self.debug)?,
        };
        if self.debug {
            say("this is a debug build: its figures are many times those of a release build");
        }
        let mut measured = Rounds::default();
        for round in 1..=self.rounds {
            say(&format!("round {round} of {}", self.rounds));
            self.round(&weir, &mut measured)?;
        }
        let report = self.report(&measured);
        if self.json {
            println!("{report:#}");
        } else {
            print!("{}", table(&report));
        }
        let missed = missed(&report);
        ensure!(missed.is_empty(), "beyond its bound: {}", missed.join(", "));
        Ok(())
    }

    /// Measures once on fresh servers.
    fn round(&self, weir: &Path, measured: &mut Rounds) -> Result<()> {
        let shared = Served::start(weir, "shared", self.queued)?;
        let quiet = Quiet::new(&shared.site, self.builds, self.pages)?;
        say("the quiet team builds what its pages show");
        quiet.make_history()?;
        hostile::warm_up(&shared.site)?;
        say("how long one build of the hostile team takes alone");
        measured.lengths_ms.push(hostile::length_ms(&shared.site)?);
        say("the quiet team alone");
        settle();
        measured.alone.add(quiet.measure()?);
        let own = Served::start(weir, "own", self.queued)?;
        hostile::warm_up(&own.site)?;
        say(&format!("the hostile team queues {} builds on a server of its own", self.queued));
        measured.apart.add(self.beside(&own.site, &quiet, &mut measured.told_apart)?);
        own.end()?;
        say(&format!("the hostile team queues {} builds on the quiet team's server", self.queued));
        measured.beside.add(self.beside(&shared.site, &quiet, &mut measured.told)?);
        shared.end()
    }

    /// The quiet team while the hostile one uses `site`.
    fn beside(&self, site: &Site, quiet: &Quiet, told: &mut Told) -> Result<Measured> {
        let queued_s = hostile::queue(site, self.queued)?;
        settle();
        let token = site.token(&["--team", "hostile", "--role", "operator"])?;
        let hostile = Hostile::start(site, &token, self.callers, self.streams);
        let measured = quiet.measure();
        let waiting = hostile::waiting(site, &token);
        told.add(hostile.end(), queued_s);
        told.n_waiting = waiting?;
        measured
    }

    fn report(&self, measured: &Rounds) -> Value {
        let Rounds { alone, apart, beside, lengths_ms, told_apart, told } = measured;
        let length_ms = percentile(lengths_ms, 50.0);
        let starts = figure(
            "start of a build",
            [&alone.starts_ms, &apart.starts_ms, &beside.starts_ms],
            Bound::Added(length_ms),
        );
        let pages = alone.pages_ms.iter().zip(&apart.pages_ms).zip(&beside.pages_ms);
        let pages = pages.map(|(((name, alone), (_, apart)), (_, beside))| {
            figure(name, [alone, apart, beside], Bound::Times(4.0 / 3.0))
        });
        json!({
            "surroundings": surroundings(if self.debug { "dev" } else { "release" }),
            "hostile": {
                "rounds": self.rounds, "queued in each": self.queued, "length of a build in ms": length_ms,
                "on a server of its own": told_apart.json(), "on the quiet team's": told.json(),
            },
            "figures": std::iter::once(starts).chain(pages).collect::<Vec<_>>(),
        })
    }
}

/// What was written before is written, and is no part of what is measured next.
fn settle() {
    nix::unistd::sync();
}

/// What all rounds came to.
#[derive(Default)]
struct Rounds {
    alone: Measured,
    apart: Measured,
    beside: Measured,
    /// Of each round.
    lengths_ms: Vec<f64>,
    told_apart: Told,
    told: Told,
}

/// A server with its site.
struct Served {
    site: Site,
    server: Server,
}

impl Served {
    fn start(weir: &Path, name: &str, queued: usize) -> Result<Self> {
        let dir = target_dir().join("bench-tenants").join(name);
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("weir.toml"), site::configuration(queued))?;
        let mut serve = Command::new(weir);
        serve.current_dir(&dir).arg("serve").env("WEIR_LOG", "warn,weir::app=info");
        let server = Server::start(serve, &dir.join("state/server.json"))?;
        Ok(Self { site: Site { weir: weir.to_owned(), dir, address: server.address() }, server })
    }

    fn end(mut self) -> Result<()> {
        self.server.end();
        let dir = &self.site.dir;
        std::fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))
    }
}

/// How much worse a figure may become.
#[derive(Clone, Copy)]
enum Bound {
    /// By so much more at the worst.
    Added(f64),
    /// So many times the p99.
    Times(f64),
}

impl Bound {
    fn of(self, p99: f64) -> f64 {
        match self {
            Self::Added(ms) => p99 + ms,
            Self::Times(factor) => p99 * factor,
        }
    }
}

/// A figure alone, with the hostile team on a server of its own, and with it on the same: the bound is held against either, and the
/// second tells whether it is the server that is shared or the machine.
fn figure(name: &str, [alone, apart, beside]: [&[f64]; 3], bound: Bound) -> Value {
    let p99 = |samples: &[f64]| percentile(samples, 99.0);
    let (limit, limit_apart) = (bound.of(p99(alone)), bound.of(p99(apart)));
    let said =
        |samples: &[f64]| json!({ "median": percentile(samples, 50.0), "p99": p99(samples), "samples": samples.len() });
    json!({
        "name": name, "unit": "ms", "alone": said(alone), "apart": said(apart), "beside": said(beside),
        "limit_p99": limit, "is_kept": p99(beside) <= limit,
        "limit_p99_apart": limit_apart, "is_kept_apart": p99(beside) <= limit.max(limit_apart),
    })
}

/// Figures that are beyond their bounds, also where only the machine is shared.
fn missed(report: &Value) -> Vec<&str> {
    names_without(report, "is_kept_apart")
}

/// The report for people, in Markdown.
fn table(report: &Value) -> String {
    let mut text = list(&report["surroundings"]) + &list(&report["hostile"]);
    text.push_str(
        "\n| what | alone: median | p99 | on the same machine: median | p99 | on the same server: median | p99 \
         | may be, of alone | of the same machine | |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n",
    );
    for figure in report["figures"].as_array().into_iter().flatten() {
        let ms = |value: &Value| value.as_f64().map_or_else(String::new, |ms| format!("{ms:.1} ms"));
        let cells = ["alone", "apart", "beside"].map(|phase| ["median", "p99"].map(|part| ms(&figure[phase][part])));
        let limits = format!("{} | {}", ms(&figure["limit_p99"]), ms(&figure["limit_p99_apart"]));
        let verdict = match (&figure["is_kept"], &figure["is_kept_apart"]) {
            (Value::Bool(true), _) => "kept",
            (_, Value::Bool(true)) => "kept but for the machine",
            _ => "MISSED",
        };
        let name = figure["name"].as_str().unwrap_or_default();
        writeln!(text, "| {name} | {} | {limits} | {verdict} |", cells.as_flattened().join(" | "))
            .expect("writing to a string never fails");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Bound, figure, missed, table};
    use serde_json::json;

    #[test]
    fn what_is_missed_is_said() {
        let page = figure("page", [&[3.0], &[2.0], &[4.1]], Bound::Times(4.0 / 3.0));
        let busy = figure("busy", [&[3.0], &[6.0], &[7.9]], Bound::Times(4.0 / 3.0));
        let start = figure("start", [&[3.0], &[2.0], &[2_004.0]], Bound::Added(2_000.0));
        let fine = figure("fine", [&[3.0], &[2.0], &[4.0]], Bound::Times(4.0 / 3.0));
        let report = json!({ "figures": [page, busy, start, fine] });
        assert_eq!(missed(&report), ["page", "start"]);
        let text = table(&report);
        assert!(
            text.contains("| page | 3.0 ms | 3.0 ms | 2.0 ms | 2.0 ms | 4.1 ms | 4.1 ms | 4.0 ms | 2.7 ms | MISSED |"),
            "{text}"
        );
        assert!(
            text.contains("| busy | 3.0 ms | 3.0 ms | 6.0 ms | 6.0 ms | 7.9 ms | 7.9 ms | 4.0 ms | 8.0 ms | kept but for the machine |"),
            "{text}"
        );
    }
}
