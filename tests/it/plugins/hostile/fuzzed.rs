//! Row 34 and all that reads foreign text: what `fuzz/` does for hours, for a moment and always the same, so that it needs no nightly
//! toolchain.

use crate::plugins::guest::{Guest, by_hand, runs_true};
use std::path::PathBuf;
use weir::plugins::fuzzing;
use weir_tests::source::root;

/// Variants of each input.
const VARIANTS: usize = 200;

/// The inputs that are kept for a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = std::fs::read_dir(root().join("fuzz/corpus").join(target)).unwrap();
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are inputs for {target}");
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// A number that looks random, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

/// Some of the bytes another, gone, twice, or from another input.
fn variant(bytes: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let (from, to) = (random.below(bytes.len()), random.below(bytes.len()));
        let (from, to) = (from.min(to), from.max(to));
        match random.below(6) {
            0 => bytes.truncate(to),
            1 => drop(bytes.drain(from..to.min(from + 16))),
            2 => {
                let again = bytes[from..to.min(from + 64)].to_vec();
                bytes.splice(from..from, again);
            }
            3 => {
                let (start, end) = (random.below(other.len()), random.below(other.len()));
                let theirs = other.get(start..end.min(start + 64)).unwrap_or_default().to_vec();
                bytes.splice(from..from, theirs);
            }
            4 if from < bytes.len() => bytes[from] ^= 1 << random.below(8),
            _ if from < bytes.len() => bytes[from] = [0, 0x7f, 0x80, 0xff, b'"', b'{', b'\n', b'$'][random.below(8)],
            _ => {}
        }
    }
    bytes
}

/// Runs `body` on each input and its variants.
fn each(inputs: &[Vec<u8>], body: fn(&[u8])) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (index, input) in inputs.iter().enumerate() {
        body(input);
        let other = &inputs[(index + 1) % inputs.len()];
        for _ in 0..VARIANTS {
            body(&variant(input, other, &mut random));
        }
    }
}

/// Row 34.
#[test]
fn the_loader_says_what_it_thinks_of_any_bytes() {
    let mut inputs = corpus("loader");
    inputs.extend([
        Guest::run("global.get $success").component(),
        runs_true().component(),
        by_hand(r#"(import "wasi:cli/environment@0.2.0" (instance))"#),
        Guest::run("global.get $success").core(),
    ]);
    each(&inputs, fuzzing::component);
}

/// Rows 40 and 41.
#[test]
fn any_schema_any_settings_and_any_configuration_are_read_or_refused() {
    each(&corpus("settings"), fuzzing::settings);
}
