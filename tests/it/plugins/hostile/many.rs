//! Rows 47 and 48: calls that wait hold no thread and little memory, and do not outlive the server.

use crate::plugins::guest::Guest;
use crate::plugins::stage::Stage;
use futures::future::join_all;
use serde_json::{Value, json};
use weir::model::results::Results;
use weir::model::size::Size;
use weir::plugins::room::Room;
use weir_tests::site::Site;

/// Suspended at the same time.
const CALLS: usize = 2_000;
/// Generous: other tests may run in this process. With a thread for each there would be thousands.
const THREADS_MAX: usize = 200;
/// What each may take. A guest's first two pages, its stack as far as it is touched, and the host's side of it.
const BYTES_EACH_MAX: usize = 256 << 10;

/// A guest that says `up` and waits for ever.
fn waits() -> Guest {
    Guest {
        imports: &["wait", "progress"],
        items: r#"(import "weir:plugin/wait@0.1.0" "sleep" (func $sleep (param i32 i32)))
            (import "weir:plugin/progress@0.1.0" "summary" (func $say (param i32 i32 i32)))"#
            .to_owned(),
        ..Guest::run(
            "(call $say (i32.const 16) (i32.const 5) (i32.const 1024)) (call $sleep (i32.const -1) (i32.const 1024)) global.get $success",
        )
    }
}

fn n_threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Memory that is really there.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// Row 48.
#[tokio::test]
async fn thousands_of_suspended_calls_hold_no_thread_and_little_memory() {
    let mut stage = Stage::new();
    stage.plugin("waits", &waits().component());
    stage.describe("waits").unwrap();
    let good = stage.run("shell", json!({ "command": ["true"] })).await;
    assert_eq!(good.results, Results::Success, "{}", good.summary);
    let (threads, bytes) = (n_threads(), resident_bytes());

    let plugins = stage.plugins();
    let calls = join_all((0..CALLS).map(|_| stage.run_with(&plugins, "waits", json!({}))));
    let measured = async {
        stage.said_summaries(CALLS).await;
        let measured = (n_threads(), resident_bytes());
        let good = stage.run("shell", json!({ "command": ["true"] })).await;
        assert_eq!(good.results, Results::Success, "{}", good.summary);
        stage.stop.cancel();
        measured
    };
    let (ends, (threads_then, bytes_then)) = tokio::join!(calls, measured);
    assert!(ends.iter().all(|end| end.results == Results::Cancelled), "{:?}", ends[0]);
    assert!(threads_then < threads + THREADS_MAX, "{threads} threads before, {threads_then} while they wait");
    let each = bytes_then.saturating_sub(bytes) / CALLS;
    println!("{each} bytes each");
    assert!(each < BYTES_EACH_MAX, "{each} bytes each");
}

/// Row 48: a plugin that waits for room waits for nothing else, and what it waits for comes back.
#[tokio::test]
async fn calls_over_the_room_of_the_server_wait_and_memory_over_it_is_refused() {
    let mut stage = Stage::new();
    stage.plugin("waits", &waits().component());
    stage.plugin("small", &Guest::run("global.get $success").component());
    stage.plugin("large", &Guest { pages: 9, ..Guest::run("global.get $success") }.component());
    // The room is full as long as the first call waits, and only the second build is stopped.
    let mut other = Stage::new();
    other.plugin("small", &Guest::run("global.get $success").component());
    let room = Room::new(1, Size(1 << 20));
    let (one, two) = (stage.plugins().with_room(room.clone()), other.plugins().with_room(room));
    let waiting = stage.run_with(&one, "waits", json!({}));
    let second = async {
        stage.said_summaries(1).await;
        other.stop.cancel();
        let end = other.run_with(&two, "small", json!({})).await;
        stage.stop.cancel();
        end
    };
    let (first, second) = tokio::join!(waiting, second);
    assert_eq!((first.results, second.results), (Results::Cancelled, Results::Cancelled));
    assert!(second.summary.contains("stopped before there was room for it"), "{}", second.summary);

    stage.stop = tokio_util::sync::CancellationToken::new();
    let one = stage.plugins().with_room(Room::new(1, Size(1 << 20)));
    for _ in 0..3 {
        assert_eq!(stage.run_with(&one, "small", json!({})).await.results, Results::Success);
    }
    for _ in 0..4 {
        // Not its fault: the breaker stays closed.
        let end = stage.run_with(&one, "large", json!({})).await;
        let said = "the plugins of the team `core` may use 512 KiB of the server's memory together";
        assert_eq!(end.results, Results::Exception);
        assert!(end.summary.contains(said), "{}", end.summary);
    }
}

/// A site with the one builder `core/waits`, whose step is suspended for ever.
fn site() -> Site {
    let step = "[team.core.builder.waits]\n[[team.core.builder.waits.step]]\nuse = \"waits\"";
    Site::new().team("core", "").toml(step).builder("core/good", "true").plugin("waits", &waits().component())
}

/// Waits until the step of `core/waits` is suspended.
async fn suspended(world: &weir_tests::world::World) {
    world.running("core/waits").await;
    world
        .wait_until("the step waits", |builders| {
            let text = Value::from(builders.to_vec()).to_string();
            text.contains("guest")
        })
        .await;
}

/// Row 47.
#[tokio::test]
async fn a_suspended_call_ends_with_the_server_and_its_build_is_tried_again() {
    let mut world = site().serve().await;
    world.force("core/waits").await;
    suspended(&world).await;
    // Ends well within the server's own time to end: nobody waits for what waits for ever.
    world.restart().await;
    check_after(&world).await;

    world.running("core/waits").await;
    suspended(&world).await;
    world.crash();
    world.restart().await;
    check_after(&world).await;
}

async fn check_after(world: &weir_tests::world::World) {
    world.force("core/good").await;
    world
        .wait_until("the good build ends", |builders| {
            builders.iter().any(|b| {
                b["name"] == "core/good"
                    && b["running"].as_array().is_none_or(Vec::is_empty)
                    && b["last"]["number"].is_number()
            })
        })
        .await;
    assert_eq!(world.last("core/good").await.results, "success");
    assert_eq!(world.last("core/waits").await.results, "retry");
}
