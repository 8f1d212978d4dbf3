//! A third party's step plugin: counts lines that a command prints.

use schemars::JsonSchema;
use serde::Deserialize;
use weir_plugin_sdk::{Capability, Command, Context, Error, Level, Outcome, Step};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// A line for the shell.
    #[schemars(extend("format" = "shell"))]
    command: String,
    /// Panics, to show what that looks like.
    #[serde(default)]
    panic: bool,
}

struct Count;

impl Step for Count {
    type Settings = Settings;
    const NAME: &'static str = "count";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Counts lines";
    const CAPABILITIES: &'static [Capability] = &[Capability::command("runs the command whose lines it counts")];

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        assert!(!settings.panic, "asked to panic");
        let mut n_lines = 0;
        let exit = cx.lines(&Command::shell(settings.command), 80, |_| n_lines += 1)?;
        cx.log(Level::Info, &format!("{n_lines} lines"));
        cx.set_property("n_lines", n_lines)?;
        let summary = format!("{n_lines} lines");
        Ok(if exit.is_success() { Outcome::success(summary) } else { Outcome::warnings(summary) })
    }
}

weir_plugin_sdk::export_step!(Count);
