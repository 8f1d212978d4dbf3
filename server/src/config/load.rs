//! From what was written to what is used: read every section, freeze it, check what refers to what.

use super::audit::RawAudit;
use super::auth::{RawAuth, check_team};
use super::diagnostic::{Diagnostic, Place};
use super::fetched;
use super::mail::RawMail;
use super::path::KeyPath;
use super::plugin::{Plugin, RawPlugin};
use super::read::{Key, Node, Read, Reader, Section, section};
use super::repository::Repository;
use super::reserved;
use super::server::RawServer;
use super::settings::Plugins;
use super::source::{File, Kind, Sources};
use super::team::{RawTeam, Team, TeamRules, WEIGHT, check_keys};
use super::team_texts::{TeamText, TeamTexts};
use super::unset;
use super::view::{RawView, View};
use super::view_room::Rooms;
use super::worker::{self, RawWorker, Worker};
use super::{Config, PluginCatalogue};
use crate::model::right::Visibility;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

section! {
    /// The whole configuration.
    struct Raw {
        /// The instance itself.
        server = "server": RawServer;
        /// Who may be believed.
        auth = "auth": RawAuth;
        /// How long it is kept who did what.
        audit = "audit": RawAudit;
        /// What plugins get beyond nothing.
        plugin = "plugin": BTreeMap<String, RawPlugin>;
        /// The way out for mail.
        mail = "mail": RawMail;
        /// Where commands run.
        worker = "worker": BTreeMap<String, RawWorker>, "`local` with one slot a core";
        /// The tenants.
        team = "team": BTreeMap<String, RawTeam>;
        /// The instance's views.
        view = "view": BTreeMap<String, RawView>;
    }
}

/// Where a key belongs that is known in another section than the one at `path`.
pub fn elsewhere(path: &KeyPath, key: &str) -> Option<String> {
    let is_known = |keys: &[Key]| keys.iter().any(|known| known.name == key);
    match path.parts().len() {
        0 if is_known(RawTeam::KEYS) => Some(format!("`[team.NAME.{key}...]`: it belongs to a team")),
        2 if path.to_string().starts_with("team.") && is_known(Raw::KEYS) => {
            Some(format!("`{key}` at the top of the instance's file: it belongs to the instance"))
        }
        _ => None,
    }
}

/// Views in the order in which they claim their names.
type Claims = Vec<(String, Option<String>, RawView)>;

/// What is loaded: files and environment, as they were read.
#[derive(Debug, Clone)]
pub struct Input {
    /// The folder of the main file.
    pub dir: PathBuf,
    /// Every file in order.
    pub files: Vec<File>,
    /// What is already known to be wrong with the files.
    pub unreadable: Vec<Diagnostic>,
    /// The server's variables.
    pub environment: Vec<(String, String)>,
}

/// What came of one pass.
pub struct Passed {
    /// None where something outside of teams' own files is wrong. Whoever is in `broken` has no builders.
    pub config: Option<Config>,
    /// Everything that is wrong anywhere.
    pub diagnostics: Vec<Diagnostic>,
    /// Teams whose own files are wrong.
    pub broken: BTreeSet<String>,
    /// What the files of teams that have their own say.
    pub own: TeamTexts,
}

impl Passed {
    /// What was said of a team's own files.
    pub fn said_of<'a>(&'a self, team: &'a str) -> impl Iterator<Item = &'a Diagnostic> {
        self.diagnostics.iter().filter(move |diagnostic| diagnostic.team.as_deref() == Some(team))
    }
}

