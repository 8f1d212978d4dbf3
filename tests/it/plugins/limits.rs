//! Limits that a guest passes slowly or often, and the breaker behind them.

use super::guest::{Guest, runs_true};
use super::hostile::ends_with;
use super::stage::Stage;
use serde_json::json;
use std::time::{Duration, Instant};
use weir::clock::TestClock;
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;

#[tokio::test]
async fn a_guest_that_calls_the_host_too_fast_is_made_to_wait() {
    let mut stage = Stage::new();
    stage.table("fast", |table| table.limits.host_calls_per_s = 1_000);
    let guest = Guest {
        imports: &["wait"],
        items: r#"(import "weir:plugin/wait@0.1.0" "cancelled" (func $cancelled (result i32)))"#.to_owned(),
        // 1,000 calls: a burst of 250 is free.
        ..Guest::run(
            "(local $n i32) (loop (drop (call $cancelled)) (local.set $n (i32.add (local.get $n) (i32.const 1)))
             (br_if 0 (i32.lt_u (local.get $n) (i32.const 1000)))) global.get $success",
        )
    };
    stage.plugin("fast", &guest.component());
    stage.describe("fast").unwrap();
    let began = Instant::now();
    assert_eq!(stage.run("fast", json!({})).await.results, Results::Success);
    // At the very least what is over the burst, less what the host lets through before it counts again.
    assert!(began.elapsed() > Duration::from_millis(400), "it took {:?} only", began.elapsed());
}

#[tokio::test]
async fn things_of_the_host_have_a_limit() {
    let mut stage = Stage::new();
    stage.table("evil", |table| {
        table.grants.command = Some(CommandGrant::Any);
        table.limits.resources = 2;
    });
    let mut guest = runs_true();
    guest.items = guest.items.replace("\"run\"", "\"start\"");
    guest.run = guest.run.replace(
        "(call $command (i32.const 512) (i32.const 1024))",
        "(loop (call $command (i32.const 512) (i32.const 1024)) br 0)",
    );
    ends_with(&mut stage, &guest.component(), &["`resources` = 2"]).await;
}

#[tokio::test]
async fn tables_have_a_limit_that_the_operator_sets() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.limits.table_elements = 500);
    let guest = Guest {
        items: "(table $bomb 1 funcref)".to_owned(),
        ..Guest::run("(drop (table.grow $bomb (ref.null func) (i32.const 1000))) unreachable")
    };
    ends_with(&mut stage, &guest.component(), &["`table_elements` is 500"]).await;
}

#[tokio::test]
async fn two_tables_with_one_file_are_two_plugins() {
    let mut stage = Stage::new();
    for (file, component) in [("common", runs_true().component()), ("broken", b"no component".to_vec())] {
        stage.plugin(file, &component);
        let path = stage.path().join(format!("plugins/{file}.wasm"));
        for name in ["one", "other"] {
            stage.table(name, |table| table.file = Some(path.clone()));
            let end = stage.run(name, json!({})).await;
            assert_eq!(end.results, Results::Exception);
            let said = if file == "common" { format!("`[plugin.{name}]`") } else { "no WebAssembly".to_owned() };
            assert!(end.summary.starts_with(&format!("plugin `{name}`:")), "{}", end.summary);
            assert!(end.summary.contains(&said), "{}", end.summary);
        }
    }
}

#[tokio::test]
async fn lines_for_the_servers_log_count_as_those_of_the_step_do() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.limits.log_bytes = weir::model::size::Size(10_000));
    let guest = Guest {
        imports: &["log"],
        items: r#"(import "weir:plugin/log@0.1.0" "write" (func $write (param i32 i32)))"#.to_owned(),
        // A line at 512: level `debug`, 1,000 bytes of memory that are ASCII; eleven times.
        ..Guest::run(
            "(local $n i32) (memory.fill (i32.const 2048) (i32.const 120) (i32.const 1000))
             (i32.store (i32.const 516) (i32.const 2048)) (i32.store (i32.const 520) (i32.const 1000))
             (loop (call $write (i32.const 512) (i32.const 1)) (local.set $n (i32.add (local.get $n) (i32.const 1)))
             (br_if 0 (i32.lt_u (local.get $n) (i32.const 11)))) global.get $success",
        )
    };
    ends_with(&mut stage, &guest.component(), &["its limit `log_bytes`"]).await;
}

/// Row 32: three crashes, and another team is not touched.
#[tokio::test]
async fn a_plugin_that_breaks_three_times_is_switched_off_for_its_team_until_it_works_again() {
    let clock = TestClock::at("2026-11-22T12:00:00Z".parse().unwrap());
    let mut stage = Stage::with_clock(clock.clone());
    stage.plugin("flaky", &Guest::run("unreachable").component());
    for _ in 0..3 {
        let end = stage.run("flaky", json!({})).await;
        assert!(end.summary.contains("trapped"), "{}", end.summary);
    }
    let end = stage.run("flaky", json!({})).await;
    assert_eq!(end.results, Results::Exception);
    let said = "plugin `flaky`: is switched off for the team `core` until 12:01 UTC, because it failed 3 times in 10 minutes; last: trapped";
    assert!(end.summary.starts_with(said), "{}", end.summary);
    stage.team = "other".to_owned();
    let end = stage.run("flaky", json!({})).await;
    assert!(end.summary.contains("`flaky`: trapped"), "another team is not touched: {}", end.summary);

    stage.team = "core".to_owned();
    stage.plugin("flaky", &Guest::run("global.get $success").component());
    clock.advance(60);
    for _ in 0..2 {
        assert_eq!(stage.run("flaky", json!({})).await.results, Results::Success);
    }
}
