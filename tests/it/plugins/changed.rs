//! Files in `plugin_dir` that change while they are used.

use super::guest::{Guest, starts};
use super::stage::Stage;
use serde_json::json;
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;

/// A guest that runs these words and is content when they have ended.
fn runs(words: &[&str]) -> Guest {
    let Guest { imports, items, .. } = starts(words, "");
    let import = r#"(import "weir:plugin/command@0.1.0" "run" (func $run (param i32 i32)))"#;
    // Nobody reads what it prints: its output is `log`.
    let run = "(i32.store8 (i32.const 568) (i32.const 0)) (call $run (i32.const 512) (i32.const 1024))
        (if (i32.load8_u (i32.const 1024)) (then unreachable)) global.get $success";
    Guest { imports, items: format!("{import} {items}"), declares: true, ..Guest::run(run) }
}

#[tokio::test]
async fn a_changed_file_is_what_the_next_step_runs_and_a_running_step_ends_on_the_old_one() {
    let mut stage = Stage::new();
    let gate = stage.path().join("gate");
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    stage.table("lint", |table| table.grants.command = Some(CommandGrant::Any));
    stage.plugin("lint", &runs(&["cat", gate.to_str().unwrap()]).component());
    let plugins = stage.plugins();

    let old = stage.run_with(&plugins, "lint", json!({}));
    let changed = async {
        // Opens when the command of the old one opens it.
        let opened = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(gate));
        let held = opened.await.unwrap().unwrap();
        // As an operator does it: beside it, and into its place.
        let (beside, place) = (stage.path().join("plugins/new"), stage.path().join("plugins/lint.wasm"));
        std::fs::write(&beside, Guest::run("unreachable").component()).unwrap();
        std::fs::rename(&beside, &place).unwrap();
        let new = stage.run_with(&plugins, "lint", json!({})).await;
        // And where it lies, which keeps the inode.
        std::fs::write(&place, Guest::run("(loop br 0) unreachable").component()).unwrap();
        let newest = stage.describe("lint");
        drop(held);
        (new, newest)
    };
    let (old, (new, newest)) = tokio::join!(old, changed);
    assert!(new.summary.contains("trapped"), "{}", new.summary);
    assert_eq!(newest, Ok(json!({})));
    assert_eq!((old.results, old.summary.as_str()), (Results::Success, "guest"));
    stage.table("lint", |table| table.limits.cpu = std::time::Duration::from_millis(50));
    let newest = stage.run("lint", json!({})).await;
    assert!(newest.summary.contains("`cpu` = 50ms"), "{}", newest.summary);
}
