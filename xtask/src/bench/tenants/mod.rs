//! `cargo xtask bench tenants`: a hostile team beside a quiet one. The quiet team's builds and pages are measured twice in one server: alone,
//! and while the other has queued builds by the thousand whose logs are floods, asks for more and holds streams open as fast as it can.

mod hostile;
mod quiet;
mod site;

use super::figures::{list, names_without, percentile};
use super::surroundings::surroundings;
use crate::build;
use crate::program::{say, target_dir};
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use hostile::Hostile;
use quiet::Quiet;
use serde_json::{Value, json};
use site::Site;
use std::fmt::Write as _;
use std::path::PathBuf;
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
    /// Builds of the quiet team that are timed, each time.
    #[arg(long, default_value_t = 50)]
    builds: usize,
    /// Readings of each page of the quiet team that are timed, each time.
    #[arg(long, default_value_t = 1_000)]
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
        let dir = target_dir().join("bench-tenants");
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("weir.toml"), site::configuration(self.queued))?;
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
        let quiet = Quiet::new(site, self.builds, self.pages)?;
        say("the quiet team builds what its pages show");
        quiet.make_history()?;
        hostile::warm_up(site)?;
        say("how long one build of the hostile team takes alone");
        let length_ms = hostile::length_ms(site)?;
        say("the quiet team alone");
        let alone = quiet.measure()?;
        say(&format!("the hostile team queues {} builds", self.queued));
        let queued_s = hostile::queue(site, self.queued)?;
        let token = site.token(&["--team", "hostile", "--role", "operator"])?;
        let hostile = Hostile::start(site, &token, self.callers, self.streams);
        say("the quiet team beside it");
        let beside = quiet.measure();
        let waiting = hostile::waiting(site, &token);
        let told = hostile.end();
        let (beside, waiting) = (beside?, waiting?);
        let starts = figure("start of a build", &alone.starts_ms, &beside.starts_ms, Bound::Added(length_ms));
        let pages = alone.pages_ms.iter().zip(&beside.pages_ms);
        let pages = pages.map(|((name, alone), (_, beside))| figure(name, alone, beside, Bound::Times(4.0 / 3.0)));
        Ok(json!({
            "surroundings": surroundings(if self.debug { "dev" } else { "release" }),
            "hostile": {
                "queued": self.queued, "queued in s": queued_s, "still waiting": waiting,
                "length of a build in ms": length_ms, "calls answered": told.n_answered, "calls refused": told.n_refused,
                "streams held open": told.n_streams,
            },
            "figures": std::iter::once(starts).chain(pages).collect::<Vec<_>>(),
        }))
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
    names_without(report, "is_kept")
}

/// The report for people, in Markdown.
fn table(report: &Value) -> String {
    let mut text = list(&report["surroundings"]) + &list(&report["hostile"]);
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
    use super::{Bound, figure, missed, table};
    use serde_json::json;

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
