//! Rows 5 to 8 and 46: memory, tables and instances have an end, as sums.

use super::ends_with;
use crate::plugins::guest::{Guest, by_hand};
use crate::plugins::stage::Stage;
use serde_json::json;
use weir::model::results::Results;

/// Row 5.
#[tokio::test]
async fn a_memory_bomb_is_refused_memory() {
    let mut stage = Stage::new();
    let bomb = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    ends_with(&mut stage, &Guest::run(bomb).component(), &["`memory` is 64 MiB"]).await;
}

/// Row 6.
#[tokio::test]
async fn several_memories_are_counted_together() {
    let mut stage = Stage::new();
    // Two of 30 MiB fit into 64, the third does not.
    let grow = "(if (i32.eq (memory.grow $A (i32.const 480)) (i32.const -1)) (then unreachable))";
    let grown = ["$a", "$b", "$c"].map(|memory| grow.replace("$A", memory)).concat();
    let more = "(memory $a 1) (memory $b 1) (memory $c 1)";
    // The exported memory comes first: they stand after `run`, whose parenthesis is closed here.
    let guest = Guest::run(&format!("{grown} global.get $success) {more} (func"));
    ends_with(&mut stage, &guest.component(), &["`memory` is 64 MiB"]).await;
}

/// Row 7.
#[tokio::test]
async fn a_table_bomb_is_refused_elements() {
    let mut stage = Stage::new();
    let guest = Guest {
        items: "(table $bomb 1 funcref)".to_owned(),
        ..Guest::run(
            "(loop (br_if 0 (i32.ne (table.grow $bomb (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable",
        )
    };
    ends_with(&mut stage, &guest.component(), &["table elements, its limit `table_elements` is 20000"]).await;
}

/// Row 7.
#[tokio::test]
async fn several_tables_are_counted_together() {
    let mut stage = Stage::new();
    let tables: String = (0..3).map(|n| format!("(table $t{n} 9000 funcref)")).collect();
    let guest = Guest { items: tables, ..Guest::run("global.get $success") };
    ends_with(&mut stage, &guest.component(), &["`evil`"]).await;
}

/// Row 8.
#[tokio::test]
async fn four_gigabytes_to_begin_with_are_refused() {
    let mut stage = Stage::new();
    let guest = Guest { pages: 65_536, ..Guest::run("global.get $success") };
    ends_with(&mut stage, &guest.component(), &["does not describe itself", "4294967296 bytes of memory"]).await;
}

/// Row 8.
#[tokio::test]
async fn too_many_instances_memories_and_tables_are_refused() {
    for (inside, n, said) in [
        ("", 400, "instance count too high"),
        ("(memory 0)", 25, "memory count too high"),
        ("(table 0 funcref)", 25, "table count too high"),
    ] {
        let instances = "(core instance (instantiate $m))".repeat(n);
        let component = by_hand(&format!("(core module $m {inside}) {instances}"));
        ends_with(&mut Stage::new(), &component, &[said]).await;
    }
}

/// Row 46.
#[tokio::test]
async fn memory_that_another_guest_has_used_comes_back_as_zeros() {
    let mut stage = Stage::new();
    // Looks through 32 MiB for a word that is not zero, then fills them.
    let writes = "(local $at i32) (local.set $at (i32.const 131072))
        (loop (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
          (local.set $at (i32.add (local.get $at) (i32.const 4096)))
          (br_if 0 (i32.lt_u (local.get $at) (i32.const 33000000))))
        (memory.fill (i32.const 131072) (i32.const 7) (i32.const 32900000)) global.get $success";
    stage.plugin("evil", &Guest { pages: 512, ..Guest::run(writes) }.component());
    for _ in 0..20 {
        let end = stage.run("evil", json!({})).await;
        assert_eq!(end.results, Results::Success, "{}", end.summary);
    }
}
