//! The composition root: build every part once, wire, start, stop.

/// Another configuration while the server runs.
mod reload;
/// Fetches teams' repositories.
mod repositories;
/// The folder that belongs to one server.
mod state_dir;
/// Work that is shared by all who ask for it meanwhile.
mod turns;
/// Tells when files have changed.
mod watch;

use crate::clock::{SharedClock, SystemClock};
use crate::config::load::Input;
use crate::config::team_texts::TeamTexts;
use crate::config::{self, Config};
use crate::delivery::Delivery;
use crate::engine::{Engine, Workers, retention};
use crate::plugins::Catalogue;
use crate::shutdown;
use crate::status::Status;
use crate::status::plugin::PluginSource;
use crate::status::reload::Reload;
use crate::status::team_texts;
use crate::store::Store;
use crate::web;
use crate::worker::Worker;
use crate::worker::local::{self, Hidden, LocalWorker};
use anyhow::Context as _;
use reload::Reloader;
use state_dir::StateDir;
use std::io::IsTerminal as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// What is logged where nobody says: what operators care for.
const LOG_FILTER: &str = "info,actix_server=warn";
const NO_HOST_CALLS: &str = "weir::plugins::bindings=off";

/// Runs the server until it is told to end. `listen` overrides where the configuration listens, where it is not empty. Builds' output is
/// made into stored lines on `log_threads`.
///
/// # Errors
/// Where it cannot start, saying what to do; and where it broke while it ran.
pub async fn serve(config_file: &Path, listen: &[SocketAddr], log_threads: Handle) -> anyhow::Result<ExitCode> {
    start_log();
    // Before any secret is read: nobody but root may look into this process, its builds least of all.
    local::hide_server()?;
    let clock: SharedClock = Arc::new(SystemClock);
    let weir = std::env::current_exe().context("the path of this program cannot be found")?;
    let catalogue = Arc::new(Catalogue::new(weir, clock.clone()).context("plugins cannot be run")?);
    let Some((config, loaded)) = load(config_file, listen, &catalogue) else { return Ok(ExitCode::from(1)) };
    let warnings = local::check_isolation(&config)?;
    let shutdown = shutdown::listen().context("signals cannot be listened to")?;
    let hangup = reload::hangup().context("signals cannot be listened to")?;
    let state_dir = StateDir::take(&config.server.state_dir).await?;
    let listeners = bind(&config.server.listen)?;
    let store = Store::open(&config.server.database)?;
    let again = |texts: &TeamTexts| config::load_keeping(config_file, environment(listen), &*catalogue, texts);
    let (config, loaded) = fall_back((config, loaded), &store, again).await?;
    let status = Status::open(config.clone(), store, clock.clone()).await?;
    status.keep_team_texts().await.context("the teams' configuration cannot be kept in the database")?;
    recover(&config, &status).await?;
    let plugins = catalogue.plugins(config.plugins.clone(), config.server.clone()).with_status(status.clone());
    plugins.configure(&config);
    let plugins = Arc::new(plugins);
    let known: Arc<dyn PluginSource> = plugins.clone();
    status.update().plugins(Arc::downgrade(&known));
    let workers = workers(&config, &clock, None);
    let engine = Engine::new(status.clone(), workers, plugins.clone(), log_threads, shutdown.clone());
    let delivery = Delivery::new(status.clone(), plugins.clone(), clock.clone(), shutdown.clone());
    delivery.follow().await.context("the reporters' places cannot be read from the database")?;
    let reloader: Arc<dyn Reload> = Arc::new(Reloader {
        file: config_file.to_owned(),
        listen: listen.to_vec(),
        catalogue,
        plugins,
        status: status.clone(),
        engine: engine.clone(),
        delivery: delivery.clone(),
        clock: clock.clone(),
        runtime: tokio::runtime::Handle::current(),
        turns: turns::Turns::default(),
        last: Mutex::default(),
    });
    status.update().reloads(Arc::downgrade(&reloader));
    let keys = Arc::new(web::auth::Keys::open(&config)?);
    let bound = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    let urls = urls(&config, &bound);
    reload::keep_written(&loaded, &config);
    state_dir.announce(&bound, &urls)?;
    tell(&config, &urls, &warnings);
    let providers = Arc::new(web::auth::oidc::Providers::new(clock.clone()));
    let state = web::AppState {
        lanes: web::lane::Lanes::default(),
        open: web::live::open::Open::default(),
        providers,
        status: status.clone(),
        public_url: config.server.public_url.clone(),
        passwords: Arc::default(),
        clock,
        keys,
        shutdown: shutdown.clone(),
    };
    let reloads = reload::run(status.clone(), config_file.to_owned(), loaded, hangup, shutdown.clone());
    let served = run(status, (engine, delivery, reloads), state, listeners, shutdown).await;
    state_dir.retract();
    tracing::info!("ended");
    served.map(|()| ExitCode::SUCCESS)
}

/// Runs every part until shutdown, or until the web server breaks.
async fn run(
    status: Status,
    (engine, delivery, reloads): (Engine, Delivery, impl Future<Output = ()>),
    state: web::AppState,
    listeners: Vec<TcpListener>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (keys, clock) = (state.keys.clone(), state.clock.clone());
    let web = async {
        let served = web::serve(state, listeners, shutdown.clone()).await;
        shutdown.cancel();
        served
    };
    let close = async {
        shutdown.cancelled().await;
        status.close();
    };
    let keys = keys.run(&status, &clock, shutdown.clone());
    let retention = retention::run(status.clone(), shutdown.clone());
    let fetch = repositories::run(status.clone(), shutdown.clone());
    let (served, (), (), (), (), (), (), ()) =
        tokio::join!(web, engine.run(), delivery.run(), reloads, retention, fetch, close, keys);
    served
}

