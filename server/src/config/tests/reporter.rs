//! Who hears of builds.

use super::{SHELL, check_team, load_texts, said, step};
use crate::config::reporter::{Reporter, When};
use expect_test::expect;
use serde_json::json;
use std::sync::Arc;

const HOOK: &str = "[secret]\ntoken = { env = \"TOKEN\" }\n[reporter.hook]\nuse = \"webhook\"\nwith = { url = \"https://example.org/\", token = { secret = \"token\" } }\n";

/// The reporter of a team that has one, in a file without any error.
fn reporter(text: &str) -> Arc<Reporter> {
    let text = format!("{text}\n{}", step(SHELL));
    let loaded = load_texts(&[("weir.toml", ""), ("teams/core.toml", &text)], &[("TOKEN", "x")]);
    assert_eq!(said(&loaded), "");
    Arc::clone(&loaded.config.unwrap().teams["core"].reporters["hook"])
}

#[test]
fn a_reporter_that_says_nothing_else_hears_of_every_finished_build() {
    let hook = reporter(HOOK);
    assert_eq!((hook.plugin.as_str(), hook.team.as_str(), hook.name.as_str()), ("webhook", "core", "hook"));
    assert_eq!(hook.when, [When::Finished]);
    assert_eq!(hook.settings, json!({"url": "https://example.org/", "token": {"$secret": "token"}}));
}

#[test]
fn a_reporter_hears_of_builders_that_fit_both_by_category_and_by_name() {
    let hook =
        reporter(&format!("{HOOK}categories = [\"rel\"]\nbuilders = [\"full-*\"]\nwhen = [\"problem\", \"recovery\"]"));
    assert_eq!(hook.when, [When::Problem, When::Recovery]);
    let main = "[team.t.builder.full-1]\ncategories = [\"rel|2.4\"]\n[team.t.builder.full-2]\n[team.t.builder.quick]\ncategories = [\"rel\"]\n";
    let steps: String = ["full-1", "full-2", "quick"]
        .map(|b| step(SHELL).replace("builder.a", &format!("team.t.builder.{b}")))
        .concat();
    let config = load_texts(&[("weir.toml", &format!("{main}{steps}"))], &[]).config.unwrap();
    let heard: Vec<&str> =
        config.teams["t"].builders.values().filter(|b| hook.hears_of(b)).map(|b| b.key.name.as_str()).collect();
    assert_eq!(heard, ["full-1"]);
}

#[test]
fn a_reporter_whose_plugin_is_not_there_is_a_warning_and_does_nothing() {
    let text = format!("[reporter.post]\nuse = \"pigeon\"\n{}", step(SHELL));
    let loaded = load_texts(&[("weir.toml", ""), ("teams/core.toml", &text)], &[]);
    assert!(said(&loaded).contains("warning: unknown plugin `pigeon`"), "{}", said(&loaded));
    assert!(loaded.config.unwrap().teams["core"].reporters.is_empty());
}

#[test]
fn a_misspelt_when_is_found_because_it_would_never_come() {
    check_team(
        &format!("[reporter.hook]\nuse = \"webhook\"\nwhen = [\"problm\"]\nwith = {{ url = \"x\" }}\n{}", step(SHELL)),
        expect![[r#"
            teams/core.toml:3:9: `problm` is not known here [unknown-word]
              key: team.core.reporter.hook.when[0]
                 3 | when = ["problm"]
                   |         ^^^^^^^^
              expected: one of `finished`, `problem`, `recovery`, `change`
              did you mean `problem`?
        "#]],
    );
}
