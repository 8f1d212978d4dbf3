//! `weir plugin inspect` and `weir plugin test` as an author of a plugin runs them.

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use weir_tests::binary::{fixture_plugin, plugin, run_weir, weir_command};

/// Standard output, standard error, exit code.
fn told(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// Runs `weir plugin ARGUMENTS` in `dir`, with a cache of its own.
fn run(dir: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    let cache = dir.join("cache").display().to_string();
    told(&run_weir(dir, &[&["plugin"], arguments].concat(), &[("XDG_CACHE_HOME", &cache)]))
}

/// A third party's plugin, whose digest comes with no grant.
fn third_party(dir: &Path) -> String {
    std::fs::copy(fixture_plugin("count"), dir.join("count.wasm")).unwrap();
    "count.wasm".to_owned()
}

#[test]
fn inspect_tells_a_bundled_plugins_settings_and_the_grants_that_came_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = plugin("shell").display().to_string();
    let (out, err, code) = run(dir.path(), &["inspect", &file]);
    assert_eq!(code, Some(0), "{err}");
    for said in [
        "a step: Runs a command",
        "command    granted, any program: runs the command that the step names",
        "its content came with this program",
        "command        string (shell) or list of string, required",
        "success_codes  list of integer, else [0]",
        "weir:plugin/command@0.1.0",
        "weir:plugin/step-handler@0.1.0",
        "compiled  in ",
    ] {
        assert!(out.contains(said), "`{said}` in:\n{out}");
    }
    let (out, _, _) = run(dir.path(), &["inspect", &file, "--grant", "command=false"]);
    assert!(out.contains("command    not granted"), "{out}");
}

#[test]
fn inspect_tells_what_a_configuration_would_grant_and_nothing_without_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = third_party(dir.path());
    std::fs::write(dir.path().join("weir.toml"), "[plugin.count]\ncommand = [\"sh\"]\n").unwrap();
    let (out, err, code) = run(dir.path(), &["inspect", &file]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("not granted (`command = true` would, or a list of programs)"), "{out}");
    let (out, err, code) = run(dir.path(), &["inspect", &file, "--config", "weir.toml", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["granted"]["command"][0], "sh", "{json}");
    assert_eq!((&json["version"], &json["bundled"]), (&Value::from("1.2.3"), &Value::from(false)));
    assert_eq!(json["settings_schema"]["required"][0], "command");
    let (out, _, _) = run(dir.path(), &["inspect", &file, "--config", "weir.toml", "--name", "other"]);
    assert!(out.contains("as `[plugin.other]`\n  command    not granted"), "{out}");
}

#[test]
fn inspect_refuses_what_is_no_component_in_the_words_of_the_loader() {
    let dir = tempfile::tempdir().unwrap();
    let mut compiler = weir_command(dir.path(), &[])
        .args(["plugin", "compile", "--cpu-max-s=60", "--memory-bytes-max=4294967296"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    compiler.stdin.take().unwrap().write_all(&std::fs::read(plugin("shell")).unwrap()).unwrap();
    let artifact = compiler.wait_with_output().unwrap();
    assert!(artifact.status.success());
    let whole = std::fs::read(plugin("shell")).unwrap();
    for (name, bytes, said) in [
        ("text.wasm", b"hello".to_vec(), "is no WebAssembly"),
        ("wat.wasm", b"(component)".to_vec(), "is WebAssembly text"),
        ("module.wasm", wat::parse_str("(module)").unwrap(), "is a core module"),
        ("artifact.wasm", artifact.stdout, "is already compiled for some machine"),
        ("half.wasm", whole[..whole.len() / 2].to_vec(), "is no valid component"),
    ] {
        std::fs::write(dir.path().join(name), bytes).unwrap();
        let (out, err, code) = run(dir.path(), &["inspect", name]);
        assert_eq!((out.as_str(), code), ("", Some(1)), "{name}: {err}");
        let stem = name.trim_end_matches(".wasm");
        assert!(err.starts_with(&format!("weir: plugin `{stem}`: ")) && err.contains(said), "{name}: {err}");
    }
    let (_, err, code) = run(dir.path(), &["inspect", "missing.wasm"]);
    assert!(code == Some(1) && err.contains("missing.wasm cannot be read"), "{err}");
}

#[test]
fn test_prints_the_log_on_one_side_and_calls_properties_and_verdict_on_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let file = third_party(dir.path());
    std::fs::write(dir.path().join("settings.toml"), "command = \"printf '%s\\\\n' a {{branch}}\"\n").unwrap();
    let arguments = ["test", &file, "--settings", "settings.toml", "--command", "sh", "--branch", "main; x"];
    let (out, err, code) = run(dir.path(), &arguments);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out, "2 lines\n");
    for said in
        ["host| log.write(", "host| properties.set(\"n_lines\", \"2\")", "property n_lines = 2", "success: 2 lines"]
    {
        assert!(err.contains(said), "`{said}` in:\n{err}");
    }
    let (_, err, code) = run(dir.path(), &[&arguments[..], &["--no-trace"]].concat());
    assert!(code == Some(0) && !err.contains("host|"), "{err}");
}