/// Merges, reads, freezes and checks. Of the teams `lost` nothing is left; `texts` say which names are whose already.
pub fn pass(input: &Input, lost: &BTreeSet<String>, catalogue: &dyn PluginCatalogue, texts: &TeamTexts) -> Passed {
    let Input { dir, files, unreadable, environment } = input.clone();
    let variables: BTreeSet<String> = environment.iter().map(|(name, _)| name.clone()).collect();
    let has_main = files.iter().any(|file| file.kind == Kind::Main);
    let (mut sources, mut found) = Sources::merge(dir.clone(), files, environment);
    sources.incomplete |= !has_main;
    unreadable.into_iter().for_each(|diagnostic| found.add(diagnostic));
    let reader = Reader::new(&sources);
    let known_broken = found.told().iter().filter_map(|d| d.team.clone()).chain(lost.iter().cloned()).collect();
    let config = freeze(dir, &reader, &Given { known_broken, variables, catalogue, texts });
    // What may be a number or text is told once, not again where one of them is wanted.
    let misread = found.told().iter().filter(|d| d.rule == "yaml-number").map(|d| d.place.clone());
    let misread: BTreeSet<Place> = misread.collect();
    found.join(reader.into_found(), |diagnostic| !misread.contains(&diagnostic.place));
    let diagnostics = found.into_diagnostics();
    let may_start = !diagnostics.iter().any(|diagnostic| diagnostic.is_error() && diagnostic.team.is_none());
    // A file that wants the name of a team that the instance declares breaks only itself.
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    let of_teams = errors.filter_map(|diagnostic| diagnostic.team.as_ref()).chain(lost);
    let broken: BTreeSet<String> = of_teams.filter(|team| !sources.is_of_instance(team)).cloned().collect();
    let config = may_start.then(|| without_broken(config, &broken));
    let own = sources.teams().map(|team| (team.to_owned(), TeamText::of(sources.files_of(team)))).collect();
    Passed { config, diagnostics, broken, own }
}

/// What a configuration is checked against besides itself.
struct Given<'a> {
    /// Teams whose files cannot be read.
    known_broken: BTreeSet<String>,
    /// Names of the server's variables.
    variables: BTreeSet<String>,
    catalogue: &'a dyn PluginCatalogue,
    /// Which names are whose already.
    texts: &'a TeamTexts,
}

/// Everything as it would be used if nothing were wrong; what is wrong goes to `reader`.
fn freeze(dir: PathBuf, reader: &Reader<'_>, given: &Given<'_>) -> Config {
    let Given { known_broken, variables, catalogue, texts } = given;
    let sources = reader.sources;
    let raw = Raw::read(&Node { value: sources.root(), path: KeyPath::default() }, reader);
    let raw = raw.expect("the merged configuration is a table");
    let not_acted_on = not_acted_on(&raw);
    for (section, keys) in [("plugin", keys(&raw.plugin)), ("worker", keys(&raw.worker)), ("view", keys(&raw.view))] {
        check_keys(&KeyPath::of(&[section]), Some(&keys), reader);
    }
    let server = RawServer::freeze(raw.server, &dir, reader);
    let tables = declared(raw.team.unwrap_or_default(), known_broken, reader);
    let names: BTreeSet<String> = tables.keys().chain(known_broken).cloned().collect();
    let teams = (!sources.incomplete).then_some(&names);

    let auth = RawAuth::freeze(raw.auth, &server.state_dir, teams, reader);
    let audit = RawAudit::freeze(raw.audit, reader);
    let mail_password = raw.mail.as_ref().and_then(|mail| mail.password.clone());
    if let Some(mail) = raw.mail {
        mail.check(reader);
    }
    let plugins = freeze_plugins(raw.plugin.unwrap_or_default(), teams, reader);
    let workers = freeze_workers(raw.worker.unwrap_or_default(), teams, reader);
    let judge_workers = !sources.incomplete && !reader.has_error_under("worker");

    let present = Plugins::new(*catalogue, &plugins, &server);
    if !sources.incomplete {
        present.check_tables(reader);
    }
    let rules = TeamRules {
        workers: judge_workers.then_some(&workers),
        plugins: &present,
        quota: &server.quota,
        variables,
        reader,
    };
    let mut claims: Claims = raw.view.unwrap_or_default().into_iter().map(|(name, view)| (name, None, view)).collect();
    let repositories = repositories(&tables, reader);
    let (teams, of_teams) = freeze_teams(tables, known_broken, &rules, texts);
    claims.extend(of_teams);
    let views = freeze_views(claims, &teams, reader);
    // Where a file could not be read, what it declares may be what is selected.
    if !sources.incomplete && known_broken.is_empty() {
        warn_empty(&views, &teams, reader);
    }
    let fetched = repositories.keys().map(|team| fetched::snapshot_file(&server.state_dir, team));
    let files = sources.files().map(|file| file.path.clone()).chain(fetched).collect();
    let mut config = Config {
        dir,
        files,
        server,
        auth,
        audit,
        mail_password,
        plugins,
        workers,
        teams,
        views,
        broken_teams: BTreeMap::new(),
        kept_teams: BTreeSet::new(),
        repositories,
        team_texts: Arc::default(),
        not_acted_on,
    };
    // Secrets of a team whose files lie in a repository are written by the operator.
    let is_own_file = |team: &str| !sources.is_of_instance(team) && !sources.has_repository(team);
    reserved::reserve(&mut config, is_own_file, texts, reader);
    unset::warn_teams(&config, variables, reader);
    config
}

