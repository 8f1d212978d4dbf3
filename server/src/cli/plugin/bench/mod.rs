//! `weir plugin bench`: how long the host takes, and what it holds, over the same code that steps of builds run.
//!
//! Each figure is a list of samples; JSON on standard output, what is measured now on standard error. `cargo xtask bench plugins` builds
//! the guest, calls this, and draws the table.

/// A build that keeps nothing.
mod host;
/// Steps, one after the other or many at once.
mod stage;

use crate::clock::SystemClock;
use crate::config::PluginCatalogue;
use crate::config::plugin::{CommandGrant, Plugin};
use crate::config::server::Server;
use crate::plugins::Catalogue;
use anyhow::Context;
use serde_json::{Value, json};
use stage::Stage;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Instances of each plugin.
const INSTANCES: usize = 2_000;
/// Host calls of one step.
const CALLS: u32 = 100_000;
/// Lines of one command.
const LINES: u32 = 200_000;
/// Steps that wait at once.
const WAITING: usize = 1_000;

/// Measures the host.
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// The component that keeps the host busy: `tests/plugins/bench`.
    guest: PathBuf,
    /// A step that takes a command and runs it.
    #[arg(long, default_value = "bench")]
    command_step: String,
    /// Samples of what takes long.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
}

/// One figure.
struct Figure {
    name: String,
    unit: &'static str,
    samples: Vec<f64>,
    /// Below this the issue wants it.
    target: Option<f64>,
}

impl Figure {
    fn new(name: impl Into<String>, unit: &'static str, samples: Vec<f64>, target: Option<f64>) -> Self {
        Self { name: name.into(), unit, samples, target }
    }

    fn as_json(&self) -> Value {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        json!({
            "name": self.name, "unit": self.unit, "samples": sorted.len(),
            "median": at(50), "p99": at(99), "target": self.target,
        })
    }
}