#[test]
fn test_runs_commands_where_it_is_told_and_leaves_nothing_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("tree")).unwrap();
    let file = plugin("shell").display().to_string();
    let settings = "{ \"command\": \"touch made; pwd\" }";
    let (out, err, code) = run(dir.path(), &["test", &file, "--settings", settings, "--dir", "tree"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(dir.path().join("tree/made").is_file(), "{out}");
    let (out, err, code) = run(dir.path(), &["test", &file, "--settings", settings]);
    assert_eq!(code, Some(0), "{err}");
    let work = out.lines().find_map(|line| line.strip_prefix(" in ")).unwrap();
    assert!(work.contains("weir-plugin-test-") && !Path::new(work).exists(), "{out}");
    let (_, err, code) = run(dir.path(), &["test", &file, "--settings", settings, "--dir", "missing"]);
    assert!(code == Some(1) && err.contains("missing is no folder"), "{err}");
}

#[test]
fn test_says_which_flag_allows_a_call_that_was_denied() {
    let dir = tempfile::tempdir().unwrap();
    let file = third_party(dir.path());
    let settings = "{ \"command\": \"true\" }";
    let (_, err, code) = run(dir.path(), &["test", &file, "--settings", settings]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("Err(Denied(") && err.contains("hint: a call of `command` was denied"), "{err}");
    assert!(err.contains("`--command` (any program)"), "{err}");
    let (_, err, code) = run(dir.path(), &["test", &file, "--settings", settings, "--command"]);
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn test_refuses_settings_that_do_not_fit_and_flags_that_mean_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = third_party(dir.path());
    for (arguments, said) in [
        (&["--settings", "{ \"comand\": \"x\" }"][..], "its settings do not fit"),
        (&["--settings", "{ \"command\": 7 }"], "/command"),
        (&["--settings", "missing.toml"], "reading the settings from missing.toml"),
        (&["--settings", "{}", "--grant", "comand"], "unknown key `comand`"),
        (&["--settings", "{}", "--property", "x"], "`x` is no property"),
    ] {
        let (_, err, code) = run(dir.path(), &[&["test", file.as_str()], arguments].concat());
        assert!(code == Some(1) && err.contains(said), "{arguments:?}: {err}");
    }
}

#[test]
fn test_tells_of_a_plugin_that_breaks_and_which_call_never_returned() {
    let dir = tempfile::tempdir().unwrap();
    let file = third_party(dir.path());
    let settings = "{ \"command\": \"true\", \"panic\": true }";
    let (out, err, code) = run(dir.path(), &["test", &file, "--settings", settings]);
    assert_eq!(code, Some(1));
    assert!(err.contains("exception: plugin `count`: panicked"), "{err}");
    assert!(out.contains("asked to panic"), "{out}");
}
