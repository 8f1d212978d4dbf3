//! Rows 9, 10, 18 and 31: what breaks in a guest breaks nothing else.

use super::ends_with;
use crate::plugins::guest::{Guest, by_hand};
use crate::plugins::stage::Stage;
use serde_json::json;
use weir::model::results::Results;

#[tokio::test]
async fn a_trap_is_told() {
    let mut stage = Stage::new();
    ends_with(&mut stage, &Guest::run("unreachable").component(), &["trapped"]).await;
}

/// Row 9.
#[tokio::test]
async fn a_stack_overflow_traps() {
    let mut stage = Stage::new();
    let deep = "(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1))";
    let guest = Guest::run(&format!("(call $deep (local.get 0))) {deep}"));
    ends_with(&mut stage, &guest.component(), &["call stack exhausted"]).await;
}

/// Row 10.
#[tokio::test]
async fn host_functions_that_are_reached_from_a_deep_stack_do_not_end_the_process() {
    let nested = format!("{}{}", "[".repeat(120), "]".repeat(120));
    for (interface, import, call) in [
        (
            "log",
            r#""append" (func $host (param i32 i32 i32 i32 i32))"#,
            "(call $host (i32.const 16) (i32.const 5) (i32.const 16) (i32.const 5) (i32.const 1024))",
        ),
        // JSON that is nested as deep as it may be: what reads it calls itself.
        (
            "properties",
            r#""set" (func $host (param i32 i32 i32 i32 i32))"#,
            "(call $host (i32.const 16) (i32.const 5) (i32.const 4096) (i32.const 240) (i32.const 1024))",
        ),
        ("wait", r#""now" (func $host (param i32))"#, "(call $host (i32.const 1024))"),
        (
            "progress",
            r#""link" (func $host (param i32 i32 i32 i32 i32))"#,
            "(call $host (i32.const 16) (i32.const 5) (i32.const 8192) (i32.const 20) (i32.const 1024))",
        ),
    ] {
        let mut stage = Stage::new();
        let items = format!(
            r#"(import "weir:plugin/{interface}@0.1.0" {import})
            (data (i32.const 4096) "{nested}") (data (i32.const 8192) "https://example.org/")
            (func $deep (param i32) (result i32)
              {call} (global.set $free (i32.const 65536)) (i32.add (call $deep (local.get 0)) (i32.const 1)))"#
        );
        let run = "(call $deep (local.get 0))";
        let guest = match interface {
            "log" => Guest { imports: &["log"], items, ..Guest::run(run) },
            "properties" => Guest { imports: &["properties"], items, ..Guest::run(run) },
            "wait" => Guest { imports: &["wait"], items, ..Guest::run(run) },
            _ => Guest { imports: &["progress"], items, ..Guest::run(run) },
        };
        ends_with(&mut stage, &guest.component(), &["call stack exhausted"]).await;
    }
}

/// Row 18: a component whose function is handed to itself as an import, which is called while the component is being entered.
#[tokio::test]
async fn a_component_that_enters_itself_traps() {
    let component = by_hand(
        r#"
        (core module $shim (table (export "table") 1 funcref)
          (type $f (func)) (func (export "call") (call_indirect (type $f) (i32.const 0))))
        (core instance $shim (instantiate $shim))
        (core module $outer (import "shim" "call" (func $call)) (func (export "go") (call $call)))
        (core instance $outer (instantiate $outer (with "shim" (instance $shim))))
        (func $go (canon lift (core func $outer "go")))
        (core func $again (canon lower (func $go)))
        (core module $fill (import "" "table" (table 1 funcref)) (import "" "again" (func $again))
          (elem (i32.const 0) func $again)
          (func $begin (call $again)) (start $begin))
        (core instance (instantiate $fill (with "" (instance
          (export "table" (table $shim "table")) (export "again" (func $again))))))
    "#,
    );
    ends_with(&mut Stage::new(), &component, &["cannot enter component instance"]).await;
}

/// Row 31.
#[tokio::test]
async fn a_panic_is_told_with_its_words_and_where_it_was() {
    let mut stage = Stage::new();
    stage.plugin("evil", &std::fs::read(weir_tests::binary::fixture_plugin("count")).unwrap());
    let end = stage.run("evil", json!({ "command": "true", "panic": true })).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("`evil`: panicked") && end.summary.contains("asked to panic"), "{}", end.summary);
    let good = stage.run("shell", json!({ "command": ["true"] })).await;
    assert_eq!(good.results, Results::Success, "{}", good.summary);
}
