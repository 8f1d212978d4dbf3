//! What commands on the server's machine need: the configuration, without looking into any plugin.

use crate::config::plugin::Plugin;
use crate::config::server::Server;
use crate::config::{Config, Described, NotDescribed, PluginCatalogue};
use anyhow::bail;
use std::path::Path;
use std::sync::Arc;

/// Takes every plugin as it comes: `weir check` is where they are looked into.
pub struct AnyPlugin;

impl PluginCatalogue for AnyPlugin {
    fn describe(&self, _name: &str, _table: &Plugin, _server: &Server) -> Result<Described, NotDescribed> {
        Err(NotDescribed::NotAsked)
    }

    fn names(&self, _server: &Server) -> Vec<String> {
        Vec::new()
    }
}

/// The configuration of `file`, as far as the server would start with it.
///
/// # Errors
/// What is wrong with it and how to see all of it.
pub fn config(file: &Path) -> anyhow::Result<Arc<Config>> {
    let loaded = crate::config::load(file, crate::config::environment(), &AnyPlugin);
    let first = loaded.diagnostics.iter().find(|d| d.is_error()).map(ToString::to_string).unwrap_or_default();
    match loaded.config {
        Some(config) => Ok(config),
        None => bail!(
            "the configuration cannot be used; `weir check --config {}` says everything.\n{first}",
            file.display()
        ),
    }
}

/// Whether there is a configuration of this name, whatever it is written in.
pub fn is_there(file: &Path) -> bool {
    file.is_file() || ["toml", "yaml", "yml", "json"].iter().any(|end| file.with_extension(end).is_file())
}
