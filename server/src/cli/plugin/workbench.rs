//! A build's side of the host, without a server: it remembers what a step sets and prints what it logs.

use super::printer::Printer;
use crate::config::vault::Vault;
use crate::engine::interpolate::Values;
use crate::engine::step::{ArtifactError, ArtifactSink, StepHost, StoredArtifact};
use crate::model::property::Properties;
use crate::status::resource::TestCase;
use crate::worker::{Output, OutputSender};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::task::JoinHandle;

/// Pieces of output on the way to the terminal.
const QUEUED_MAX: usize = 16;

/// The build of `weir plugin test`.
pub struct Workbench<Out, Err> {
    printer: Arc<Printer<Out, Err>>,
    vault: Arc<Vault>,
    state: Mutex<State>,
}

/// What a step left behind.
#[derive(Debug, Default)]
pub struct State {
    /// The build's properties as they are now.
    pub properties: Properties,
    /// Names of those that the step set, in order.
    pub set: Vec<String>,
    /// Names and URLs.
    pub links: Vec<(String, String)>,
    /// Numbers that it measured, by name.
    pub statistics: BTreeMap<String, f64>,
    /// Tests that it found.
    pub tests: Vec<TestCase>,
    artifacts: BTreeSet<String>,
    readers: Vec<JoinHandle<()>>,
}

impl<Out: Write + Send + 'static, Err: Write + Send + 'static> Workbench<Out, Err> {
    /// A build with these properties and secrets.
    pub fn new(printer: Arc<Printer<Out, Err>>, properties: Properties, vault: Arc<Vault>) -> Self {
        Self { printer, vault, state: Mutex::new(State { properties, ..State::default() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the workbench panics")
    }

    /// Waits until everything that was logged is printed; returns what the step left behind.
    pub async fn finish(&self) -> State {
        let readers = std::mem::take(&mut self.state().readers);
        for reader in readers {
            if let Err(panic) = reader.await {
                self.printer.say(&format!("a log could not be printed: {panic}"));
            }
        }
        self.printer.finish();
        std::mem::take(&mut *self.state())
    }
}

#[async_trait]
impl<Out: Write + Send + 'static, Err: Write + Send + 'static> StepHost for Workbench<Out, Err> {
    fn properties(&self) -> Properties {
        self.state().properties.clone()
    }

    fn fill(&self, settings: &Value, is_shell_line: &(dyn Fn(&str) -> bool + Sync)) -> Result<Value, String> {
        let properties = self.properties();
        Values { properties: &properties, declared: &BTreeSet::new() }.fill(settings, is_shell_line)
    }

    fn vault(&self) -> Arc<Vault> {
        Arc::clone(&self.vault)
    }

    async fn set_property(&self, name: &str, value: Value) -> Result<(), String> {
        let mut state = self.state();
        state.properties.set(name, value, "Step");
        state.set.retain(|set| set != name);
        state.set.push(name.to_owned());
        Ok(())
    }

    async fn log(&self, name: &str) -> Result<OutputSender, String> {
        let (sender, mut output) = tokio::sync::mpsc::channel::<Output>(QUEUED_MAX);
        let (printer, log) = (Arc::clone(&self.printer), name.to_owned());
        let reader = tokio::spawn(async move {
            while let Some(piece) = output.recv().await {
                printer.output(&log, piece.channel, &piece.bytes);
            }
        });
        self.state().readers.push(reader);
        Ok(sender)
    }

    async fn summary(&self, _text: &str) -> Result<(), String> {
        // The call itself is traced; only the last words stay, and they are the plugin's verdict.
        Ok(())
    }

    async fn link(&self, name: &str, url: &str) -> Result<(), String> {
        self.state().links.push((name.to_owned(), url.to_owned()));
        Ok(())
    }

    async fn statistic(&self, name: &str, value: f64) -> Result<(), String> {
        self.state().statistics.insert(name.to_owned(), value);
        Ok(())
    }

    async fn test_results(&self, cases: Vec<TestCase>) -> Result<(), String> {
        self.state().tests.extend(cases);
        Ok(())
    }

    async fn artifact(&self, name: &str) -> Result<Box<dyn ArtifactSink>, ArtifactError> {
        let counted = Counted { name: name.to_owned(), size_bytes: 0, hash: Sha256::new() };
        match self.state().artifacts.insert(name.to_owned()) {
            true => Ok(Box::new(counted)),
            false => Err(ArtifactError::Invalid(format!("the build has an artifact `{name}` already"))),
        }
    }
}

/// An artifact that is read and kept nowhere.
struct Counted {
    name: String,
    size_bytes: u64,
    hash: Sha256,
}

#[async_trait]
impl ArtifactSink for Counted {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ArtifactError> {
        self.size_bytes += bytes.len() as u64;
        self.hash.update(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<StoredArtifact, ArtifactError> {
        let Self { name, size_bytes, hash } = *self;
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        // No server stands behind a run without one.
        let url = format!("http://weir.invalid/artifact/{name}");
        Ok(StoredArtifact { name, size_bytes, sha256, url })
    }
}
