//! `[reporter.*]`: who hears of builds.

use super::builder::Builder;
use super::read::{At, Reader, section, words};
use super::settings::{Kind, Plugins};
use super::team::TeamSecret;
use super::value::Any;
use crate::model::category;
use crate::model::glob::Glob;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

section! {
    /// Who hears of a team's builds. A reporter begins with what happens after it was first declared: it tells no history.
    struct RawReporter {
        /// The plugin that delivers.
        plugin = "use": At<String>;
        /// Which builds it hears of, each once: `finished` (all that end, but for those that are tried again), `problem` (bad, and
        /// the one before was not), `recovery` (good, and the one before was bad), `change` (another result than the one before).
        when = "when": Vec<When>, "[\"finished\"]";
        /// Builders that count, as patterns of categories.
        categories = "categories": Vec<Glob>, "all";
        /// Builders that count, as patterns of names.
        builders = "builders": Vec<Glob>, "all";
        /// The plugin's settings.
        with = "with": At<Any>, "{}";
    }
}

words! {
    /// Which builds a reporter hears of.
    enum When {
        /// All that end, but for those that are tried again.
        Finished = "finished",
        /// Bad ones after one that was not.
        Problem = "problem",
        /// Good ones after a bad one.
        Recovery = "recovery",
        /// Those with another result than the one before.
        Change = "change",
    }
}

impl When {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Problem => "problem",
            Self::Recovery => "recovery",
            Self::Change => "change",
        }
    }
}

/// Who hears of a team's builds.
#[derive(Debug, Clone, PartialEq)]
pub struct Reporter {
    /// Its name in its team.
    pub name: String,
    /// Whose builds it hears of.
    pub team: String,
    /// The plugin that delivers.
    pub plugin: String,
    /// Which builds.
    pub when: Vec<When>,
    /// Builders that count, by category; empty is all.
    pub categories: Vec<Glob>,
    /// Builders that count, by name; empty is all.
    pub builders: Vec<Glob>,
    /// The plugin's settings; a secret is `{"$secret": NAME}`.
    pub settings: Value,
}

impl Reporter {
    /// Whether builds of this builder count.
    pub fn hears_of(&self, builder: &Builder) -> bool {
        let by_category =
            |glob: &Glob| glob.as_str() == "*" || builder.categories.iter().any(|c| category::selects(glob, c));
        (self.categories.is_empty() || self.categories.iter().any(by_category))
            && (self.builders.is_empty() || self.builders.iter().any(|glob| glob.matches(&builder.key.name)))
    }
}

impl RawReporter {
    /// The reporter `name` of `team`, whose file lies in `dir`; none where its plugin is not there, which is a warning.
    pub fn freeze(
        self,
        name: &str,
        team: &str,
        dir: &Path,
        secrets: &BTreeMap<String, TeamSecret>,
        plugins: &Plugins<'_>,
        reader: &Reader<'_>,
    ) -> Option<Reporter> {
        let plugin = reader.required(&self.at, "use", self.plugin)?;
        let settings = self.with.unwrap_or_else(|| At { value: Any(json!({})), path: self.at.key("with") });
        let settings = plugins.settings(Kind::Reporter, team, &plugin, settings, dir, secrets, reader);
        plugins.is_present(&plugin.value).then(|| Reporter {
            name: name.to_owned(),
            team: team.to_owned(),
            plugin: plugin.value,
            when: self.when.unwrap_or_else(|| vec![When::Finished]),
            categories: self.categories.unwrap_or_default(),
            builders: self.builders.unwrap_or_default(),
            settings,
        })
    }
}
