//! What the operator and the teams wrote, checked and frozen: load, check, freeze.

/// `[audit]`.
pub mod audit;
/// `[auth.*]`.
pub mod auth;
/// `[builder.*]`, steps and force parameters.
pub mod builder;
/// No secret in an excerpt.
mod cover;
/// What is wrong, where, and what to write instead.
pub mod diagnostic;
/// What follows from another configuration.
pub mod diff;
/// A document outside the configuration.
pub mod document;
/// How large a team's builders become.
mod expansion;
/// Files of teams that lie in git repositories.
pub mod fetched;
/// The files as they lie on the disk.
pub mod files;
/// `[builder.X.force]`.
pub mod force;
/// What was found to be wrong, as far as it is told.
mod found;
/// `[auth.jwt.*]`, `[auth.oidc.*]`.
pub mod issuer;
/// JSON with places.
mod json;
/// Whose files are broken keeps what they said before.
pub mod last_good;
/// One layer for figment.
mod layer;
/// Lines and columns.
mod lines;
/// From what was written to what is used.
pub mod load;
/// The place of a key in a file.
mod locate;
/// `[mail]`.
pub mod mail;
/// One builder for each combination.
mod matrix;
/// One file, opened once.
pub mod open;
/// What the operator writes of a team whose files lie elsewhere.
mod operated;
/// What is the server's own.
mod own;
/// What lets git in.
mod pass;
/// Where a key stands.
pub mod path;
/// The patterns of a team, bounded.
pub mod patterns;
/// Placeholders in step settings.
mod placeholders;
/// `[plugin.*]`.
pub mod plugin;
/// One program outside, bounded.
mod program;
/// `server.trusted_proxies`.
mod proxy;
/// `quota` of a team.
pub mod quota;
/// Key by key, all errors at once.
pub mod read;
/// `[recipe.*]` and steps.
pub mod recipe;
/// The reference of every key.
pub mod reference;
/// `[reporter.*]`.
pub mod reporter;
/// `config` of a team.
pub mod repository;
/// What teams' secrets may not come from.
pub mod reserved;
/// `[scheduler.*]`.
pub mod scheduler;
/// `[server]`.
mod schema_parts;
/// `[secret.*]`.
pub mod secret;
/// Patterns over names, counted.
mod selectors;
pub mod server;
/// Settings against a plugin's schema.
pub mod settings;
/// That schema, and how much is checked against it.
pub mod settings_schema;
/// Where values come from.
pub mod source;
/// `[source.*]`.
pub mod source_of_changes;
/// `[team.*]`.
pub mod team;
/// What teams' files said when they were last good.
pub mod team_texts;
/// A YAML or JSON document.
mod tree;
/// Secrets that have no value now.
mod unset;
/// How each type of value is read.
pub mod value;
/// Secrets' values, when they are used.
pub mod vault;
/// `[view.*]`.
pub mod view;
/// How many views a team has room for.
mod view_room;
/// `[worker.*]`.
pub mod worker;
/// What was written, kept for comparing.
pub mod written;
/// YAML with places.
mod yaml;

use diagnostic::{Diagnostic, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use team_texts::TeamTexts;

/// The whole configuration, checked: everything that refers to something refers to what exists.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the main file; relative paths of that file start here and are already absolute.
    pub dir: PathBuf,
    /// Every file that was read, for hiding them from builds.
    pub files: Vec<PathBuf>,
    /// `[server]`.
    pub server: server::Server,
    /// `[auth.*]`.
    pub auth: auth::Auth,
    /// `[audit]`.
    pub audit: audit::Audit,
    /// Where the password of `[mail]` comes from.
    pub mail_password: Option<team::Secret>,
    /// `[plugin.*]`, by name; a plugin without a table has no entry.
    pub plugins: BTreeMap<String, plugin::Plugin>,
    /// `[worker.*]`, by name; never empty.
    pub workers: BTreeMap<String, worker::Worker>,
    /// Every team, by name, with its builders expanded.
    pub teams: BTreeMap<String, Arc<team::Team>>,
    /// Every view of the instance and of the teams, by name: names are unique in the instance.
    pub views: BTreeMap<String, Arc<view::View>>,
    /// Teams whose own files are broken, with what is wrong. Those that are not in `kept_teams` have no builders and no views.
    pub broken_teams: BTreeMap<String, Vec<Diagnostic>>,
    /// Those of the broken teams that are what their files said before.
    pub kept_teams: BTreeSet<String>,
    /// The repositories of the teams whose files lie in one, by team.
    pub repositories: BTreeMap<String, repository::Repository>,
    /// What the teams that have files of their own fall back to from now on: to be kept, and to be given to the next [`load_keeping`].
    pub team_texts: Arc<TeamTexts>,
    /// What was read and is not acted on yet, a sentence each, for `weir serve` to say at start.
    pub not_acted_on: Vec<String>,
}

