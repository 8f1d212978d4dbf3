//! What is in force while a team's own files are broken.

use super::{SHELL, load_texts, load_texts_keeping, said, step};
use crate::config::Config;
use crate::config::team_texts::TeamTexts;
use std::sync::Arc;

const MAIN: (&str, &str) = ("weir.toml", "[view.all]\n");
const BROKEN: &str = "titel = 1\n";

fn team(builder: &str, view: &str) -> String {
    format!("[view.{view}]\nbuilders = [\"*\"]\n[[builder.{builder}.step]]\n{SHELL}\n")
}

fn loaded(files: &[(&str, &str)]) -> Arc<Config> {
    let loaded = load_texts(files, &[]);
    assert_eq!(said(&loaded), "");
    loaded.config.unwrap()
}

fn names<'a, T: 'a>(table: impl IntoIterator<Item = (&'a String, T)>) -> Vec<&'a str> {
    table.into_iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_broken_team_is_what_its_file_last_said_and_the_error_is_told() {
    let (a, b) = (team("a", "mine"), team("b", "theirs"));
    let before = loaded(&[MAIN, ("teams/one.toml", &a), ("teams/two.toml", &b)]);
    assert_eq!(names(&*before.team_texts), ["one", "two"]);

    let newer = team("newer", "theirs");
    let files = [MAIN, ("teams/one.toml", BROKEN), ("teams/two.toml", &*newer)];
    let after = load_texts_keeping(&files, &[], &before.team_texts);
    assert!(said(&after).starts_with("teams/one.toml:1:1: unknown key `titel` [unknown-key]"), "{}", said(&after));
    let config = after.config.unwrap();
    assert_eq!(names(&config.teams["one"].builders), ["a"]);
    assert_eq!(names(&config.teams["two"].builders), ["newer"]);
    assert_eq!(names(&config.views), ["all", "mine", "theirs"]);
    assert_eq!(names(&config.broken_teams), ["one"]);
    assert!(config.kept_teams.contains("one"));
    // It goes on falling back to the same, and the other to what is new.
    assert_eq!(config.team_texts["one"], before.team_texts["one"]);
    assert!(config.team_texts["two"].files[0].text.contains("newer"));
    let again = load_texts_keeping(&files, &[], &config.team_texts).config.unwrap();
    assert_eq!(names(&again.teams["one"].builders), ["a"]);
}

#[test]
fn a_last_good_text_that_is_good_no_more_is_kept_for_later_and_not_used() {
    let using = |plugin: &str| step(&format!("use = \"{plugin}\"\nwith = {{ command = \"make\" }}"));
    let mut texts = loaded(&[MAIN, ("teams/one.toml", &using("shell"))]).team_texts.as_ref().clone();
    texts.get_mut("one").unwrap().files[0].text = using("gone");
    let other = step(SHELL);
    let files = [MAIN, ("teams/one.toml", BROKEN), ("teams/two.toml", &*other)];
    let config = load_texts_keeping(&files, &[], &texts).config.unwrap();
    assert!(config.teams["one"].builders.is_empty());
    assert_eq!(names(&config.broken_teams), ["one"]);
    assert!(config.kept_teams.is_empty());
    assert_eq!(config.team_texts["one"], texts["one"]);
    assert_eq!(names(&config.teams["two"].builders), ["a"]);
}

#[test]
fn a_view_that_is_in_force_wins_whatever_the_order_of_files() {
    let (early, late) = (team("a", "early"), team("b", "wanted"));
    let before = loaded(&[MAIN, ("teams/aaa.toml", &early), ("teams/zzz.toml", &late)]);
    let takes = team("a", "wanted");
    let files = [MAIN, ("teams/aaa.toml", &*takes), ("teams/zzz.toml", &*late)];
    let after = load_texts_keeping(&files, &[], &before.team_texts);
    assert!(said(&after).starts_with("teams/aaa.toml:1:7: the view name `wanted` is taken"), "{}", said(&after));
    let config = after.config.unwrap();
    assert_eq!(config.views["wanted"].team.as_deref(), Some("zzz"));
    assert_eq!(config.views["early"].team.as_deref(), Some("aaa"));
    // Where nothing was before, the order of files decides.
    let first = load_texts(&files, &[]).config.unwrap();
    assert_eq!(first.views["wanted"].team.as_deref(), Some("aaa"));
}

#[test]
fn a_broken_file_takes_no_name_from_a_good_one() {
    let wants = format!("{BROKEN}[view.wanted]\n");
    let good = team("b", "wanted");
    let after = load_texts(&[MAIN, ("teams/aaa.toml", &wants), ("teams/zzz.toml", &good)], &[]);
    let config = after.config.unwrap();
    assert_eq!(names(&config.broken_teams), ["aaa"]);
    assert_eq!(config.views["wanted"].team.as_deref(), Some("zzz"));
}

#[test]
fn nobody_breaks_a_team_by_naming_its_secret() {
    let with = |secret: &str| format!("[secret]\nx = {{ env = \"{secret}\" }}\n{}", step(SHELL));
    let (mine, other) = (with("MINE"), with("OTHER"));
    let set = [("MINE", "1"), ("OTHER", "2")];
    let before = load_texts(&[MAIN, ("teams/a.toml", &mine), ("teams/b.toml", &other)], &set).config.unwrap();
    let files = [MAIN, ("teams/a.toml", &*mine), ("teams/b.toml", &*mine)];
    let config = load_texts_keeping(&files, &set, &before.team_texts).config.unwrap();
    assert_eq!(names(&config.broken_teams), ["b"]);
    assert_eq!(config.team_texts["b"], before.team_texts["b"]);
    // Where nobody had it before, nobody gets it.
    let nobody = load_texts_keeping(&files, &set, &TeamTexts::new()).config.unwrap();
    assert_eq!(names(&nobody.broken_teams), ["a", "b"]);
}

#[test]
fn a_team_whose_file_is_gone_has_nothing_to_fall_back_to() {
    let a = team("a", "mine");
    let before = loaded(&[MAIN, ("teams/one.toml", &a)]);
    let config = load_texts_keeping(&[MAIN], &[], &before.team_texts).config.unwrap();
    assert!(config.teams.is_empty() && config.team_texts.is_empty());
}
