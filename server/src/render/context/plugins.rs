//! `/plugins`: every plugin that may be seen.

use super::team::Fact;
use super::{Context, Crumb, Page, Site};
use crate::model::time::Time;
use crate::render::words;
use crate::status::plugin::{CapabilityFacts, LimitFacts, PluginFacts, SwitchedOff};
use serde::Serialize;

/// Digits of a digest that are shown, enough to tell files apart.
const DIGITS: usize = 12;

/// The page of plugins.
#[derive(Debug, Serialize)]
pub struct PluginsContext {
    /// Each plugin, by name.
    pub plugins: Vec<PluginLine>,
}

/// A plugin.
#[derive(Debug, Serialize)]
pub struct PluginLine {
    /// The name that configurations use.
    pub name: String,
    /// What it is: its kind, its own name and its version; none before it was asked.
    pub what: Option<String>,
    /// One sentence; may be empty.
    pub summary: String,
    /// It is there, and has not said yet what it is.
    pub is_asked: bool,
    /// Why it cannot be used.
    pub trouble: Option<String>,
    /// Teams for which it is switched off, each in a sentence.
    pub switched_off: Vec<String>,
    /// Its file, and whom it is for.
    pub facts: Vec<Fact>,
    /// What it wants to do.
    pub capabilities: Vec<CapabilityLine>,
    /// Which limits are not those of every plugin, in words.
    pub own_limits: String,
    /// Each limit.
    pub limits: Vec<LimitLine>,
}

/// One thing that a plugin wants to do.
#[derive(Debug, Serialize)]
pub struct CapabilityLine {
    /// Its name.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// Whether it may, with a sign.
    pub granted: &'static str,
    /// What exactly.
    pub detail: Option<String>,
    /// How often it did, and how often it was denied.
    pub used: String,
}

/// A limit.
#[derive(Debug, Serialize)]
pub struct LimitLine {
    /// Its key in the configuration.
    pub key: &'static str,
    /// Its value.
    pub value: String,
}

impl Context for PluginsContext {
    const TEMPLATE: &'static str = "pages/plugins";
}

impl PluginsContext {
    /// The page as it is at `now`.
    pub fn page(site: Site, plugins: Vec<PluginFacts>, now: Time) -> Page<Self> {
        let own = Self { plugins: plugins.into_iter().map(|plugin| line(plugin, now)).collect() };
        let crumbs = vec![Crumb::here("Plugins")];
        Page { title: "Plugins".to_owned(), crumbs, reload_s: None, events: None, kind: "plugins", site, own }
    }
}

fn line(plugin: PluginFacts, now: Time) -> PluginLine {
    let own = plugin.described.as_ref();
    let changed = plugin.limits.iter().filter(|limit| !limit.is_default);
    let changed: Vec<String> = changed.map(|LimitFacts { key, value, .. }| format!("{key} {value}")).collect();
    PluginLine {
        what: own.map(|own| format!("{}: {} {}", own.kind, own.name, own.version)),
        summary: own.map(|own| own.summary.clone()).unwrap_or_default(),
        is_asked: own.is_none() && plugin.trouble.is_none(),
        switched_off: plugin.switched_off.iter().map(|off| switched_off(off, now)).collect(),
        facts: facts(&plugin),
        capabilities: own
            .iter()
            .flat_map(|own| &own.capabilities)
            .map(|c| capability(c, plugin.counted(&c.kind)))
            .collect(),
        own_limits: if changed.is_empty() { "those of every plugin".to_owned() } else { changed.join(", ") },
        limits: plugin.limits.into_iter().map(|limit| LimitLine { key: limit.key, value: limit.value }).collect(),
        trouble: plugin.trouble,
        name: plugin.name,
    }
}

fn facts(plugin: &PluginFacts) -> Vec<Fact> {
    let size = plugin.size_bytes.map(|n| words::bytes(i64::try_from(n).unwrap_or(i64::MAX)));
    let pinned = if plugin.is_pinned { ", pinned" } else { "" };
    let digest = plugin.sha256.as_ref().map(|digest| format!("{}…{pinned}", digest.get(..DIGITS).unwrap_or(digest)));
    let teams = if plugin.teams.is_empty() { "every team".to_owned() } else { plugin.teams.join(", ") };
    let facts = [("For", Some(teams)), ("Size", size), ("SHA-256", digest)];
    facts.into_iter().filter_map(|(name, value)| Some(Fact { name, value: value? })).collect()
}

fn switched_off(off: &SwitchedOff, now: Time) -> String {
    let SwitchedOff { team, because, last, .. } = off;
    let until = if off.until > now {
        format!("until {} UTC", off.until.format("%H:%M"))
    } else {
        "until a call that tries it has ended well".to_owned()
    };
    format!("for the team {team} {until}: {because}; last: {last}")
}

fn capability(capability: &CapabilityFacts, (n_used, n_denied): (u64, u64)) -> CapabilityLine {
    let times = |n: u64| {
        if n == 1 {
            "once".to_owned()
        } else {
            format!("{} times", words::number(i64::try_from(n).unwrap_or(i64::MAX)))
        }
    };
    let used = match (n_used, n_denied) {
        (0, 0) => "never".to_owned(),
        (used, 0) => times(used),
        (0, denied) => format!("✘ denied {}", times(denied)),
        (used, denied) => format!("{}, ✘ denied {}", times(used), times(denied)),
    };
    CapabilityLine {
        kind: capability.kind.clone(),
        reason: capability.reason.clone(),
        granted: if capability.is_granted { "✔ granted" } else { "✘ not granted" },
        detail: capability.detail.clone(),
        used,
    }
}
