//! Files that nobody would write but who wants to break the server: none panics, overflows the stack or takes long.

use super::{load_texts, said};

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
