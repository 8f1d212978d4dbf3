//! `[builder.*]`: a named recipe of steps, expanded from its matrix.

use super::force::RawForce;
use super::matrix::{Combination, Matrix, combinations, fill, keys_of};
use super::path::KeyPath;
use super::patterns::Patterns;
use super::placeholders;
use super::read::{At, Reader, one_of, section};
use super::recipe::{RawStep, StepRules, Unnamed, name_steps};
use super::value::Any;
use super::worker::Worker;
use crate::model::name::{BuilderKey, check_wide};
use crate::model::property::Properties;
use crate::model::results::Results;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

section! {
    /// A named recipe of steps. `{{key}}` of its matrix is replaced in its name, categories, labels, properties, environment
    /// and description.
    struct RawBuilder {
        /// For people.
        description = "description": String;
        /// One builder for each combination of these values; each is a property of its builds.
        matrix = "matrix": At<Matrix>, "one builder";
        /// The recipe whose steps come first.
        recipe = "recipe": At<String>;
        /// Its own steps, after the recipe's.
        step = "step": Vec<RawStep>;
        /// What views select it by; a bar nests: `release|2.4`.
        categories = "categories": Vec<At<String>>, "[]";
        /// What its worker must be.
        labels = "labels": Vec<At<String>>, "[]";
        /// Properties of its builds.
        properties = "properties": BTreeMap<String, At<Any>>, "{}";
        /// Added to the environment of its commands.
        env = "env": BTreeMap<String, At<String>>, "{}";
        /// How it may be forced: `false` by nobody, `true` without parameters, or a table.
        force = "force": RawForce, "true";
    }
}

/// A builder as it runs: recipe and matrix are resolved.
#[derive(Debug, Clone)]
pub struct Builder {
    /// `team/name`.
    pub key: BuilderKey,
    /// For people; may be empty.
    pub description: String,
    /// Labels that views select by, in the order written.
    pub categories: Vec<String>,
    /// A worker must have all of these to run it; views select by them too.
    pub labels: Vec<String>,
    /// Properties of every build, matrix values included, source `Builder`.
    pub properties: Properties,
    /// Added to the environment of its commands.
    pub env: BTreeMap<String, String>,
    /// Its steps in order, the recipe's included; never empty. All builders of a matrix share them.
    pub steps: Arc<[Step]>,
    /// How it may be forced; shared, too.
    pub force: Arc<Force>,
    /// Paths in step settings start in the folder of this file.
    pub file: PathBuf,
}

/// One step as the configuration declares it.
#[derive(Debug, Clone)]
pub struct Step {
    /// Unique in its builder; defaults to the plugin's name (`git`, then `git-2`).
    pub name: String,
    /// The plugin that runs it.
    pub plugin: String,
    /// The plugin's settings, placeholders and all; paths are resolved where the schema says `path-or-url`.
    pub settings: Value,
    /// Runs also after an earlier failure.
    pub always: bool,
    /// Its failure turns the build to warnings, and the build goes on.
    pub warn_on_failure: bool,
    /// Runs only where the build's results so far are one of these; empty is no condition.
    pub when: Vec<Results>,
    /// Ends a command that runs longer.
    pub timeout: Option<Duration>,
    /// Ends a command that prints nothing for so long.
    pub idle_timeout: Option<Duration>,
}

/// How a builder may be forced.
#[derive(Debug, Clone)]
pub struct Force {
    /// False: by nobody.
    pub enabled: bool,
    /// Typed parameters; they become properties.
    pub parameters: Vec<Parameter>,
    /// Names of properties that may be given freely.
    pub properties: Vec<String>,
}

/// One typed parameter of a force.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The property it sets.
    pub name: String,
    /// For people; defaults to the name.
    pub label: String,
    /// What it takes.
    pub kind: ParameterKind,
    /// Used where none is given.
    pub default: Option<Value>,
    /// Refused where none is given and there is no default.
    pub required: bool,
}

/// What a force parameter takes.
#[derive(Debug, Clone)]
pub enum ParameterKind {
    /// One line, fitting the whole pattern where there is one.
    String(Option<regex::Regex>),
    /// Several lines, fitting the whole pattern where there is one.
    Text(Option<regex::Regex>),
    /// A whole number.
    Int,
    /// True or false.
    Bool,
    /// One of these.
    Choice(Vec<String>),
}

