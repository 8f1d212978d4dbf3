//! The step plugin `line-count`: counts the lines that a command prints, and warns when there are too many.

use schemars::JsonSchema;
use serde::Deserialize;
use weir_plugin_sdk::command::OutputMode;
use weir_plugin_sdk::{Capability, Command, Context, Error, Level, Outcome, Step};

/// What stands under `with`. `weir check` reads people's configuration by it, so write the comments for those people.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A line for the shell.
    #[schemars(length(min = 1), extend("format" = "shell"))]
    pub command: String,
    /// The property that gets the number.
    #[serde(default = "n_lines")]
    #[schemars(length(min = 1))]
    pub property: String,
    /// More lines than this are a warning.
    pub max: Option<u32>,
}

fn n_lines() -> String {
    "n_lines".to_owned()
}

/// The step.
pub struct LineCount;

impl Step for LineCount {
    type Settings = Settings;
    const NAME: &'static str = "line-count";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Counts the lines that a command prints";
    const CAPABILITIES: &'static [Capability] = &[Capability::command("runs the command whose lines it counts")];

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        let mut lines = 0;
        // To the log as it comes, and line by line to us.
        let command = Command::shell(settings.command).output(OutputMode::Both);
        let exit = cx.lines(&command, 1024, |_| lines += 1)?;
        cx.log(Level::Info, &format!("{lines} lines"));
        cx.set_property(&settings.property, lines)?;
        Ok(match settings.max {
            _ if !exit.is_success() => Outcome::failure(format!("the command {exit}")),
            Some(max) if lines > max => Outcome::warnings(format!("{lines} lines, more than {max}")),
            _ => Outcome::success(format!("{lines} lines")),
        })
    }
}

weir_plugin_sdk::export_step!(LineCount);

#[cfg(test)]
mod tests {
    use super::{LineCount, Settings};
    use serde_json::json;
    use weir_plugin_sdk::testing::Script;
    use weir_plugin_sdk::{Outcome, Step};

    /// Runs the step against a host that answers by script: no WebAssembly, no server.
    fn run(script: &Script, settings: serde_json::Value) -> Outcome {
        let settings: Settings = serde_json::from_value(settings).expect("settings that fit");
        LineCount::run(&mut script.context(), settings).expect("the step can do its work")
    }

    #[test]
    fn lines_are_counted_and_kept_as_a_property() {
        let script = Script::new().prints(["ls"], "a\nb\n");
        assert_eq!(run(&script, json!({ "command": "ls" })), Outcome::success("2 lines"));
        assert_eq!(script.property_now("n_lines"), Some(json!(2)));
    }

    #[test]
    fn too_many_lines_are_a_warning_and_a_command_that_fails_is_a_failure() {
        let script = Script::new().prints(["ls"], "a\nb\n");
        let outcome = run(&script, json!({ "command": "ls", "max": 1 }));
        assert_eq!(outcome, Outcome::warnings("2 lines, more than 1"));
        let script = Script::new().exits(["make"], 2);
        assert_eq!(run(&script, json!({ "command": "make" })), Outcome::failure("the command exited with 2"));
    }
}
