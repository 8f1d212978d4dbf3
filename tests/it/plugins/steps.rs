//! Steps that do their work: the bundled plugins as they are shipped.

use super::stage::Stage;
use serde_json::json;
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;

#[tokio::test]
async fn a_shell_step_runs_its_command_and_its_output_is_in_the_log() {
    let stage = Stage::new();
    let end = stage.run("shell", json!({ "command": "echo out; echo err >&2" })).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, ""));
    let log = stage.log("stdio").await;
    assert!(log.contains("out\n") && log.contains("err\n"), "{log}");
}

#[tokio::test]
async fn a_failing_command_is_a_failure_that_says_how_it_ended() {
    let stage = Stage::new();
    let end = stage.run("shell", json!({ "command": ["sh", "-c", "exit 2"] })).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Failure, "'sh -c exit 2' exited with 2"));
    let end = stage.run("shell", json!({ "command": ["no-such-program"] })).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("no-such-program"), "{}", end.summary);
}

#[tokio::test]
async fn a_value_in_a_shell_line_stays_one_word() {
    let stage = Stage::new();
    stage.property("branch", "x;touch pwned");
    let end = stage.run("shell", json!({ "command": "echo got {{branch}}" })).await;
    assert_eq!(end.results, Results::Success);
    assert!(stage.log("stdio").await.contains("got x;touch pwned\n"));
    let end = stage.run("shell", json!({ "command": "test ! -e pwned" })).await;
    assert_eq!(end.results, Results::Success);
}

#[tokio::test]
async fn settings_that_the_schema_refuses_end_the_step_as_an_exception() {
    let stage = Stage::new();
    for settings in [json!({}), json!({ "command": 7 }), json!({ "command": "x", "comand": "y" })] {
        let end = stage.run("shell", settings.clone()).await;
        assert_eq!(end.results, Results::Exception, "{settings}");
        assert!(end.summary.contains("`shell`: its settings do not fit"), "{}", end.summary);
    }
    let end = stage.run("shell", json!({ "command": "echo {{nothing}}" })).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("nothing"), "{}", end.summary);
}

#[tokio::test]
async fn a_stopped_build_stops_its_command() {
    let stage = Stage::new();
    let stop = stage.stop.clone();
    let (end, ()) = tokio::join!(stage.run("shell", json!({ "command": "echo up; sleep 600" })), async move {
        tokio::task::yield_now().await;
        stop.cancel();
    });
    assert_eq!(end.results, Results::Cancelled);
}

#[tokio::test]
async fn what_came_with_a_bundled_plugin_can_be_taken_away() {
    let mut stage = Stage::new();
    stage.table("shell", |table| table.grants.command = Some(CommandGrant::Nothing));
    let end = stage.run("shell", json!({ "command": "true" })).await;
    assert_eq!(end.results, Results::Exception);
    let said = "plugin `shell`: may not use the build's worker: grant it with `command = true`, or a list of programs, in \
                `[plugin.shell]`";
    assert_eq!(end.summary, said);
}

#[tokio::test]
async fn a_third_partys_plugin_runs_once_it_is_granted_what_it_wants() {
    let mut stage = Stage::new();
    stage.plugin("count", &std::fs::read(weir_tests::binary::fixture_plugin("count")).unwrap());
    let settings = json!({ "command": "printf 'a\\nb\\nc'" });

    let end = stage.run("count", settings.clone()).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("`[plugin.count]`"), "{}", end.summary);

    stage.table("count", |table| table.grants.command = Some(CommandGrant::Any));
    let end = stage.run("count", settings).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, "3 lines"));
    assert_eq!(stage.property_now("n_lines"), Some(json!(3)));
    assert_eq!(stage.log("stdio").await, "[3 lines]\n");

    let end = stage.run("count", json!({ "command": "true", "panic": true })).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("panicked") && end.summary.contains("asked to panic"), "{}", end.summary);
}
