//! What follows from putting one configuration in the place of another: not which lines changed, but what that means for people.

use super::Config;
use super::auth::{Auth, Reach};
use super::reporter::Reporter;
use super::team::Team;
use super::worker::Worker;
use crate::model::claim::ClaimPath;
use crate::model::right::{Role, Visibility};
use crate::model::time::Span;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Names that one consequence lists; of the others it says how many there are.
const LISTED: usize = 20;

/// What a consequence is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Who may do what.
    Rights,
    /// A tenant comes or goes.
    Team,
    /// A builder comes, retires or changes.
    Builder,
    /// A view shows other builders.
    View,
    /// An address appears or vanishes.
    Address,
    /// Other builds are told, or told otherwise.
    Reporter,
    /// Where builds run.
    Worker,
    /// What a plugin is given.
    Plugin,
    /// What a team may use.
    Quota,
    /// For how long it is kept who did what.
    Audit,
    /// Nothing follows before the server starts again.
    Restart,
}

impl Topic {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rights => "rights",
            Self::Team => "team",
            Self::Builder => "builder",
            Self::View => "view",
            Self::Address => "address",
            Self::Reporter => "reporter",
            Self::Worker => "worker",
            Self::Plugin => "plugin",
            Self::Quota => "quota",
            Self::Audit => "audit",
            Self::Restart => "restart",
        }
    }
}

/// One consequence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Consequence {
    /// Somebody may do more than before.
    #[serde(rename = "widens")]
    pub is_wider: bool,
    /// What it is about.
    pub topic: Topic,
    /// The team that it concerns; none where it is the instance's.
    pub team: Option<String>,
    /// A sentence for people.
    pub words: String,
}

impl fmt::Display for Consequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_wider { "! WIDER " } else { "  " };
        write!(f, "{mark}{}: {}", self.topic.word(), self.words)
    }
}

/// Gathers consequences.
#[derive(Default)]
struct Found(Vec<Consequence>);

impl Found {
    fn say(&mut self, topic: Topic, team: Option<&str>, words: impl Into<String>) {
        self.0.push(Consequence { is_wider: false, topic, team: team.map(str::to_owned), words: words.into() });
    }

    fn warn(&mut self, topic: Topic, team: Option<&str>, words: impl Into<String>) {
        self.0.push(Consequence { is_wider: true, topic, team: team.map(str::to_owned), words: words.into() });
    }
}

/// Everything that follows from `new` in the place of `old`: first what widens somebody's rights, then by topic.
pub fn diff(old: &Config, new: &Config) -> Vec<Consequence> {
    let mut found = Found::default();
    teams(old, new, &mut found);
    views(old, new, &mut found);
    rights(&old.auth, &new.auth, &mut found);
    proxies(&old.server.trusted_proxies, &new.server.trusted_proxies, &mut found);
    if old.audit != new.audit {
        let (was, now) = (Span(old.audit.keep), Span(new.audit.keep));
        let gone = if now < was { "; what is older goes for ever" } else { "" };
        found.say(Topic::Audit, None, format!("entries of the audit were kept for {was} and are for {now}{gone}"));
    }
    workers(old, new, &mut found);
    plugins(old, new, &mut found);
    found.0.sort_by(|a, b| b.is_wider.cmp(&a.is_wider).then_with(|| a.cmp(b)));
    found.0
}

fn proxies(old: &[IpNet], new: &[IpNet], found: &mut Found) {
    // A part of what was believed is no more than that, though it is written anew.
    let was_believed = |network: &IpNet| old.iter().any(|old| old.contains(network));
    for network in new.iter().filter(|network| !was_believed(network)) {
        found.warn(Topic::Rights, None, format!("{network} is believed about where calls come from"));
    }
    let is_believed = |network: &IpNet| new.iter().any(|new| new.contains(network));
    for network in old.iter().filter(|network| !is_believed(network)) {
        let parts: Vec<String> = new.iter().filter(|part| network.contains(*part)).map(ToString::to_string).collect();
        let but = if parts.is_empty() { String::new() } else { format!(", but for {}", parts.join(", ")) };
        found.say(Topic::Rights, None, format!("{network} is believed no more about where calls come from{but}"));
    }
}

