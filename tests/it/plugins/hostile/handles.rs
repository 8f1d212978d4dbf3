//! Rows 15 to 17: handles have an end, die with the call, and mean nothing to who does not hold them.

use super::ends_with;
use crate::plugins::guest::{Guest, starts};
use crate::plugins::stage::Stage;
use serde_json::json;
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;

/// Row 15.
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

/// Row 15.
#[tokio::test]
async fn commands_that_are_started_and_never_dropped_end_at_the_limit_of_resources() {
    let mut stage = Stage::new();
    stage.table("evil", |table| {
        table.grants.command = Some(CommandGrant::Any);
        table.limits.resources = 20;
    });
    let guest = starts(
        &["true"],
        "(loop (call $start (i32.const 512) (i32.const 1024)) (global.set $free (i32.const 65536)) br 0) unreachable",
    );
    ends_with(
        &mut stage,
        &guest.component(),
        &["holds more things of the host than its limit `resources` = 20 allows"],
    )
    .await;
}

/// Row 16.
#[tokio::test]
async fn a_command_that_a_guest_leaves_behind_ends_with_the_guest() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.grants.command = Some(CommandGrant::Any));
    // Its first word is heard, so it runs; then the guest goes away without a word to it.
    let leaves = "(call $start (i32.const 512) (i32.const 1024))
        (if (i32.load8_u (i32.const 1024)) (then unreachable))
        (call $next (i32.load (i32.const 1028)) (i32.const 0) (i32.const 0) (i32.const 1024))
        (if (i32.load8_u (i32.const 1024)) (then unreachable)) global.get $success";
    let guest = starts(&["sh", "-c", "echo up; setsid sleep 1000 & sleep 1000"], leaves);
    stage.plugin("evil", &guest.component());
    let end = stage.run("evil", json!({})).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, "guest"));
    let left = stage.processes();
    assert!(left.is_empty(), "{left:?} still run");
}

/// Row 17.
#[tokio::test]
async fn handles_that_are_not_held_trap() {
    let start = "(call $start (i32.const 512) (i32.const 1024)) (if (i32.load8_u (i32.const 1024)) (then unreachable))";
    let drop = "(call $drop (i32.load (i32.const 1028)))";
    let stop = "(call $stop (i32.load (i32.const 1028)))";
    for (what, run) in [
        ("never held", "(call $stop (i32.const 77))".to_owned()),
        ("never held, dropped", "(call $drop (i32.const 77))".to_owned()),
        ("zero", "(call $stop (i32.const 0))".to_owned()),
        ("dropped twice", format!("{start} {drop} {drop}")),
        ("used after it was dropped", format!("{start} {drop} {stop}")),
        // A handle of its own resource where one of the host's is wanted.
        ("of another kind", "(call $stop (call $new (i32.const 5)))".to_owned()),
    ] {
        let mut stage = Stage::new();
        stage.table("evil", |table| table.grants.command = Some(CommandGrant::Any));
        let mut guest = starts(&["true"], &format!("{run} global.get $success"));
        guest.exports = "export things: interface { resource thing; }";
        guest.items = format!(
            r#"(import "[export]things" "[resource-new]thing" (func $new (param i32) (result i32))) {}"#,
            guest.items
        );
        println!("{what}");
        ends_with(&mut stage, &guest.component(), &["handle"]).await;
    }
}
