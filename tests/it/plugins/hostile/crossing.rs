//! Rows 11, 12, 14 and 43: what passes between guest and host is bounded, and is what it should be.

use super::ends_with;
use crate::plugins::guest::Guest;
use crate::plugins::stage::Stage;
use serde_json::json;
use weir::model::results::Results;
use weir::model::size::Size;

/// Row 11.
#[tokio::test]
async fn a_log_flood_ends_at_its_limit() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.limits.log_bytes = Size(1 << 20));
    let guest = Guest {
        imports: &["log"],
        items: r#"(import "weir:plugin/log@0.1.0" "write" (func $write (param i32 i32)))"#.to_owned(),
        // One line of 32 KiB, for ever.
        ..Guest::run(
            "(i32.store8 (i32.const 512) (i32.const 1)) (i32.store (i32.const 516) (i32.const 4096))
             (i32.store (i32.const 520) (i32.const 32768)) (loop (call $write (i32.const 512) (i32.const 1)) br 0) unreachable",
        )
    };
    ends_with(&mut stage, &guest.component(), &["`log_bytes` = 1 MiB"]).await;
}

/// Row 12.
#[tokio::test]
async fn a_giant_string_does_not_cross() {
    let mut stage = Stage::new();
    let giant = "(i32.store (i32.const 268) (i32.const 0)) (i32.store (i32.const 272) (i32.const 60000000)) global.get $success";
    let guest = Guest { pages: 960, ..Guest::run(giant) };
    ends_with(&mut stage, &guest.component(), &["more than 4 MiB"]).await;
}

/// Row 14.
#[tokio::test]
async fn a_pointer_to_nowhere_is_an_error_and_no_crash() {
    let mut stage = Stage::new();
    ends_with(&mut stage, &Guest::run("i32.const -4").component(), &[]).await;
}

/// Row 12.
#[tokio::test]
async fn a_giant_argument_does_not_cross_as_a_string_or_as_a_list() {
    let append = r#"(import "weir:plugin/log@0.1.0" "append" (func $append (param i32 i32 i32 i32 i32)))"#;
    let write = r#"(import "weir:plugin/log@0.1.0" "write" (func $write (param i32 i32)))"#;
    let one = "(call $append (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 60000000) (i32.const 1024))";
    let many = "(call $write (i32.const 131072) (i32.const 5000000))";
    // Lines that are each allowed, and all the same 3 MiB.
    let same = "(local $n i32) (loop
        (i32.store offset=131076 (i32.mul (local.get $n) (i32.const 12)) (i32.const 262144))
        (i32.store offset=131080 (i32.mul (local.get $n) (i32.const 12)) (i32.const 3000000))
        (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
        (call $write (i32.const 131072) (i32.const 1000))";
    for (import, run) in [(append, one), (write, many), (write, same)] {
        let guest = Guest {
            imports: &["log"],
            items: import.to_owned(),
            pages: 960,
            ..Guest::run(&format!("{run} global.get $success"))
        };
        ends_with(&mut Stage::new(), &guest.component(), &["more than 4 MiB"]).await;
    }
}

/// Row 12.
#[tokio::test]
async fn a_giant_list_is_not_taken_from_a_result() {
    // `extra` of the result.
    let giant = "(i32.store (i32.const 276) (i32.const 131072)) (i32.store (i32.const 280) (i32.const 3500000)) global.get $success";
    let guest = Guest { pages: 960, ..Guest::run(giant) };
    ends_with(&mut Stage::new(), &guest.component(), &["more than 4 MiB"]).await;
}

/// Row 14.
#[tokio::test]
async fn answers_that_are_none_are_errors_and_no_crashes() {
    for (what, run) in [
        ("beyond the end", "i32.const -4"),
        ("in the last bytes", "i32.const 131070"),
        ("misaligned", "i32.const 257"),
        ("neither good nor bad", "(i32.store8 (i32.const 256) (i32.const 7)) global.get $success"),
        ("no such outcome", "(i32.store8 (i32.const 260) (i32.const 200)) global.get $success"),
        ("no such verdict", "(i32.store8 (i32.const 264) (i32.const 9)) global.get $success"),
        ("no UTF-8", "(i32.store (i32.const 16) (i32.const 0xfffefdfc)) global.get $success"),
        ("half a character", "(i32.store8 (i32.const 20) (i32.const 0xe2)) global.get $success"),
        ("text from nowhere", "(i32.store (i32.const 268) (i32.const -8)) global.get $success"),
        (
            "a list that wraps around",
            "(i32.store (i32.const 276) (i32.const 16)) (i32.store (i32.const 280) (i32.const -1)) global.get $success",
        ),
    ] {
        println!("{what}");
        ends_with(&mut Stage::new(), &Guest::run(run).component(), &[]).await;
    }
}

/// Row 14.
#[tokio::test]
async fn arguments_that_are_none_are_errors_and_no_crashes() {
    let write = "(call $write (i32.const 512) (i32.const 1)) global.get $success";
    for (what, before) in [
        ("no such level", "(i32.store8 (i32.const 512) (i32.const 77))"),
        (
            "no UTF-8",
            "(i32.store8 (i32.const 2048) (i32.const 0xff)) (i32.store (i32.const 516) (i32.const 2048)) (i32.store (i32.const 520) (i32.const 1))",
        ),
        ("text from nowhere", "(i32.store (i32.const 516) (i32.const -1)) (i32.store (i32.const 520) (i32.const 1))"),
    ] {
        println!("{what}");
        let guest = Guest {
            imports: &["log"],
            items: r#"(import "weir:plugin/log@0.1.0" "write" (func $write (param i32 i32)))"#.to_owned(),
            ..Guest::run(&format!("{before} {write}"))
        };
        ends_with(&mut Stage::new(), &guest.component(), &[]).await;
    }
}

/// Row 14: where the host's answer is to go decides the guest, and it may be anywhere.
#[tokio::test]
async fn an_allocator_that_lies_is_an_error_and_no_crash() {
    for place in ["-1", "131071", "3"] {
        let items = format!(
            r#"(import "weir:plugin/wait@0.1.0" "now" (func $now (param i32)))
            (func $place (result i32) (i32.const {place}))"#
        );
        let run = "(global.set $free (call $place)) (call $now (i32.const 1024)) global.get $success";
        let guest = Guest { imports: &["wait"], items, ..Guest::run(run) };
        let mut stage = Stage::new();
        stage.plugin("evil", &guest.component());
        let end = stage.run("evil", json!({})).await;
        // Text needs no alignment, so 3 is a place like any other.
        let wanted = if place == "3" { Results::Success } else { Results::Exception };
        assert_eq!(end.results, wanted, "{place}: {}", end.summary);
    }
}

/// Row 43: this server calls no step again.
#[tokio::test]
async fn a_guest_that_wants_to_be_parked_ends_as_an_exception() {
    let mut stage = Stage::new();
    let parked = "(i32.store8 (i32.const 260) (i32.const 1)) (i32.store (i32.const 264) (i32.const 16))
        (i32.store (i32.const 268) (i32.const 5)) (i32.store8 (i32.const 272) (i32.const 0)) global.get $success";
    stage.plugin("evil", &Guest::run(parked).component());
    let end = stage.run("evil", json!({})).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("wants to be called again later"), "{}", end.summary);
}
