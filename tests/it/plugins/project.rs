//! `weir plugin new` and `weir plugin build` as an author of a plugin runs them.

use std::path::Path;
use weir_tests::binary::{profile_dir, run_weir};
use weir_tests::source::root;

/// Runs `weir plugin ARGUMENTS` in `dir`: what it printed on both sides, and its exit code.
fn run(dir: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let target = profile_dir().parent().unwrap().join("third-party").display().to_string();
    let output = run_weir(dir, &[&["plugin"], arguments].concat(), &[("CARGO_TARGET_DIR", &target)]);
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code())
}

/// Every file below a folder with its content.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_new_project_in_rust_builds_and_what_was_built_runs() {
    let dir = tempfile::tempdir().unwrap();
    let (said, code) = run(dir.path(), &["new", "tally"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("cd tally") && said.contains("weir plugin test tally.wasm"), "{said}");
    let project = dir.path().join("tally");
    // The versions that a third party's plugin of ours is locked to: nothing is looked up for it.
    let lock = std::fs::read_to_string(root().join("tests/plugins/count/Cargo.lock")).unwrap();
    std::fs::write(project.join("Cargo.lock"), lock.replace("\"count\"", "\"tally\"")).unwrap();

    let (said, code) = run(&project, &["build"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("tally.wasm, ") && said.contains("tally 0.1.0: Counts the lines"), "{said}");
    let arguments = ["test", "tally.wasm", "--settings", "{ \"command\": \"seq 3\", \"max\": 2 }", "--command"];
    let (said, code) = run(&project, &arguments);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("property n_lines = 3") && said.contains("warnings: 3 lines, more than 2"), "{said}");
}

#[test]
fn new_writes_each_language_and_puts_the_contract_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    for (lang, source) in [("js", "plugin.js"), ("python", "plugin.py")] {
        let (said, code) = run(dir.path(), &["new", "tally", "--lang", lang, "--dir", lang]);
        assert_eq!(code, Some(0), "{said}");
        let project = dir.path().join(lang);
        let text = std::fs::read_to_string(project.join(source)).unwrap();
        assert!(text.contains("name: \"tally\"") || text.contains("name=\"tally\""), "{text}");
        let contract = std::fs::read(project.join("wit/deps/weir-plugin/imports.wit")).unwrap();
        assert_eq!(contract, std::fs::read(root().join("plugin-sdk/wit/imports.wit")).unwrap());
    }
    let (said, code) = run(dir.path(), &["new", "room", "--kind", "reporter"]);
    assert_eq!(code, Some(0), "{said}");
    let text = std::fs::read_to_string(dir.path().join("room/src/lib.rs")).unwrap();
    assert!(text.contains("export_reporter!(Room)"), "{text}");
}

#[test]
fn new_overwrites_nothing_and_refuses_names_that_some_language_does_not_take() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("tally/src")).unwrap();
    std::fs::write(dir.path().join("tally/src/lib.rs"), "mine").unwrap();
    let before = files(dir.path());
    for (arguments, said) in [
        (&["tally"][..], "tally/src/lib.rs exists and is not overwritten"),
        (&["Tally"], "`Tally` is no name for a plugin"),
        (&["../tally"], "is no name for a plugin"),
        (&["room", "--kind", "reporter", "--lang", "js"], "`--lang rust`"),
        (&["other", "--sdk", "."], "it has no `wit/`"),
        (&["other", "--lang", "js", "--sdk", "."], "`--sdk` is for Rust"),
    ] {
        let (text, code) = run(dir.path(), &[&["new"], arguments].concat());
        assert!(code == Some(1) && text.contains(said), "{arguments:?}: {text}");
    }
    assert_eq!(files(dir.path()), before);
}

#[test]
fn build_says_what_it_looks_for_and_what_is_wrong_with_what_it_found() {
    let dir = tempfile::tempdir().unwrap();
    let (said, code) = run(dir.path(), &["build"]);
    assert!(code == Some(1) && said.contains("holds no plugin") && said.contains("weir plugin new"), "{said}");
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("js/package.json", "{}");
    let (said, code) = run(dir.path(), &["build", "js"]);
    assert!(code == Some(1) && said.contains("js/wit/world.wit, whose package names the plugin"), "{said}");
    write(
        "rust/Cargo.toml",
        "[package]\nname = \"broken\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n",
    );
    write("rust/src/lib.rs", "this is no Rust");
    let (said, code) = run(dir.path(), &["build", "rust"]);
    assert!(code == Some(1) && said.contains("it does not compile"), "{said}");
    write("rust/src/lib.rs", "");
    let (said, code) = run(dir.path(), &["build", "rust"]);
    assert!(code == Some(1) && said.contains("weir: plugin `broken`: "), "{said}");
}
