//! The step against a scripted host.

use crate::{SetProperty, Settings};
use expect_test::expect_file;
use serde_json::{Value, json};
use weir_plugin_sdk::command::OutputMode;
use weir_plugin_sdk::testing::Script;
use weir_plugin_sdk::{Error, Outcome, Secret, Step, Text, settings_schema};

fn run(script: &Script, settings: Value) -> Result<Outcome, Error> {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    SetProperty::run(&mut script.context(), settings)
}

#[test]
fn a_property_becomes_what_the_command_prints_without_the_blanks_around_it() {
    let script = Script::new().prints(["git", "describe"], " v1.2-3\n");
    let settings = json!({ "command": ["git", "describe"], "property": "version" });
    assert_eq!(run(&script, settings).unwrap(), Outcome::success("version=v1.2-3"));
    assert_eq!(script.property_now("version"), Some(json!("v1.2-3")));
    assert_eq!(script.whole_commands()[0].output, OutputMode::Both, "the output is in the log as well");

    let settings = json!({ "command": ["git", "describe"], "property": "version", "strip": false });
    run(&script, settings).unwrap();
    assert_eq!(script.property_now("version"), Some(json!(" v1.2-3\n")));
}

#[test]
fn json_becomes_what_it_says_and_what_is_none_is_a_failure() {
    let script = Script::new().prints(["numbers"], "[1, 2.5]\n").prints(["words"], "one two\n");
    run(&script, json!({ "command": ["numbers"], "property": "n", "json": true })).unwrap();
    assert_eq!(script.property_now("n"), Some(json!([1, 2.5])));
    let outcome = run(&script, json!({ "command": ["words"], "property": "w", "json": true })).unwrap();
    assert!(outcome.summary.starts_with("'one two' is no JSON for `w`: "), "{outcome:?}");
    assert_eq!((outcome.verdict, script.property_now("w")), (Outcome::failure("").verdict, None));
}

#[test]
fn groups_with_names_set_properties_each_from_the_first_line_where_it_takes_something() {
    let script = Script::new().prints(["make"], "building\nmajor=3 minor=11\nmajor=4\nbuild=77\n");
    let pattern = "major=(?<major>[0-9]+)(?: minor=(?<minor>[0-9]+))?|build=(?P<build>[0-9]+)|never=(?<never>.)";
    let outcome = run(&script, json!({ "command": "make", "extract": pattern, "json": true })).unwrap();
    assert_eq!(outcome, Outcome::success("major=3 minor=11 build=77"));
    assert_eq!(script.property_now("major"), Some(json!(3)));
    assert_eq!(script.property_now("never"), None, "what takes nothing is left as it was");
}

#[test]
fn with_a_property_the_first_group_is_its_value() {
    let script = Script::new().prints(["cc"], "cc (Debian 12.2) 12.2.0\n");
    let settings = json!({ "command": ["cc", "--version"], "property": "cc", "extract": r"\) ([0-9.]+)" });
    assert_eq!(run(&script, settings).unwrap(), Outcome::success("cc=12.2.0"));
}

#[test]
fn a_line_that_is_not_there_is_a_failure_that_says_which() {
    let script = Script::new().prints(["cc"], "nothing of it\n");
    let outcome = run(&script, json!({ "command": ["cc"], "extract": "(?<version>[0-9]+)" })).unwrap();
    assert_eq!(outcome, Outcome::failure("no line of 'cc' fits `(?<version>[0-9]+)`"));
}

#[test]
fn a_command_that_fails_sets_nothing() {
    let script = Script::new().exits(["git"], 128);
    let outcome = run(&script, json!({ "command": ["git"], "property": "version" })).unwrap();
    assert_eq!(outcome, Outcome::failure("'git' exited with 128"));
    assert_eq!(script.property_now("version"), None);
    let outcome = run(&script, json!({ "command": ["git"], "property": "v", "success_codes": [128] })).unwrap();
    assert_eq!(outcome, Outcome::success("v="));
}

#[test]
fn settings_that_set_nothing_are_refused_before_anything_runs() {
    for (settings, pointer) in [
        (json!({ "command": ["x"] }), "/property"),
        (json!({ "command": ["x"], "extract": "[0-9]+" }), "/extract"),
        (json!({ "command": ["x"], "extract": "([0-9]+)" }), "/extract"),
        (json!({ "command": ["x"], "extract": "[0-9]+", "property": "v" }), "/extract"),
    ] {
        let script = Script::new();
        let error = run(&script, settings).unwrap_err();
        assert!(matches!(&error, Error::InvalidSettings(issues) if issues[0].0 == pointer), "{error}");
        assert_eq!(script.commands(), [""; 0]);
    }
}

#[test]
fn too_much_output_is_a_failure_and_no_half_value() {
    let script = Script::new().prints(["yes"], &"y\n".repeat(40_000));
    let outcome = run(&script, json!({ "command": ["yes"], "property": "y" })).unwrap();
    assert_eq!(outcome, Outcome::failure("'yes' printed more than 65536 bytes: use `extract` to say which of it"));
    assert_eq!(script.property_now("y"), None);
}

#[test]
fn directory_environment_and_log_are_handed_on_and_secrets_stay_unseen() {
    let script = Script::new().secret("registry", "s3cret");
    let env = json!({ "A": "1", "TOKEN": { "$secret": "registry" } });
    run(&script, json!({ "command": ["x"], "property": "p", "directory": "sub", "env": env, "log": "out" })).unwrap();
    let command = &script.whole_commands()[0];
    assert_eq!((command.directory.as_deref(), command.log.as_deref()), (Some("sub"), Some("out")));
    let token = Text::from(Secret::named("registry"));
    assert_eq!(command.env, [("A".to_owned(), Text::from("1")), ("TOKEN".to_owned(), token)]);
}

#[test]
fn the_schema_in_the_component_is_that_of_the_settings() {
    expect_file!["settings.json"].assert_eq(&format!("{:#}\n", settings_schema::<SetProperty>()));
}
