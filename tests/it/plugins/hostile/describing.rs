//! Rows 40 and 41: what a plugin says of itself is not believed, and what it is handed has an end.

use super::ends_with;
use crate::plugins::guest::{Guest, runs_true};
use crate::plugins::stage::Stage;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::net::TcpListener;
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;

/// Where a text of the descriptor lies.
const AT: usize = 8192;
/// Fields of the descriptor: where pointer and length of a text stand.
const VERSION: usize = 72;
const SUMMARY: usize = 88;
const SCHEMA: usize = 96;

/// A guest that says this of itself.
fn says(field: usize, text: &str) -> Guest {
    let hex: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let pages = u32::try_from((AT + text.len()) / (64 << 10) + 2).unwrap();
    Guest { items: format!("(data (i32.const {AT}) \"{hex}\")"), pages, ..says_zeros(field, text.len()) }
}

/// A guest that says so many bytes of zero.
fn says_zeros(field: usize, n_bytes: usize) -> Guest {
    let stores = format!(
        "(i32.store (i32.const {field}) (i32.const {AT})) (i32.store (i32.const {}) (i32.const {n_bytes}))",
        field + 4
    );
    let pages = u32::try_from((AT + n_bytes) / (64 << 10) + 2).unwrap();
    Guest { describe: stores, pages, ..Guest::run("global.get $success") }
}

/// A guest with this schema of its settings.
fn with_schema(schema: &Value) -> Vec<u8> {
    says(SCHEMA, &schema.to_string()).component()
}

/// Row 40.
#[tokio::test]
async fn a_schema_that_is_none_refuses_the_load() {
    let mut stage = Stage::new();
    ends_with(&mut stage, &says(SCHEMA, "{").component(), &["its settings schema is no JSON:"]).await;
    ends_with(&mut stage, &with_schema(&json!({ "type": 7 })), &["its settings schema is no JSON Schema:"]).await;
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    ends_with(&mut stage, &says(SCHEMA, &nested).component(), &["no JSON:", "recursion limit"]).await;
    // It is said where the configuration is checked, too.
    assert!(stage.describe("evil").unwrap_err().contains("recursion limit"));
}

/// Row 40.
#[tokio::test]
async fn a_schema_that_refers_to_others_fetches_nothing_and_refuses_the_load() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    service.set_nonblocking(true).unwrap();
    let url = format!("http://{}/schema.json", service.local_addr().unwrap());
    let mut stage = Stage::new();
    for to in [url.as_str(), "file:///etc/passwd"] {
        ends_with(&mut stage, &with_schema(&json!({ "$ref": to })), &[to, "nothing is fetched"]).await;
    }
    assert_eq!(service.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody has called");
}

/// Row 40: with an engine that goes back, or a validator that follows everything, this test would never end.
#[tokio::test]
async fn a_schema_that_takes_for_ever_to_check_does_not_hold_up_anybody() {
    let mut stage = Stage::new();
    let schema = json!({ "properties": { "a": { "pattern": "^(a+)+$" } } });
    stage.plugin("evil", &with_schema(&schema));
    let end = stage.run("evil", json!({ "a": "a".repeat(50_000) + "b" })).await;
    assert!(end.summary.contains("its settings do not fit"), "{}", end.summary);
    assert_eq!(stage.run("evil", json!({ "a": "aaa" })).await.results, Results::Success);

    let twice = |n: usize| json!({ "anyOf": [{ "$ref": format!("#/$defs/{n}") }, { "$ref": format!("#/$defs/{n}") }] });
    let mut parts: serde_json::Map<String, Value> = (0..40).map(|n| (n.to_string(), twice(n + 1))).collect();
    parts.insert("40".to_owned(), json!(false));
    let schema = json!({ "$ref": "#/$defs/0", "$defs": parts });
    ends_with(&mut stage, &with_schema(&schema), &["its settings schema", "parts"]).await;
    ends_with(&mut stage, &with_schema(&json!({ "$ref": "#" })), &["refers to itself"]).await;
}

