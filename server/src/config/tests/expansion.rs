//! What a short file becomes is bounded, before it is made: without these bounds the tests here end for want of memory or not at all.

use super::{SHELL, load_texts, said, step};
use crate::config::Loaded;
use std::fmt::Write as _;

/// Loads this team beside one that is right and must stay so.
fn beside_a_good_one(text: &str) -> Loaded {
    load_texts(&[("weir.toml", ""), ("teams/evil.toml", text), ("teams/good.toml", &step(SHELL))], &[])
}

/// What is said of the file of a team that breaks only itself.
fn refused(text: &str) -> String {
    let loaded = beside_a_good_one(text);
    let config = loaded.config.as_ref().expect("a team's file breaks nobody else");
    assert!(config.broken_teams.keys().eq(["evil"]), "{}", said(&loaded));
    assert_eq!((config.teams["evil"].builders.len(), config.teams["good"].builders.len()), (0, 1));
    // The excerpts are cut, and no concern here.
    said(&loaded).lines().filter(|line| !line.contains(" | ")).map(|line| format!("{line}\n")).collect()
}

/// The text loads without a word; how many builders it makes.
fn builders(text: &str) -> usize {
    let loaded = beside_a_good_one(text);
    assert_eq!(said(&loaded), "");
    loaded.config.unwrap().teams["evil"].builders.len()
}

/// A matrix of so many values, whose table begins with `more`.
fn matrix(name: &str, n: usize, more: &str) -> String {
    let values: Vec<String> = (0..n).map(|value| value.to_string()).collect();
    format!("[builder.\"{name}{{{{i}}}}\"]\nmatrix = {{ i = [{}] }}\n{more}\n", values.join(","))
}

const STEP: &str = "step = [{ use = \"shell\", with = { command = \"true\" } }]";

#[test]
fn a_team_has_so_many_builders_and_no_more_however_they_are_written() {
    assert_eq!(builders(&matrix("b", 10_000, STEP)), 10_000);
    let one = matrix("b", 10_001, STEP);
    let expected = "teams/evil.toml:2:1: this team would have 10001 builders, 10001 of them from here [too-many-builders]\n\
                      key: team.evil.builder.\"b{{i}}\".matrix\n  expected: at most 10000 in a team\n";
    assert_eq!(refused(&one).replace("  key", "key"), expected);
    let many: String = (0..2).map(|n| matrix(&format!("b{n}-"), 6_000, STEP)).collect();
    assert!(refused(&many).contains("would have 12000 builders, 6000 of them"), "{}", refused(&many));
    let tables: String = (0..10_001).map(|n| format!("[builder.b{n}]\nrecipe = \"r\"\n")).collect();
    assert!(refused(&tables).contains("would have 10001 builders, 1 of them"), "{}", refused(&tables));
    // More than any number holds.
    let keys: Vec<String> = (0..20).map(|key| format!("k{key} = [{}1]", "1,".repeat(99))).collect();
    let huge = format!("[builder.a]\nmatrix = {{ {} }}\n{STEP}\n", keys.join(", "));
    assert!(refused(&huge).contains(&format!("would have {} builders", usize::MAX)), "{}", refused(&huge));
}

