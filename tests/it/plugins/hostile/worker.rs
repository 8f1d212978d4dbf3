//! Row 45: commands and files are those that were granted, and end with their step.

use super::ends_with;
use crate::plugins::guest::{Guest, runs_true};
use crate::plugins::stage::Stage;
use serde_json::json;
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;

/// Row 45.
#[tokio::test]
async fn a_command_that_is_not_granted_is_denied_and_says_which_key_grants_it() {
    let mut stage = Stage::new();
    let component = runs_true().component();
    ends_with(&mut stage, &component, &["`command = true`", "`[plugin.evil]`"]).await;
    stage.table("evil", |table| table.grants.command = Some(CommandGrant::Programs(vec!["make".to_owned()])));
    ends_with(&mut stage, &component, &["may not run `true`", "`make`"]).await;
    stage.table("evil", |table| table.grants.command = Some(CommandGrant::Programs(vec!["true".to_owned()])));
    assert_eq!(stage.run("evil", json!({})).await.results, Results::Success);
}

/// Row 39.
#[tokio::test]
async fn a_plugin_by_the_name_of_a_bundled_one_gets_none_of_its_grants() {
    let mut stage = Stage::new();
    stage.plugin("shell", &runs_true().component());
    let end = stage.run("shell", json!({})).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("`command = true`"), "{}", end.summary);
}

/// Row 30.
#[tokio::test]
async fn a_secret_that_is_not_granted_is_not_given() {
    let mut stage = Stage::new();
    let guest = Guest {
        imports: &["secrets"],
        items: r#"(import "weir:plugin/secrets@0.1.0" "get" (func $get (param i32 i32 i32)))"#.to_owned(),
        // An error (1), and of those the first: not granted.
        ..Guest::run(
            "(call $get (i32.const 16) (i32.const 5) (i32.const 1024))
             (if (i32.ne (i32.load8_u (i32.const 1024)) (i32.const 1)) (then unreachable))
             (if (i32.ne (i32.load8_u (i32.const 1028)) (i32.const 0)) (then unreachable))
             global.get $success",
        )
    };
    stage.plugin("evil", &guest.component());
    let end = stage.run("evil", json!({})).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, "guest"));
}

/// Row 45.
#[tokio::test]
async fn a_granted_program_is_that_program_and_no_word_smuggles_in_another() {
    let mut stage = Stage::new();
    stage.table("shell", |table| table.grants.command = Some(CommandGrant::Programs(vec!["true".to_owned()])));
    for (command, said) in [
        (json!(["true;touch pwned"]), "may not run `true;touch pwned`"),
        (json!(["true", "; touch pwned", "$(touch pwned)", "`touch pwned`", "-c", "&& touch pwned"]), ""),
        (json!(["/bin/true"]), "may not run `/bin/true`"),
        (json!(["./true"]), "may not run `./true`"),
        (json!(["sh", "-c", "true"]), "may not run `sh`"),
        (json!("true"), "may not run `sh`"),
        (json!(["true\0"]), "may not run"),
        (json!([" true"]), "may not run ` true`"),
    ] {
        let end = stage.run("shell", json!({ "command": command })).await;
        let wanted = if said.is_empty() { Results::Success } else { Results::Exception };
        assert_eq!(end.results, wanted, "{command}: {}", end.summary);
        assert!(end.summary.contains(said), "{command}: {}", end.summary);
    }
    assert!(!stage.has_file("pwned"), "a word became a command");
}

/// Row 45.
#[tokio::test]
async fn no_variable_puts_another_program_in_a_granted_ones_place() {
    let mut stage = Stage::new();
    // A program of the same name in the work directory, which is left there by a step that may do that.
    let plant = "printf '#!/bin/sh\\ntouch pwned\\n' > true && chmod +x true";
    assert_eq!(stage.run("shell", json!({ "command": plant })).await.results, Results::Success);
    stage.table("shell", |table| table.grants.command = Some(CommandGrant::Programs(vec!["true".to_owned()])));
    for (name, value) in [("PATH", "."), ("LD_PRELOAD", "./true"), ("LD_LIBRARY_PATH", ".")] {
        let end = stage.run("shell", json!({ "command": ["true"], "env": { name: value } })).await;
        assert_eq!(end.results, Results::Exception, "{name}: {}", end.summary);
        assert!(end.summary.contains(&format!("may not set `{name}`")), "{}", end.summary);
    }
    assert_eq!(stage.run("shell", json!({ "command": ["true"] })).await.results, Results::Success);
    assert!(!stage.has_file("pwned"), "the planted program was run");
}

/// Row 45.
#[tokio::test]
async fn a_link_out_of_the_work_directory_is_not_followed() {
    let stage = Stage::new();
    let outside = stage.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    let plant = format!("ln -s {} out; ln -s / root; mkdir inside", outside.display());
    assert_eq!(stage.run("shell", json!({ "command": plant })).await.results, Results::Success);
    for directory in ["out", "root/tmp", "inside/../out", "../..", "/tmp"] {
        let end = stage.run("shell", json!({ "command": "touch pwned", "directory": directory })).await;
        assert_eq!(end.results, Results::Exception, "{directory}: {}", end.summary);
    }
    assert!(!outside.join("pwned").exists(), "a command ran outside");
}

/// Row 45.
#[tokio::test]
async fn a_process_that_forks_twice_and_leaves_its_session_ends_with_its_step() {
    let stage = Stage::new();
    let line = "
        setsid sh -c 'sh -c \"trap \\\"\\\" HUP INT TERM; echo > daemon; sleep 1000; sleep 1000\" & exit' &
        sh -c 'trap \"\" INT TERM HUP; echo > deaf; while :; do sleep 1000; done' &
        until [ -e daemon ] && [ -e deaf ]; do :; done";
    let end = stage.run("shell", json!({ "command": line })).await;
    assert_eq!(end.results, Results::Success, "{}", end.summary);
    let left = stage.processes();
    assert!(left.is_empty(), "{left:?} outlived their step");
}
