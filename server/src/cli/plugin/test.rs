//! `weir plugin test`: runs a step against a real local worker, without a server and without a database.

use super::granted::Granted;
use super::printer::Printer;
use super::settings::{add_property, secrets, settings};
use super::trace::{Counted, TARGET, Trace};
use super::workbench::{State, Workbench};
use crate::clock::{SharedClock, SystemClock};
use crate::config::plugin::Plugin;
use crate::config::server::Server;
use crate::config::settings::mark_secrets;
use crate::config::vault::Vault;
use crate::engine::step::{StepCall, StepEnd, StepHost, StepRunner};
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::source_stamp::SourceStamp;
use crate::model::test_outcome::TestOutcome;
use crate::plugins::Catalogue;
use crate::status::resource::TestCase;
use crate::worker::Place;
use crate::worker::local::{Directories, Hidden, LocalWorker};
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Stderr, Stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The team and the build of a step that runs without a server.
const TEAM: &str = "test";
const NUMBER: i64 = 1;

const EXAMPLES: &str = "\
What the step logs goes to standard output; every call of the host (`host|`) and the verdict go to standard error.
The exit code is 0 for success, warnings and skipped, and 1 for anything else.

Examples:
  weir plugin test line_count.wasm --settings settings.toml --command
  weir plugin test line_count.wasm --settings '{ \"command\": \"ls\" }' --command sh --dir .
  weir plugin test deploy.wasm --settings settings.json --property branch=main --grant http=example.org:443
  weir plugin test deploy.wasm --settings settings.json --config /etc/weir/weir.toml";

/// Runs a step on this machine, without a server: prints its log, every host call, and how it ended. It may do nothing that a flag
/// or a configuration does not grant.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Test {
    #[command(flatten)]
    granted: Granted,
    /// What stands under `with`: a file of TOML or JSON, or JSON in place.
    #[arg(long, value_name = "FILE|JSON")]
    settings: Option<String>,
    /// Sets a property of the build; a value that is JSON keeps its type.
    #[arg(long, value_name = "NAME=VALUE")]
    property: Vec<String>,
    /// A secret that the settings may hand over as `{ secret = "NAME" }`: the content of a file.
    #[arg(long, value_name = "NAME=FILE")]
    secret: Vec<String>,
    /// The branch to build.
    #[arg(long)]
    branch: Option<String>,
    /// The revision to build.
    #[arg(long)]
    revision: Option<String>,
    /// Runs commands in this folder, which is kept, instead of a new one that is removed.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Says nothing of host calls.
    #[arg(long)]
    no_trace: bool,
}

type Voices = Printer<Stdout, Stderr>;