#[test]
fn what_a_matrix_or_a_recipe_repeats_is_bounded_before_it_is_repeated() {
    let large = "x".repeat(1 << 20);
    let text = |text: &str| format!("step = [{{ use = \"shell\", with = {{ command = \"{text}\" }} }}]");
    for (more, what) in [
        (text(&large), "a step"),
        (format!("description = \"{large}\"\n{STEP}"), "a description"),
        (format!("categories = [\"a\", \"{large}\"]\n{STEP}"), "a category"),
        (format!("labels = [\"{large}\"]\n{STEP}"), "a label"),
        (format!("env = {{ A = \"{large}\" }}\n{STEP}"), "a variable"),
        (format!("env = {{ {large} = \"a\" }}\n{STEP}"), "a variable's name"),
        (format!("properties = {{ a = [{}1] }}\n{STEP}", "1,".repeat(1 << 18)), "a list"),
        (format!("properties = {{ a = {{ {large} = true }} }}\n{STEP}"), "a table"),
        (format!("force = {{ properties = [\"{large}\"] }}\n{STEP}"), "a property that may be given"),
        (
            format!(
                "force = {{ parameters = [{{ name = \"a\", type = \"choice\", choices = [\"{large}\"] }}] }}\n{STEP}"
            ),
            "a choice",
        ),
    ] {
        let said = refused(&matrix("b", 1_000, &more));
        assert!(said.contains("teams/evil.toml:2:1: this team's builders would take "), "{what}: {said}");
        assert!(said.contains("[builders-too-large]"), "{what}: {said}");
        assert!(said.ends_with("  expected: at most 64 MiB in a team, with all that a matrix or a recipe repeats\n"));
    }

    // What placeholders become: half a megabyte of each, a thousand times.
    let filled = format!(
        "[builder.\"b{{{{i}}}}\"]\nmatrix = {{ i = [1, 2], v = [\"{}\"] }}\ndescription = \"{}\"\n{STEP}\n",
        "x".repeat(1 << 19),
        "{{v}}".repeat(1_000)
    );
    assert!(refused(&filled).contains("would take 1002 MiB"), "{}", refused(&filled));

    let recipe = format!("[recipe.r]\n{}\n", text(&large[..1_000_000]));
    let tables = |n: usize| (0..n).map(|n| format!("[builder.b{n}]\nrecipe = \"r\"\n")).collect::<String>();
    let said = refused(&format!("{recipe}{}", tables(1_000)));
    assert!(said.contains("would take 955 MiB, 1 of them from here"), "{said}");
    assert_eq!(builders(&format!("{recipe}{}", tables(50))), 50);

    // What no matrix repeats is as large as the file.
    assert_eq!(builders(&format!("[builder.a]\ndescription = \"{large}\"\n{STEP}\n")), 1);
}

#[test]
fn a_matrix_of_many_keys_is_made_in_the_order_of_its_keys() {
    // Each key copied what those before it had made.
    let keys: Vec<String> = (0..20_000).map(|key| format!("k{key} = [1]")).collect();
    let text = format!("[builder.\"b{{{{a}}}}\"]\nmatrix = {{ a = [1, 2], {} }}\n{STEP}\n", keys.join(", "));
    assert_eq!(builders(&text), 2);
}

#[test]
fn builders_of_a_matrix_share_their_steps() {
    let loaded = beside_a_good_one(&matrix("b", 2, STEP));
    let team = &loaded.config.unwrap().teams["evil"];
    assert!(std::sync::Arc::ptr_eq(&team.builders["b0"].steps, &team.builders["b1"].steps));
}

#[test]
fn a_builder_has_a_thousand_steps_and_no_more() {
    let steps =
        |of: &str, n: usize| format!("[[{of}.step]]\nuse = \"shell\"\nwith = {{ command = \"a\" }}\n").repeat(n);
    let loaded =
        beside_a_good_one(&format!("{}name = \"shell-3\"\n{}", steps("builder.a", 1), steps("builder.a", 999)));
    assert_eq!(said(&loaded), "");
    let names: Vec<String> =
        loaded.config.unwrap().teams["evil"].builders["a"].steps.iter().map(|step| step.name.clone()).collect();
    assert_eq!(
        (names.len(), &names[..4], &*names[999]),
        (1_000, &["shell-3", "shell", "shell-2", "shell-4"].map(String::from)[..], "shell-1000")
    );

    let own = refused(&steps("builder.a", 2_000));
    let expected = "teams/evil.toml:1:11: this builder has 2000 steps [too-many-steps]\n  key: team.evil.builder.a\n  expected: at most 1000\n";
    assert_eq!(own, expected);
    let both = format!("{}{}[builder.a]\nrecipe = \"r\"\n", steps("recipe.r", 600), "");
    let both = format!("{both}{}", steps("builder.a", 600));
    assert!(refused(&both).contains("this builder has 1200 steps"), "{}", refused(&both));
    let recipe = format!("{}[builder.a]\nrecipe = \"r\"\n[builder.b]\nrecipe = \"r\"\n", steps("recipe.r", 2_000));
    let said = refused(&recipe);
    assert!(said.starts_with("teams/evil.toml:1:1") && said.contains("this recipe has 2000 steps"), "{said}");
    assert_eq!(said.matches("[too-many-steps]").count(), 1, "{said}");
}

/// A builder with these patterns, each of a parameter of its own.
fn patterns(builder: &str, patterns: impl IntoIterator<Item = String>) -> String {
    let mut text = format!("[builder.{builder}]\n{STEP}\n");
    for (n, pattern) in patterns.into_iter().enumerate() {
        let head = format!("[[builder.{builder}.force.parameters]]\nname = \"p{n}\"\ntype = \"string\"\n");
        writeln!(text, "{head}pattern = '{pattern}'").unwrap();
    }
    text
}