/// What came of loading.
#[derive(Debug)]
pub struct Loaded {
    /// Some where the server may start: the instance's files and the environment are right. Teams whose own files are broken are
    /// in `broken_teams`.
    pub config: Option<Arc<Config>>,
    /// Everything that is wrong anywhere, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// What was read.
    pub input: load::Input,
}

impl Loaded {
    /// Number of errors, those of teams' files included, also those that are only counted.
    pub fn n_errors(&self) -> usize {
        self.n(Severity::Error)
    }

    /// The same of warnings.
    pub fn n_warnings(&self) -> usize {
        self.n(Severity::Warning)
    }

    fn n(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).map(|d| d.stands_for).sum()
    }
}

/// As [`load_keeping`], with nothing to fall back to: a team whose own files are broken has no builders.
pub fn load(
    main_file: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    catalogue: &dyn PluginCatalogue,
) -> Loaded {
    load_keeping(main_file, environment, catalogue, &TeamTexts::new())
}

/// Reads the configuration from `main_file`, the folders beside it and the variables of `environment`, and checks all of it.
/// Reads no secret and runs no plugin beyond what `catalogue` does to describe it.
///
/// A team whose own files are broken is what `texts` say of it: those of the configuration in force (`Config::team_texts`), or at
/// start those of the database. They also say which views and secrets are whose already: nobody's new file takes them.
pub fn load_keeping(
    main_file: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    catalogue: &dyn PluginCatalogue,
    texts: &TeamTexts,
) -> Loaded {
    let (dir, mut files, mut unreadable) = files::read(main_file);
    let environment: Vec<(String, String)> = environment.into_iter().collect();
    fetched::add(&dir, &mut files, &mut unreadable, &environment);
    last_good::load(&load::Input { dir, files, unreadable, environment }, catalogue, texts)
}

/// The server's environment, as far as it is text.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Knows the plugins that are present. `plugins` implements it: the configuration itself loads no component.
pub trait PluginCatalogue: Sync {
    /// The JSON Schema of the settings of the plugin `name`, and what kind it is.
    ///
    /// # Errors
    /// Whether it is unknown or present but broken.
    fn describe(&self, name: &str, table: &plugin::Plugin, server: &server::Server) -> Result<Described, NotDescribed>;

    /// Names of the plugins that are present, for suggestions.
    fn names(&self, server: &server::Server) -> Vec<String>;
}

/// What a plugin says of itself, as far as the configuration cares.
#[derive(Debug, Clone)]
pub struct Described {
    /// Runs steps; otherwise it is a reporter.
    pub is_step: bool,
    /// JSON Schema 2020-12 of its settings. A string with `"format": "path-or-url"` is resolved against its file's folder;
    /// one with `"format": "shell"` is a line for the shell.
    pub settings_schema: Arc<serde_json::Value>,
}

/// Why a plugin could not be described.
#[derive(Debug, Clone)]
pub enum NotDescribed {
    /// Nobody looked: whatever is written about it is taken as it is. For commands that need the configuration and no plugin.
    NotAsked,
    /// No such plugin is present.
    Unknown,
    /// It is present and cannot be used; says why.
    Broken(String),
}

#[cfg(test)]
mod tests;