/// Row 40.
#[tokio::test]
async fn a_schema_of_megabytes_refuses_the_load() {
    let mut stage = Stage::new();
    ends_with(&mut stage, &says_zeros(SCHEMA, 2 << 20).component(), &["more than 1048576 bytes"]).await;
    ends_with(&mut stage, &says_zeros(SCHEMA, 10 << 20).component(), &["passed more than 4 MiB"]).await;
}

/// Row 40: what people read.
#[tokio::test]
async fn a_name_or_a_summary_that_no_page_should_show_refuses_the_load() {
    let mut stage = Stage::new();
    ends_with(&mut stage, &says(VERSION, &"1".repeat(101)).component(), &["its version has more than 100 bytes"]).await;
    ends_with(&mut stage, &says(SUMMARY, &"x".repeat(5_000)).component(), &["its summary has more than 4096"]).await;
    ends_with(&mut stage, &says(SUMMARY, "\x1b[2Jgone").component(), &["its summary holds control characters"]).await;
}

/// Row 40.
#[tokio::test]
async fn a_capability_is_nothing_without_its_import_and_without_its_grant() {
    let mut stage = Stage::new();
    stage.plugin("evil", &Guest { declares: true, ..Guest::run("global.get $success") }.component());
    assert_eq!(stage.run("evil", json!({})).await.results, Results::Success, "it has nothing to use it with");
    // With the import and no grant, the call is refused.
    ends_with(&mut stage, &runs_true().component(), &["grant it with `command"]).await;
    stage.table("evil", |table| table.grants.command = Some(CommandGrant::Any));
    assert_eq!(stage.run("evil", json!({})).await.results, Results::Success);
}

/// Row 40.
#[tokio::test]
async fn a_describe_that_reaches_for_a_build_refuses_the_load() {
    let guest = Guest {
        imports: &["progress"],
        items: r#"(import "weir:plugin/progress@0.1.0" "summary" (func $say (param i32 i32 i32)))"#.to_owned(),
        describe: "(call $say (i32.const 16) (i32.const 5) (i32.const 1024))".to_owned(),
        ..Guest::run("global.get $success")
    };
    let said = ["does not describe itself", "asked for a build's things while it described itself"];
    ends_with(&mut Stage::new(), &guest.component(), &said).await;
}

/// Row 40: what it says is kept, so chance and time have no part in it.
#[tokio::test]
async fn a_describe_that_asks_for_chance_or_time_refuses_the_load() {
    for (interface, function, params, call, said) in [
        ("random", "bytes", "i32 i32", "(call $ask (i32.const 8) (i32.const 1024))", "randomness"),
        ("wait", "now", "i32", "(call $ask (i32.const 1024))", "the time of day"),
    ] {
        let guest = Guest {
            imports: &["random", "wait"],
            items: format!(r#"(import "weir:plugin/{interface}@0.1.0" "{function}" (func $ask (param {params})))"#),
            describe: call.to_owned(),
            ..Guest::run("global.get $success")
        };
        let said = format!("asked for {said} while it described itself");
        ends_with(&mut Stage::new(), &guest.component(), &["does not describe itself", &said]).await;
    }
}

/// Row 41: the schema of this guest takes everything.
#[tokio::test]
async fn settings_that_fit_and_are_huge_or_deep_do_not_reach_the_plugin() {
    let mut stage = Stage::new();
    stage.plugin("evil", &Guest::run("global.get $success").component());
    let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
    for (settings, said) in [
        (nested(65), "settings nest over 64 levels"),
        (json!({ "a": vec![0; 600_000] }), "settings have 1200007 bytes as JSON, over 1048576"),
        (json!({ "a": "{{revision}}".repeat(20) }), "over 1048576 bytes"),
    ] {
        stage.property("revision", &"x".repeat(100_000));
        let end = stage.run("evil", settings).await;
        assert_eq!(end.results, Results::Exception);
        assert!(end.summary.contains(said), "{}", end.summary);
    }
    assert_eq!(stage.run("evil", nested(64)).await.results, Results::Success);
}
