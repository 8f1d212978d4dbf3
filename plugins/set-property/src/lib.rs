//! The step plugin `set-property`: sets properties of the build from what a command prints.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use weir_plugin_sdk::command::OutputMode;
use weir_plugin_sdk::command_line::short;
use weir_plugin_sdk::pattern::group_names;
use weir_plugin_sdk::{Capability, Command, CommandLine, Context, Error, LineFilter, Outcome, Step, Text};

/// Longest output that becomes a property; the server keeps properties small as well.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// A value in a summary.
const SHOWN_CHARS_MAX: usize = 60;

/// What stands under `with`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to run. A string runs under the shell, a list does not.
    pub command: CommandLine,
    /// The property that is set to what the command prints on standard output; with `extract`, to what its first group takes.
    #[schemars(length(min = 1, max = 100))]
    pub property: Option<String>,
    /// A regular expression that is looked for in every line the command prints. Each group with a name, `(?<name>...)`, sets the
    /// property of that name to what it takes; the first line in which it takes something counts.
    #[schemars(length(min = 1))]
    pub extract: Option<String>,
    /// What is found is JSON: the property becomes a number, a list or whatever it says.
    #[serde(default)]
    pub json: bool,
    /// Take the blanks and line ends around a value away.
    #[serde(default = "yes")]
    pub strip: bool,
    /// Folder in the work directory.
    pub directory: Option<String>,
    /// Added to the environment of the command: texts, or secrets of the team (`{ secret = "name" }`).
    #[serde(default)]
    pub env: BTreeMap<String, Text>,
    /// Exit codes that count as success; after any other nothing is set.
    #[serde(default = "zero")]
    #[schemars(length(min = 1))]
    pub success_codes: Vec<i32>,
    /// The log that output goes to.
    pub log: Option<String>,
}

fn yes() -> bool {
    true
}

fn zero() -> Vec<i32> {
    vec![0]
}

/// Values by the names of their properties; or what is wrong with the output, for the step's summary.
type Found = Result<Vec<(String, String)>, String>;

/// The step.
pub struct SetProperty;

impl Step for SetProperty {
    type Settings = Settings;
    const NAME: &'static str = "set-property";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Sets properties of the build from what a command prints";
    const CAPABILITIES: &'static [Capability] =
        &[Capability::command("runs the command whose output becomes a property")];
    const SETTINGS_SCHEMA: Option<&'static str> = Some(include_str!("settings.json"));

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        let mut command =
            settings.command.command().directory(settings.directory.as_deref()).log(settings.log.as_deref());
        command.env.extend(settings.env.clone());
        let (exit, found) = match &settings.extract {
            Some(pattern) => extracted(cx, command.output(OutputMode::Log), pattern, &settings)?,
            None => printed(cx, &command.output(OutputMode::Both), &settings)?,
        };
        if let Some(failure) = settings.command.failure(&exit, &settings.success_codes)? {
            return Ok(failure);
        }
        let read = found.and_then(|found| found.into_iter().map(|(name, text)| settings.value(name, &text)).collect());
        let values: Vec<(String, Value)> = match read {
            Ok(values) => values,
            Err(why) => return Ok(Outcome::failure(why)),
        };
        let mut said = Vec::new();
        for (name, value) in values {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            said.push(format!("{name}={}", short(&shown, SHOWN_CHARS_MAX)));
            cx.set_property(&name, value)?;
        }
        Ok(Outcome::success(said.join(" ")))
    }
}

impl Settings {
    /// A property's value, or why what was found is none.
    fn value(&self, name: String, text: &str) -> Result<(String, Value), String> {
        let text = if self.strip { text.trim() } else { text };
        if !self.json {
            return Ok((name, Value::from(text)));
        }
        match serde_json::from_str(text) {
            Ok(value) => Ok((name, value)),
            Err(error) => Err(format!("'{}' is no JSON for `{name}`: {error}", short(text, SHOWN_CHARS_MAX))),
        }
    }
}

/// Everything that the command prints, as one value.
fn printed(cx: &mut Context, command: &Command, settings: &Settings) -> Result<(weir_plugin_sdk::Exit, Found), Error> {
    let Some(name) = settings.property.clone() else {
        return Err(Error::setting("/property", "names the property to set, unless `extract` has groups with names"));
    };
    let captured = cx.capture(command, VALUE_BYTES_MAX)?;
    let found = if captured.stdout.len() == VALUE_BYTES_MAX && captured.truncated {
        Err(format!(
            "'{}' printed more than {VALUE_BYTES_MAX} bytes: use `extract` to say which of it",
            settings.command
        ))
    } else {
        match String::from_utf8(captured.stdout) {
            Ok(text) => Ok(vec![(name, text)]),
            Err(_) => Err(format!("what '{}' printed is no UTF-8", settings.command)),
        }
    };
    Ok((captured.exit, found))
}

/// What the pattern's groups take, each in the first line where it takes something.
fn extracted(
    cx: &mut Context,
    command: Command,
    pattern: &str,
    settings: &Settings,
) -> Result<(weir_plugin_sdk::Exit, Found), Error> {
    let groups = group_names(pattern);
    let mut wanted: Vec<(usize, &str)> = (1..).zip(&groups).filter_map(|(n, name)| Some((n, (*name)?))).collect();
    if let Some(name) = &settings.property {
        if groups.is_empty() {
            return Err(Error::setting("/extract", "has no group: put what `property` becomes between ( and )"));
        }
        wanted.insert(0, (1, name));
    }
    if wanted.is_empty() {
        let message = "has no group with a name, `(?<name>...)`, and `property` names no property for its first group";
        return Err(Error::setting("/extract", message));
    }
    let mut found: Vec<Option<String>> = vec![None; wanted.len()];
    let exit = cx.find_lines(&command, &LineFilter::patterns([pattern]), |line| {
        for ((n, _), value) in wanted.iter().zip(&mut found) {
            if value.is_none() {
                *value = line.group(*n).map(str::to_owned);
            }
        }
    })?;
    let values: Vec<_> =
        wanted.into_iter().zip(found).filter_map(|((_, name), value)| Some((name.to_owned(), value?))).collect();
    let nothing = || format!("no line of '{}' fits `{}`", settings.command, short(pattern, SHOWN_CHARS_MAX));
    Ok((exit, if values.is_empty() { Err(nothing()) } else { Ok(values) }))
}

weir_plugin_sdk::export_step!(SetProperty);