impl Bench {
    /// Measures and prints.
    ///
    /// # Errors
    /// Where a plugin cannot be used, or a step does not end well.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let scratch = tempfile::Builder::new().prefix("weir-plugin-bench-").tempdir().context("making a folder")?;
        let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
        let mut figures = self.loading(scratch.path())?;
        figures.extend(runtime.block_on(self.running(scratch.path()))?);
        let figures: Vec<Value> = figures.iter().map(Figure::as_json).collect();
        let text = format!("{:#}\n", json!({ "is_optimised": !cfg!(debug_assertions), "figures": figures }));
        std::io::stdout().lock().write_all(text.as_bytes()).context("printing")?;
        Ok(ExitCode::SUCCESS)
    }

    /// Of each bundled plugin: compiling, loading what was compiled, making instances.
    fn loading(&self, scratch: &Path) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        let server = super::test::server(scratch);
        for name in catalogue()?.names(&server) {
            say(&format!("loading {name}"));
            let (mut compiled, mut loaded) = (Vec::new(), Vec::new());
            for round in 0..self.rounds.min(5) {
                // Nothing is remembered, and nothing lies in the cache.
                let empty = Server { state_dir: scratch.join(format!("{name}-{round}")), ..server.clone() };
                let inspection = catalogue()?.inspect(&name, &Plugin::default(), &empty)?;
                compiled.push(millis(inspection.compiled_in));
                loaded.push(millis(inspection.loaded_in));
            }
            let cached = Server { state_dir: scratch.join(format!("{name}-0")), ..server.clone() };
            let made = catalogue()?.instantiations(&name, &Plugin::default(), &cached, INSTANCES)?;
            // The first ones warm up.
            let made = made.into_iter().skip(INSTANCES / 10).map(|took| took.as_secs_f64() * 1e6).collect();
            figures.push(Figure::new(format!("{name}: instantiate, warm"), "us", made, Some(50.0)));
            figures.push(Figure::new(format!("{name}: check, compile, describe"), "ms", compiled, None));
            figures.push(Figure::new(format!("{name}: load from the cache"), "ms", loaded, None));
        }
        Ok(figures)
    }

    async fn running(&self, scratch: &Path) -> anyhow::Result<Vec<Figure>> {
        let mut table =
            Plugin { file: Some(self.guest.canonicalize().context("finding the guest")?), ..Plugin::default() };
        table.grants.command = Some(CommandGrant::Any);
        table.limits.host_calls = u64::MAX;
        table.limits.host_calls_per_s = u64::MAX;
        table.limits.cpu = Duration::from_secs(3_600);
        let stage = Stage::new(catalogue()?, table, scratch);
        let mut figures = vec![self.calls(&stage).await?];
        figures.extend(self.lines(&stage).await?);
        figures.extend(self.shell(&stage).await?);
        figures.extend(self.waiting(&stage).await?);
        Ok(figures)
    }

    async fn calls(&self, stage: &Stage) -> anyhow::Result<Figure> {
        say("host calls");
        let mut samples = Vec::new();
        for _ in 0..self.rounds {
            let idle = stage.step("bench", json!({})).await?;
            let busy = stage.step("bench", json!({ "calls": CALLS })).await?;
            samples.push((busy.as_secs_f64() - idle.as_secs_f64()) * 1e9 / f64::from(CALLS));
        }
        Ok(Figure::new("host call", "ns", samples, None))
    }

    /// The command's own work is in each: what counts is the difference.
    async fn lines(&self, stage: &Stage) -> anyhow::Result<Vec<Figure>> {
        let command = json!(["seq", "1000000", (1_000_000 + LINES - 1).to_string()]);
        let mut figures = Vec::new();
        for (name, prefix) in [
            ("line of a command, to the log only", Value::Null),
            ("line of a command, looked at and not found", json!("x")),
            ("line of a command, found and read by the guest", json!("1")),
        ] {
            say(name);
            let mut samples = Vec::new();
            for _ in 0..self.rounds {
                let took = stage.step("bench", json!({ "command": command, "prefix": prefix })).await?;
                samples.push(took.as_secs_f64() * 1e9 / f64::from(LINES));
            }
            figures.push(Figure::new(name, "ns", samples, None));
        }
        Ok(figures)
    }

    /// A step that only runs a command, against the same command without a plugin: in turns, so that both meet the same machine.
    async fn shell(&self, stage: &Stage) -> anyhow::Result<Vec<Figure>> {
        say("a command with and without a step around it");
        let (mut bare, mut step) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds * 10 {
            bare.push(millis(stage.command(&["true"]).await?));
            step.push(millis(stage.step(&self.command_step, json!({ "command": ["true"] })).await?));
        }
        let over = step.iter().zip(&bare).map(|(step, bare)| step - bare).collect();
        Ok(vec![
            Figure::new("command on the worker, bare", "ms", bare, None),
            Figure::new(format!("command on the worker, as a step `{}`", self.command_step), "ms", step, None),
            Figure::new("what the step adds", "ms", over, Some(5.0)),
        ])
    }

    async fn waiting(&self, stage: &Stage) -> anyhow::Result<Vec<Figure>> {
        say(&format!("{WAITING} steps that wait"));
        let (bytes, threads) = stage.waiting("bench", json!({ "wait": true }), WAITING).await?;
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        Ok(vec![
            Figure::new(format!("{WAITING} steps waiting: memory of all"), "MiB", vec![mib(bytes)], Some(1_024.0)),
            Figure::new(format!("{WAITING} steps waiting: threads more"), "", vec![threads], None),
        ])
    }
}

fn catalogue() -> anyhow::Result<Catalogue> {
    let weir = std::env::current_exe().context("finding this program's own file")?;
    Catalogue::new(weir, Arc::new(SystemClock)).context("preparing to run plugins")
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

fn say(text: &str) {
    eprintln!("bench: {text}");
}
