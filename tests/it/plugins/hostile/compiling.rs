//! Rows 37 and 38: whatever a component does to the compiler, it does to a process of its own.

use crate::plugins::guest::Guest;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use weir::plugins::compile::{Compiler, Limits};
use weir_tests::binary;

/// The module of a good guest with this function beside it.
fn with_function(function: &str) -> Vec<u8> {
    Guest::run(&format!("global.get $success) {function} (func")).component()
}

/// Keeps the register allocator busy.
const CHOICES: &str = "(local.set $a (i32.mul (local.get $b) (i32.add (local.get $a) (i32.const 3)))) \
                       (if (local.get $a) (then (local.set $b (local.get $a))))";

/// Row 37.
#[test]
fn compile_bombs_of_every_kind_end_at_the_compilers_own_limits() {
    let compiler = Compiler::of(binary::weir()).with_limits(Limits { cpu_max_s: 1, ..Limits::default() });
    compiler.compile(&Guest::run("global.get $success").component()).unwrap();
    let adds = "local.get $a local.get $b i32.add local.set $a ";
    let pairs = "(i32.store (local.get $a) (i32.load (local.get $b)))";
    let table =
        "block ".repeat(500) + "local.get $a br_table" + &" 0 1 2 3 4 5 6 7".repeat(8_000) + &" end".repeat(500);
    let mut n_refused = 0;
    for (what, body) in [
        ("choices", format!("(func (param $a i32) (param $b i32) {})", CHOICES.repeat(40_000))),
        ("adds", format!("(func (param $a i32) (param $b i32) (result i32) {} local.get $a)", adds.repeat(400_000))),
        ("functions", "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))".repeat(40_000)),
        ("loads and stores", format!("(func (param $a i32) (param $b i32) {})", pairs.repeat(200_000))),
        ("a table of jumps", format!("(func (param $a i32) {table})")),
    ] {
        match compiler.compile(&with_function(&body)) {
            // A fast machine may be done within the limits.
            Ok(_) => println!("{what} compiled"),
            Err(said) => {
                assert!(said.contains("1 s of CPU") || said.contains("no valid component"), "{what}: {said}");
                n_refused += 1;
            }
        }
    }
    assert!(n_refused > 2, "only {n_refused} were too much");
}

/// Row 37.
#[test]
fn a_compile_bomb_ends_at_the_compilers_limit_of_memory() {
    let limits = Limits { memory_bytes_max: 256 << 20, ..Limits::default() };
    let compiler = Compiler::of(binary::weir()).with_limits(limits);
    compiler.compile(&Guest::run("global.get $success").component()).unwrap();
    let bomb = with_function(&format!("(func (param $a i32) (param $b i32) {})", CHOICES.repeat(40_000)));
    let said = compiler.compile(&bomb).map(|code| code.len()).unwrap_err();
    assert!(said.contains("memory allocation of"), "{said}");
}

/// Row 37.
#[test]
fn deep_blocks_end_the_compiler_at_most() {
    let compiler = Compiler::of(binary::weir()).with_limits(Limits { cpu_max_s: 2, ..Limits::default() });
    for depth in [1_000, 10_000] {
        let deep = "block ".repeat(depth) + &"end ".repeat(depth);
        if let Err(said) = compiler.compile(&with_function(&format!("(func {deep})"))) {
            assert!(said.contains("compile") || said.contains("no valid component"), "{depth}: {said}");
        }
    }
}

/// A program in the compiler's place.
fn instead(dir: &tempfile::TempDir, script: &str) -> Compiler {
    let path = dir.path().join("weir");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Compiler::of(path)
}

/// Row 38: the ways in which a compiler ends that has broken.
#[test]
fn a_compiler_that_breaks_is_a_load_error_that_says_how() {
    let dir = tempfile::tempdir().unwrap();
    for (script, said) in [
        ("echo \"thread 'main' panicked at cranelift: index out of bounds\" >&2; exit 101", "panicked at cranelift"),
        ("kill -SEGV $$", "signal: 11"),
        ("kill -KILL $$", "signal: 9"),
        ("echo half of it; exit 1", "exit status: 1"),
        ("exit 0", "exit status: 0"),
        // Nobody reads more of its complaints than there is room for.
        ("yes 'it is all wrong' | head -c 10000000 >&2; exit 1", "it is all wrong"),
    ] {
        let told = instead(&dir, script).compile(b"").unwrap_err();
        assert!(told.contains(said), "{script}: {told}");
        assert!(told.len() < 10_000, "{script}: {} bytes of complaint", told.len());
    }
}

/// Row 38.
#[test]
fn a_compiler_that_hangs_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { wall_max: Duration::from_millis(300), ..Limits::default() };
    let begun = Instant::now();
    let told = instead(&dir, "exec sleep 1000").with_limits(limits).compile(&[0; 100_000]).unwrap_err();
    assert!(told.contains("took longer than"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(100), "it was waited for");
}