impl Test {
    /// Runs the step to its end.
    ///
    /// # Errors
    /// Where it cannot be run at all.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let printer = Arc::new(Printer::new(std::io::stdout(), std::io::stderr(), !self.no_trace));
        let counted = Arc::new(Mutex::new(Counted::default()));
        listen(&printer, &counted)?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().context("threads cannot be started")?;
        let code = runtime.block_on(self.run_step(&printer, &counted));
        // What is left has had its time.
        runtime.shutdown_background();
        code
    }

    async fn run_step(self, printer: &Arc<Voices>, counted: &Mutex<Counted>) -> anyhow::Result<ExitCode> {
        let (name, table) = (self.granted.name()?, self.granted.table()?);
        let mut properties = self.properties()?;
        properties.set("buildername", name.clone(), "Build");
        let mut settings = settings(self.settings.as_deref())?;
        mark_secrets(&mut settings, true);
        let scratch = tempfile::Builder::new().prefix("weir-plugin-test-").tempdir().context("making a folder")?;
        let clock: SharedClock = Arc::new(SystemClock);
        let weir = std::env::current_exe().context("finding this program's own file")?;
        let catalogue = Catalogue::new(weir, Arc::clone(&clock)).context("preparing to run plugins")?;
        let stop = crate::shutdown::listen().context("signals cannot be listened to")?;
        let plugins = catalogue.plugins(BTreeMap::from([(name.clone(), table.clone())]), server(scratch.path()));
        let call = self.call(&name, &table, settings, scratch.path(), clock, stop)?;

        let vault = Arc::new(Vault::of(&secrets(&self.secret)?));
        let bench = Arc::new(Workbench::new(Arc::clone(printer), properties, vault));
        let host: Arc<dyn StepHost> = bench.clone();
        let start = Instant::now();
        let end = plugins.run(call, host).await;
        let took = start.elapsed();
        let state = bench.finish().await;
        let counted = std::mem::take(&mut *counted.lock().expect("no holder of the counts panics"));
        report(printer, &end, &state, &counted);
        let calls = if counted.n_calls == 1 { "call" } else { "calls" };
        printer.say(&format!("{} host {calls} in {:.3} s", counted.n_calls, took.as_secs_f64()));
        Ok(if end.results.is_good() { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    fn properties(&self) -> anyhow::Result<Properties> {
        let mut properties = Properties::default();
        properties.set("buildnumber", NUMBER, "Build");
        properties.set("workername", crate::config::worker::only().name, "Build");
        for (name, value) in [("branch", &self.branch), ("revision", &self.revision)] {
            if let Some(value) = value {
                properties.set(name, value.clone(), "Build");
            }
        }
        self.property.iter().try_for_each(|given| add_property(&mut properties, given))?;
        Ok(properties)
    }

    fn call(
        &self,
        name: &str,
        table: &Plugin,
        settings: Value,
        scratch: &Path,
        clock: SharedClock,
        stop: CancellationToken,
    ) -> anyhow::Result<StepCall> {
        let team = table.teams.first().map_or(TEAM, String::as_str);
        let builder = BuilderKey::new(team, name);
        let worker = crate::config::worker::only();
        if let Some(dir) = &self.dir {
            let place = Place { team: team.to_owned(), builder: name.to_owned(), number: NUMBER };
            use_dir(dir, &Directories::of(scratch, &worker.name, &place).work)?;
        }
        Ok(StepCall {
            plugin: name.to_owned(),
            name: name.to_owned(),
            settings,
            builder,
            number: NUMBER,
            source_stamp: SourceStamp {
                branch: self.branch.clone(),
                revision: self.revision.clone(),
                ..SourceStamp::default()
            },
            env: BTreeMap::new(),
            worker: Arc::new(LocalWorker::new(&worker, scratch, Hidden::default(), clock)),
            timeout: None,
            idle_timeout: None,
            stop,
        })
    }
}

/// The work directory is a link to the folder that somebody named.
fn use_dir(dir: &Path, work: &Path) -> anyhow::Result<()> {
    if !dir.is_dir() {
        bail!("{} is no folder: `--dir` names one that is there", dir.display());
    }
    let dir = dir.canonicalize().with_context(|| format!("finding {}", dir.display()))?;
    let above = work.parent().context("a work directory lies below the state directory")?;
    std::fs::create_dir_all(above).with_context(|| format!("making {}", above.display()))?;
    std::os::unix::fs::symlink(&dir, work).with_context(|| format!("linking {}", dir.display()))
}

/// Calls of the host to the printer; what the host itself warns of to standard error, by `WEIR_LOG`.
fn listen(printer: &Arc<Voices>, counted: &Arc<Mutex<Counted>>) -> anyhow::Result<()> {
    let trace = Trace::new(Arc::clone(printer), Arc::clone(counted));
    let calls = Targets::new().with_target(TARGET, tracing::Level::TRACE);
    let filter = std::env::var("WEIR_LOG").unwrap_or_else(|_| "error".to_owned());
    let quiet = format!("{TARGET}=off").parse().context("the filter of the log")?;
    let filter = tracing_subscriber::EnvFilter::new(filter).add_directive(quiet);
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).without_time();
    tracing_subscriber::registry()
        .with(trace.with_filter(calls))
        .with(log.with_filter(filter))
        .try_init()
        .context("the log cannot be listened to")
}

/// A server that keeps compiled plugins, so that the second test of a large one starts at once, and has nothing else.
pub fn server(scratch: &Path) -> Server {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join("weir"));
    let cache = cache.filter(|dir| std::fs::create_dir_all(dir).is_ok());
    Server {
        title: String::new(),
        listen: Vec::new(),
        public_url: "http://127.0.0.1/".parse().expect("this is a URL"),
        state_dir: cache.unwrap_or_else(|| scratch.to_owned()),
        database: String::new(),
        plugin_dir: None,
        requests_per_s: 50,
        quota: crate::config::quota::Quota::default(),
        trusted_proxies: Vec::new(),
    }
}

fn report(printer: &Voices, end: &StepEnd, state: &State, counted: &Counted) {
    for name in &state.set {
        let value = state.properties.get(name).cloned().unwrap_or_default();
        printer.say(&format!("property {name} = {value}"));
    }
    for (name, url) in &state.links {
        printer.say(&format!("link {name}: {url}"));
    }
    for (name, value) in &state.statistics {
        printer.say(&format!("statistic {name} = {value}"));
    }
    report_tests(printer, &state.tests);
    for interface in &counted.denied {
        printer.say(&format!("hint: a call of `{interface}` was denied; here {} grants it", flag(interface)));
    }
    let summary = if end.summary.is_empty() { String::new() } else { format!(": {}", end.summary) };
    printer.say(&format!("{}{summary}", end.results));
}

/// How many tests ended how, and each that did not pass.
fn report_tests(printer: &Voices, tests: &[TestCase]) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for test in tests {
        *counts.entry(test.outcome.word()).or_default() += 1;
    }
    for test in tests.iter().filter(|test| test.outcome != TestOutcome::Passed) {
        let message = test.message.as_deref().and_then(|message| message.lines().next()).unwrap_or_default();
        printer.say(&format!("test {} {} {}: {message}", test.outcome.word(), test.suite, test.name));
    }
    if !counts.is_empty() {
        let said: Vec<String> = counts.iter().map(|(word, n)| format!("{n} {word}")).collect();
        printer.say(&format!("tests: {}", said.join(", ")));
    }
}

/// The flag that grants an interface.
fn flag(interface: &str) -> String {
    match interface {
        "command" | "workspace" => "`--command` (any program) or `--command PROGRAM...`".to_owned(),
        "http" => "`--grant http=HOST:PORT`".to_owned(),
        "secret-reveal" => "`--grant reveal`".to_owned(),
        other => format!("`--grant {other}`"),
    }
}
