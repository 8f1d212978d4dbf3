//! Another configuration in the place of the one in force, while the server runs: loaded whole, taken over by every part in an order in
//! which nobody finds half of it, or not at all.

use super::turns::Turns;
use super::watch::Watch;
use super::workers;
use crate::clock::SharedClock;
use crate::config::diff::{self, Consequence};
use crate::config::load::Input;
use crate::config::source::Kind;
use crate::config::written::Written;
use crate::config::{self, Config, Loaded};
use crate::delivery::Delivery;
use crate::engine::Engine;
use crate::plugins::{Catalogue, Plugins};
use crate::status::reload::{Reload, Reloaded};
use crate::status::{Error, Result, Status};
use crate::worker::local;
use async_trait::async_trait;
use futures::future::BoxFuture;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Every part that a configuration reaches.
pub struct Reloader {
    /// Where the files are.
    pub file: PathBuf,
    /// What overrides `server.listen`.
    pub listen: Vec<SocketAddr>,
    /// Describes plugins.
    pub catalogue: Arc<Catalogue>,
    /// Runs them.
    pub plugins: Arc<Plugins>,
    /// Holds what is in force.
    pub status: Status,
    /// Makes builds happen.
    pub engine: Engine,
    /// Tells people.
    pub delivery: Delivery,
    /// Now.
    pub clock: SharedClock,
    /// Where reloads run that somebody asked for who may go away.
    pub runtime: Handle,
    /// One at a time, and one more for all who ask meanwhile. No deadline ends a load: a thread that reads and checks cannot be ended,
    /// and what a busy machine does not load in time would break a team whose files are good. What one team's files may ask of it is
    /// bounded instead, where they are read.
    pub turns: Turns<Result<Arc<Reloaded>, Arc<Error>>>,
    /// What was loaded last.
    pub last: Mutex<Option<Last>>,
}

/// What was loaded, and what came of it.
#[derive(Debug)]
pub struct Last {
    /// Of all that was read.
    input: blake3::Hash,
    is_in_force: bool,
    refused: Option<String>,
}

#[async_trait]
impl Reload for Reloader {
    async fn reload(&self, is_asked: bool) -> Result<Arc<Reloaded>> {
        let load = |is_asked| async move { self.load_and_take_over(is_asked).await.map(Arc::new).map_err(Arc::new) };
        self.turns.share(is_asked, load).await.map_err(|shared| match &*shared {
            Error::Unavailable => Error::Unavailable,
            _ => Error::Internal(anyhow::Error::new(shared)),
        })
    }

    async fn aside(&self, work: BoxFuture<'static, Result<Arc<Reloaded>>>) -> Result<Arc<Reloaded>> {
        self.runtime.spawn(work).await.map_err(|panic| Error::Internal(panic.into()))?
    }
}

/// What follows, found aside: it takes its time where views and builders are many.
async fn compare(old: Arc<Config>, new: Config) -> Result<(Arc<Config>, Config, Vec<Consequence>)> {
    let compare = move || {
        let consequences = diff::diff(&old, &new);
        (old, new, consequences)
    };
    tokio::task::spawn_blocking(compare).await.map_err(|panic| Error::Internal(panic.into()))
}

/// The same for the same files and variables, of which the same was said.
fn digest(loaded: &Loaded) -> blake3::Hash {
    let input = &loaded.input;
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &[u8]| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text);
    };
    for file in &input.files {
        add(file.path.as_os_str().as_encoded_bytes());
        add(file.text.as_bytes());
    }
    input.unreadable.iter().for_each(|wrong| add(wrong.to_string().as_bytes()));
    for (name, value) in &input.environment {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    // What lies outside of the files, as plugins do and what links lead to, shows in what is found.
    loaded.diagnostics.iter().for_each(|wrong| add(wrong.to_string().as_bytes()));
    hasher.finalize()
}

