//! The step plugin `warnings`: runs a command and counts the warnings it prints.

/// Warnings out of lines.
mod finder;
/// What warnings look like.
mod format;
/// The log that lists them.
mod list;
#[cfg(test)]
mod tests;

use finder::Finder;
use format::Format;
use list::List;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use weir_plugin_sdk::{Capability, CommandLine, Context, Error, LineFilter, Outcome, Step, Text};

/// What stands under `with`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to run. A string runs under the shell, a list does not. Its exit code decides whether the step fails.
    pub command: CommandLine,
    /// Whose warnings to look for.
    pub format: Option<Format>,
    /// A regular expression that is found in each line that is a warning, instead of `format` or beside it. Its groups `(?<file>...)`,
    /// `(?<line>...)` and `(?<message>...)` say more about it; each may be left out.
    #[schemars(length(min = 1))]
    pub pattern: Option<String>,
    /// Regular expressions; a line in which one of them is found is no warning.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(min = 1)))]
    pub ignore: Vec<String>,
    /// More warnings than these make the step's result `warnings`.
    #[serde(default)]
    pub max: u32,
    /// More warnings than these make it `failure`; none never does.
    pub fail_over: Option<u32>,
    /// Folder in the work directory.
    pub directory: Option<String>,
    /// Added to the environment of the command: texts, or secrets of the team (`{ secret = "name" }`).
    #[serde(default)]
    pub env: BTreeMap<String, Text>,
    /// Exit codes that count as success.
    #[serde(default = "zero")]
    #[schemars(length(min = 1))]
    pub success_codes: Vec<i32>,
    /// The log that output goes to.
    pub log: Option<String>,
}

fn zero() -> Vec<i32> {
    vec![0]
}

/// The step.
pub struct Warnings;

impl Step for Warnings {
    type Settings = Settings;
    const NAME: &'static str = "warnings";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Runs a command and counts the warnings it prints";
    const CAPABILITIES: &'static [Capability] = &[Capability::command("runs the command whose warnings it counts")];
    const SETTINGS_SCHEMA: Option<&'static str> = Some(include_str!("settings.json"));

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        let mut finder = Finder::new(&settings)?;
        let line = &settings.command;
        let mut command = line.command().directory(settings.directory.as_deref()).log(settings.log.as_deref());
        command.env.extend(settings.env.clone());
        let mut lines = cx.read_lines(&command, &LineFilter::patterns(finder.patterns()))?;
        let mut list = List::default();
        while let Some(found) = lines.next_line()? {
            if let Some(warning) = finder.take(&found) {
                list.add(cx, &warning)?;
            }
        }
        let exit = lines.exit()?;
        if let Some(warning) = finder.end() {
            list.add(cx, &warning)?;
        }
        list.end(cx)?;
        let n_warnings = list.n_warnings();
        cx.statistic("warnings", n_warnings.into())?;
        let counted = if n_warnings == 1 { "1 warning".to_owned() } else { format!("{n_warnings} warnings") };
        if let Some(failure) = line.failure(&exit, &settings.success_codes)? {
            return Ok(Outcome::failure(format!("{}, {counted}", failure.summary)));
        }
        Ok(match settings.fail_over {
            Some(most) if n_warnings > most => Outcome::failure(format!("{counted}, at most {most} allowed")),
            _ if n_warnings > settings.max => Outcome::warnings(counted),
            _ => Outcome::success(counted),
        })
    }
}

weir_plugin_sdk::export_step!(Warnings);