fn teams(old: &Config, new: &Config, found: &mut Found) {
    let names: BTreeSet<&String> = old.teams.keys().chain(new.teams.keys()).collect();
    for name in names {
        let team = Some(name.as_str());
        match (old.teams.get(name), new.teams.get(name)) {
            (None, Some(now)) => {
                found.say(Topic::Team, team, format!("team {name} comes; {}", seen_by(now.visibility)));
                builders(None, Some(now), found);
                reporters(None, now, found);
            }
            (Some(was), None) => {
                found.say(Topic::Team, team, format!("team {name} goes; what it built is kept for owners to see"));
                builders(Some(was), None, found);
            }
            (Some(was), Some(now)) => {
                if was.visibility < now.visibility {
                    let words = format!("team {name} opens: {} from now on", seen_by(now.visibility));
                    found.warn(Topic::Rights, team, words);
                } else if was.visibility > now.visibility {
                    found.say(Topic::Rights, team, format!("team {name} closes: {}", seen_by(now.visibility)));
                }
                builders(Some(was), Some(now), found);
                reporters(Some(was), now, found);
                quota(was, now, found);
            }
            (None, None) => {}
        }
    }
}

fn seen_by(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Private => "only its members see it",
        Visibility::Internal => "everybody who is signed in sees it",
        Visibility::Public => "everybody sees it",
    }
}

fn builders(was: Option<&Arc<Team>>, now: Option<&Arc<Team>>, found: &mut Found) {
    let Some(team) = now.or(was).map(|team| team.name.as_str()) else { return };
    let declared = |team: Option<&Arc<Team>>| team.map(|team| team.builders.clone()).unwrap_or_default();
    let (was, now) = (declared(was), declared(now));
    let keyed = |name: &String| format!("{team}/{name}");
    let come: Vec<String> = now.keys().filter(|name| !was.contains_key(*name)).map(keyed).collect();
    let gone: Vec<String> = was.keys().filter(|name| !now.contains_key(*name)).map(keyed).collect();
    let is_other = |name: &&String| was.get(*name).is_some_and(|was| format!("{was:?}") != format!("{:?}", now[*name]));
    let changed: Vec<String> = now.keys().filter(is_other).map(keyed).collect();
    if !come.is_empty() {
        found.say(Topic::Builder, Some(team), format!("{} new: {}", count(come.len(), "builder"), listed(&come)));
    }
    if !gone.is_empty() {
        let words = "keep their history, finish what runs and start nothing; what waits for them is cancelled";
        found.say(
            Topic::Builder,
            Some(team),
            format!("{} retired ({words}): {}", count(gone.len(), "builder"), listed(&gone)),
        );
    }
    if !changed.is_empty() {
        let words =
            format!("{} changed, from their next build on: {}", count(changed.len(), "builder"), listed(&changed));
        found.say(Topic::Builder, Some(team), words);
    }
}

fn quota(was: &Team, now: &Team, found: &mut Found) {
    let team = Some(now.name.as_str());
    if was.quota != now.quota {
        let words =
            format!("what team {} may use was {} and becomes {}", now.name, fields(&was.quota), fields(&now.quota));
        found.say(Topic::Quota, team, words);
    }
    if was.weight != now.weight {
        let words =
            format!("the share of team {} in free slots was {} and becomes {}", now.name, was.weight, now.weight);
        found.say(Topic::Quota, team, words);
    }
}

/// The fields of a flat struct as they are written, without its name: complete, whatever fields come.
fn fields(value: &impl fmt::Debug) -> String {
    let text = format!("{value:?}");
    let inner = text.split_once('{').and_then(|(_, rest)| rest.strip_suffix('}')).unwrap_or(&text).trim();
    inner.replace("None", "no limit")
}

