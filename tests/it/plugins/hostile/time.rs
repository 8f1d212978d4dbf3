//! Rows 1 to 4, 13 and 42: loops of every kind end at a limit of time, and a stop that is ignored at its grace.

use super::ends_with;
use crate::plugins::guest::{Guest, runs_true};
use crate::plugins::stage::Stage;
use futures::future::{Either, join_all, select};
use serde_json::json;
use std::pin::pin;
use std::time::{Duration, Instant};
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;

/// Row 1.
#[tokio::test]
async fn an_endless_loop_ends_at_its_cpu_limit() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.limits.cpu = Duration::from_millis(200));
    ends_with(&mut stage, &Guest::run("(loop br 0) unreachable").component(), &["`cpu` = 200ms"]).await;
}

/// Row 2.
#[tokio::test]
async fn a_loop_in_describe_makes_a_plugin_unusable() {
    let mut stage = Stage::new();
    let guest = Guest { describe: "(loop br 0)".to_owned(), ..Guest::run("global.get $success") };
    ends_with(&mut stage, &guest.component(), &["does not describe itself", "`cpu` = 250ms"]).await;
}

/// Row 2.
#[tokio::test]
async fn a_loop_at_its_start_makes_a_plugin_unusable() {
    let mut stage = Stage::new();
    let items = "(func $begin (loop br 0)) (start $begin)".to_owned();
    let guest = Guest { items, ..Guest::run("global.get $success") };
    ends_with(&mut stage, &guest.component(), &["does not describe itself", "`cpu` = 250ms"]).await;
}

/// Row 2.
#[tokio::test]
async fn a_loop_in_a_destructor_ends_at_the_cpu_limit() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.limits.cpu = Duration::from_millis(200));
    let guest = Guest {
        exports: "export things: interface { resource thing; }",
        items: r#"(import "[export]things" "[resource-new]thing" (func $new (param i32) (result i32)))
            (import "[export]things" "[resource-drop]thing" (func $drop (param i32)))
            (func (export "things#[dtor]thing") (param i32) (loop br 0))"#
            .to_owned(),
        ..Guest::run("(call $drop (call $new (i32.const 7))) global.get $success")
    };
    ends_with(&mut stage, &guest.component(), &["`cpu` = 200ms"]).await;
}

/// Row 4.
#[tokio::test]
async fn huge_bulk_operations_in_a_loop_end_at_the_cpu_limit() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.limits.cpu = Duration::from_millis(200));
    let fill = "(loop (memory.fill (i32.const 131072) (i32.const 7) (i32.const 62000000)) br 0) unreachable";
    let guest = Guest { pages: 960, ..Guest::run(fill) };
    ends_with(&mut stage, &guest.component(), &["`cpu` = 200ms"]).await;
}

/// Row 13.
#[tokio::test]
async fn what_the_host_does_for_a_guest_counts_as_the_guests_cpu_time() {
    let mut stage = Stage::new();
    stage.table("evil", |table| {
        table.limits.cpu = Duration::from_millis(300);
        table.limits.host_calls = u64::MAX;
        table.limits.host_calls_per_s = u64::MAX;
    });
    let guest = Guest {
        imports: &["properties"],
        // A megabyte of spaces is read as JSON again and again; the guest itself does next to nothing.
        items: r#"(import "weir:plugin/properties@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
            (func $spaces (memory.fill (i32.const 131072) (i32.const 32) (i32.const 1000000)))"#
            .to_owned(),
        pages: 20,
        ..Guest::run(
            "(call $spaces) (loop (call $set (i32.const 16) (i32.const 5) (i32.const 131072) (i32.const 1000000) (i32.const 1024))
             (global.set $free (i32.const 65536)) br 0) unreachable",
        )
    };
    ends_with(&mut stage, &guest.component(), &["`cpu` = 300ms"]).await;
}

