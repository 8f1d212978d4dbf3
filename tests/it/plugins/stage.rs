//! A build's side of the host, for tests: real plugins, a real worker, and a build that only remembers.

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use weir::clock::{SharedClock, SystemClock};
use weir::config::plugin::Plugin;
use weir::config::server::Server;
use weir::config::worker::{Isolation, Worker as WorkerTable, WorkerKind};
use weir::engine::step::{ArtifactError, ArtifactSink, StepCall, StepEnd, StepHost, StepRunner, StoredArtifact};
use weir::model::name::BuilderKey;
use weir::model::property::Properties;
use weir::model::source_stamp::SourceStamp;
use weir::plugins::{Catalogue, Plugins};
use weir::status::resource::TestCase;
use weir::worker::local::{Hidden, LocalWorker};
use weir::worker::{Channel, Output, OutputSender};
use weir_tests::binary;

/// An instance with a folder for plugins, and one builder.
pub struct Stage {
    dir: TempDir,
    catalogue: Catalogue,
    tables: BTreeMap<String, Plugin>,
    weir: PathBuf,
    clock: SharedClock,
    /// Whose build.
    pub team: String,
    /// Cancelled, it stops the build.
    pub stop: CancellationToken,
    /// What is built.
    pub source_stamp: SourceStamp,
    /// Of every command.
    pub env: BTreeMap<String, String>,
    /// Of every command.
    pub timeout: Option<Duration>,
    /// How long a guest has after a stop.
    pub stop_grace: Duration,
    host: Arc<Remembers>,
}

impl Stage {
    /// An instance without plugins of its own.
    pub fn new() -> Self {
        Self::beside(binary::weir())
    }

    /// An instance with this clock.
    pub fn with_clock(clock: SharedClock) -> Self {
        let mut stage = Self { clock, ..Self::new() };
        stage.restart();
        stage
    }

