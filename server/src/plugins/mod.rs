//! WebAssembly components as steps and reporters; the only wasmtime. The host knows no plugin by name.

/// What plugins of a team may use together.
mod allowance;
/// A guest as a reporter of a team.
mod as_reporter;
/// A guest as a step of a build.
mod as_step;
/// Parts of the host by themselves.
mod bench;
/// The contract in Rust.
mod bindings;
/// Plugins that broke too often.
mod breaker;
/// Compiled components on disk.
mod cache;
/// How often a guest calls the host.
mod call_meter;
/// What a guest may ask for.
mod capability;
/// Compiling in a process of its own.
pub mod compile;
/// From file to component.
mod component;
/// What a plugin says of itself.
pub mod descriptor;
/// The engine, its clock, its threads.
mod engine;
/// How a plugin goes wrong.
pub mod error;
/// What went wrong in a guest.
mod explain;
/// What is known of each plugin.
mod facts;
/// Where plugins lie.
mod find;
/// What fuzzing does with any bytes.
#[doc(hidden)]
pub mod fuzzing;
/// A component looked at.
pub mod inspection;
/// One call of a guest.
mod instance;
/// Finding lines in what a command prints.
mod line_finder;
/// From name to plugin.
mod load;
/// Looking at a plugin without loading it.
mod look;
/// What a call has used.
mod meter;
/// What a plugin may do.
pub mod power;
/// What all guests have together.
pub mod room;
/// What a plugin's schema says.
mod schema;
/// What a guest prints.
mod stdio;
/// What plugins did, and were denied.
mod tally;
/// What a guest works for.
mod usage;
/// The WASI that gives nothing.
mod wasi;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::config::plugin::Plugin;
use crate::config::server::Server;
use crate::config::team::Team;
use crate::config::vault::Vault;
use crate::config::{Described, NotDescribed, PluginCatalogue};
use crate::outbound::gate::Gates;
use crate::outbound::resolve::Resolve;
use crate::status::Status;
use arc_swap::ArcSwap;
use error::{Error, Kind};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// After a stop, a guest has this long to end by itself.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Every plugin of the instance: describes them for the configuration, runs them for the engine.
pub struct Plugins {
    loader: Arc<load::Loader>,
    runtime: Arc<engine::GuestRuntime>,
    breakers: Arc<breaker::Breakers>,
    tallies: tally::Tallies,
    room: Arc<room::Room>,
    clock: SharedClock,
    stop_grace: Duration,
    status: Option<Status>,
    gates: Arc<Gates>,
    /// Plugins that nobody has used are being asked what they are, for whoever looks.
    is_asking: Arc<AtomicBool>,
    known: ArcSwap<Known>,
}

/// What the configuration says of plugins now.
struct Known {
    tables: BTreeMap<String, Plugin>,
    server: Server,
    /// The teams, for where the values of their secrets are.
    teams: BTreeMap<String, Arc<Team>>,
}

/// Describes plugins before there is a configuration to run them with.
pub struct Catalogue {
    weir: PathBuf,
    loader: Arc<load::Loader>,
    runtime: Arc<engine::GuestRuntime>,
    breakers: Arc<breaker::Breakers>,
    room: Arc<room::Room>,
    clock: SharedClock,
}

impl Catalogue {
    /// Plugins for the binary `weir`: bundled ones lie beside it, and it compiles those that are new.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn new(weir: PathBuf, clock: SharedClock) -> std::io::Result<Self> {
        Ok(Self::on(weir, engine::runtime()?, clock))
    }

    fn on(weir: PathBuf, runtime: Arc<engine::GuestRuntime>, clock: SharedClock) -> Self {
        let loader = Arc::new(load::Loader::new(weir.clone(), Arc::clone(&runtime), Arc::clone(&clock)));
        let breakers = breaker::Breakers::new(Arc::clone(&clock));
        Self { weir, loader, runtime, breakers, room: room::Room::of_machine(), clock }
    }

    /// The same plugins, of which nothing is loaded yet.
    fn afresh(&self) -> Self {
        Self::on(self.weir.clone(), Arc::clone(&self.runtime), Arc::clone(&self.clock))
    }

    /// The same plugins, for running steps under this configuration.
    pub fn plugins(&self, tables: BTreeMap<String, Plugin>, server: Server) -> Plugins {
        Plugins {
            loader: Arc::clone(&self.loader),
            runtime: Arc::clone(&self.runtime),
            breakers: Arc::clone(&self.breakers),
            tallies: tally::Tallies::default(),
            room: Arc::clone(&self.room),
            clock: Arc::clone(&self.clock),
            stop_grace: STOP_GRACE,
            status: None,
            gates: Arc::default(),
            is_asking: Arc::default(),
            known: ArcSwap::from_pointee(Known { tables, server, teams: BTreeMap::new() }),
        }
    }
}