/// What a team's builders are checked against.
pub struct BuilderRules<'a> {
    /// The team's name.
    pub team: &'a str,
    /// The file that declares the team.
    pub file: &'a Path,
    /// The team's recipes.
    pub recipes: &'a BTreeMap<String, Vec<Unnamed>>,
    /// The team's patterns so far.
    pub patterns: &'a Patterns,
    /// Where builds may run; none where workers cannot be judged.
    pub workers: Option<&'a BTreeMap<String, Worker>>,
    /// What steps are checked against.
    pub steps: StepRules<'a>,
}

impl RawBuilder {
    /// The builders that the table `name` makes, one for each combination of its matrix.
    pub fn freeze(self, name: &str, rules: &BuilderRules<'_>) -> Vec<Builder> {
        let reader = rules.steps.reader;
        let mut unnamed = self.recipe_steps(rules);
        unnamed.extend(self.step.iter().flatten().cloned().filter_map(|step| step.freeze(&rules.steps)));
        let steps: Arc<[Step]> = name_steps(unnamed, &self.at, reader).into();
        let nothing_written =
            ["recipe", "step"].iter().all(|key| reader.sources.value(&self.at.key(key)).is_none_or(is_empty_list));
        if steps.is_empty() && nothing_written {
            let diagnostic = reader.wrong_key(&self.at, "no-steps", "this builder has no steps");
            reader.note(diagnostic.expected("`recipe = \"NAME\"` or `[[...step]]` tables"));
        }
        let force = self.force.clone().map_or_else(Force::default, |force| force.freeze(rules.patterns, reader));
        let force = Arc::new(force);
        self.check_properties(reader);
        combinations(self.matrix.as_ref(), reader)
            .enumerate()
            .filter_map(|(i, combination)| {
                // What is wrong with each combination in the same way is said once.
                let mut filler = Filler { combination: &combination, reader, is_first: i == 0 };
                self.expand(name, rules, &mut filler, &steps, &force)
            })
            .collect()
    }

