//! `[recipe.*]` and steps: what builders share.

use super::builder::Step;
use super::path::KeyPath;
use super::read::{At, Node, Read, Reader, section, word};
use super::settings::{Kind, Plugins};
use super::team::TeamSecret;
use super::value::Any;
use crate::model::name::check_plain;
use crate::model::results::Results;
use serde_json::json;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

section! {
    /// Steps that several builders of a team share.
    struct RawRecipe {
        /// The steps, in order.
        step = "step": Vec<RawStep>;
    }
}

section! {
    /// One step, run by a plugin.
    struct RawStep {
        /// The plugin that runs it.
        plugin = "use": At<String>;
        /// Unique in its builder.
        name = "name": At<String>, "the plugin's name; `git-2` for the second of them";
        /// The plugin's settings; `{{property}}` in a string is replaced when the step runs, `{ secret = \"NAME\" }` hands over a secret.
        with = "with": At<Any>, "{}";
        /// Ends a command that runs longer.
        timeout = "timeout": At<Duration>, "none";
        /// Ends a command that prints nothing for so long.
        idle_timeout = "idle_timeout": At<Duration>, "20m";
        /// Runs also after an earlier failure.
        always = "always": bool, "false";
        /// Its failure turns the build to warnings, and the build goes on.
        warn_on_failure = "warn_on_failure": bool, "false";
        /// Runs only where the build's results so far is one of these.
        when = "when": Vec<Results>, "whatever it is";
    }
}

/// A step before names are settled.
#[derive(Debug, Clone)]
pub struct Unnamed {
    name: Option<At<String>>,
    step: Step,
}

/// How long a command may print nothing where the step does not say.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// What steps are checked against.
pub struct StepRules<'a> {
    /// The team that declares them.
    pub team: &'a str,
    /// The folder of its file.
    pub dir: &'a Path,
    /// Its secrets.
    pub secrets: &'a BTreeMap<String, TeamSecret>,
    /// The plugins that are present.
    pub plugins: &'a Plugins<'a>,
    /// Where to say what is wrong.
    pub reader: &'a Reader<'a>,
}

impl RawStep {
    /// The step as it runs; its name is settled with its builder's other steps.
    pub fn freeze(self, rules: &StepRules<'_>) -> Option<Unnamed> {
        let reader = rules.reader;
        if let Some(name) = &self.name
            && let Err(error) = check_plain(&name.value)
        {
            reader.note(reader.wrong(&name.path, "bad-name", error.to_string()));
        }
        let timeout = self.timeout.and_then(|timeout| not_zero(timeout, reader));
        let idle_timeout = self.idle_timeout.and_then(|timeout| not_zero(timeout, reader));
        let plugin = reader.required(&self.at, "use", self.plugin)?;
        let settings = self.with.unwrap_or_else(|| At { value: Any(json!({})), path: self.at.key("with") });
        let settings =
            rules.plugins.settings(Kind::Step, rules.team, &plugin, settings, rules.dir, rules.secrets, reader);
        Some(Unnamed {
            name: self.name,
            step: Step {
                name: plugin.value.clone(),
                plugin: plugin.value,
                settings,
                always: self.always.unwrap_or(false),
                warn_on_failure: self.warn_on_failure.unwrap_or(false),
                when: self.when.unwrap_or_default(),
                timeout,
                idle_timeout: Some(idle_timeout.unwrap_or(IDLE_TIMEOUT)),
            },
        })
    }
}

/// A timeout that leaves a command some time.
fn not_zero(timeout: At<Duration>, reader: &Reader<'_>) -> Option<Duration> {
    if timeout.value.is_zero() {
        let diagnostic = reader.wrong(&timeout.path, "bad-span", "a timeout of no length ends every command");
        reader.note(diagnostic.expected("at least `1s`"));
    }
    Some(timeout.value)
}

/// Settles the names of a builder's steps: as written, else the plugin's name, with a number from the second on.
pub fn name_steps(steps: Vec<Unnamed>, builder: &KeyPath, reader: &Reader<'_>) -> Vec<Step> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for name in steps.iter().filter_map(|step| step.name.as_ref()) {
        if !taken.insert(name.value.clone()) {
            let message = format!("two steps of {builder} are called `{}`", name.value);
            reader
                .note(reader.wrong(&name.path, "name-taken", message).expected("each step's name once in its builder"));
        }
    }
    // How far each plugin's numbers have come: what was taken stays taken.
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let name = |Unnamed { name, mut step }: Unnamed| {
        match name {
            Some(name) => step.name = name.value,
            None => {
                let n = numbers.entry(step.plugin.clone()).or_default();
                *n += 1;
                while !taken.insert(numbered(&step.plugin, *n)) {
                    *n += 1;
                }
                step.name = numbered(&step.plugin, *n);
            }
        }
        step
    };
    steps.into_iter().map(name).collect()
}

/// What the `n`th step of a plugin is called where nobody says so.
fn numbered(plugin: &str, n: usize) -> String {
    if n == 1 { plugin.to_owned() } else { format!("{plugin}-{n}") }
}

impl Read for Results {
    fn expected() -> Cow<'static, str> {
        "one of `success`, `warnings`, `failure`, `skipped`, `exception`, `retry`, `cancelled`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        word(node, reader, &Self::ALL.map(|results| (results.word(), results)))
    }
}
