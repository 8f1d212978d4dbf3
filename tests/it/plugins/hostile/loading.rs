//! Rows 33 to 35, 39 and 40: what is no plugin, or another than it should be, is refused with a message that says why.

use super::ends_with;
use crate::plugins::guest::{Guest, by_hand, runs_true};
use crate::plugins::stage::Stage;
use serde_json::json;
use weir::config::plugin::CommandGrant;
use weir::model::results::Results;

#[tokio::test]
async fn a_guest_by_hand_runs_where_it_behaves() {
    let mut stage = Stage::new();
    stage.plugin("good", &Guest::run("global.get $success").component());
    let end = stage.run("good", json!({})).await;
    assert_eq!((end.results, end.summary.as_str()), (Results::Success, "guest"));
}

/// Row 33.
#[tokio::test]
async fn a_plugin_for_another_contract_says_which_it_needs() {
    let mut stage = Stage::new();
    let guest = Guest { version: "0.3.0", ..Guest::run("global.get $success") };
    ends_with(&mut stage, &guest.component(), &["needs weir:plugin 0.3, this server offers 0.1"]).await;
}

/// Row 33.
#[tokio::test]
async fn a_plugin_that_does_not_say_which_contract_it_needs_is_told_so() {
    let mut stage = Stage::new();
    let guest = Guest { version: "", ..Guest::run("global.get $success") };
    ends_with(&mut stage, &guest.component(), &["does not say which version", "this server offers 0.1"]).await;
}

/// Row 33, 34, 35.
#[tokio::test]
async fn what_is_no_component_is_told_what_it_is() {
    let mut stage = Stage::new();
    let guest = Guest::run("global.get $success");
    let component = guest.component();
    ends_with(&mut stage, &guest.core(), &["is a core module"]).await;
    ends_with(&mut stage, &component[..component.len() / 2], &["is no valid component"]).await;
    ends_with(&mut stage, b"(component)", &["is WebAssembly text"]).await;
    ends_with(&mut stage, b"\x7fELF", &["is no WebAssembly"]).await;
    ends_with(&mut stage, b"", &["is no WebAssembly"]).await;
}

/// Row 35.
#[tokio::test]
async fn machine_code_is_no_plugin_not_even_our_own() {
    let mut stage = Stage::new();
    stage.plugin("good", &Guest::run("global.get $success").component());
    assert_eq!(stage.run("good", json!({})).await.results, Results::Success);
    let code = std::fs::read(stage.compiled()).unwrap();
    ends_with(&mut stage, &code, &["is already compiled for some machine"]).await;
}

/// Row 39.
#[tokio::test]
async fn a_digest_that_does_not_match_refuses_the_load() {
    let mut stage = Stage::new();
    stage.table("evil", |table| table.sha256 = Some("0".repeat(64)));
    ends_with(&mut stage, &Guest::run("global.get $success").component(), &["`sha256` in `[plugin.evil]`"]).await;
}

/// Row 40.
#[tokio::test]
async fn an_import_that_is_not_declared_refuses_the_load() {
    let mut stage = Stage::new();
    let guest = Guest { declares: false, ..runs_true() };
    stage.table("evil", |table| table.grants.command = Some(CommandGrant::Any));
    ends_with(&mut stage, &guest.component(), &["without declaring it"]).await;
}

#[tokio::test]
async fn a_changed_file_is_picked_up_by_the_next_step() {
    let mut stage = Stage::new();
    stage.plugin("evil", &Guest::run("global.get $success").component());
    assert_eq!(stage.run("evil", json!({})).await.results, Results::Success);
    ends_with(&mut stage, &Guest::run("unreachable").component(), &["trapped"]).await;
}

#[tokio::test]
async fn an_unknown_plugin_is_said_to_be_unknown() {
    let stage = Stage::new();
    let end = stage.run("nope", json!({})).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("unknown plugin `nope`"), "{}", end.summary);
    assert!(stage.names().contains(&"shell".to_owned()));
    assert_eq!(stage.describe("nope"), Err("unknown".to_owned()));
    assert_eq!(stage.describe("shell").unwrap()["type"], json!("object"));
}

/// Row 33.
#[tokio::test]
async fn a_component_without_the_contracts_functions_is_told_what_is_missing() {
    let metadata = r#"(export "weir:plugin/metadata@0.1.0" (instance $i))"#;
    let handler = r#"(export "weir:plugin/step-handler@0.1.0" (instance $i))"#;
    for (inside, said) in [
        (String::new(), "does not export weir:plugin/metadata"),
        (format!("(instance $i) {metadata}"), "weir:plugin/step-handler"),
        (format!("(instance $i) {metadata} {handler}"), "`describe`"),
    ] {
        let component = wat::parse_str(format!("(component {inside})")).unwrap();
        ends_with(&mut Stage::new(), &component, &[said]).await;
    }
    // It has functions of those names, of another type.
    ends_with(&mut Stage::new(), &by_hand(""), &["type mismatch"]).await;
}