/// The keys of a section's tables.
fn keys<T>(tables: &Option<BTreeMap<String, T>>) -> BTreeMap<String, ()> {
    tables.iter().flat_map(BTreeMap::keys).map(|name| (name.clone(), ())).collect()
}

/// Where the files of teams lie; a team's own file may not say so.
fn repositories(tables: &BTreeMap<String, RawTeam>, reader: &Reader<'_>) -> BTreeMap<String, Repository> {
    let mut repositories = BTreeMap::new();
    for (name, table) in tables {
        let Some(repository) = &table.config else { continue };
        if reader.sources.has_repository(name) {
            repositories.insert(name.clone(), repository.clone());
        } else {
            let diagnostic =
                reader.wrong_key(&table.at.key("config"), "not-lent", "a team's own file names no repository");
            reader.note(
                diagnostic.expected("nothing here: the operator writes it into `[team.NAME]` of the instance's files"),
            );
        }
    }
    repositories
}

fn freeze_plugins(
    tables: BTreeMap<String, RawPlugin>,
    teams: Option<&BTreeSet<String>>,
    reader: &Reader<'_>,
) -> BTreeMap<String, Plugin> {
    let freeze = |(name, table): (String, RawPlugin)| {
        for team in table.teams.iter().flatten() {
            check_team(&team.value, &team.path, teams, reader);
        }
        (name, table.freeze(reader))
    };
    tables.into_iter().map(freeze).collect()
}

fn freeze_workers(
    tables: BTreeMap<String, RawWorker>,
    teams: Option<&BTreeSet<String>>,
    reader: &Reader<'_>,
) -> BTreeMap<String, Worker> {
    if tables.is_empty() {
        let only = worker::only();
        return BTreeMap::from([(only.name.clone(), only)]);
    }
    tables.into_iter().map(|(name, table)| (name.clone(), table.freeze(&name, teams, reader))).collect()
}

/// The teams, and their views in the order in which they claim names: instance files first, then the views that are already in
/// force, then teams' files in order.
fn freeze_teams(
    tables: BTreeMap<String, RawTeam>,
    known_broken: &BTreeSet<String>,
    rules: &TeamRules<'_>,
    texts: &TeamTexts,
) -> (BTreeMap<String, Arc<Team>>, Claims) {
    let sources = rules.reader.sources;
    let fallback = sources.files().next().map(|file| file.path.clone()).unwrap_or_default();
    let mut teams = BTreeMap::new();
    let mut of_instance = Claims::new();
    let mut of_files = Claims::new();
    for (name, table) in tables {
        let own = sources.files_of(&name).next();
        let file = own.or_else(|| sources.declared_in(&KeyPath::of(&["team", &name])));
        let path = file.map_or(&fallback, |file| &file.path);
        let (team, views) = table.freeze(&name, path, rules);
        let claims = if own.is_some() { &mut of_files } else { &mut of_instance };
        claims.extend(views.into_iter().map(|(view, table)| (view, Some(name.clone()), table)));
        teams.insert(name, Arc::new(team));
    }
    for name in known_broken.iter().filter(|name| !teams.contains_key(*name)).cloned().collect::<Vec<_>>() {
        teams.insert(name.clone(), Arc::new(Team::broken(&name, &fallback, *rules.quota, WEIGHT)));
    }
    let is_new = |view: &str, team: &Option<String>| {
        !team.as_ref().and_then(|team| texts.get(team)).is_some_and(|text| text.views.contains(view))
    };
    of_files.sort_by_key(|(view, team, _)| is_new(view, team));
    of_instance.extend(of_files);
    (teams, of_instance)
}

