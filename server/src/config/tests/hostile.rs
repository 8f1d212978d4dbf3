//! Files that nobody would write but who wants to break the server: none panics, overflows the stack or takes long.

use super::{SHELL, load_texts, said};
use crate::config::found::OF_TEAM_MAX;

/// Nested so deeply that reading it by recursion overflows any stack.
const DEEP: usize = 100_000;

#[test]
fn what_is_nested_too_deeply_is_an_error_in_every_way_of_writing() {
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(DEEP), close.repeat(DEEP));
    let block: String = (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    for (name, text) in [
        ("core.toml", format!("a = {}\n", nested("[", "]"))),
        ("core.toml", format!("a = {}\n", "{a=".repeat(DEEP))),
        ("core.toml", format!("a = {}\n", "[".repeat(DEEP))),
        ("core.toml", format!("{}a = 1\n", "a.".repeat(DEEP))),
        ("core.toml", format!("[{}a]\n", "a.".repeat(DEEP))),
        ("core.yaml", format!("a: {}\n", nested("[", "]"))),
        ("core.yaml", format!("a: {}\n", "{a: ".repeat(DEEP))),
        ("core.yaml", format!("{}a\n", "- ".repeat(DEEP))),
        ("core.yaml", format!("{}a\n", "? ".repeat(DEEP))),
        ("core.yaml", block),
        ("core.json", format!("{{\"a\": {}}}", nested("[", "]"))),
        ("core.json", "{\"a\":".repeat(DEEP)),
    ] {
        let begin: String = text.chars().take(10).collect();
        let loaded = load_texts(&[("weir.toml", ""), (&format!("teams/{name}"), &text)], &[]);
        assert!(said(&loaded).contains(&format!("teams/{name}")), "{name} {begin}");
        assert!(loaded.config.unwrap().broken_teams.contains_key("core"), "{name} {begin}");
    }
}

#[test]
fn large_scalars_and_noise_are_read_or_refused() {
    let large = "x".repeat(1 << 20);
    for name in ["core.toml", "core.yaml", "core.json"] {
        let file = format!("teams/{name}");
        for text in [format!("{{\"title\": \"{large}\"}}"), format!("title: {large}"), format!("title = {large}")] {
            load_texts(&[("weir.toml", ""), (&file, &text)], &[]);
        }
        // A generator of its own, so that what fails fails again (Knuth's MMIX).
        let mut state = 1_u64;
        for _ in 0..300 {
            let noise = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let letters = b"[]{}:,-?&*!|>'\"%@`#=.\n\t \\a1\0\xff";
                letters[(state >> 33) as usize % letters.len()]
            };
            let bytes: Vec<u8> = (0..200).map(noise).collect();
            load_texts(&[("weir.toml", ""), (&file, &String::from_utf8_lossy(&bytes))], &[]);
        }
    }
}

/// Counting lines from the file's start for each, looking through a table for each key and writing as many blanks as stand before it, this
/// took minutes and gigabytes in a debug build, and all of it was logged.
#[test]
fn a_file_that_is_wrong_everywhere_is_told_of_in_a_bounded_number_of_short_texts() {
    const N: usize = 20_000;
    let long = "x".repeat(1 << 20);
    let list = |entry: fn(usize) -> String, separator: &str| (0..N).map(entry).collect::<Vec<_>>().join(separator);
    let toml = format!("title = \"{long}\"\n{}\n", list(|i| format!("k{i} = {i}"), "\n"));
    let yaml = format!("title: {long}\n{}\n", list(|i| format!("k{i}: {i}"), "\n"));
    let json = format!("{{\"title\": \"{long}\", {}}}", list(|i| format!("\"k{i}\": {i}"), ", "));
    let flow = format!("{{title: {long}, {}}}", list(|i| format!("k{i}: {i}"), ", "));
    let twice = format!("title: {long}\n{}\n", "a: 1\n".repeat(N + 1));
    let misread = format!("title: {long}\n{}\n", list(|i| format!("k{i}: 0{i}"), "\n"));
    let labels = format!("[builder.a]\nlabels = [{}]\n", list(|_| "1".to_owned(), ", "));
    for (name, text, n, first) in [
        ("core.toml", toml, N, "2:1: unknown key `k0`"),
        ("core.yaml", yaml, N, "2:1: unknown key `k0`"),
        ("core.json", json, N, "1:1048591: unknown key `k0`"),
        ("core.yaml", flow, N, "1:1048587: unknown key `k0`"),
        ("core.yaml", twice, N + 1, "3:1: the key `a` is there already"),
        ("core.yaml", misread, 2 * N, "2:5: `00` may be a number or text"),
        ("core.toml", labels, N + 1, "2:11: this is the number 1"),
    ] {
        let loaded = load_texts(&[("weir.toml", ""), (&format!("teams/{name}"), &text)], &[]);
        let said = said(&loaded);
        assert!(said.starts_with(&format!("teams/{name}:{first}")), "{name} {}", &said[..200]);
        assert!(said.len() < 100_000, "{name} {}", said.len());
        assert_eq!((loaded.n_errors(), loaded.diagnostics.len()), (n, OF_TEAM_MAX + 1), "{name} {first}");
        let last = loaded.diagnostics.last().unwrap();
        assert_eq!(last.message, format!("{} more errors in this team's files, not shown", n - OF_TEAM_MAX));
        assert_eq!(loaded.config.unwrap().broken_teams["core"].len(), OF_TEAM_MAX + 1);
    }
}

#[test]
fn warnings_are_told_to_a_bound_as_well_and_break_nothing() {
    let secrets: String = (0..20_000).map(|i| format!("s{i} = {{ env = \"NOBODY_{i}\" }}\n")).collect();
    let text = format!("[secret]\n{secrets}[[builder.a.step]]\n{SHELL}\n");
    let loaded = load_texts(&[("weir.toml", ""), ("teams/core.toml", &text)], &[]);
    assert_eq!((loaded.n_errors(), loaded.n_warnings(), loaded.diagnostics.len()), (0, 20_000, OF_TEAM_MAX + 1));
    assert!(loaded.config.unwrap().broken_teams.is_empty());
}
