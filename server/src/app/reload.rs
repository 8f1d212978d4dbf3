//! Another configuration in the place of the one in force, while the server runs: loaded whole, taken over by every part in an order in
//! which nobody finds half of it, or not at all.

use super::watch::Watch;
use super::workers;
use crate::clock::SharedClock;
use crate::config::diff::{self, Consequence};
use crate::config::{self, Config, Loaded};
use crate::delivery::Delivery;
use crate::engine::Engine;
use crate::plugins::{Catalogue, Plugins};
use crate::status::reload::{Reload, Reloaded};
use crate::status::{Error, Result, Status};
use crate::worker::local;
use async_trait::async_trait;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
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
    /// One at a time.
    pub turn: Mutex<()>,
}

#[async_trait]
impl Reload for Reloader {
    async fn reload(&self) -> Result<Reloaded> {
        let _turn = self.turn.lock().await;
        let loaded = self.load().await?;
        for diagnostic in &loaded.diagnostics {
            tracing::warn!("{}", diagnostic.to_string().trim_end());
        }
        let Some(config) = loaded.config else {
            tracing::error!("the configuration was not reloaded: its files are wrong; what was in force stays");
            return Ok(Reloaded { diagnostics: loaded.diagnostics, ..Reloaded::default() });
        };
        let old = self.status.config();
        let mut config = Arc::unwrap_or_clone(config);
        let kept = diff::keep_fixed(&old, &mut config);
        if let Err(error) = local::check_isolation(&config) {
            tracing::error!("the configuration was not reloaded: {error:#}");
            let refused = Some(format!("{error:#}"));
            return Ok(Reloaded { diagnostics: loaded.diagnostics, refused, ..Reloaded::default() });
        }
        let mut consequences = diff::diff(&old, &config);
        consequences.extend(kept);
        self.take_over(&old, Arc::new(config)).await?;
        tell(&consequences);
        Ok(Reloaded { is_in_force: true, diagnostics: loaded.diagnostics, consequences, refused: None })
    }
}

impl Reloader {
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
        self.delivery.follow().await
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

/// Reloads whenever a file changes or a SIGHUP comes, until shutdown.
pub async fn run(status: Status, file: PathBuf, mut hangup: Signal, shutdown: CancellationToken) {
    let mut watch = match Watch::new() {
        Ok(watch) => Some(watch),
        Err(error) => {
            tracing::warn!("files are not watched: {error:#}; `weir reload` or a SIGHUP reloads them");
            None
        }
    };
    let mut said: Vec<String> = Vec::new();
    loop {
        if let Some(watch) = &mut watch {
            let wrong = watch.set(config::files::watched(&file));
            if wrong != said {
                wrong.iter().for_each(|why| tracing::warn!("not watched: {why}; `weir reload` reloads what is there"));
                said = wrong;
            }
        }
        let changed = async {
            match &mut watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        let because = tokio::select! {
            () = shutdown.cancelled() => return,
            _ = hangup.recv() => "a signal (SIGHUP)",
            () = changed => "a file changed",
        };
        if let Err(error) = status.update().reload(because).await {
            let error = format!("{:#}", anyhow::Error::new(error));
            tracing::error!(%error, "the configuration could not be reloaded");
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