#[test]
fn patterns_are_small_and_few_and_the_same_one_is_made_once() {
    let same = |builder: usize| patterns(&format!("b{builder}"), (0..100).map(|n| format!("[0-9a-f]{{40}}|{n}")));
    assert_eq!(builders(&(0..20).map(same).collect::<String>()), 20);
    for pattern in ["\\w{1,20}", "[A-Za-z0-9_.-]{1,200}", "(?i)(main|release/\\d+\\.\\d+)"] {
        assert_eq!(builders(&patterns("a", [pattern.to_owned()])), 1, "{pattern}");
    }

    let too_many = refused(&format!("{}{}", same(0), patterns("z", ["one".to_owned(), "more".to_owned()])));
    assert!(
        too_many.contains("this team has over 100 different patterns from here on [too-many-patterns]"),
        "{too_many}"
    );
    assert_eq!(too_many.matches("[too-many-patterns]").count(), 1, "{too_many}");
    let large = refused(&patterns("a", (0..400).map(|n| format!("\\w{{90}}|{n}"))));
    assert!(large.contains("this builder has 400 parameters [too-many-parameters]"), "{large}");
    let large = refused(&patterns("a", (0..2).map(|n| format!("\\w{{90}}|{n}"))));
    assert_eq!(large.matches("this pattern is too large once it is made [bad-pattern]").count(), 2, "{large}");
    assert!(large.contains("expected: one of at most 1024 KiB: fewer repetitions, or"), "{large}");
    let long = refused(&patterns("a", (0..5).map(|n| format!("{}{n}", "a".repeat(900)))));
    assert!(long.contains("have together over 4000 characters from here on [too-many-patterns]"), "{long}");
    let caseless = refused(&patterns("a", [format!("(?i){}", "[\u{a1}-\u{10ffff}]".repeat(100))]));
    assert!(caseless.contains("[too-many-patterns]"), "{caseless}");
}

/// A scheduler of these builders, which are patterns.
fn scheduler(name: &str, builders: impl Iterator<Item = String>) -> String {
    let list: Vec<String> = builders.map(|pattern| format!("{pattern:?}")).collect();
    format!("[scheduler.{name}]\non = \"change\"\nbuilders = [{}]\n", list.join(", "))
}

#[test]
fn patterns_with_wildcards_are_counted_before_they_are_made_and_plain_names_are_looked_up() {
    let builder = step(SHELL);
    let wild = |n: usize| (0..n).map(|n| format!("*z{n}")).chain(["a".to_owned()]);
    assert_eq!(builders(&format!("{builder}{}", scheduler("s", wild(1_000)))), 1);
    // Over several schedulers; a team had room for 800,000 of them, which took gigabytes.
    let many = format!("{builder}{}{}", scheduler("s", wild(1_000)), scheduler("t", wild(20_000)));
    let said = refused(&many);
    assert_eq!(
        said.matches("this team has over 1000 patterns with wildcards from here on [too-many-patterns]").count(),
        1,
        "{said}"
    );
    assert!(said.contains("key: team.evil.scheduler.t.builders[0]"), "{said}");
    let plain = scheduler("s", (0..30_000).map(|n| format!("z{n}")).chain(["b9999".to_owned()]));
    assert_eq!(builders(&format!("{}{plain}", matrix("b", 10_000, STEP))), 10_000);
    let plain = scheduler("s", (0..40_001).map(|n| format!("z{n}")).chain(["b9999".to_owned()]));
    let said = refused(&format!("{}{plain}", matrix("b", 10_000, STEP)));
    let message = "this team's builders have 10000 names, categories and labels, 10000 of them from here, too many for its patterns";
    assert!(said.contains(message) && said.contains("expected: at most 9999, or fewer patterns"), "{said}");

    // The operator's own are not counted.
    let view = format!(
        "[view.v]\nbuilders = [{}]\n",
        wild(1_100).map(|pattern| format!("{pattern:?}")).collect::<Vec<_>>().join(", ")
    );
    let loaded = load_texts(&[("weir.toml", &view), ("teams/good.toml", &builder)], &[]);
    assert_eq!(super::said(&loaded), "");
}
