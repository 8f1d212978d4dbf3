//! Guests that want more than there is, do not end when they should, or keep the compiler busy.

use super::guest::{Guest, runs_true};
use super::hostile::ends_with;
use super::stage::Stage;
use futures::future::{Either, join_all, select};
use serde_json::json;
use std::pin::pin;
use std::time::{Duration, Instant};
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;
use weir::plugins::compile::{Compiler, Limits};
use weir_tests::binary;

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

#[tokio::test]
async fn a_table_bomb_is_refused_elements() {
    let mut stage = Stage::new();
    let guest = Guest {
        items: "(table $bomb 1 funcref)".to_owned(),
        ..Guest::run(
            "(loop (br_if 0 (i32.ne (table.grow $bomb (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable",
        )
    };
    ends_with(&mut stage, &guest.component(), &["table elements, the limit is 20000"]).await;
}

#[tokio::test]
async fn a_flood_of_handles_ends_at_its_limit() {
    let mut stage = Stage::new();
    let guest = Guest {
        exports: "export things: interface { resource thing; }",
        items: r#"(import "[export]things" "[resource-new]thing" (func $new (param i32) (result i32)))"#.to_owned(),
        ..Guest::run("(loop (drop (call $new (i32.const 7))) br 0) unreachable")
    };
    ends_with(&mut stage, &guest.component(), &["holds more than 4096 handles"]).await;
}

#[tokio::test]
async fn a_secret_that_is_not_granted_is_not_given() {
    let mut stage = Stage::new();
    let guest = Guest {
        imports: &["secrets"],
        items: r#"(import "weir:plugin/secrets@0.1.0" "get" (func $get (param i32 i32 i32)))"#.to_owned(),
        // An error (1), and of those the first: not granted.
        ..Guest::run(
            "(call $get (i32.const 16) (i32.const 5) (i32.const 1024))
             (if (i32.ne (i32.load8_u (i32.const 1024)) (i32.const 1)) (then unreachable))
             (if (i32.ne (i32.load8_u (i32.const 1028)) (i32.const 0)) (then unreachable))
             global.get $success",
        )
    };
    stage.plugin("evil", &guest.component());
    let end = stage.run("evil", json!({})).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, "guest"));
}

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

#[test]
fn a_compile_bomb_ends_at_the_compilers_own_limit() {
    let compiler = Compiler::of(binary::weir()).with_limits(Limits { cpu_max_s: 1, ..Limits::default() });
    compiler.compile(&Guest::run("global.get $success").component()).unwrap();
    let block = "(local.set $a (i32.mul (local.get $b) (i32.add (local.get $a) (i32.const 3)))) \
                 (if (local.get $a) (then (local.set $b (local.get $a))))";
    let bomb = format!("{}) (func (param $a i32) (param $b i32) {}", "global.get $success", block.repeat(40_000));
    let said = compiler.compile(&Guest::run(&bomb).component()).unwrap_err();
    assert!(said.contains("does not compile within 4096 MiB and 1 s of CPU"), "{said}");
}
