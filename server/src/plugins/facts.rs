//! What the host knows of each plugin, for whoever looks at `/plugins`.

use super::Plugins;
use super::breaker;
use super::descriptor::Descriptor;
use super::look::Seen;
use super::power::Powers;
use super::tally::Gated;
use crate::config::plugin::{CommandGrant, Limits, Plugin};
use crate::config::server::Server;
use crate::model::one_line::one_line;
use crate::model::time::Span;
use crate::status::plugin::{
    CallFacts, CapabilityFacts, LimitFacts, PluginFacts, PluginSelf, PluginSource, SwitchedOff,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Of what a plugin says of itself, so much is shown: it is the plugin's own word, and it could be of any length.
const WORDS_BYTES_MAX: usize = 500;
/// Capabilities that are shown; the contract has a third of that.
const CAPABILITIES_MAX: usize = 32;

impl PluginSource for Plugins {
    fn facts(&self) -> Vec<PluginFacts> {
        let known = self.known.load_full();
        let open = self.breakers.open();
        let names: BTreeSet<String> =
            self.loader.names(&known.server).into_iter().chain(known.tables.keys().cloned()).collect();
        self.loader.looks.keep_only(&names);
        let mut unasked = Vec::new();
        let facts = names.into_iter().map(|name| {
            let table = known.tables.get(&name).cloned().unwrap_or_default();
            let switched_off = open.iter().filter(|open| open.plugin == name).map(|open| SwitchedOff {
                team: open.team.clone(),
                until: open.until,
                because: breaker::because(),
                last: open.last.clone(),
            });
            let switched_off = switched_off.collect();
            let calls = self.calls(&name);
            let seen = self.loader.look(&name, &table, &known.server);
            if matches!(seen.descriptor, Ok(None)) {
                unasked.push((name.clone(), table.clone()));
            }
            facts(name, &table, seen, Live { switched_off, calls })
        });
        let facts = facts.collect();
        self.ask(unasked, known.server.clone());
        facts
    }
}

impl Plugins {
    /// What a plugin did for each team, and was denied.
    fn calls(&self, name: &str) -> Vec<CallFacts> {
        let teams = self.tallies.of_plugin(name).into_iter();
        let calls = teams.flat_map(|(team, tally)| {
            Gated::ALL.map(|what| {
                let (n_used, n_denied) = tally.read(what);
                CallFacts { team: team.clone(), capability: what.name(), n_used, n_denied }
            })
        });
        calls.filter(|calls| calls.n_used + calls.n_denied > 0).collect()
    }

    /// Asks plugins that nobody has used yet what they are, one after the other, so that the next look knows it. A content is asked
    /// once, however often somebody looks: what it says is kept, and so is that it cannot be asked.
    fn ask(&self, unasked: Vec<(String, Plugin)>, server: Server) {
        if unasked.is_empty() || self.is_asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let asking = Asking(Arc::clone(&self.is_asking));
        let loader = Arc::clone(&self.loader);
        let round = move || {
            let _asking = asking;
            for (name, table) in unasked {
                if let Err(error) = loader.load(&name, &table, &server) {
                    tracing::warn!("{}", one_line(&error.to_string()));
                }
            }
        };
        // A thread of its own: nobody waits for it, not even the end of the server.
        if let Err(error) = std::thread::Builder::new().name("ask-plugins".to_owned()).spawn(round) {
            tracing::warn!("plugins that are not used yet cannot be asked what they are: {error}");
        }
    }
}

/// While it lives, plugins are asked.
struct Asking(Arc<AtomicBool>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What happened since the server started.
struct Live {
    switched_off: Vec<SwitchedOff>,
    calls: Vec<CallFacts>,
}

fn facts(name: String, table: &Plugin, seen: Seen, live: Live) -> PluginFacts {
    let (described, trouble) = match &seen.descriptor {
        Ok(own) => (own.as_ref().map(|own| described(own, &Powers::granted(own, seen.bundled.as_ref(), table))), None),
        Err(error) => (None, Some(error.message.clone())),
    };
    PluginFacts {
        name,
        size_bytes: seen.size_bytes,
        sha256: seen.sha256,
        is_pinned: table.sha256.is_some(),
        teams: table.teams.clone(),
        described,
        trouble,
        limits: limits(&table.limits),
        switched_off: live.switched_off,
        calls: live.calls,
    }
}

fn described(own: &Descriptor, powers: &Powers) -> PluginSelf {
    let capabilities = own.capabilities.iter().take(CAPABILITIES_MAX).map(|c| capability(&c.kind, &c.reason, powers));
    PluginSelf {
        name: cut(&own.name),
        version: cut(&own.version),
        kind: if own.is_step { "step" } else { "reporter" },
        summary: cut(&own.summary),
        capabilities: capabilities.collect(),
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(WORDS_BYTES_MAX)].to_owned()
}

fn capability(kind: &str, reason: &str, powers: &Powers) -> CapabilityFacts {
    let (is_granted, detail) = match kind {
        "command" | "workspace" => match &powers.command {
            Some(CommandGrant::Any) => (true, Some("any program".to_owned())),
            Some(CommandGrant::Programs(none)) if none.is_empty() => (true, Some("files, no program".to_owned())),
            Some(CommandGrant::Programs(programs)) => (true, Some(programs.join(", "))),
            Some(CommandGrant::Nothing) | None => (false, None),
        },
        "http" if powers.http.is_empty() => (false, None),
        "http" => {
            let rules: Vec<String> = powers.http.iter().map(ToString::to_string).collect();
            (true, Some(rules.join(", ")))
        }
        "state" => (powers.state, None),
        "trigger" => (powers.trigger, None),
        "artifacts" => (powers.artifacts, None),
        "builds" => (powers.builds, None),
        "secret-reveal" => (powers.reveal, None),
        // This server has no such thing to grant.
        _ => (false, None),
    };
    CapabilityFacts { kind: cut(kind), reason: cut(reason), is_granted, detail }
}

fn limits(set: &Limits) -> Vec<LimitFacts> {
    let default = Limits::default();
    let pairs = |l: &Limits| {
        [
            ("memory", l.memory.to_string()),
            ("cpu", Span(l.cpu).to_string()),
            ("wall", Span(l.wall).to_string()),
            ("log_bytes", l.log_bytes.to_string()),
            ("host_calls", l.host_calls.to_string()),
            ("host_calls_per_s", l.host_calls_per_s.to_string()),
            ("table_elements", l.table_elements.to_string()),
            ("resources", l.resources.to_string()),
            ("http_bytes", l.http_bytes.to_string()),
            ("state_bytes", l.state_bytes.to_string()),
            ("artifact_bytes", l.artifact_bytes.to_string()),
        ]
    };
    let both = pairs(set).into_iter().zip(pairs(&default));
    both.map(|((key, value), (_, default))| LimitFacts { key, is_default: value == default, value }).collect()
}
