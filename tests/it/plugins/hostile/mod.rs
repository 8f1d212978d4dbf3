//! The hostile plugins of `docs/hostile-plugins.md`: each ends its own step, with a message that names the limit, and nothing else.
//!
//! Most guests are written by hand (`guest.rs`). A test names the rows of the table that it holds; `table.rs` holds the table
//! against the tests.

/// A build of another team beside each attack.
mod beside;
/// Compiled code on disk.
mod cache;
/// Components made to choke the compiler, and compilers that choke.
mod compiling;
/// What crosses between guest and host.
mod crossing;
/// What a plugin says of itself, and what it is handed.
mod describing;
/// What fuzzing does, for a moment.
mod fuzzed;
/// Handles of the host's things.
mod handles;
/// Files that are no plugins, or not those that they pretend to be.
mod loading;
/// Many calls that wait.
mod many;
/// Memory, tables, instances.
mod memory;
/// `docs/hostile-plugins.md`.
mod table;
/// Loops, and stops that are ignored.
mod time;
/// Traps, overflows, panics.
mod trap;
/// Commands and files of the worker.
mod worker;

use super::stage::Stage;
use serde_json::json;
use weir::model::results::Results;

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
