//! How many views a team may have, and what they may compare.

use super::{SHELL, load_texts, said, step};
use crate::config::view_room::{COMPARED_MAX, VIEWS_MAX};

const MAIN: (&str, &str) = ("weir.toml", "[server]\n");

fn views(n: usize, body: &str) -> String {
    (0..n).map(|n| format!("[view.v{n:04}]\n{body}\n")).collect()
}

/// A table of `a * b` builders.
fn many(a: usize, b: usize) -> String {
    let matrix = format!("matrix = {{ i = {:?}, j = {:?} }}", Vec::from_iter(0..a), Vec::from_iter(0..b));
    let steps = "step = [{ use = \"shell\", with = { command = \"true\" } }]";
    format!("[builder.\"b{{{{i}}}}-{{{{j}}}}\"]\n{matrix}\n{steps}\n")
}

#[test]
fn a_team_has_a_hundred_views_and_the_instance_as_many_as_its_operator_wants() {
    let own = step(SHELL);
    let (most, too_many) = (format!("{own}{}", views(VIEWS_MAX, "")), format!("{own}{}", views(VIEWS_MAX + 50, "")));
    let main = format!("[server]\n{}", views(VIEWS_MAX + 50, "").replace("[view.v", "[view.i"));
    let loaded = load_texts(&[("weir.toml", &main), ("teams/core.toml", &most), ("teams/other.toml", &own)], &[]);
    assert_eq!((said(&loaded).as_str(), loaded.config.unwrap().views.len()), ("", 2 * VIEWS_MAX + 50));

    let loaded = load_texts(&[MAIN, ("teams/core.toml", &too_many), ("teams/other.toml", &own)], &[]);
    let line = too_many.lines().position(|line| line == "[view.v0100]").unwrap() + 1;
    let said = said(&loaded);
    assert!(said.starts_with(&format!("teams/core.toml:{line}:7: team `core` has too many views")), "{said}");
    assert!(said.contains("at most 100 of a team") && said.matches("expected:").count() == 1, "{said}");
    let config = loaded.config.unwrap();
    assert_eq!(config.broken_teams.keys().collect::<Vec<_>>(), ["core"]);
    assert_eq!((config.teams["other"].builders.len(), config.views.len()), (1, 0));
}

#[test]
fn what_the_views_of_a_team_compare_has_a_bound_that_a_large_fleet_does_not_meet() {
    let load =
        |builders: &str, views: &str| load_texts(&[MAIN, ("teams/core.toml", &format!("{builders}{views}"))], &[]);
    let three = "builders = [\"b1*\", \"core/*-?\", \"*\"]";
    assert_eq!(said(&load(&many(10, 104), &views(VIEWS_MAX, three))), "");
    let names: Vec<String> = (0..1_000).map(|n| format!("b{}-{}", n / 100, n % 100)).collect();
    assert_eq!(said(&load(&many(100, 100), &views(1, &format!("builders = {names:?}")))), "");

    let long = format!("builders = [\"b*\"]\nexclude = [{:?}]", format!("x{}", "?".repeat(999)));
    let said = said(&load(&many(100, 100), &views(10, &long)));
    assert!(said.starts_with("teams/core.toml:"), "{said}");
    assert!(said.contains("the views of team `core` compare too much"), "{said}");
    assert!(said.contains(&COMPARED_MAX.to_string()) && said.matches("expected:").count() == 1, "{said}");
}