/// What nobody means who saves a file: an editor or a disk that is full leaves an empty one, and a folder that is moved has no teams.
fn mishap(old: &Config, new: &Config, input: &Input) -> Option<String> {
    let main = input.files.iter().find(|file| file.kind == Kind::Main);
    let what = if main.is_some_and(|main| main.text.trim().is_empty()) {
        "the main file is empty"
    } else if new.teams.is_empty() && !old.teams.is_empty() {
        "the files declare no team any more"
    } else {
        return None;
    };
    Some(format!("{what}, which only an owner's `weir reload` puts in force, if it is meant"))
}

impl Reloader {
    async fn load_and_take_over(&self, is_asked: bool) -> Result<Reloaded> {
        let loaded = self.load().await?;
        let input = digest(&loaded);
        // A file may be touched, or the server's own log lie in the folder: nothing is done again and again because of that.
        if let Some(last) = self.last().as_ref().filter(|last| !is_asked && last.input == input) {
            tracing::debug!("the files of the configuration say what they said; nothing is done");
            let (is_in_force, refused) = (last.is_in_force, last.refused.clone());
            let diagnostics = loaded.diagnostics;
            return Ok(Reloaded { is_in_force, diagnostics, refused, is_unchanged: true, ..Reloaded::default() });
        }
        // Where this breaks off nobody knows what is in force.
        *self.last() = None;
        let reloaded = self.take_over_what_may_be(loaded, is_asked).await?;
        let Reloaded { is_in_force, refused, .. } = &reloaded;
        *self.last() = Some(Last { input, is_in_force: *is_in_force, refused: refused.clone() });
        Ok(reloaded)
    }

    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_over_what_may_be(&self, loaded: Loaded, is_asked: bool) -> Result<Reloaded> {
        for diagnostic in &loaded.diagnostics {
            tracing::warn!("{}", diagnostic.to_string().trim_end());
        }
        let Some(config) = loaded.config else {
            tracing::error!("the configuration was not reloaded: its files are wrong; what was in force stays");
            return Ok(Reloaded { diagnostics: loaded.diagnostics, ..Reloaded::default() });
        };
        let old = self.status.config();
        let mut config = Arc::unwrap_or_clone(config);
        let refused = diff::needs_restart(&old, &config)
            .or_else(|| mishap(&old, &config, &loaded.input).filter(|_| !is_asked))
            .or_else(|| local::check_isolation(&config).err().map(|error| format!("{error:#}")));
        if let Some(why) = refused {
            tracing::error!("the configuration was not reloaded: {why}");
            return Ok(Reloaded { diagnostics: loaded.diagnostics, refused: Some(why), ..Reloaded::default() });
        }
        let kept = diff::keep_fixed(&old, &mut config);
        let (old, config, mut consequences) = compare(old, config).await?;
        consequences.extend(kept);
        let config = Arc::new(config);
        self.take_over(&old, config.clone()).await?;
        keep_written(&loaded.input, &config);
        tell(&consequences);
        Ok(Reloaded { is_in_force: true, diagnostics: loaded.diagnostics, consequences, ..Reloaded::default() })
    }

    async fn load(&self) -> Result<Loaded> {
        let (file, catalogue) = (self.file.clone(), self.catalogue.clone());
        let environment = super::environment(&self.listen);
        let texts = self.status.config().team_texts.clone();
        // Files are read and plugins compiled.
        let load = move || config::load_keeping(&file, environment, &*catalogue, &texts);
        tokio::task::spawn_blocking(load).await.map_err(|panic| Error::Internal(panic.into()))
    }

    /// What new builders need comes before they are there, and what old ones needed goes after they have left.
    async fn take_over(&self, old: &Config, config: Arc<Config>) -> Result<()> {
        let workers = workers(&config, &self.clock, Some((old, &self.engine.workers())));
        self.plugins.configure(&config);
        let replaced = self.status.update().replace(config).await;
        if replaced.is_err() {
            // All is as it was, so the plugins are as well.
            self.plugins.configure(&self.status.config());
        }
        replaced?;
        self.engine.employ(workers);
        if let Err(error) = self.delivery.follow().await {
            // The configuration is in force, and the other reporters follow it.
            let error = format!("{:#}", anyhow::Error::new(error));
            tracing::error!(%error, "some reporters could not start; the next change, or `weir reload`, tries them again");
        }
        Ok(())
    }
}

