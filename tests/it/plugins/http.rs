//! Services called by a step of a real build.

use serde_json::json;
use weir_tests::service::Service;
use weir_tests::site::Site;

#[tokio::test]
async fn a_step_calls_a_service_with_a_secret_and_the_next_one_has_what_it_answered() {
    let service = Service::start().await;
    let (port, url) = (service.port(), service.url(""));
    let steps = format!(
        r#"
[secret]
deploy = {{ env = "TEST_DEPLOY", hosts = ["http://127.0.0.1:{port}"] }}

[[builder.good.step]]
use = "http"
with = {{ url = "{url}/json", json = {{ branch = "{{{{branch}}}}" }}, bearer = {{ secret = "deploy" }}, save = {{ property = "answer", log = "body" }} }}

[[builder.good.step]]
use = "shell"
with = {{ command = "echo got {{{{answer}}}}" }}

[[builder.moved.step]]
use = "http"
with = {{ url = "{url}/redirect?/ok", redirects = 1 }}

[[builder.down.step]]
use = "http"
with = {{ url = "{url}/down", retries = 1, retry_delay_s = 0 }}

[[builder.denied.step]]
use = "http"
with = {{ url = "https://elsewhere.test/" }}
"#
    );
    let grant = format!("[plugin.http]\nhttp = [\"http://127.0.0.1:{port}\"]");
    let site = Site::new().toml(&grant).file("teams/core.toml", steps).env("TEST_DEPLOY", "s3cr3t-of-deploy");
    let world = site.serve().await;
    world.force_as(Some(&world.owner()), "core/good", json!({ "branch": "main" })).await;
    for builder in ["core/moved", "core/down", "core/denied"] {
        world.force(builder).await;
    }
    world.settle().await;

    let good = world.last("core/good").await;
    assert_eq!(good.results, "success", "{}", good.json);
    let posted = service.requests().into_iter().find(|request| request.starts_with("POST /json")).unwrap();
    assert!(posted.contains("authorization: Bearer s3cr3t-of-deploy\r\n"), "{posted}");
    assert!(posted.ends_with("\r\n\r\n{\"branch\":\"main\"}"), "{posted}");
    assert_eq!(world.log("core/good", 1, 0, "body").await, "{\"version\":\"1.2.3\"}");
    assert!(world.log("core/good", 1, 1, "stdio").await.contains("1.2.3"));

    assert_eq!(world.last("core/moved").await.results, "success");
    let down = world.last("core/down").await;
    assert_eq!(down.results, "failure", "{}", down.json);
    assert_eq!(service.requests().iter().filter(|request| request.starts_with("GET /down")).count(), 2);
    let denied = world.last("core/denied").await;
    assert_eq!(denied.results, "exception", "{}", denied.json);
}
