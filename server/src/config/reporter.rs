//! `[reporter.*]`: who hears of builds. Read and checked for shape; what delivers comes later.

use super::read::{At, Reader, section};
use super::settings::{Kind, Plugins};
use super::team::Secret;
use super::value::Any;
use crate::model::glob::Glob;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

section! {
    /// Who hears of a team's builds.
    struct RawReporter {
        /// The plugin that delivers.
        plugin = "use": At<String>;
        /// When it speaks, for instance `problem`, `recovery`, `finished`.
        when = "when": Vec<String>, "the plugin's own";
        /// Builders that count, as patterns of categories.
        categories = "categories": Vec<Glob>, "all";
        /// Builders that count, as patterns of names.
        builders = "builders": Vec<Glob>, "all";
        /// The plugin's settings.
        with = "with": At<Any>, "{}";
    }
}

impl RawReporter {
    /// Says what is wrong with the section of `team`, whose file lies in `dir`.
    pub fn check(
        self,
        team: &str,
        dir: &Path,
        secrets: &BTreeMap<String, Secret>,
        plugins: &Plugins<'_>,
        reader: &Reader<'_>,
    ) {
        let Some(plugin) = reader.required(&self.at, "use", self.plugin) else { return };
        let settings = self.with.unwrap_or_else(|| At { value: Any(json!({})), path: self.at.key("with") });
        plugins.settings(Kind::Reporter, team, &plugin, settings, dir, secrets, reader);
    }
}
