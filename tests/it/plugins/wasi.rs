//! The WASI that gives nothing: no files, no sockets, no arguments, no environment; what is printed goes to the step's log.

use super::guest::Guest;
use super::hostile::ends_with;
use super::stage::Stage;
use serde_json::json;
use weir::model::results::Results;

/// As much of WASI 0.2 as these guests ask for.
const WASI: &str = "
    package wasi:io@0.2.0 {
      interface error { resource error; }
      interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource input-stream { blocking-read: func(len: u64) -> result<list<u8>, stream-error>; }
        resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>; }
      }
    }
    package wasi:cli@0.2.0 {
      interface environment {
        get-environment: func() -> list<tuple<string, string>>;
        get-arguments: func() -> list<string>;
      }
      interface stdin { use wasi:io/streams@0.2.0.{input-stream}; get-stdin: func() -> input-stream; }
      interface stdout { use wasi:io/streams@0.2.0.{output-stream}; get-stdout: func() -> output-stream; }
    }
    package wasi:filesystem@0.2.0 {
      interface types { resource descriptor; }
      interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }
    }
    package wasi:sockets@0.2.0 {
      interface network { resource network; }
      interface instance-network { use network.{network}; instance-network: func() -> network; }
    }";

/// A guest that imports these.
fn guest(imports: &'static str, items: &str, run: &str) -> Vec<u8> {
    Guest { packages: WASI, exports: imports, items: items.to_owned(), ..Guest::run(run) }.component()
}

/// Rows 19 and 20: nothing of the machine is handed in.
#[tokio::test]
async fn there_are_no_files_no_arguments_no_environment_and_nothing_to_read() {
    assert!(std::env::vars().count() > 0, "there is something to keep from it");
    let mut stage = Stage::new();
    let none =
        |call: &str| format!("(call {call} (i32.const 1024)) (if (i32.load (i32.const 1028)) (then unreachable))");
    let run = format!(
        "{} {} {}
         (call $read (call $stdin) (i64.const 10) (i32.const 1024))
         ;; an error (1): closed (1)
         (if (i32.ne (i32.load8_u (i32.const 1024)) (i32.const 1)) (then unreachable))
         (if (i32.ne (i32.load8_u (i32.const 1028)) (i32.const 1)) (then unreachable))
         global.get $success",
        none("$environment"),
        none("$arguments"),
        none("$directories"),
    );
    let items = r#"
      (import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
      (import "wasi:cli/environment@0.2.0" "get-arguments" (func $arguments (param i32)))
      (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
      (import "wasi:cli/stdin@0.2.0" "get-stdin" (func $stdin (result i32)))
      (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))"#;
    let imports =
        "import wasi:cli/environment@0.2.0; import wasi:filesystem/preopens@0.2.0; import wasi:cli/stdin@0.2.0;";
    stage.plugin("looks", &guest(imports, items, &run));
    let end = stage.run("looks", json!({})).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, "guest"));
}

#[tokio::test]
async fn what_is_printed_goes_to_the_log() {
    let mut stage = Stage::new();
    let items = r#"
      (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
      (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))"#;
    // The name that the guest has at 16.
    let run = "(call $write (call $stdout) (i32.const 16) (i32.const 5) (i32.const 1024)) global.get $success";
    stage.plugin("prints", &guest("import wasi:cli/stdout@0.2.0;", items, run));
    assert_eq!(stage.run("prints", json!({})).await.results, Results::Success);
    assert_eq!(stage.log("stdio").await, "[guest]\n");
}

const SOCKETS: &str =
    r#"(import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))"#;

/// Row 21: no socket is linked.
#[tokio::test]
async fn sockets_refuse_the_load_and_trap_where_they_are_granted_for_the_looks() {
    let mut stage = Stage::new();
    let calls =
        guest("import wasi:sockets/instance-network@0.2.0;", SOCKETS, "(drop (call $network)) global.get $success");
    let said = ["wasi:sockets/", "which no plugin gets", "`wasi = \"compat\"`"];
    ends_with(&mut stage, &calls, &said).await;

    stage.table("evil", |table| table.grants.wasi_compat = true);
    ends_with(
        &mut stage,
        &calls,
        &["called wasi:sockets/instance-network@0.2.0#instance-network, which no plugin gets"],
    )
    .await;
    stage.table("idle", |table| table.grants.wasi_compat = true);
    stage.plugin("idle", &guest("import wasi:sockets/instance-network@0.2.0;", SOCKETS, "global.get $success"));
    assert_eq!(stage.run("idle", json!({})).await.results, Results::Success);
}
