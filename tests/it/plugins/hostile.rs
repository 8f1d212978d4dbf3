//! Guests that misbehave: each ends its own step, with a message that names the limit, and nothing else.

use super::guest::{Guest, runs_true};
use super::stage::Stage;
use serde_json::json;
use std::time::Duration;
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;
use weir::model::size::Size;

/// Runs a guest as the plugin `evil`; it ends as an exception that says all of this, and a good step runs afterwards.
pub async fn ends_with(stage: &mut Stage, component: &[u8], said: &[&str]) {
    stage.plugin("evil", component);
    let end = stage.run("evil", json!({})).await;
    assert_eq!(end.results, Results::Exception, "{}", end.summary);
    for part in said.iter().chain(&["`evil`"]) {
        assert!(end.summary.contains(part), "`{part}` is not said in: {}", end.summary);
    }
    let good = stage.run("shell", json!({ "command": ["true"] })).await;
    assert_eq!(good.results, Results::Success, "{}", good.summary);
}

/// The compiled form of the only plugin that ran.
fn compiled(stage: &Stage) -> std::path::PathBuf {
    let folder = std::fs::read_dir(stage.path().join("state/compiled")).unwrap();
    folder.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|e| e == "cwasm")).unwrap()
}

#[tokio::test]
async fn a_guest_by_hand_runs_where_it_behaves() {
    let mut stage = Stage::new();
    stage.plugin("good", &Guest::run("global.get $success").component());
    let end = stage.run("good", json!({})).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, "guest"));
}

#[tokio::test]
async fn an_endless_loop_ends_at_its_cpu_limit() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.limits.cpu = Duration::from_millis(200));
    ends_with(&mut stage, &Guest::run("(loop br 0) unreachable").component(), &["`cpu` = 200ms"]).await;
}

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

#[tokio::test]
async fn a_loop_in_describe_makes_a_plugin_unusable() {
    let mut stage = Stage::new();
    let guest = Guest { describe: "(loop br 0)".to_owned(), ..Guest::run("global.get $success") };
    ends_with(&mut stage, &guest.component(), &["does not describe itself", "`cpu` = 250ms"]).await;
}

#[tokio::test]
async fn a_memory_bomb_is_refused_memory() {
    let mut stage = Stage::new();
    let bomb = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    ends_with(&mut stage, &Guest::run(bomb).component(), &["`memory` is 64 MiB"]).await;
}

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

#[tokio::test]
async fn a_stack_overflow_traps() {
    let mut stage = Stage::new();
    let deep = "(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1))";
    let guest = Guest::run(&format!("(call $deep (local.get 0))) {deep}"));
    ends_with(&mut stage, &guest.component(), &["call stack exhausted"]).await;
}

#[tokio::test]
async fn a_trap_is_told() {
    let mut stage = Stage::new();
    ends_with(&mut stage, &Guest::run("unreachable").component(), &["trapped"]).await;
}

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

#[tokio::test]
async fn a_giant_string_does_not_cross() {
    let mut stage = Stage::new();
    let giant = "(i32.store (i32.const 268) (i32.const 0)) (i32.store (i32.const 272) (i32.const 60000000)) global.get $success";
    let guest = Guest { pages: 960, ..Guest::run(giant) };
    ends_with(&mut stage, &guest.component(), &["more than 4 MiB"]).await;
}

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

#[tokio::test]
async fn a_pointer_to_nowhere_is_an_error_and_no_crash() {
    let mut stage = Stage::new();
    ends_with(&mut stage, &Guest::run("i32.const -4").component(), &[]).await;
}

#[tokio::test]
async fn a_plugin_for_another_contract_says_which_it_needs() {
    let mut stage = Stage::new();
    let guest = Guest { version: "0.3.0", ..Guest::run("global.get $success") };
    ends_with(&mut stage, &guest.component(), &["needs weir:plugin 0.3, this server offers 0.1"]).await;
}

