//! What the operator and the teams wrote, checked and frozen: load, check, freeze.

/// `[auth.*]`.
pub mod auth;
/// `[builder.*]`, steps and force parameters.
pub mod builder;
/// `[plugin.*]`.
pub mod plugin;
/// `[server]`.
pub mod server;
/// `[team.*]`.
pub mod team;
/// `[view.*]`.
pub mod view;
/// `[worker.*]`.
pub mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// `[plugin.*]`, by name; a plugin without a table has no entry.
    pub plugins: BTreeMap<String, plugin::Plugin>,
    /// `[worker.*]`, by name; never empty.
    pub workers: BTreeMap<String, worker::Worker>,
    /// Every team, by name, with its builders expanded.
    pub teams: BTreeMap<String, Arc<team::Team>>,
    /// Every view of the instance and of the teams, by name: names are unique in the instance.
    pub views: BTreeMap<String, Arc<view::View>>,
    /// What was read and is not acted on yet, a sentence each, for `weir serve` to say at start.
    pub not_acted_on: Vec<String>,
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
    /// No such plugin is present.
    Unknown,
    /// It is present and cannot be used; says why.
    Broken(String),
}
