//! `[builder.*]`: a named recipe of steps, expanded from its matrix.

use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::results::Results;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Its steps in order, the recipe's included; never empty.
    pub steps: Vec<Step>,
    /// How it may be forced.
    pub force: Force,
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