fn reporters(was: Option<&Arc<Team>>, now: &Arc<Team>, found: &mut Found) {
    let team = Some(now.name.as_str());
    let hears = |reporter: &Reporter, of: &Team| -> BTreeSet<String> {
        of.builders.values().filter(|builder| reporter.hears_of(builder)).map(|b| b.key.to_string()).collect()
    };
    let before = |name: &String| was.and_then(|was| was.reporters.get(name));
    for (name, reporter) in &now.reporters {
        let heard = hears(reporter, now);
        let Some(old) = before(name) else {
            let when: Vec<&str> = reporter.when.iter().map(|when| when.word()).collect();
            let words = format!("reporter {name} of team {} fires from now on: {}", now.name, when.join(", "));
            let of = listed(&heard.into_iter().collect::<Vec<_>>());
            found.say(Topic::Reporter, team, format!("{words}; of {of}"));
            continue;
        };
        let heard_before = was.map(|was| hears(old, was)).unwrap_or_default();
        let newly: Vec<&str> = reporter.when.iter().filter(|w| !old.when.contains(w)).map(|w| w.word()).collect();
        if !newly.is_empty() {
            let words = format!("reporter {name} of team {} also fires when: {}", now.name, newly.join(", "));
            found.say(Topic::Reporter, team, words);
        }
        let more: Vec<String> = heard.difference(&heard_before).cloned().collect();
        if !more.is_empty() {
            let words = format!("reporter {name} of team {} also fires for {}", now.name, listed(&more));
            found.say(Topic::Reporter, team, words);
        }
        if old.plugin != reporter.plugin || old.settings != reporter.settings {
            let words = format!("reporter {name} of team {} delivers otherwise than before", now.name);
            found.say(Topic::Reporter, team, words);
        }
    }
    for name in was.iter().flat_map(|was| was.reporters.keys()).filter(|name| !now.reporters.contains_key(*name)) {
        found.say(Topic::Reporter, team, format!("reporter {name} of team {} fires no more", now.name));
    }
}

fn views(old: &Config, new: &Config, found: &mut Found) {
    let shown = |config: &Config, name: &str| -> BTreeSet<String> {
        let Some(view) = config.views.get(name) else { return BTreeSet::new() };
        view.candidates(&config.teams)
            .filter(|builder| view.selects(builder))
            .map(|builder| builder.key.to_string())
            .collect()
    };
    let names: BTreeSet<&String> = old.views.keys().chain(new.views.keys()).collect();
    for name in names {
        let (was, now) = (old.views.get(name), new.views.get(name));
        let team = now.or(was).and_then(|view| view.team.as_deref());
        let pages = format!("/view/{name} and all under it (JSON, feeds, badges)");
        match (was, now) {
            (None, Some(_)) => found.say(Topic::Address, team, format!("{pages} appear")),
            (Some(_), None) => {
                found.say(Topic::Address, team, format!("{pages} vanish: links and subscriptions to them break"));
            }
            (Some(was), Some(now)) if was.visibility < now.visibility => {
                found.warn(Topic::Rights, team, format!("view {name} opens: {}", seen_by(now.visibility)));
            }
            _ => {}
        }
        let (before, after) = (shown(old, name), shown(new, name));
        let gained: Vec<String> = after.difference(&before).cloned().collect();
        let lost: Vec<String> = before.difference(&after).cloned().collect();
        if !gained.is_empty() {
            let words = format!("view {name} gains {}: {}", count(gained.len(), "builder"), listed(&gained));
            found.say(Topic::View, team, words);
        }
        if now.is_some() && !lost.is_empty() {
            let words = format!("view {name} loses {}: {}", count(lost.len(), "builder"), listed(&lost));
            found.say(Topic::View, team, words);
        }
    }
}

/// Who gets what: a subject and where its right reaches, to the role there.
type Held = BTreeMap<(String, Option<String>), Role>;

