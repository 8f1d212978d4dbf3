//! The `warnings` step as it is shipped.

use super::stage::Stage;
use serde_json::json;
use weir::model::results::Results;
use weir_tests::site::Site;
use weir_tests::world::build_path;

const TEAM: &str = r#"
[[builder.app.step]]
name = "compile"
use = "warnings"
with = { command = "sh build.sh 2>&1", format = "gcc", ignore = ["^/usr/"] }

[[builder.app.step]]
name = "after"
use = "shell"
with = { command = "true" }
"#;

const BUILD: &str =
    "cc -c x.c\n/usr/include/x.h:1:1: warning: theirs\nx.c:3:5: warning: unused 'x'\nx.c:4:5: error: not this\n";

#[tokio::test]
async fn a_build_with_warnings_goes_on_and_they_stand_in_a_log_of_their_own() {
    let team = TEAM.replace("sh build.sh", &format!("printf '%s' \\\"{}\\\"", BUILD.replace('\n', "\\n")));
    let world = Site::new().file("teams/core.toml", &team).serve().await;
    world.force("core/app").await;
    world.settle().await;
    let last = world.last("core/app").await;
    assert_eq!(last.results, "warnings", "{}", last.json);
    let path = format!("/api/v2/teams/core/builders/app/builds/{}", last.number);
    let build = world.get_as(&world.owner(), &path).await.json()["builds"][0].clone();
    let states: Vec<_> = build["steps"].as_array().unwrap().iter().map(|step| &step["state_string"]).collect();
    assert_eq!(states, [&json!("1 warning"), &json!("")], "{build}");
    let log = |name| format!("{}/step/0/log/{name}/raw", build_path("core/app", last.number));
    assert_eq!(world.get_as(&world.owner(), &log("warnings")).await.body, "stdout 3: x.c:3: unused 'x'\n");
    assert_eq!(world.get_as(&world.owner(), &log("stdio")).await.body, BUILD, "the whole output");
}

#[tokio::test]
async fn a_long_output_is_searched_by_the_host_and_the_exit_code_still_counts() {
    let stage = Stage::new();
    let command = "seq 200000; for n in $(seq 1200); do echo x.c:$n: warning: w$n >&2; done; exit 2";
    let end = stage.run("warnings", json!({ "command": command, "format": "clang", "fail_over": 5000 })).await;
    assert_eq!(end.results, Results::Failure);
    assert!(end.summary.ends_with(" exited with 2, 1200 warnings"), "{}", end.summary);
    assert_eq!(stage.statistic("warnings"), Some(1200.0));
    let list = stage.output("warnings").await;
    assert_eq!(list.lines().count(), 1200);
    assert!(list.ends_with("stderr 1200: x.c:1200: w1200\n"), "{}", &list[list.len() - 60..]);
    assert_eq!(stage.output("stdio").await.lines().count(), 201_200);
}

#[tokio::test]
async fn more_warnings_than_allowed_are_a_failure_and_a_pattern_that_is_none_an_exception() {
    let stage = Stage::new();
    let settings = json!({ "command": "echo W1; echo W2", "pattern": "^W", "fail_over": 1 });
    let end = stage.run("warnings", settings).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Failure, "2 warnings, at most 1 allowed"));
    let end = stage.run("warnings", json!({ "command": "echo W1", "pattern": "(" })).await;
    assert_eq!(end.results, Results::Exception, "{}", end.summary);
    let end = stage.run("warnings", json!({ "command": "echo W1" })).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("/format"), "{}", end.summary);
}