/// To standard error; `WEIR_LOG`, else `RUST_LOG`, filters it as in `weir=debug`.
fn start_log() {
    let filter = ["WEIR_LOG", "RUST_LOG"].into_iter().find_map(|name| std::env::var(name).ok());
    let filter = tracing_subscriber::EnvFilter::new(filter.as_deref().unwrap_or(LOG_FILTER));
    // Arguments of host calls may hold what nobody may read; only `weir plugin test` shows them.
    let filter = filter.add_directive(NO_HOST_CALLS.parse().expect("a directive"));
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).with_target(false);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    // A log that somebody installed before us is as good.
    if log.try_init().is_err() {
        tracing::debug!("the log was set up before");
    }
}

/// Loads the configuration and prints what is wrong with it; also what was read. None where the server may not start.
fn load(file: &Path, listen: &[SocketAddr], catalogue: &Catalogue) -> Option<(Arc<Config>, Input)> {
    let loaded = config::load(file, environment(listen), catalogue);
    for diagnostic in &loaded.diagnostics {
        eprintln!("{diagnostic}");
    }
    if loaded.config.is_none() {
        eprintln!("weir: the configuration cannot be used: {}", count(loaded.n_errors(), "error"));
    }
    Some((loaded.config?, loaded.input))
}

/// The server's environment, with `listen` as a layer over the files, like any variable.
fn environment(listen: &[SocketAddr]) -> Vec<(String, String)> {
    let mut environment = config::environment();
    if !listen.is_empty() {
        let addresses: Vec<_> = listen.iter().map(|address| format!("\"{address}\"")).collect();
        environment.retain(|(name, _)| name != "WEIR_SERVER__LISTEN");
        environment.push(("WEIR_SERVER__LISTEN".to_owned(), format!("[{}]", addresses.join(", "))));
    }
    environment
}

/// What was loaded, or where teams' own files are broken what `load` makes of it with what the database says that they said before.
async fn fall_back(
    loaded: (Arc<Config>, Input),
    store: &Store,
    load: impl FnOnce(&TeamTexts) -> config::Loaded,
) -> anyhow::Result<(Arc<Config>, Input)> {
    if loaded.0.broken_teams.is_empty() {
        return Ok(loaded);
    }
    let texts = team_texts::read(store).await.context("what teams' files said before cannot be read")?;
    if texts.is_empty() {
        return Ok(loaded);
    }
    // A file that changed meanwhile may have broken the instance's part: then what was read first stands.
    let again = load(&texts);
    Ok(again.config.map_or(loaded, |config| (config, again.input)))
}

/// Takes every address, so that nothing is started where one is not free.
fn bind(addresses: &[SocketAddr]) -> anyhow::Result<Vec<TcpListener>> {
    let bind = |address: &SocketAddr| {
        TcpListener::bind(address).map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
                "{address} is in use by another program: end it, or listen elsewhere (`server.listen`, `--listen ADDR`)"
            ),
            _ => anyhow::Error::new(error).context(format!("cannot listen on {address} (`server.listen`)")),
        })
    };
    addresses.iter().map(bind).collect()
}

/// Ends what a server that died left behind.
async fn recover(config: &Config, status: &Status) -> anyhow::Result<()> {
    let n_ended = local::end_leftovers(&config.server.state_dir)?;
    if n_ended > 0 {
        tracing::warn!(n_ended, "ended processes that a dead server left");
    }
    let builds = status.update().recover().await.context("builds of the last run cannot be ended")?;
    for build in builds {
        tracing::warn!(builder = %build.builder, number = build.number, "was running when the server died; requested again");
    }
    Ok(())
}

/// The embedded workers of a configuration. Those of `before` that would be no other stay: they know which builds they ran.
fn workers(config: &Config, clock: &SharedClock, before: Option<(&Config, &Workers)>) -> Workers {
    let hidden = Hidden::of(config);
    let kept = |worker: &config::worker::Worker| {
        let (old, workers) = before?;
        let is_same = old.workers.get(&worker.name) == Some(worker) && Hidden::of(old) == hidden;
        workers.get(&worker.name).filter(|_| is_same).cloned()
    };
    let made = |worker: &config::worker::Worker| -> Arc<dyn Worker> {
        Arc::new(LocalWorker::new(worker, &config.server.state_dir, hidden.clone(), clock.clone()))
    };
    let embedded = config.workers.values().filter(|w| w.kind == config::worker::WorkerKind::Embedded);
    embedded.map(|worker| (worker.name.clone(), kept(worker).unwrap_or_else(|| made(worker)))).collect()
}

/// Where people reach the server: by its public URL, and by each address it listens on.
fn urls(config: &Config, bound: &[SocketAddr]) -> Vec<String> {
    let path = config.server.public_url.path();
    let mut urls = vec![config.server.public_url.to_string()];
    for address in bound {
        let url = format!("http://{address}{path}");
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

fn tell(config: &Config, urls: &[String], warnings: &[String]) {
    let n_builders: usize = config.teams.values().map(|team| team.builders.len()).sum();
    tracing::info!(
        "Weir {} serves {} ({}, {}, {})",
        env!("CARGO_PKG_VERSION"),
        urls.join(" and "),
        count(config.teams.len(), "team"),
        count(n_builders, "builder"),
        count(config.views.len(), "view"),
    );
    for sentence in warnings.iter().chain(&config.not_acted_on) {
        tracing::warn!("{sentence}");
    }
    for team in config.broken_teams.keys() {
        let instead = match config.kept_teams.contains(team) {
            true => "is what its files said when they were last good",
            false => "has no builders",
        };
        tracing::warn!("team {team} {instead}, until they are right again");
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
