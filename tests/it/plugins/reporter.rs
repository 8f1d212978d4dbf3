//! Builds told to a real receiver by a real server.

use serde_json::{Value, json};
use weir_tests::service::Service;
use weir_tests::site::Site;

const TOKEN: &str = "s3cr3t-of-the-hook";

/// Two teams with a builder each; each has a reporter of its own, at `/hook` and at `/other`.
fn site(service: &Service) -> Site {
    let (port, url) = (service.port(), service.url(""));
    let reporters = format!(
        r#"
[plugin.webhook]
http = ["http://127.0.0.1:{port}"]

[team.core.secret]
webhook = {{ env = "TEST_HOOK" }}

[team.core.reporter.hook]
use = "webhook"
with = {{ url = "{url}/hook", token = {{ secret = "webhook" }} }}

[team.docs.reporter.hook]
use = "webhook"
with = {{ url = "{url}/other" }}
"#
    );
    let builders = Site::new().builder("core/linux", "echo compiled; exit 2").builder("docs/manual", "true");
    builders.toml(&reporters).env("TEST_HOOK", TOKEN)
}

/// The document that was posted.
fn body(request: &str) -> Value {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn a_finished_build_arrives_as_it_was_with_the_token_that_no_log_shows_and_no_other_team_hears_of_it() {
    let service = Service::start().await;
    service.be_busy(2);
    let world = site(&service).serve().await;
    world.force("core/linux").await;
    world.settle().await;

    // Twice it was busy: the third is the one that arrived.
    let posted = service.wait_for("POST /hook", 3).await;
    let documents: Vec<Value> = posted.iter().map(|request| body(request)).collect();
    assert!(documents.iter().all(|document| *document == documents[0]), "the same in every try: {documents:?}");
    let head = posted[2].to_lowercase();
    assert!(head.contains(&format!("authorization: bearer {TOKEN}\r\n")), "{head}");
    assert!(head.contains("\r\nidempotency-key: core/hook/"), "{head}");

    let document = &documents[2];
    assert_eq!(document["for"], json!({ "team": "core", "reporter": "hook" }));
    assert_eq!(document["when"], json!(["finished", "problem"]));
    assert_eq!(document["build"]["url"], "http://localhost/team/core/builder/linux/build/1");
    assert_eq!(document["build"]["steps"][0]["results_word"], "failure");
    let api = world.get("/api/v2/teams/core/builders/linux/builds/1").await.json()["builds"][0].clone();
    // Steps have links here, and files are listed there.
    for (key, value) in
        api.as_object().unwrap().iter().filter(|(key, _)| !["steps", "artifacts"].contains(&key.as_str()))
    {
        assert_eq!(document["build"][key], *value, "{key} is as the API shows it");
    }

    world.force("docs/manual").await;
    world.settle().await;
    let others = service.wait_for("POST /other", 1).await;
    assert_eq!(body(&others[0])["builder"]["name"], "manual");
    assert!(service.requests().iter().all(|r| !r.starts_with("POST /other") || !r.contains("linux")));
    let log = world.server().log();
    assert!(log.contains("not told yet: the receiver answered 503"), "{log}");
    assert!(!log.contains(TOKEN), "{log}");
    assert!(!world.log("core/linux", 1, 0, "stdio").await.contains(TOKEN));
}

#[tokio::test]
async fn what_a_killed_server_had_not_told_is_told_by_the_next_and_once_it_arrived_never_again() {
    let service = Service::start().await;
    service.be_busy(usize::MAX);
    let mut world = site(&service).serve().await;
    world.force("core/linux").await;
    world.settle().await;
    let first = body(&service.wait_for("POST /hook", 1).await[0]);
    world.crash();

    service.be_busy(0);
    let n_before = service.requests().len();
    world.restart().await;
    let told = service.wait_for("POST /hook", n_before + 1).await;
    assert_eq!(body(told.last().unwrap()), first, "it is the same event");

    // The next event is told after this one's place was kept: from then on nothing brings the first one back.
    world.force("core/linux").await;
    world.settle().await;
    let all = service.wait_for("POST /hook", n_before + 2).await;
    assert_eq!(body(&all[n_before + 1])["build"]["number"], 2);
    world.restart().await;
    world.force("core/linux").await;
    world.settle().await;
    let all = service.wait_for("POST /hook", n_before + 3).await;
    assert!(all[n_before + 1..].iter().all(|told| body(told)["build"]["number"].as_i64() > Some(1)), "{all:?}");
}