    /// An instance of another binary, which has other bundled plugins beside it.
    pub fn beside(weir: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("plugins")).unwrap();
        Self {
            catalogue: Catalogue::new(weir.clone(), Arc::new(SystemClock)).unwrap(),
            dir,
            tables: BTreeMap::new(),
            weir,
            clock: Arc::new(SystemClock),
            team: "core".to_owned(),
            stop: CancellationToken::new(),
            source_stamp: SourceStamp::default(),
            env: BTreeMap::new(),
            timeout: None,
            stop_grace: Duration::from_secs(10),
            host: Arc::new(Remembers::default()),
        }
    }

    /// Forgets everything in memory, as a new process would.
    pub fn restart(&mut self) {
        self.catalogue = Catalogue::new(self.weir.clone(), Arc::clone(&self.clock)).unwrap();
    }

    /// The instance's folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Drops a component into the folder of plugins.
    pub fn plugin(&mut self, name: &str, component: &[u8]) {
        std::fs::write(self.path().join(format!("plugins/{name}.wasm")), component).unwrap();
    }

    /// Sets what `[plugin.NAME]` says.
    pub fn table(&mut self, name: &str, change: impl FnOnce(&mut Plugin)) {
        change(self.tables.entry(name.to_owned()).or_default());
    }

    /// Sets a property of the build.
    pub fn property(&self, name: &str, value: &str) {
        self.host.state.lock().unwrap().properties.set(name, value, "test");
    }

    fn server(&self) -> Server {
        Server {
            title: String::new(),
            listen: Vec::new(),
            public_url: "http://127.0.0.1/".parse().unwrap(),
            state_dir: self.path().join("state"),
            database: String::new(),
            plugin_dir: Some(self.path().join("plugins")),
            requests_per_s: 50,
            quota: weir::config::quota::Quota::default(),
            trusted_proxies: Vec::new(),
        }
    }

    /// What the plugin says of itself, or why it cannot be used.
    pub fn describe(&self, name: &str) -> Result<Value, String> {
        use weir::config::{NotDescribed, PluginCatalogue};
        let table = self.tables.get(name).cloned().unwrap_or_default();
        match self.catalogue.describe(name, &table, &self.server()) {
            Ok(described) => Ok((*described.settings_schema).clone()),
            Err(NotDescribed::Unknown) => Err("unknown".to_owned()),
            Err(NotDescribed::NotAsked) => Err("not asked".to_owned()),
            Err(NotDescribed::Broken(why)) => Err(why),
        }
    }

    /// Names of the plugins that are there.
    pub fn names(&self) -> Vec<String> {
        use weir::config::PluginCatalogue;
        self.catalogue.names(&self.server())
    }

    /// The runner under the tables of now.
    pub fn plugins(&self) -> Plugins {
        self.catalogue.plugins(self.tables.clone(), self.server()).with_stop_grace(self.stop_grace)
    }

    /// Runs one step.
    pub async fn run(&self, plugin: &str, settings: Value) -> StepEnd {
        self.run_with(&self.plugins(), plugin, settings).await
    }

    /// Runs one step with this runner.
    pub async fn run_with(&self, plugins: &Plugins, plugin: &str, settings: Value) -> StepEnd {
        let table = WorkerTable {
            name: "local".to_owned(),
            kind: WorkerKind::Embedded,
            slots: 1,
            labels: Vec::new(),
            teams: Vec::new(),
            env: BTreeMap::new(),
            pass_env: Vec::new(),
            paths: None,
            isolation: Isolation::None,
            password: None,
        };
        let worker = LocalWorker::new(&table, &self.path().join("state"), Hidden::default(), Arc::new(SystemClock))
            .with_binary(binary::weir());
        let call = StepCall {
            plugin: plugin.to_owned(),
            name: "a step".to_owned(),
            settings,
            builder: BuilderKey::new(&self.team, "linux"),
            number: 7,
            source_stamp: self.source_stamp.clone(),
            env: self.env.clone(),
            worker: Arc::new(worker),
            timeout: self.timeout,
            idle_timeout: None,
            stop: self.stop.clone(),
        };
        let host: Arc<dyn StepHost> = self.host.clone();
        plugins.run(call, host).await
    }

    /// A log as it is, each piece of what Weir or the plugin says between brackets.
    pub async fn log(&self, name: &str) -> String {
        self.host.log_text(name, true).await
    }

    /// Only what commands printed.
    pub async fn output(&self, name: &str) -> String {
        self.host.log_text(name, false).await
    }

    /// Waits until its steps have said what they do so many times.
    pub async fn said_summaries(&self, n: usize) {
        let mut said = self.host.n_summaries.subscribe();
        said.wait_for(|said| *said >= n).await.expect("the stage holds the sender");
    }

    /// Processes that work in the instance's folder.
    pub fn processes(&self) -> Vec<String> {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let ours = all.filter(|process| {
            std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(self.path().join("state")))
        });
        ours.map(|process| {
            std::fs::read_to_string(process.path().join("cmdline")).unwrap_or_default().replace('\0', " ")
        })
        // One that has given up its memory, and so its command line, is dead already.
        .filter(|line| !line.is_empty())
        .collect()
    }

    /// Whether a file of this name lies anywhere in the instance's folder.
    pub fn has_file(&self, name: &str) -> bool {
        fn find(dir: &Path, name: &str) -> bool {
            std::fs::read_dir(dir).unwrap().flatten().any(|entry| {
                let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
                entry.file_name() == name || (is_dir && find(&entry.path(), name))
            })
        }
        find(self.path(), name)
    }

    /// The compiled form of the only plugin that ran.
    pub fn compiled(&self) -> PathBuf {
        let folder = std::fs::read_dir(self.path().join("state/compiled")).unwrap();
        let mut paths = folder.map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().is_some_and(|e| e == "cwasm")).unwrap()
    }

    /// A number that the step measured.
    pub fn statistic(&self, name: &str) -> Option<f64> {
        self.host.state.lock().unwrap().statistics.get(name).copied()
    }

    /// The content of an artifact.
    pub fn artifact(&self, name: &str) -> Option<Vec<u8>> {
        self.host.state.lock().unwrap().artifacts.get(name).cloned()
    }

    /// A property of the build.
    pub fn property_now(&self, name: &str) -> Option<Value> {
        self.host.properties().get(name).cloned()
    }
}

