//! The step plugin `shell`: runs one command on the build's worker; its exit code is the verdict.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use weir_plugin_sdk::{Capability, CommandLine, Context, Error, Outcome, Step, Text};

/// What stands under `with`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to run. A string runs under the shell, a list does not.
    pub command: CommandLine,
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
pub struct Shell;

impl Step for Shell {
    type Settings = Settings;
    const NAME: &'static str = "shell";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Runs a command; its exit code is the verdict";
    const CAPABILITIES: &'static [Capability] = &[Capability::command("runs the command that the step names")];
    const SETTINGS_SCHEMA: Option<&'static str> = Some(include_str!("settings.json"));

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        let mut command = settings.command.command().directory(settings.directory).log(settings.log);
        command.env.extend(settings.env);
        let exit = cx.run(&command)?;
        let failure = settings.command.failure(&exit, &settings.success_codes)?;
        Ok(failure.unwrap_or_else(|| Outcome::success("")))
    }
}

weir_plugin_sdk::export_step!(Shell);

#[cfg(test)]
mod tests {
    use super::{Settings, Shell};
    use expect_test::expect_file;
    use serde_json::{Value, json};
    use weir_plugin_sdk::command::What;
    use weir_plugin_sdk::testing::Script;
    use weir_plugin_sdk::{Error, Exit, HostError, Outcome, Refusal, Step, Text, settings_schema};

    fn run(script: &Script, settings: Value) -> Result<Outcome, Error> {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        Shell::run(&mut script.context(), settings)
    }

    #[test]
    fn a_string_runs_under_the_shell_and_a_list_does_not() {
        let script = Script::new();
        assert_eq!(run(&script, json!({ "command": "make && make test" })).unwrap(), Outcome::success(""));
        assert_eq!(run(&script, json!({ "command": ["make", "a b"] })).unwrap(), Outcome::success(""));
        let whats: Vec<_> = script.whole_commands().into_iter().map(|c| c.what).collect();
        assert_eq!(whats, [What::Shell("make && make test".into()), What::Program(vec!["make".into(), "a b".into()])]);
    }

    #[test]
    fn the_summary_of_a_failure_says_how_the_command_ended() {
        for (exit, said) in [
            (Exit::Code(2), "'make test' exited with 2"),
            (Exit::Signal(9), "'make test' was killed by SIGKILL"),
            (Exit::TimedOut, "'make test' ran longer than its timeout and was ended"),
            (Exit::Idle, "'make test' printed nothing for too long and was ended"),
            (Exit::Stopped, "'make test' was stopped"),
        ] {
            let script = Script::new().answers(["make"], Ok((exit, vec![])));
            assert_eq!(run(&script, json!({ "command": ["make", "test"] })).unwrap(), Outcome::failure(said));
        }
    }

    #[test]
    fn other_exit_codes_may_be_a_success_and_then_zero_is_none() {
        let settings = json!({ "command": ["x"], "success_codes": [3] });
        assert_eq!(run(&Script::new().exits(["x"], 3), settings.clone()).unwrap(), Outcome::success(""));
        assert_eq!(run(&Script::new(), settings).unwrap(), Outcome::failure("'x' exited with 0"));
    }

    #[test]
    fn directory_environment_and_log_are_handed_on() {
        let script = Script::new();
        run(&script, json!({ "command": ["x"], "directory": "sub", "env": { "A": "1" }, "log": "out" })).unwrap();
        let command = &script.whole_commands()[0];
        assert_eq!(command.directory.as_deref(), Some("sub"));
        assert_eq!(command.env, [("A".to_owned(), Text::from("1"))]);
        assert_eq!(command.log.as_deref(), Some("out"));
    }

    #[test]
    fn a_command_that_may_not_run_is_an_error_and_no_red_build() {
        let denied = HostError::new(Refusal::Denied, "not granted");
        let script = Script::new().answers(["x"], Err(denied));
        assert_eq!(run(&script, json!({ "command": ["x"] })), Err(Error::failed("not granted")));
    }

    #[test]
    fn the_schema_in_the_component_is_that_of_the_settings() {
        expect_file!["settings.json"].assert_eq(&format!("{:#}\n", settings_schema::<Shell>()));
    }

    #[test]
    fn the_schema_marks_the_shell_line_and_refuses_unknown_settings() {
        let schema = settings_schema::<Shell>();
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(schema["required"], json!(["command"]));
        assert_eq!(schema["properties"]["command"]["anyOf"][0]["format"], json!("shell"));
        assert_eq!(schema["properties"]["command"]["anyOf"][1]["items"]["type"], json!("string"));
    }
}