fn rights(old: &Auth, new: &Auth, found: &mut Found) {
    let (before, after) = (held(old), held(new));
    for ((who, team), role) in &after {
        let had = before.get(&(who.clone(), team.clone()));
        let wherever = team.as_ref().map_or_else(|| "the instance".to_owned(), |team| format!("team {team}"));
        match had {
            Some(had) if had == role => {}
            Some(had) if had > role => {
                let words = format!("{who} falls from {} to {} of {wherever}", word(*had), word(*role));
                found.say(Topic::Rights, team.as_deref(), words);
            }
            _ => {
                let from = had.map_or_else(String::new, |had| format!(" (was {})", word(*had)));
                let words = format!("{who} becomes {} of {wherever}{from}", word(*role));
                found.warn(Topic::Rights, team.as_deref(), words);
            }
        }
    }
    for ((who, team), role) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        let wherever = team.as_ref().map_or_else(|| "the instance".to_owned(), |team| format!("team {team}"));
        found.say(Topic::Rights, team.as_deref(), format!("{who} is {} of {wherever} no more", word(*role)));
    }
    let issuers = |auth: &Auth| -> BTreeMap<String, String> {
        let foreign = auth.foreign.iter().map(|(name, issuer)| (name, format!("{issuer:?}")));
        let oidc = auth.oidc.iter().map(|(name, provider)| (name, format!("{provider:?}")));
        let local = auth.local.iter().map(|(name, key)| (name, format!("{key:?}")));
        foreign.chain(oidc).chain(local).map(|(name, text)| (name.clone(), text)).collect()
    };
    let (before, after) = (issuers(old), issuers(new));
    for (name, issuer) in &after {
        match before.get(name) {
            None => found.warn(Topic::Rights, None, format!("issuer {name} is believed from now on")),
            Some(was) if was != issuer => {
                found.warn(Topic::Rights, None, format!("issuer {name} is believed otherwise than before"));
            }
            Some(_) => {}
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        found.say(Topic::Rights, None, format!("issuer {name} is believed no more"));
    }
}

fn held(auth: &Auth) -> Held {
    let mut held = Held::new();
    for (name, user) in &auth.users {
        let who = format!("user {name}");
        if user.owner {
            held.insert((who.clone(), None), Role::Owner);
        }
        held.extend(user.teams.iter().map(|(team, (role, _))| ((who.clone(), Some(team.clone())), *role)));
    }
    for grant in &auth.grants {
        let who = format!("whoever `{}` says has {} = {}", grant.issuer, claim(&grant.claim), grant.value);
        let (team, role) = match &grant.reach {
            Reach::Owner => (None, Role::Owner),
            Reach::Team(team, role) => (Some(team.clone()), *role),
        };
        let best = held.entry((who, team)).or_insert(role);
        *best = (*best).max(role);
    }
    held
}

fn claim(path: &ClaimPath) -> String {
    match path {
        ClaimPath::Text(name) => name.clone(),
        ClaimPath::Names(names) => names.join(" / "),
    }
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Admin => "admin",
        Role::Owner => "owner",
    }
}

fn workers(old: &Config, new: &Config, found: &mut Found) {
    let names: BTreeSet<&String> = old.workers.keys().chain(new.workers.keys()).collect();
    for name in names {
        match (old.workers.get(name), new.workers.get(name)) {
            (None, Some(now)) => {
                found.say(
                    Topic::Worker,
                    None,
                    format!("worker {name} comes, with {}", count(now.slots as usize, "slot")),
                );
            }
            (Some(_), None) => {
                found.say(Topic::Worker, None, format!("worker {name} goes; what runs there finishes"));
            }
            (Some(was), Some(now)) => worker(was, now, found),
            (None, None) => {}
        }
    }
}