/// Row 3.
#[tokio::test]
async fn many_endless_loops_keep_neither_the_server_nor_a_good_plugin_from_their_work() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.limits.cpu = Duration::from_secs(60));
    stage.plugin("evil", &Guest::run("(loop br 0) unreachable").component());
    // Compiled before: this is about running.
    for name in ["evil", "shell"] {
        stage.describe(name).unwrap();
    }
    let n_loops = 2 * std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let loops = pin!(join_all((0..n_loops).map(|_| stage.run("evil", json!({})))));
    let good = pin!(async {
        let mut slowest = Duration::ZERO;
        for _ in 0..3 {
            let end = stage.run("shell", json!({ "command": ["true"] })).await;
            assert_eq!(end.results, Results::Success, "{}", end.summary);
            // This test's own runtime is the server's: a guest that ran on it would hold it up for as long as it loops.
            let asked = Instant::now();
            tokio::task::yield_now().await;
            slowest = slowest.max(asked.elapsed());
        }
        slowest
    });
    match select(loops, good).await {
        Either::Left(_) => panic!("the good steps waited for the endless ones"),
        Either::Right((slowest, _)) => assert!(slowest < Duration::from_secs(1), "held up for {slowest:?}"),
    }
}

/// Row 13.
#[tokio::test]
async fn a_flood_of_host_calls_ends_at_its_limit() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.limits.host_calls = 1000);
    let guest = Guest {
        imports: &["wait"],
        items: r#"(import "weir:plugin/wait@0.1.0" "cancelled" (func $cancelled (result i32)))"#.to_owned(),
        ..Guest::run("(loop (drop (call $cancelled)) br 0) unreachable")
    };
    ends_with(&mut stage, &guest.component(), &["`host_calls` = 1000"]).await;
}

/// Row 1.
#[tokio::test]
async fn a_guest_that_waits_for_ever_ends_at_its_wall_limit() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.limits.wall = Duration::from_millis(200));
    let guest = Guest {
        imports: &["wait"],
        items: r#"(import "weir:plugin/wait@0.1.0" "sleep" (func $sleep (param i32 i32)))"#.to_owned(),
        ..Guest::run("(call $sleep (i32.const -1) (i32.const 1024)) global.get $success")
    };
    ends_with(&mut stage, &guest.component(), &["`wall` = 200ms"]).await;
}

#[tokio::test]
async fn the_wall_limit_does_not_run_while_a_command_does() {
    let mut stage = Stage::new();
    stage.table("shell", |table| table.limits.wall = Duration::from_millis(500));
    let end = stage.run("shell", json!({ "command": "sleep 1.2" })).await;
    assert_eq!(end.results, Results::Success, "{}", end.summary);
}

/// Row 42.
#[tokio::test]
async fn a_guest_that_ignores_a_stop_is_ended_after_its_grace() {
    let mut stage = Stage::new();
    stage.stop_grace = Duration::from_millis(200);
    stage.plugin("evil", &Guest::run("(loop br 0) unreachable").component());
    stage.stop.cancel();
    let end = stage.run("evil", json!({})).await;
    let said = "plugin `evil`: did not end within 200ms after the build was stopped";
    assert_eq!((end.results, end.summary.as_str()), (Results::Cancelled, said));
}

/// Row 42.
#[tokio::test]
async fn a_guest_that_waits_again_and_again_after_a_stop_is_ended_after_its_grace() {
    let mut stage = Stage::new();
    stage.stop_grace = Duration::from_millis(200);
    stage.table("evil", |table| table.limits.host_calls = u64::MAX);
    let guest = Guest {
        imports: &["wait"],
        items: r#"(import "weir:plugin/wait@0.1.0" "sleep" (func $sleep (param i32 i32)))"#.to_owned(),
        ..Guest::run("(loop (call $sleep (i32.const -1) (i32.const 1024)) br 0) unreachable")
    };
    stage.plugin("evil", &guest.component());
    stage.stop.cancel();
    let end = stage.run("evil", json!({})).await;
    assert_eq!(end.results, Results::Cancelled, "{}", end.summary);
    assert!(end.summary.contains("did not end within 200ms"), "{}", end.summary);
}

/// Row 42.
#[tokio::test]
async fn after_a_stop_the_host_still_answers_but_starts_nothing() {
    let mut stage = Stage::new();
    stage.table("late", |table| table.grants.command = Some(CommandGrant::Any));
    stage.plugin("late", &runs_true().component());
    assert_eq!(stage.run("late", json!({})).await.results, Results::Success);
    let log = stage.log("stdio").await;
    assert!(log.contains("exit code 0"), "{log}");
    stage.stop.cancel();
    let end = stage.run("late", json!({})).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Cancelled, "stopped"));
    let log = stage.log("stdio").await;
    assert!(!log.contains("exit code 0"), "{log}");
}
