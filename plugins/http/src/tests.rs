//! The step against services that the test writes down.

use super::Http;
use expect_test::expect_file;
use serde_json::{Value, json};
use weir_plugin_sdk::http::{FieldValue, Response};
use weir_plugin_sdk::testing::Script;
use weir_plugin_sdk::{Error, HostError, Outcome, Refusal, Secret, Step, Verdict, settings_schema};

const URL: &str = "https://example.org/health";

fn run(script: &Script, settings: Value) -> Result<Outcome, Error> {
    Http::run(&mut script.context(), serde_json::from_value(settings).unwrap())
}

fn redirect(status: u16, location: &str) -> Response {
    Response { status, fields: vec![("location".to_owned(), location.to_owned())], body: Vec::new() }
}

#[test]
fn the_schema_is_what_the_settings_say() {
    let schema = serde_json::to_string_pretty(&settings_schema::<Http>()).unwrap() + "\n";
    expect_file!["settings.json"].assert_eq(&schema);
}

#[test]
fn a_good_answer_is_a_success_and_another_a_failure_that_shows_it() {
    let with_query = format!("{URL}?key=1");
    let script = Script::new().responds("GET", &with_query, Response::new(204, ""));
    let good = run(&script, json!({ "url": with_query })).unwrap();
    assert_eq!(good, Outcome::success("GET https://example.org/health answered 204"));

    let script = Script::new().responds("GET", URL, Response::new(404, "no such thing"));
    let bad = run(&script, json!({ "url": URL })).unwrap();
    assert_eq!(bad, Outcome::failure("GET https://example.org/health answered 404"));
    assert!(script.log("stdio").contains("no such thing"), "{}", script.log("stdio"));
    let expected = run(&script, json!({ "url": URL, "expect": [200, "4xx"] })).unwrap();
    assert_eq!(expected, Outcome::success("GET https://example.org/health answered 404"));
}

#[test]
fn what_is_sent_is_what_the_settings_say() {
    let script = Script::new().responds("POST", URL, Response::new(200, "")).secret("hook", "s3cr3t");
    let settings = json!({
        "url": URL, "json": { "a": [1] }, "bearer": { "$secret": "hook" },
        "headers": { "x-one": "1", "x-key": { "$secret": "hook" } }, "timeout_s": 3,
    });
    run(&script, settings).unwrap();
    let sent = &script.requests()[0];
    assert_eq!(sent.method, "POST");
    assert_eq!(sent.body.as_deref(), Some(b"{\"a\":[1]}".as_slice()));
    assert_eq!(sent.timeout.unwrap().as_secs(), 3);
    let secret = Secret::named("hook");
    assert!(sent.fields.contains(&("authorization".to_owned(), FieldValue::Bearer(secret.clone()))));
    assert!(sent.fields.contains(&("x-key".to_owned(), FieldValue::Text(secret.into()))));
    assert!(sent.fields.contains(&("x-one".to_owned(), FieldValue::Text("1".into()))));

    let both = run(&Script::new(), json!({ "url": URL, "json": 1, "body": "x" })).unwrap_err();
    assert!(matches!(both, Error::InvalidSettings(_)), "{both}");
}

#[test]
fn a_service_that_is_down_is_tried_again_and_then_a_failure() {
    let down = HostError::new(Refusal::Unreachable, "connection refused");
    let script = Script::new().replies("GET", URL, Err(down));
    let end = run(&script, json!({ "url": URL, "retries": 2 })).unwrap();
    assert_eq!(end, Outcome::failure("GET https://example.org/health: connection refused"));
    assert_eq!(script.requests().len(), 3);

    let script = Script::new().responds("GET", URL, Response::new(503, ""));
    run(&script, json!({ "url": URL, "retries": 1 })).unwrap();
    assert_eq!(script.requests().len(), 2);
    let script = Script::new().responds("GET", URL, Response::new(404, ""));
    run(&script, json!({ "url": URL, "retries": 1 })).unwrap();
    assert_eq!(script.requests().len(), 1, "what is not there is not there the second time either");
}

#[test]
fn it_ends_by_itself_before_the_host_would_end_it() {
    let script = Script::new().responds("GET", URL, Response::new(503, ""));
    let settings = json!({ "url": URL, "retries": 10, "timeout_s": 30, "retry_delay_s": 60 });
    let end = run(&script, settings).unwrap();
    assert_eq!(end.verdict, Verdict::Failure);
    // 30 s of the first call, then 90 s with each other one: the third ends within 300 s, a fourth might not.
    assert_eq!(script.requests().len(), 3);
}

#[test]
fn a_call_that_is_not_granted_is_no_red_build() {
    let denied = HostError::new(Refusal::Denied, "may not call it");
    let error = run(&Script::new().replies("GET", URL, Err(denied)), json!({ "url": URL, "retries": 3 })).unwrap_err();
    assert_eq!(error, Error::failed("GET https://example.org/health: may not call it"));
}

#[test]
fn a_stopped_build_is_not_tried_again() {
    let script = Script::new().responds("GET", URL, Response::new(500, "")).cancelled();
    assert!(run(&script, json!({ "url": URL, "retries": 3 })).is_err());
    assert_eq!(script.requests().len(), 1);
}

#[test]
fn redirects_are_followed_where_the_settings_say_so_and_secrets_stay() {
    let script = || {
        Script::new()
            .secret("hook", "s3cr3t")
            .responds("POST", URL, redirect(302, "https://other.example/x"))
            .responds("GET", "https://other.example/x", redirect(307, "/y"))
            .responds("GET", "https://other.example/y", Response::new(200, "ok"))
    };
    let settings = |n: u8| json!({ "url": URL, "body": "x", "bearer": { "$secret": "hook" }, "headers": { "a": "b" }, "redirects": n });
    let first = script();
    let end = run(&first, settings(0)).unwrap();
    assert_eq!(end, Outcome::failure("POST https://example.org/health answered 302"));

    let all = script();
    let end = run(&all, settings(2)).unwrap();
    assert_eq!(end, Outcome::success("POST https://example.org/health answered 200 by way of https://other.example/y"));
    let sent = all.requests();
    assert_eq!(sent[1].fields, [("a".to_owned(), FieldValue::Text("b".into()))]);
    assert_eq!((sent[1].method.as_str(), &sent[1].body), ("GET", &None));
}

#[test]
fn an_answer_is_kept_where_the_settings_say() {
    let answer = Response {
        status: 200,
        fields: vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())],
        body: b"{\"version\": 3}".to_vec(),
    };
    let script = Script::new().responds("GET", URL, answer);
    run(&script, json!({ "url": URL, "save": { "property": "answer", "log": "body" } })).unwrap();
    assert_eq!(script.property_now("answer"), Some(json!({ "version": 3 })));
    assert_eq!(script.log("body"), "{\"version\": 3}");

    let script = Script::new().responds("GET", URL, Response::new(200, "1.2.3\n"));
    run(&script, json!({ "url": URL, "save": { "property": "version" } })).unwrap();
    assert_eq!(script.property_now("version"), Some(json!("1.2.3")));
    let large = Script::new().responds("GET", URL, Response::new(200, "x".repeat(70_000)));
    let end = run(&large, json!({ "url": URL, "save": { "property": "version" } })).unwrap();
    assert_eq!(
        end,
        Outcome::failure("GET https://example.org/health answered 200: its 70000 bytes are more than a property holds")
    );
}