    /// One builder of the matrix.
    fn expand(
        &self,
        name: &str,
        rules: &BuilderRules<'_>,
        filler: &mut Filler<'_>,
        steps: &Arc<[Step]>,
        force: &Arc<Force>,
    ) -> Option<Builder> {
        let name = filler.wide(name, &self.at, true);
        let wide = |filler: &Filler<'_>, all: &Option<Vec<At<String>>>| -> Vec<String> {
            all.iter().flatten().filter_map(|text| filler.wide(&text.value, &text.path, false)).collect()
        };
        let mut categories = wide(filler, &self.categories);
        let mut seen = std::collections::BTreeSet::new();
        categories.retain(|category| seen.insert(category.clone()));
        let builder = Builder {
            key: BuilderKey::new(rules.team, name?),
            description: self.description.as_ref().map(|text| filler.any(text)).unwrap_or_default(),
            categories,
            labels: wide(filler, &self.labels),
            properties: self.properties(filler),
            env: self.env.iter().flatten().map(|(name, value)| (name.clone(), filler.any(&value.value))).collect(),
            steps: Arc::clone(steps),
            force: Arc::clone(force),
            file: rules.file.to_owned(),
        };
        self.check_worker(&builder, rules);
        Some(builder)
    }

    fn recipe_steps(&self, rules: &BuilderRules<'_>) -> Vec<Unnamed> {
        let Some(recipe) = &self.recipe else { return Vec::new() };
        let steps = rules.recipes.get(&recipe.value);
        if steps.is_none() {
            let reader = rules.steps.reader;
            let names = || rules.recipes.keys().map(String::as_str);
            let diagnostic =
                reader.wrong(&recipe.path, "unknown-recipe", format!("the team has no recipe `{}`", recipe.value));
            let expected = if rules.recipes.is_empty() { "a name under [recipe]".to_owned() } else { one_of(names()) };
            reader.note(diagnostic.expected(expected).suggest(&recipe.value, names()));
        }
        steps.cloned().unwrap_or_default()
    }

    /// Matrix values, then what the builder sets itself.
    fn properties(&self, filler: &Filler<'_>) -> Properties {
        let mut properties = Properties::default();
        for (key, (value, _)) in &filler.combination.0 {
            properties.set(key.clone(), value.clone(), "Builder");
        }
        for (key, value) in self.properties.iter().flatten() {
            properties.set(key.clone(), filler.json(&value.value.0), "Builder");
        }
        properties
    }

    /// Says which properties have names that are too long, and which are keys of the matrix, too.
    fn check_properties(&self, reader: &Reader<'_>) {
        for (key, value) in self.properties.iter().flatten() {
            placeholders::check_name(key, &value.path, true, reader);
        }
        let Some(matrix) = &self.matrix else { return };
        for key in matrix.value.keys() {
            placeholders::check_name(key, &matrix.path.key(key), true, reader);
        }
        for (key, value) in self.properties.iter().flatten().filter(|(key, _)| matrix.value.contains_key(*key)) {
            let message = format!("property `{key}` is a key of the matrix, too");
            reader.note(reader.wrong_key(&value.path, "name-taken", message).expected("one of the two"));
        }
    }

    fn check_worker(&self, builder: &Builder, rules: &BuilderRules<'_>) {
        let Some(workers) = rules.workers else { return };
        let lent = || workers.values().filter(|worker| worker.serves(rules.team));
        if lent().any(|worker| worker.has_labels(&builder.labels)) {
            return;
        }
        let path = self.at.key("labels");
        let reader = rules.steps.reader;
        let message = match lent().count() {
            0 => format!("no worker runs `{}`: none is lent to team `{}`", builder.key.name, rules.team),
            _ => format!("no worker runs `{}`: none has all of {:?}", builder.key.name, builder.labels),
        };
        let expected = match lent().count() {
            0 => format!("a worker without `teams`, or one whose `teams` name `{}`", rules.team),
            _ => lent().map(|w| format!("worker `{}` {:?}", w.name, w.labels)).collect::<Vec<_>>().join(", "),
        };
        let known: Vec<&str> = lent().flat_map(|worker| &worker.labels).map(String::as_str).collect();
        let unknown = builder.labels.iter().find(|label| !known.contains(&label.as_str()));
        let diagnostic = reader.wrong(&path, "no-worker", message).expected(expected);
        reader.note(match unknown {
            Some(label) => diagnostic.suggest(label, known),
            None => diagnostic,
        });
    }
}

/// Whether it is a list without elements.
fn is_empty_list(value: &figment::value::Value) -> bool {
    value.as_array().is_some_and(<[_]>::is_empty)
}

/// Fills in the values of one combination.
struct Filler<'a> {
    combination: &'a Combination,
    reader: &'a Reader<'a>,
    is_first: bool,
}

impl Filler<'_> {
    /// `text` with the matrix' values; other placeholders are left to the build.
    fn any(&self, text: &str) -> String {
        fill(text, self.combination).0
    }

    /// The same for every string of a value.
    fn json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.any(text)),
            Value::Array(elements) => elements.iter().map(|value| self.json(value)).collect(),
            Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), self.json(value))).collect(),
            other => other.clone(),
        }
    }

    /// A name, a category or a label.
    fn wide(&self, text: &str, path: &KeyPath, is_key: bool) -> Option<String> {
        let (filled, unknown) = fill(text, self.combination);
        let wrong = |rule, message: String| match is_key {
            true => self.reader.wrong_key(path, rule, message),
            false => self.reader.wrong(path, rule, message),
        };
        if let Some(unknown) = unknown {
            if self.is_first {
                let message = format!("`{{{{{unknown}}}}}` is no key of the matrix");
                let diagnostic = wrong("unknown-placeholder", message).expected(keys_of(self.combination));
                self.reader.note(diagnostic.suggest(&unknown, self.combination.0.keys().map(String::as_str)));
            }
            return None;
        }
        if let Err(error) = check_wide(&filled) {
            self.reader.note(wrong("bad-name", error.to_string()));
            return None;
        }
        Some(filled)
    }
}