/// Keeps what is in force where `weir check --diff` finds it.
pub fn keep_written(input: &Input, config: &Config) {
    if let Err(error) = Written::of(input, config).keep(&config.server.state_dir) {
        tracing::error!(%error, "what is in force cannot be kept in state_dir, so `weir check --diff` compares with something older");
    }
}

fn tell(consequences: &[Consequence]) {
    if consequences.is_empty() {
        tracing::info!("the configuration was reloaded; nothing follows from it");
        return;
    }
    tracing::info!(n = consequences.len(), "the configuration was reloaded; what follows:");
    for consequence in consequences {
        match consequence.is_wider {
            true => tracing::warn!("{}", consequence.to_string().trim()),
            false => tracing::info!("{}", consequence.to_string().trim()),
        }
    }
}

/// Reloads whenever a file changes or a SIGHUP comes, until shutdown. `loaded` is what was read at start.
pub async fn run(status: Status, file: PathBuf, loaded: Input, mut hangup: Signal, shutdown: CancellationToken) {
    let mut watched = Watched::new(file);
    watched.look();
    // What changed between the load and the watch was told to nobody.
    if watched.says_otherwise_than(&loaded, &status.config().server.state_dir) {
        reload(&status, "a file changed while the server started", false).await;
    }
    drop(loaded);
    loop {
        let (because, is_asked) = tokio::select! {
            () = shutdown.cancelled() => return,
            _ = hangup.recv() => ("a signal (SIGHUP)", true),
            () = watched.changed() => ("a file changed", false),
        };
        // Before what is there is read: a change that comes meanwhile is the next one's.
        watched.look();
        reload(&status, because, is_asked).await;
    }
}

/// Loads anew; what fails is logged.
pub async fn reload(status: &Status, because: &str, is_asked: bool) -> bool {
    let reloaded = status.update().reload(because, is_asked).await;
    if let Err(error) = reloaded {
        let error = format!("{:#}", anyhow::Error::new(error));
        tracing::error!(%error, "the configuration could not be reloaded");
        return false;
    }
    true
}

/// The folders of the configuration, as far as they can be watched.
struct Watched {
    file: PathBuf,
    watch: Option<Watch>,
    /// What cannot be watched, which is told once.
    said: Vec<String>,
}

impl Watched {
    fn new(file: PathBuf) -> Self {
        let watch = Watch::new();
        if let Err(error) = &watch {
            tracing::warn!("files are not watched: {error:#}; `weir reload` or a SIGHUP reloads them");
        }
        Self { file, watch: watch.ok(), said: Vec::new() }
    }

    /// Watches the folders that are there now.
    fn look(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        let wrong = watch.set(config::files::watched(&self.file));
        if wrong != self.said {
            wrong.iter().for_each(|why| tracing::warn!("not watched: {why}; `weir reload` reloads what is there"));
            self.said = wrong;
        }
    }

    fn says_otherwise_than(&self, loaded: &Input, state_dir: &Path) -> bool {
        let (_, files, _) = config::files::read(&self.file);
        // Of what was fetched for teams says whoever fetches when it changes.
        let of_disk = loaded.files.iter().filter(|file| !file.path.starts_with(state_dir.join("teams")));
        self.watch.is_some() && !of_disk.eq(&files)
    }

    async fn changed(&mut self) {
        match &mut self.watch {
            Some(watch) => watch.changed().await,
            None => std::future::pending().await,
        }
    }
}

/// The signal, heard from now on: one that comes before the server is up must not end it.
///
/// # Errors
/// Where signals cannot be listened to.
pub fn hangup() -> std::io::Result<Signal> {
    signal(SignalKind::hangup())
}
