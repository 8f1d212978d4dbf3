//! `cargo xtask bench plugins`: builds `weir` and the guest that keeps it busy, lets `weir plugin bench` measure, draws the table.

use super::surroundings::surroundings;
use crate::build;
use crate::program::{root, say, target_dir};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use xtask::guest;

/// Arguments of `cargo xtask bench plugins`.
#[derive(Debug, clap::Args)]
pub struct Plugins {
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Measures the debug build: to try the measuring, not for figures.
    #[arg(long)]
    debug: bool,
    /// Samples of what takes long.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
}

impl Plugins {
    /// Measures and prints.
    ///
    /// # Errors
    /// Where something does not build or run.
    pub fn run(self) -> Result<()> {
        let target = target_dir();
        build::plugins()?;
        let busy = target.join("fixtures/bench.wasm");
        let manifest = root().join("tests/plugins/bench/Cargo.toml");
        guest::build_crate(&manifest, "bench", &target.join("third-party"), &busy)?;
        let weir = build::server(!self.debug)?;
        if self.debug {
            say("this is a debug build: its figures are many times those of a release build");
        }
        let surroundings = surroundings(if self.debug { "dev" } else { "release" });
        let mut bench = Command::new(weir);
        bench.args(["plugin", "bench", "--command-step", "shell", "--rounds"]).arg(self.rounds.to_string()).arg(busy);
        let output = bench.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("starting weir")?;
        if !output.status.success() {
            bail!("weir plugin bench ended with {}", output.status);
        }
        let measured: Value =
            serde_json::from_slice(&output.stdout).context("reading what weir plugin bench printed")?;
        let report = json!({ "surroundings": surroundings, "figures": measured["figures"] });
        if self.json {
            println!("{report:#}");
        } else {
            print!("{}", table(&report));
        }
        Ok(())
    }
}

/// The report for people, in Markdown.
fn table(report: &Value) -> String {
    let mut text = String::new();
    for (name, value) in report["surroundings"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        writeln!(text, "- {name}: {value}").expect("writing to a string never fails");
    }
    text.push_str("\n| what | median | p99 | samples | target |\n|---|---:|---:|---:|---:|\n");
    for figure in report["figures"].as_array().into_iter().flatten() {
        let unit = figure["unit"].as_str().unwrap_or_default();
        let number = |of: &Value| of.as_f64().map_or_else(String::new, |n| format!("{} {unit}", rounded(n)));
        let target = figure["target"].as_f64().map_or_else(String::new, |n| format!("< {} {unit}", rounded(n)));
        let name = figure["name"].as_str().unwrap_or_default();
        let (median, p99) = (number(&figure["median"]), number(&figure["p99"]));
        writeln!(text, "| {name} | {median} | {p99} | {} | {target} |", figure["samples"])
            .expect("writing to a string never fails");
    }
    text
}

/// Three digits that say something.
fn rounded(number: f64) -> String {
    let digits = if number.abs() >= 100.0 {
        0
    } else if number.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{number:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::table;
    use serde_json::json;

    #[test]
    fn figures_stand_in_a_table_with_their_units_and_targets() {
        let figure =
            json!({ "name": "host call", "unit": "ns", "samples": 11, "median": 141.3, "p99": 1.5, "target": null });
        let waits =
            json!({ "name": "waiting", "unit": "MiB", "samples": 1, "median": 20.06, "p99": 20.06, "target": 1024.0 });
        let text = table(&json!({ "surroundings": { "cores": 4 }, "figures": [figure, waits] }));
        assert!(text.starts_with("- cores: 4\n"), "{text}");
        assert!(text.contains("| host call | 141 ns | 1.50 ns | 11 |  |\n"), "{text}");
        assert!(text.contains("| waiting | 20.1 MiB | 20.1 MiB | 1 | < 1024 MiB |\n"), "{text}");
    }
}