impl Plugins {
    /// After a stop, guests have this long to end by themselves; without this it is 10 seconds, as the contract says.
    #[must_use]
    pub fn with_stop_grace(self, stop_grace: Duration) -> Self {
        Self { stop_grace, ..self }
    }

    /// Other room for guests than this machine has.
    #[must_use]
    pub fn with_room(self, room: Arc<room::Room>) -> Self {
        Self { room, ..self }
    }

    /// Lets plugins ask for status, in the scope of their team, and keep their state; without it there is nobody to ask.
    #[must_use]
    pub fn with_status(self, status: Status) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Asks this for the addresses of services that plugins call, instead of the machine.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { gates: Arc::new(Gates::new(resolver)), ..self }
    }

    /// Takes over a new configuration: steps that start from now on see it. A plugin whose table has changed is not held to what it
    /// did under the old one.
    pub fn configure(&self, config: &Config) {
        let (tables, server) = (config.plugins.clone(), config.server.clone());
        let old = self.known.load_full();
        let names = tables.keys().chain(old.tables.keys());
        names.filter(|name| tables.get(*name) != old.tables.get(*name)).for_each(|name| self.breakers.forget(name));
        self.tallies.keep(|team| config.teams.contains_key(team));
        self.known.store(Arc::new(Known { tables, server, teams: config.teams.clone() }));
    }

    /// The secrets of a team for a call that belongs to no build, which has them itself.
    async fn vault(&self, team: &str) -> Arc<Vault> {
        let vault = Arc::new(self.known.load().teams.get(team).map(|team| Vault::of_team(team)).unwrap_or_default());
        let looked = Arc::clone(&vault);
        match tokio::task::spawn_blocking(move || looked.look()).await {
            Ok(Ok(())) => {}
            // It gives none to anybody then, and says why.
            Ok(Err(why)) => tracing::warn!(%why, %team, "a team has too many secrets"),
            Err(panic) => tracing::error!(error = %panic, %team, "a team's secrets could not be looked at"),
        }
        vault
    }

    /// A plugin ready to be called, and its table as it is now.
    async fn loaded(&self, name: &str) -> Result<(Arc<load::Loaded>, Plugin), Error> {
        let known = self.known.load_full();
        let table = known.tables.get(name).cloned().unwrap_or_default();
        let (loader, plugin, same) = (Arc::clone(&self.loader), name.to_owned(), table.clone());
        let loaded = tokio::task::spawn_blocking(move || loader.load(&plugin, &same, &known.server)).await;
        let loaded =
            loaded.map_err(|error| Error::new(name, Kind::Host, format!("could not be loaded: {error}")))??;
        Ok((loaded, table))
    }
}

/// Why `team` may not use a plugin; none where it may.
fn not_lent(name: &str, table: &Plugin, team: &str) -> Option<Error> {
    let is_lent = table.teams.is_empty() || table.teams.iter().any(|lent| lent == team);
    let why = || format!("is not for the team `{team}`: `teams` in `[plugin.{name}]` says so");
    (!is_lent).then(|| Error::new(name, Kind::Denied, why()))
}

impl PluginCatalogue for Catalogue {
    fn describe(&self, name: &str, table: &Plugin, server: &Server) -> Result<Described, NotDescribed> {
        match self.loader.describe(name, table, server) {
            Ok(descriptor) => {
                Ok(Described { is_step: descriptor.is_step, settings_schema: descriptor.settings_schema })
            }
            Err(Error { kind: Kind::Unknown, .. }) => Err(NotDescribed::Unknown),
            Err(error) => Err(NotDescribed::Broken(error.to_string())),
        }
    }

    fn names(&self, server: &Server) -> Vec<String> {
        self.loader.names(server)
    }
}
