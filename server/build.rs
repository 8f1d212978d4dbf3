//! Compiles the migrations in again when one is added: the macro that embeds them does not watch their folder. Tells the server which
//! version of the plugins' engine is locked; the engine itself does not say. Packs what `weir plugin new` writes: the examples, the
//! contract, and the SDK, whose manifest is made to stand alone.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What `weir plugin new` writes: the name of the constant, where the files lie, and which they are (folders with all in them).
const PACKS: [(&str, &str, &[&str]); 6] = [
    ("SDK", "../plugin-sdk", &["Cargo.toml", "src", "wit"]),
    ("WIT", "../plugin-sdk/wit", &["."]),
    ("RUST", "../plugins/examples/rust", &["Cargo.toml", "src", "README.md", "settings.toml"]),
    ("REPORTER", "../plugins/examples/reporter", &["Cargo.toml", "src", "README.md"]),
    (
        "JAVASCRIPT",
        "../plugins/examples/js",
        &["package.json", "package-lock.json", "plugin.js", "wit/world.wit", "README.md", "settings.toml"],
    ),
    (
        "PYTHON",
        "../plugins/examples/python",
        &["requirements.txt", "plugin.py", "wit/world.wit", "README.md", "settings.toml"],
    ),
];

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    let lock = fs::read_to_string("../Cargo.lock").expect("the workspace keeps its Cargo.lock");
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"wasmtime\"");
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    println!("cargo::rustc-env=WEIR_WASMTIME={}", version.expect("Cargo.lock names wasmtime and then its version"));
    pack();
}

/// Writes `packs.rs`: for each pack its files, by their path in it, with their text.
fn pack() {
    println!("cargo::rerun-if-changed=../Cargo.toml");
    let workspace = fs::read_to_string("../Cargo.toml").expect("the workspace has a Cargo.toml");
    let mut code = String::new();
    for (name, folder, entries) in PACKS {
        let folder = Path::new(folder);
        let mut files = Vec::new();
        for entry in entries {
            println!("cargo::rerun-if-changed={}", folder.join(entry).display());
            collect(&folder.join(entry), &mut files);
        }
        let mut rows = String::new();
        for file in files {
            let text = fs::read_to_string(&file).expect("a packed file is text");
            let manifest = file.file_name().is_some_and(|name| name == "Cargo.toml");
            let text = if manifest { standalone(&text, &workspace) } else { text };
            let path = file.strip_prefix(folder).expect("it lies in the folder");
            write!(rows, "({:?}, {text:?}), ", path.display().to_string()).expect("writing to a string never fails");
        }
        writeln!(code, "/// Files of `{}`.\npub const {name}: &[(&str, &str)] = &[{rows}];", folder.display())
            .expect("writing to a string never fails");
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names a folder")).join("packs.rs");
    fs::write(out, code).expect("cargo's folder can be written");
}

/// Files at `path`, in order.
fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if !path.is_dir() {
        files.push(path.to_owned());
        return;
    }
    let entries = fs::read_dir(path).expect("a packed folder can be read");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a packed folder can be read").path()).collect();
    paths.sort();
    paths.iter().for_each(|path| collect(path, files));
}

/// A manifest in which what it takes from the workspace is written out.
fn standalone(manifest: &str, workspace: &str) -> String {
    let written = |key: &str| {
        let start = format!("{key} = ");
        workspace.lines().find(|line| line.starts_with(&start)).map(str::to_owned)
    };
    let lines = manifest.lines().map(|line| match line.strip_suffix(".workspace = true") {
        Some(key) => written(key).unwrap_or_else(|| panic!("the workspace says nothing of `{key}`")),
        None => line.to_owned(),
    });
    lines.fold(String::new(), |text, line| text + &line + "\n")
}
