//! The step plugin `junit`: reads what tests said from JUnit XML files of the work directory and keeps it with the step.

/// A report as it is read.
mod report;
/// What was read so far.
mod tally;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use tally::Tally;
use weir_plugin_sdk::{Capability, Context, Error, Level, Outcome, Refusal, Step};

/// Files of one pattern, at most: what the host lists.
const FILES_MAX: u32 = 10_000;
/// Bytes of one file, at most: what passes from host to plugin at once, less a little.
const FILE_BYTES_MAX: u32 = (4 << 20) - (64 << 10);

/// What stands under `with`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The reports: one or more patterns such as `build/reports/**/*.xml`.
    pub files: Patterns,
    /// Whether it is a failure that no file fits.
    #[serde(default = "yes")]
    pub required: bool,
    /// Whether failed tests make the step a failure; else they make it warnings.
    #[serde(default = "yes")]
    pub fail: bool,
}

fn yes() -> bool {
    true
}

/// One pattern, or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Patterns {
    /// One.
    One(#[schemars(length(min = 1))] String),
    /// Several.
    Many(#[schemars(length(min = 1))] Vec<String>),
}

impl Patterns {
    fn all(&self) -> &[String] {
        match self {
            Self::One(pattern) => std::slice::from_ref(pattern),
            Self::Many(patterns) => patterns,
        }
    }
}

/// The step.
pub struct Junit;

impl Step for Junit {
    type Settings = Settings;
    const NAME: &'static str = "junit";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Keeps test results from JUnit XML files";
    const CAPABILITIES: &'static [Capability] = &[Capability::workspace("reads the reports of the work directory")];
    const SETTINGS_SCHEMA: Option<&'static str> = Some(include_str!("settings.json"));

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        let patterns = settings.files.all();
        let mut files = BTreeSet::new();
        for pattern in patterns {
            let found = cx.glob(pattern, FILES_MAX)?;
            if found.len() >= FILES_MAX as usize {
                // The list ends there, and a failure in what is missing would be missed.
                return Err(Error::setting("/files", format!("`{pattern}` fits {FILES_MAX} paths or more: narrow it")));
            }
            files.extend(found);
        }
        if files.is_empty() {
            let patterns: Vec<_> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
            let summary = format!("no file fits {}", patterns.join(" or "));
            return Ok(if settings.required { Outcome::failure(summary) } else { Outcome::skipped(summary) });
        }
        let mut tally = Tally::default();
        for (index, file) in files.iter().enumerate() {
            if cx.cancelled() {
                break;
            }
            read(cx, file, &mut tally)?;
            if files.len() > 1 {
                cx.summary(&format!("{} of {} files", index + 1, files.len()))?;
            }
        }
        tally.flush(cx)?;
        tally.measure(cx)?;
        Ok(tally.outcome(settings.fail))
    }
}

/// Reads one file. What is wrong with it is said, and the others are read.
fn read(cx: &mut Context, file: &str, tally: &mut Tally) -> Result<(), Error> {
    let content = match cx.upload(file, FILE_BYTES_MAX) {
        Ok(content) => content,
        // Gone since it was listed, too large, a folder that fits, out of reach through a link.
        Err(error) if error.kind != Refusal::Denied => {
            let why = match error.kind {
                Refusal::Limit => format!(
                    "it has more than {FILE_BYTES_MAX} bytes; write several files, or leave out the tests' output"
                ),
                _ => error.message,
            };
            tally.unread(cx, &format!("{file}: {why}"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let before = tally.count();
    let mut failed = None;
    let ended = report::read(&content, &mut |case| {
        if failed.is_none() {
            failed = tally.take(cx, case).err();
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    match ended {
        Ok(()) => cx.log(Level::Info, &format!("{file}: {}", tally::tests(tally.count() - before))),
        Err(at) => tally.unread(cx, &format!("{file}:{}:{}: {}", at.line, at.column, at.why)),
    }
    Ok(())
}

weir_plugin_sdk::export_step!(Junit);