/// Row 33.
#[tokio::test]
async fn an_import_that_no_server_has_is_told_with_its_name() {
    let component = by_hand(r#"(import "weir:plugin/backdoor@0.1.0" (instance))"#);
    ends_with(&mut Stage::new(), &component, &["weir:plugin/backdoor@0.1.0"]).await;
    let component = by_hand(r#"(import "acme:tools/shell@1.0.0" (instance))"#);
    ends_with(&mut Stage::new(), &component, &["acme:tools/shell@1.0.0"]).await;
}

/// Row 34: each bit of a component may be another.
#[tokio::test]
async fn a_component_with_flipped_bits_does_its_work_or_is_refused_with_a_message() {
    let stage = Stage::new();
    let component = Guest::run("global.get $success").component();
    let mut seed = 0x5eed_u64;
    let (mut n_refused, mut n_run) = (0, 0);
    for _ in 0..60 {
        let mut flipped = component.clone();
        for _ in 0..=(random(&mut seed) % 3) {
            let at = random(&mut seed) % flipped.len();
            flipped[at] ^= 1 << (random(&mut seed) % 8);
        }
        std::fs::write(stage.path().join("plugins/evil.wasm"), flipped).unwrap();
        let end = stage.run("evil", json!({})).await;
        match end.results {
            Results::Success => n_run += 1,
            _ => n_refused += 1,
        }
        assert!(end.results == Results::Success || end.summary.contains("`evil`"), "{}", end.summary);
    }
    // Bits of names and numbers may be any; those of sections, types and code may not.
    assert!(n_refused > 10, "{n_refused} were refused, {n_run} did their work");
    let good = stage.run("shell", json!({ "command": ["true"] })).await;
    assert_eq!(good.results, Results::Success, "{}", good.summary);
}

/// Row 34.
#[tokio::test]
async fn every_part_of_a_component_and_anything_random_is_refused() {
    let stage = Stage::new();
    let component = Guest::run("global.get $success").component();
    let mut seed = 1_u64;
    let parts = (1..component.len()).step_by(component.len() / 40).map(|end| component[..end].to_vec());
    let random = (0..40).map(|n| (0..n * 50).map(|_| random(&mut seed).to_le_bytes()[0]).collect::<Vec<u8>>());
    // Random as well, and with the head of a component.
    let headed = (0..40).map(|n| {
        let mut seed = n;
        let tail = (0..n * 20).map(|_| self::random(&mut seed).to_le_bytes()[0]);
        b"\0asm\x0d\0\x01\0".iter().copied().chain(tail).collect()
    });
    for bytes in parts.chain(random).chain(headed) {
        std::fs::write(stage.path().join("plugins/evil.wasm"), &bytes).unwrap();
        assert!(stage.describe("evil").is_err(), "{} bytes are a plugin", bytes.len());
    }
}

/// Row 34.
#[tokio::test]
async fn a_file_that_is_too_large_is_not_read_to_its_end() {
    let mut stage = Stage::new();
    stage.plugin("evil", &Guest::run("global.get $success").component());
    // A terabyte, of which nothing is there.
    let file = std::fs::OpenOptions::new().write(true).open(stage.path().join("plugins/evil.wasm")).unwrap();
    file.set_len(1 << 40).unwrap();
    let end = stage.run("evil", json!({})).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("a component has at most 67108864"), "{}", end.summary);
}

/// Row 35: something else before or after a component.
#[tokio::test]
async fn a_file_that_is_two_things_at_once_is_refused() {
    let component = Guest::run("global.get $success").component();
    let code = std::fs::read(weir_tests::binary::weir()).unwrap()[..4096].to_vec();
    for (bytes, said) in [
        ([code.as_slice(), &component].concat(), "is no WebAssembly"),
        ([component.as_slice(), &code].concat(), "is no valid component"),
        ([component.as_slice(), b"PK\x05\x06", &[0; 18]].concat(), "is no valid component"),
        ([component.as_slice(), &component].concat(), "is no valid component"),
        ([b"#!/bin/sh\n", component.as_slice()].concat(), "is no WebAssembly"),
    ] {
        ends_with(&mut Stage::new(), &bytes, &[said]).await;
    }
}

/// A number that looks random, the same in each run.
fn random(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    if *seed == 0 {
        *seed = 0x9e37_79b9;
    }
    usize::try_from(*seed >> 33).unwrap()
}