/// A build that remembers.
#[derive(Default)]
struct Remembers {
    state: Arc<Mutex<State>>,
    n_summaries: tokio::sync::watch::Sender<usize>,
}

/// An artifact that comes.
struct Remembered {
    name: String,
    content: Vec<u8>,
    state: Arc<Mutex<State>>,
}

#[async_trait]
impl ArtifactSink for Remembered {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ArtifactError> {
        self.content.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<StoredArtifact, ArtifactError> {
        let Self { name, content, state } = *self;
        let stored = StoredArtifact {
            name: name.clone(),
            size_bytes: content.len() as u64,
            sha256: "0".repeat(64),
            url: format!("http://weir.example/{name}"),
        };
        state.lock().unwrap().artifacts.insert(name, content);
        Ok(stored)
    }
}

/// Reads one opening of a log to its end.
type Reader = tokio::task::JoinHandle<Vec<(Channel, Bytes)>>;

#[derive(Default)]
struct State {
    properties: Properties,
    logs: BTreeMap<String, Vec<Reader>>,
    statistics: BTreeMap<String, f64>,
    tests: Vec<TestCase>,
    artifacts: BTreeMap<String, Vec<u8>>,
}

impl Remembers {
    async fn log_text(&self, name: &str, with_headers: bool) -> String {
        let parts = self.state.lock().unwrap().logs.remove(name).unwrap_or_default();
        let mut text = Vec::new();
        for part in parts {
            for (channel, bytes) in part.await.unwrap() {
                if channel != Channel::Header {
                    text.extend_from_slice(&bytes);
                } else if with_headers {
                    text.extend_from_slice(format!("[{}]", String::from_utf8_lossy(&bytes).trim_end()).as_bytes());
                    text.push(b'\n');
                }
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[async_trait]
impl StepHost for Remembers {
    fn properties(&self) -> Properties {
        self.state.lock().unwrap().properties.clone()
    }

    fn fill(&self, settings: &Value, is_shell_line: &(dyn Fn(&str) -> bool + Sync)) -> Result<Value, String> {
        let properties = self.properties();
        let values = weir::engine::interpolate::Values { properties: &properties, declared: &BTreeSet::new() };
        values.fill(settings, is_shell_line)
    }

    async fn set_property(&self, name: &str, value: Value) -> Result<(), String> {
        self.state.lock().unwrap().properties.set(name, value, "Step: a step");
        Ok(())
    }

    async fn log(&self, name: &str) -> Result<OutputSender, String> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Output>(4);
        let reader = tokio::task::spawn(async move {
            let mut pieces = Vec::new();
            while let Some(piece) = receiver.recv().await {
                pieces.push((piece.channel, piece.bytes));
            }
            pieces
        });
        self.state.lock().unwrap().logs.entry(name.to_owned()).or_default().push(reader);
        Ok(sender)
    }

    async fn summary(&self, _text: &str) -> Result<(), String> {
        self.n_summaries.send_modify(|n| *n += 1);
        Ok(())
    }

    async fn statistic(&self, name: &str, value: f64) -> Result<(), String> {
        self.state.lock().unwrap().statistics.insert(name.to_owned(), value);
        Ok(())
    }

    async fn test_results(&self, cases: Vec<TestCase>) -> Result<(), String> {
        self.state.lock().unwrap().tests.extend(cases);
        Ok(())
    }

    async fn artifact(&self, name: &str) -> Result<Box<dyn ArtifactSink>, ArtifactError> {
        if self.state.lock().unwrap().artifacts.contains_key(name) {
            return Err(ArtifactError::Invalid(format!("the build has an artifact `{name}` already")));
        }
        Ok(Box::new(Remembered { name: name.to_owned(), content: Vec::new(), state: self.state.clone() }))
    }

    async fn link(&self, _name: &str, _url: &str) -> Result<(), String> {
        Ok(())
    }
}
