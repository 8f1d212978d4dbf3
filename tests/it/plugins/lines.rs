//! Lines of commands that the host looks for.

use super::guest::Guest;
use super::hostile::ends_with;
use super::stage::Stage;
use serde_json::json;
use std::time::Duration;
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;

/// A guest that runs this line for the shell, looks for lines with one pattern, and succeeds where it is given so many.
fn finds(line: &str, pattern: &str, n_lines: u32) -> Guest {
    let items = r#"
  (import "weir:plugin/command@0.1.0" "lines" (func $lines (param i32 i32)))
  (import "weir:plugin/command@0.1.0" "[method]line-reader.next" (func $next (param i32 i32 i32 i32)))"#;
    let poke = |at: usize, text: &str| -> String {
        let bytes = text.bytes().enumerate();
        bytes.map(|(i, byte)| format!("(i32.store8 (i32.const {}) (i32.const {byte}))", at + i)).collect()
    };
    let run = format!(
        r#"(local $n i32) (local $reader i32)
    {line_bytes} {pattern_bytes}
    ;; the spec at 512: a line for the shell, its output to nowhere; behind it the filter: one pattern
    (i32.store8 (i32.const 512) (i32.const 1))
    (i32.store (i32.const 516) (i32.const 2048)) (i32.store (i32.const 520) (i32.const {line_len}))
    (i32.store8 (i32.const 568) (i32.const 1))
    (i32.store8 (i32.const 596) (i32.const 2))
    (i32.store (i32.const 600) (i32.const 640)) (i32.store (i32.const 604) (i32.const 1))
    (i32.store (i32.const 640) (i32.const 4096)) (i32.store (i32.const 644) (i32.const {pattern_len}))
    (call $lines (i32.const 512) (i32.const 1024))
    (if (i32.load8_u (i32.const 1024)) (then
      ;; what the host says is what the plugin says
      (i32.store8 (i32.const 1100) (i32.const 1))
      (i32.store8 (i32.const 1104) (i32.const 2))
      (i32.store (i32.const 1108) (i32.load (i32.const 1032)))
      (i32.store (i32.const 1112) (i32.load (i32.const 1036)))
      (return (i32.const 1100))))
    (local.set $reader (i32.load (i32.const 1028)))
    (loop $more
      (call $next (local.get $reader) (i32.const 0) (i32.const 0) (i32.const 1024))
      (if (i32.load8_u (i32.const 1024)) (then unreachable))
      (local.set $n (i32.add (local.get $n) (i32.load (i32.const 1032))))
      (br_if $more (i32.eqz (i32.load8_u (i32.const 1036)))))
    (if (i32.ne (local.get $n) (i32.const {n_lines})) (then unreachable))
    global.get $success"#,
        line_bytes = poke(2048, line),
        pattern_bytes = poke(4096, pattern),
        line_len = line.len(),
        pattern_len = pattern.len(),
    );
    Guest { imports: &["secrets", "command"], items: items.to_owned(), declares: true, ..Guest::run(&run) }
}

fn granted() -> Stage {
    let mut stage = Stage::new();
    for name in ["finds", "evil"] {
        stage.table(name, |table| table.grants.command = Some(CommandGrant::Any));
    }
    stage
}

#[tokio::test]
async fn of_a_million_lines_only_those_that_fit_reach_the_guest() {
    let mut stage = granted();
    // A guest of 128 KiB that throws nothing away: more would not fit into it.
    stage.table("finds", |table| table.limits.memory = weir::model::size::Size(128 << 10));
    stage.plugin("finds", &finds("seq 1000000", r"^(99999)\d$|^1000000$", 11).component());
    let end = stage.run("finds", json!({})).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, "guest"));
}

#[tokio::test]
async fn a_guest_that_leaves_its_reader_ends_the_command() {
    let mut stage = granted();
    let mut guest = finds("echo up; sleep 600", "up", 1);
    guest.run = guest.run.replace("(br_if $more", "(return (global.get $success)) (br_if $more");
    stage.plugin("finds", &guest.component());
    let end = stage.run("finds", json!({})).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, "guest"));
}

#[tokio::test]
async fn a_pattern_that_cannot_be_is_told_to_the_guest() {
    let mut stage = granted();
    ends_with(&mut stage, &finds("true", "((a{100}){100}){100}", 0).component(), &["pattern 0", "compiles to more"])
        .await;
    stage.table("evil", |table| table.grants.command = None);
    ends_with(&mut stage, &finds("true", "x", 0).component(), &["`command = true`"]).await;
}

#[tokio::test]
async fn a_search_that_never_ends_stops_at_the_cpu_limit() {
    let mut stage = granted();
    stage.table("evil", |table| table.limits.cpu = Duration::from_millis(300));
    // Thousands of states at every byte.
    let slow = finds("while :; do printf '%060000d\\n' 0; done", "(0?){200}(.*0.*1|.{200}1){3}x", 0);
    ends_with(&mut stage, &slow.component(), &["the search for its lines", "`cpu` = 300ms"]).await;
}
