//! Steps on the embedded worker, timed.

use super::host::{Nowhere, forget};
use crate::clock::SystemClock;
use crate::config::plugin::Plugin;
use crate::engine::step::{StepCall, StepHost, StepRunner};
use crate::model::name::BuilderKey;
use crate::model::source_stamp::SourceStamp;
use crate::plugins::{Catalogue, Plugins};
use crate::worker::local::{Hidden, LocalWorker};
use crate::worker::{Command, Exit, Place, What, Worker};
use anyhow::{Context, ensure};
use futures::future::join_all;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const TEAM: &str = "bench";
const NUMBER: i64 = 1;

/// Plugins, a worker, and one builder.
pub struct Stage {
    plugins: Plugins,
    worker: Arc<dyn Worker>,
}

impl Stage {
    /// A stage for this guest as the plugin `bench`; everything lies in `scratch`.
    pub fn new(catalogue: Catalogue, table: Plugin, scratch: &Path) -> Self {
        let server =
            crate::config::server::Server { state_dir: scratch.join("state"), ..super::super::test::server(scratch) };
        let plugins = catalogue.plugins(BTreeMap::from([(TEAM.to_owned(), table)]), server);
        let worker = crate::config::worker::only();
        let worker = LocalWorker::new(&worker, &scratch.join("state"), Hidden::default(), Arc::new(SystemClock));
        Self { plugins, worker: Arc::new(worker) }
    }

    fn call(&self, plugin: &str, settings: Value, stop: CancellationToken) -> StepCall {
        StepCall {
            plugin: plugin.to_owned(),
            name: plugin.to_owned(),
            settings,
            builder: BuilderKey::new(TEAM, TEAM),
            number: NUMBER,
            source_stamp: SourceStamp::default(),
            env: BTreeMap::new(),
            worker: Arc::clone(&self.worker),
            timeout: None,
            idle_timeout: None,
            stop,
        }
    }

    /// Runs a step; how long it took.
    ///
    /// # Errors
    /// Where it does not end well.
    pub async fn step(&self, plugin: &str, settings: Value) -> anyhow::Result<Duration> {
        let call = self.call(plugin, settings, CancellationToken::new());
        let begun = Instant::now();
        let end = self.plugins.run(call, Arc::new(Nowhere::default())).await;
        let took = begun.elapsed();
        ensure!(end.results.is_good(), "the step {plugin} ended with {}: {}", end.results, end.summary);
        Ok(took)
    }

    /// Runs a command on the worker without a plugin; how long it took.
    ///
    /// # Errors
    /// Where it does not end well.
    pub async fn command(&self, words: &[&str]) -> anyhow::Result<Duration> {
        let command = Command {
            place: Place { team: TEAM.to_owned(), builder: TEAM.to_owned(), number: NUMBER },
            what: What::Program(words.iter().map(|word| (*word).to_owned()).collect()),
            directory: None,
            env: BTreeMap::new(),
            stdin: None,
            timeout: None,
            idle_timeout: None,
        };
        let begun = Instant::now();
        let exit = self.worker.run(command, forget(), CancellationToken::new()).await?;
        let took = begun.elapsed();
        ensure!(matches!(exit, Exit::Code(0)), "{words:?} ended with {exit:?}");
        Ok(took)
    }

    /// Lets `n` steps wait at once, each of which says a summary before; memory and threads that they take in all.
    ///
    /// # Errors
    /// Where the system does not say what this process holds.
    pub async fn waiting(&self, plugin: &str, settings: Value, n: usize) -> anyhow::Result<(f64, f64)> {
        // Loaded and run once before: only what the waiting ones take is counted.
        self.step(plugin, Value::Object(serde_json::Map::new())).await?;
        let (bytes, threads) = held()?;
        let (stop, host) = (CancellationToken::new(), Arc::new(Nowhere::default()));
        let steps = (0..n).map(|_| {
            let host: Arc<dyn StepHost> = host.clone();
            self.plugins.run(self.call(plugin, settings.clone(), stop.clone()), host)
        });
        let mut said = host.n_summaries.subscribe();
        let measured = async {
            let all = said.wait_for(|said| *said >= n).await.map(drop).context("waiting for the steps");
            let measured = all.and_then(|()| held());
            stop.cancel();
            measured
        };
        let (_, measured) = tokio::join!(join_all(steps), measured);
        let (bytes_then, threads_then) = measured?;
        Ok((bytes_then - bytes, threads_then - threads))
    }
}

/// Resident memory in bytes, and threads, of this process.
fn held() -> anyhow::Result<(f64, f64)> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading what this process holds")?;
    let field = |name: &str| -> Option<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let kib = field("VmRSS:").context("the system does not say how much memory this process holds")?;
    let threads = field("Threads:").context("the system does not say how many threads this process has")?;
    Ok((kib * 1024.0, threads))
}