/// The views; a name that is taken is the error of whoever comes later, and does not tell by whom.
fn freeze_views(
    claims: Claims,
    teams: &BTreeMap<String, Arc<Team>>,
    reader: &Reader<'_>,
) -> BTreeMap<String, Arc<View>> {
    let mut views: BTreeMap<String, Arc<View>> = BTreeMap::new();
    let mut rooms = Rooms::default();
    for (name, team, table) in claims {
        let path = table.at.clone();
        let of_team: Option<(&str, Visibility)> =
            team.as_ref().and_then(|name| teams.get(name)).map(|team| (team.name.as_str(), team.visibility));
        let view = table.freeze(&name, of_team, reader);
        if views.contains_key(&name) {
            let diagnostic = reader.wrong_key(&path, "name-taken", format!("the view name `{name}` is taken"));
            reader.note(diagnostic.expected("a name that no other view of the instance has"));
            continue;
        }
        let owner = team.as_ref().and_then(|name| teams.get(name));
        if owner.is_none_or(|team| rooms.admit(&view, &path, team, reader)) {
            views.insert(name, Arc::new(view));
        }
    }
    views
}

/// The teams without those that have nothing but limits: one whose file is gone would come back without builders and open to everybody.
fn declared(
    mut tables: BTreeMap<String, RawTeam>,
    known_broken: &BTreeSet<String>,
    reader: &Reader<'_>,
) -> BTreeMap<String, RawTeam> {
    check_keys(&KeyPath::of(&["team"]), Some(&tables), reader);
    tables.retain(|team, _| known_broken.contains(team) || !warn_only_limits(team, reader));
    tables
}

/// Whether a team is nowhere declared and only has limits, of which it warns then.
fn warn_only_limits(team: &str, reader: &Reader<'_>) -> bool {
    let only = reader.sources.has_only_limits(team);
    if only {
        let message = format!("no file of `teams/` declares the team `{team}`: its limits here limit nobody");
        let diagnostic = reader.wrong_key(&KeyPath::of(&["team", team]), "only-limits", message).warning();
        reader.note(diagnostic.expected(format!("`teams/{team}.toml`, or its builders in this table")));
    }
    only
}

/// Warns of views that select nothing.
fn warn_empty(views: &BTreeMap<String, Arc<View>>, teams: &BTreeMap<String, Arc<Team>>, reader: &Reader<'_>) {
    for view in views.values() {
        if view.candidates(teams).any(|builder| view.selects(builder)) {
            continue;
        }
        let path = match &view.team {
            Some(team) => KeyPath::of(&["team", team, "view", &view.name]),
            None => KeyPath::of(&["view", &view.name]),
        };
        if reader.has_error_under(&path.to_string()) {
            continue;
        }
        let message = format!("view `{}` selects no builder", view.name);
        let diagnostic = reader.wrong_key(&path, "selects-nothing", message).warning();
        reader.note(diagnostic.expected("patterns that together fit at least one builder"));
    }
}

/// Takes away what teams with broken files declare.
fn without_broken(mut config: Config, broken: &BTreeSet<String>) -> Config {
    for name in broken {
        let Some(team) = config.teams.get_mut(name) else { continue };
        // Of whom nothing is left no file was read: these limits are the operator's.
        *team = Arc::new(Team::broken(name, &team.file, team.quota, team.weight));
    }
    config.views.retain(|_, view| view.team.as_ref().is_none_or(|team| !broken.contains(team)));
    config
}

/// A sentence for each kind of thing that was read and that nothing acts on yet.
fn not_acted_on(raw: &Raw) -> Vec<String> {
    let tables = || raw.team.iter().flat_map(BTreeMap::values);
    let n_remote = raw.worker.iter().flat_map(BTreeMap::values).filter(|worker| worker.password.is_some()).count();
    let kinds = [
        ("the way out for mail ([mail])", usize::from(raw.mail.is_some())),
        ("remote workers ([worker.*] with `password`)", n_remote),
        ("change sources ([source.*])", tables().flat_map(|team| &team.source).map(BTreeMap::len).sum()),
        ("schedulers ([scheduler.*])", tables().flat_map(|team| &team.scheduler).map(BTreeMap::len).sum()),
    ];
    let sentence = |(what, n): (&str, usize)| format!("This version does not act on {what} yet; declared: {n}.");
    kinds.into_iter().filter(|(_, n)| *n > 0).map(sentence).collect()
}