fn worker(was: &Worker, now: &Worker, found: &mut Found) {
    let name = &now.name;
    if was.slots != now.slots {
        found.say(Topic::Worker, None, format!("worker {name} had {} slots and gets {}", was.slots, now.slots));
    }
    if was.labels != now.labels {
        found.say(Topic::Worker, None, format!("worker {name} is now {}", now.labels.join(", ")));
    }
    let is_wider = !was.teams.is_empty() && (now.teams.is_empty() || now.teams.iter().any(|t| !was.teams.contains(t)));
    if is_wider {
        let teams = if now.teams.is_empty() { "all teams".to_owned() } else { now.teams.join(", ") };
        found.warn(Topic::Worker, None, format!("worker {name} is lent to more teams: {teams}"));
    } else if was.teams != now.teams {
        found.say(Topic::Worker, None, format!("worker {name} is lent to fewer teams: {}", now.teams.join(", ")));
    }
    if was.isolation != now.isolation || was.paths != now.paths {
        found.warn(Topic::Worker, None, format!("what builds may reach on worker {name} is another"));
    }
    if was.env != now.env || was.pass_env != now.pass_env {
        found.say(Topic::Worker, None, format!("commands on worker {name} find another environment"));
    }
}

fn plugins(old: &Config, new: &Config, found: &mut Found) {
    let names: BTreeSet<&String> = old.plugins.keys().chain(new.plugins.keys()).collect();
    for name in names {
        let was = old.plugins.get(name).cloned().unwrap_or_default();
        let now = new.plugins.get(name).cloned().unwrap_or_default();
        if was.grants != now.grants {
            found.warn(
                Topic::Plugin,
                None,
                format!("plugin {name} may do other things than before: look at its table"),
            );
        }
        let is_wider =
            !was.teams.is_empty() && (now.teams.is_empty() || now.teams.iter().any(|t| !was.teams.contains(t)));
        if is_wider {
            found.warn(Topic::Plugin, None, format!("plugin {name} is lent to more teams"));
        } else if was.teams != now.teams {
            found.say(Topic::Plugin, None, format!("plugin {name} is lent to fewer teams"));
        }
        if was.file != now.file || was.sha256 != now.sha256 {
            found.warn(Topic::Plugin, None, format!("plugin {name} is another component from its next call on"));
        }
        if was.limits != now.limits {
            found.say(Topic::Plugin, None, format!("plugin {name} has other limits"));
        }
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Names, as many as one reads.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 if names.is_empty() => "none".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Why `new` cannot take the place of `old` while the server runs: what holds its state would be elsewhere, and keys, fetched files and
/// whatever else lies there by default would be only half moved.
pub fn needs_restart(old: &Config, new: &Config) -> Option<String> {
    let (was, now) = (&old.server, &new.server);
    let changed: Vec<&str> =
        [("state_dir", was.state_dir != now.state_dir), ("database", was.database != now.database)]
            .into_iter()
            .filter_map(|(key, is_changed)| is_changed.then_some(key))
            .collect();
    let what = changed.iter().map(|key| format!("`server.{key}`")).collect::<Vec<_>>().join(" and ");
    let how = "which only a start puts in force: end the server, move what lies there, and start it again, or take that change back";
    (!changed.is_empty()).then(|| format!("{what} changed, {how}"))
}

/// What cannot change while the server runs, besides what [`needs_restart`] refuses: `new` keeps what `old` says of it. Tells what would
/// be otherwise.
pub fn keep_fixed(old: &Config, new: &mut Config) -> Vec<Consequence> {
    let mut found = Found::default();
    let (was, now) = (&old.server, &mut new.server);
    let mut fixed = |key: &str, changed: bool| {
        if changed {
            let words = format!("`server.{key}` changed, which has no effect before the server is started again");
            found.say(Topic::Restart, None, words);
        }
    };
    fixed("listen", was.listen != now.listen);
    fixed("public_url", was.public_url != now.public_url);
    now.listen.clone_from(&was.listen);
    now.public_url.clone_from(&was.public_url);
    found.0
}