#[tokio::test]
async fn what_is_no_component_is_told_what_it_is() {
    let mut stage = Stage::new();
    let guest = Guest::run("global.get $success");
    let component = guest.component();
    ends_with(&mut stage, &guest.core(), &["is a core module"]).await;
    ends_with(&mut stage, &component[..component.len() / 2], &["is no valid component"]).await;
    ends_with(&mut stage, b"(component)", &["is WebAssembly text"]).await;
    ends_with(&mut stage, b"\x7fELF", &["is no WebAssembly"]).await;
    ends_with(&mut stage, b"", &["is no WebAssembly"]).await;
}

#[tokio::test]
async fn machine_code_is_no_plugin_not_even_our_own() {
    let mut stage = Stage::new();
    stage.plugin("good", &Guest::run("global.get $success").component());
    assert_eq!(stage.run("good", json!({})).await.results, Results::Success);
    let code = std::fs::read(compiled(&stage)).unwrap();
    ends_with(&mut stage, &code, &["is already compiled for some machine"]).await;
}

#[tokio::test]
async fn a_plugin_that_does_not_say_which_contract_it_needs_is_told_so() {
    let mut stage = Stage::new();
    let guest = Guest { version: "", ..Guest::run("global.get $success") };
    ends_with(&mut stage, &guest.component(), &["does not say which version", "this server offers 0.1"]).await;
}

#[tokio::test]
async fn a_command_that_is_not_granted_is_denied_and_says_which_key_grants_it() {
    let mut stage = Stage::new();
    let component = runs_true().component();
    ends_with(&mut stage, &component, &["`command = true`", "`[plugin.evil]`"]).await;
    stage.table("evil", |table| table.grants.command = Some(CommandGrant::Programs(vec!["make".to_owned()])));
    ends_with(&mut stage, &component, &["may not run `true`", "`make`"]).await;
    stage.table("evil", |table| table.grants.command = Some(CommandGrant::Programs(vec!["true".to_owned()])));
    assert_eq!(stage.run("evil", json!({})).await.results, Results::Success);
}

#[tokio::test]
async fn a_plugin_by_the_name_of_a_bundled_one_gets_none_of_its_grants() {
    let mut stage = Stage::new();
    stage.plugin("shell", &runs_true().component());
    let end = stage.run("shell", json!({})).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("`command = true`"), "{}", end.summary);
}

#[tokio::test]
async fn an_import_that_is_not_declared_refuses_the_load() {
    let mut stage = Stage::new();
    let guest = Guest { declares: false, ..runs_true() };
    stage.table("evil", |table| table.grants.command = Some(CommandGrant::Any));
    ends_with(&mut stage, &guest.component(), &["without declaring it"]).await;
}

#[tokio::test]
async fn a_digest_that_does_not_match_refuses_the_load() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.sha256 = Some("0".repeat(64)));
    ends_with(&mut stage, &Guest::run("global.get $success").component(), &["`sha256` in `[plugin.evil]`"]).await;
}

#[tokio::test]
async fn a_compiled_file_that_was_tampered_with_is_made_anew() {
    let mut stage = Stage::new();
    stage.plugin("good", &Guest::run("global.get $success").component());
    assert_eq!(stage.run("good", json!({})).await.results, Results::Success);
    let artifact = compiled(&stage);
    let whole = std::fs::read(&artifact).unwrap();
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&artifact, &changed).unwrap();
    stage.restart();
    assert_eq!(stage.run("good", json!({})).await.results, Results::Success);
    assert_ne!(std::fs::read(&artifact).unwrap(), changed, "it was not made anew");
}

#[tokio::test]
async fn a_changed_file_is_picked_up_by_the_next_step() {
    let mut stage = Stage::new();
    stage.plugin("evil", &Guest::run("global.get $success").component());
    assert_eq!(stage.run("evil", json!({})).await.results, Results::Success);
    ends_with(&mut stage, &Guest::run("unreachable").component(), &["trapped"]).await;
}

#[tokio::test]
async fn an_unknown_plugin_is_said_to_be_unknown() {
    let stage = Stage::new();
    let end = stage.run("nope", json!({})).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("unknown plugin `nope`"), "{}", end.summary);
    assert!(stage.names().contains(&"shell".to_owned()));
    assert_eq!(stage.describe("nope"), Err("unknown".to_owned()));
    assert_eq!(stage.describe("shell").unwrap()["type"], json!("object"));
}
