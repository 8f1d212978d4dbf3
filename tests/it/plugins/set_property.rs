//! The `set-property` step as it is shipped.

use super::stage::Stage;
use serde_json::{Value, json};
use weir::model::results::Results;
use weir_tests::site::Site;
use weir_tests::world::build_path;

const TEAM: &str = r#"
[[builder.app.step]]
use = "set-property"
with = { command = ["printf", "v1.2; touch pwned\n"], property = "version" }

[[builder.app.step]]
name = "pack"
use = "shell"
with = { command = "echo got {{version}}; test ! -e pwned" }
"#;

#[tokio::test]
async fn a_later_step_of_the_build_gets_what_the_command_printed() {
    let world = Site::new().file("teams/core.toml", TEAM).serve().await;
    world.force("core/app").await;
    world.settle().await;
    let last = world.last("core/app").await;
    assert_eq!(last.results, "success", "{}", last.json);
    let path = format!("/api/v2/teams/core/builders/app/builds/{}", last.number);
    let build = world.get_as(&world.owner(), &path).await.json()["builds"][0].clone();
    assert_eq!(build["steps"][0]["state_string"], json!("version=v1.2; touch pwned"), "{build}");
}

#[tokio::test]
async fn groups_with_names_are_found_by_the_host_in_a_command_that_prints_a_lot() {
    let stage = Stage::new();
    let command = "seq 100000; echo app 3.14 >&2; echo app 9.9; seq 1000";
    let settings = json!({ "command": command, "extract": r"^app (?<major>\d+)\.(?<minor>\d+)$", "json": true });
    let end = stage.run("set-property", settings).await;
    assert_eq!(end.results, Results::Success, "{}", end.summary);
    let versions = [stage.property_now("major"), stage.property_now("minor")];
    let either = [[json!(3), json!(14)], [json!(9), json!(9)]].map(|pair| pair.map(Some));
    assert!(either.contains(&versions), "streams have no order, but a line is one: {versions:?}");
    let output = stage.output("stdio").await;
    assert_eq!(output.lines().count(), 101_002, "the whole output is in the log");
}

#[tokio::test]
async fn an_expression_that_is_none_and_a_command_that_fails_set_nothing() {
    let stage = Stage::new();
    let end = stage.run("set-property", json!({ "command": "echo x", "extract": "(?<a>" })).await;
    assert_eq!(end.results, Results::Exception, "{}", end.summary);
    let end = stage.run("set-property", json!({ "command": "echo x; exit 3", "property": "a" })).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Failure, "'echo x; exit 3' exited with 3"));
    assert_eq!(stage.property_now("a"), None::<Value>);
}

#[tokio::test]
async fn a_secret_reaches_the_commands_environment_and_is_seen_nowhere() {
    let step = "[[team.core.builder.app.step]]\nuse = \"set-property\"\nwith = { property = \"length\", json = true, \
                command = \"echo $TOKEN >&2; printf %s \\\"$TOKEN\\\" | wc -c\", env = { TOKEN = { secret = \"token\" } } }\n";
    let toml = format!("[team.core]\n[team.core.secret]\ntoken = {{ env = \"TEST_TOKEN\" }}\n{step}");
    let world = Site::new().toml(&toml).env("TEST_TOKEN", "hunter22hunter22").serve().await;
    world.force("core/app").await;
    world.settle().await;
    let last = world.last("core/app").await;
    assert_eq!(last.results, "success", "{}", last.json);
    let path = format!("/api/v2/teams/core/builders/app/builds/{}", last.number);
    let build = world.get_as(&world.owner(), &path).await.json()["builds"][0].clone();
    assert_eq!(build["steps"][0]["state_string"], json!("length=16"), "{build}");
    let log = format!("{}/step/0/log/stdio/raw?headers=1", build_path("core/app", last.number));
    let log = world.get_as(&world.owner(), &log).await.body;
    assert!(log.contains("16") && !log.contains("hunter22"), "{log}");
}
