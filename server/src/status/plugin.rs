//! Plugins, as teams and operators see them: the plugin host tells what it knows, who may see what of it is decided here.

use super::get::Get;
use super::{Error, Result};
use crate::model::right::Visibility;
use crate::model::time::Time;
use std::sync::{OnceLock, Weak};
use tokio::sync::Mutex;

/// Who knows of plugins.
pub trait PluginSource: Send + Sync {
    /// Every plugin that is there. Blocks: looks at files.
    fn facts(&self) -> Vec<PluginFacts>;
}

/// What is known of a plugin.
#[derive(Debug, Clone)]
pub struct PluginFacts {
    /// The name that configurations use.
    pub name: String,
    /// Bytes of its file.
    pub size_bytes: Option<u64>,
    /// SHA-256 of its file, lower-case hex.
    pub sha256: Option<String>,
    /// Whether the configuration refuses any other content.
    pub is_pinned: bool,
    /// Teams that it is lent to; empty is all.
    pub teams: Vec<String>,
    /// What it says of itself; none before it was asked.
    pub described: Option<PluginSelf>,
    /// Why it cannot be used.
    pub trouble: Option<String>,
    /// Each limit.
    pub limits: Vec<LimitFacts>,
    /// Teams for which it is switched off.
    pub switched_off: Vec<SwitchedOff>,
    /// What it did and was denied since the server started.
    pub calls: Vec<CallFacts>,
}

impl PluginFacts {
    /// Calls of a capability that it declares, for the teams that are here: let through, and denied. Files of the work directory
    /// may be declared as a part of `command`, and then they count there.
    pub fn counted(&self, capability: &str) -> (u64, u64) {
        let declares = |kind: &str| self.described.iter().flat_map(|own| &own.capabilities).any(|c| c.kind == kind);
        let counts = |calls: &&CallFacts| {
            calls.capability == capability
                || (calls.capability == "workspace" && capability == "command" && !declares("workspace"))
        };
        let add = |(used, denied): (u64, u64), calls: &CallFacts| (used + calls.n_used, denied + calls.n_denied);
        self.calls.iter().filter(counts).fold((0, 0), add)
    }
}

/// What a plugin says of itself.
#[derive(Debug, Clone)]
pub struct PluginSelf {
    /// What it calls itself.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// `step` or `reporter`.
    pub kind: &'static str,
    /// One sentence.
    pub summary: String,
    /// What it wants to do.
    pub capabilities: Vec<CapabilityFacts>,
}

/// One thing that a plugin wants to do.
#[derive(Debug, Clone)]
pub struct CapabilityFacts {
    /// Its name in the contract.
    pub kind: String,
    /// Why, in the plugin's words.
    pub reason: String,
    /// Whether it may.
    pub is_granted: bool,
    /// What exactly, where that is more than yes or no: programs, hosts. For those who are signed in.
    pub detail: Option<String>,
}

/// Calls of one capability for one team.
#[derive(Debug, Clone)]
pub struct CallFacts {
    /// For which team.
    pub team: String,
    /// Its name in the contract.
    pub capability: &'static str,
    /// Calls that were let through.
    pub n_used: u64,
    /// Calls that were denied.
    pub n_denied: u64,
}

/// One limit.
#[derive(Debug, Clone)]
pub struct LimitFacts {
    /// Its key in `[plugin.<name>]`.
    pub key: &'static str,
    /// Its value, as it is written there.
    pub value: String,
    /// Whether it is what every plugin has.
    pub is_default: bool,
}

/// A plugin's open circuit breaker.
#[derive(Debug, Clone)]
pub struct SwitchedOff {
    /// For which team.
    pub team: String,
    /// From then on a call may try.
    pub until: Time,
    /// What the plugin did: `failed ...`.
    pub because: String,
    /// What went wrong last.
    pub last: String,
}

/// Who is asked about plugins, by one asker at a time: looking at files takes a thread.
#[derive(Default)]
pub(super) struct Source {
    known: OnceLock<Weak<dyn PluginSource>>,
    turn: Mutex<()>,
}

impl Source {
    async fn facts(&self) -> Result<Vec<PluginFacts>> {
        let Some(source) = self.known.get().and_then(Weak::upgrade) else { return Ok(Vec::new()) };
        let _turn = self.turn.lock().await;
        let facts = tokio::task::spawn_blocking(move || source.facts()).await;
        facts.map_err(|panic| Error::Internal(panic.into()))
    }
}

impl super::update::Update {
    /// Names who knows of plugins; the first one stays.
    pub fn plugins(&self, source: Weak<dyn PluginSource>) {
        self.status.0.plugins.known.get_or_init(|| source);
    }
}

impl Get {
    /// Plugins that may be seen, by name: those lent to all, and those lent to a team that may be read.
    ///
    /// # Errors
    /// Where the plugin host breaks.
    pub async fn plugins(&self) -> Result<Vec<PluginFacts>> {
        let facts = self.status.0.plugins.facts().await?;
        Ok(facts.into_iter().filter_map(|plugin| self.seen(plugin)).collect())
    }

    /// What the asker sees of a plugin; none is nothing.
    fn seen(&self, mut plugin: PluginFacts) -> Option<PluginFacts> {
        let is_owner = self.scope.may_read_instance(Visibility::Private);
        let teams = &self.status.0.in_force().config.teams;
        let may_read = |name: &str| teams.get(name).map_or(is_owner, |team| self.scope.may_read(name, team.visibility));
        let is_lent_to_all = plugin.teams.is_empty();
        plugin.teams.retain(|team| may_read(team));
        if !is_lent_to_all && plugin.teams.is_empty() && !is_owner {
            return None;
        }
        plugin.switched_off.retain(|breaker| may_read(&breaker.team));
        plugin.calls.retain(|calls| may_read(&calls.team));
        if !self.scope.is_signed_in() {
            // They name machines and paths of the operator's.
            plugin.trouble = plugin.trouble.map(|_| "it cannot be used; sign in to see why".to_owned());
            plugin.switched_off.iter_mut().for_each(|breaker| breaker.last = "sign in to see why".to_owned());
            let capabilities = plugin.described.iter_mut().flat_map(|own| own.capabilities.iter_mut());
            capabilities.for_each(|capability| capability.detail = None);
        }
        Some(plugin)
    }
}
