//! Compiles the migrations in again when one is added: the macro that embeds them does not watch their folder. Tells the server which
//! version of the plugins' engine is locked; the engine itself does not say.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    let lock = std::fs::read_to_string("../Cargo.lock").expect("the workspace keeps its Cargo.lock");
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"wasmtime\"");
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    println!("cargo::rustc-env=WEIR_WASMTIME={}", version.expect("Cargo.lock names wasmtime and then its version"));
}
