//! A folder of files for a team, and which file is meant where several could be.

use super::{SHELL, TestCatalogue, load_texts, said, step};
use crate::config::{Loaded, load};
use expect_test::expect;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Loads what lies in `dir`, and says what is said without the folder's own path.
fn load_dir(dir: &Path, main: &str) -> (Loaded, String) {
    let loaded = load(&dir.join(main), [], &TestCatalogue);
    let said = said(&loaded).replace(&format!("{}/", dir.display()), "");
    (loaded, said)
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn the_files_of_a_team_s_folder_are_one_team() {
    let builder = step(SHELL);
    let yaml = "title: Later\nview:\n  mine: { builders: ['*'] }\n";
    let dir = tempfile::tempdir().unwrap();
    let git = "[[builder.b.step]]\nuse = \"git\"\nwith = { repository = \"r.git\" }\n[view.late]\nbuildres = []\n";
    write(
        dir.path(),
        &[
            ("weir.toml", ""),
            ("teams/core/10.toml", &format!("title = \"Early\"\n{builder}")),
            ("teams/core/20.yaml", yaml),
            ("teams/core/README.md", "not configuration"),
            ("teams/core/.hidden.toml", "neither = 1"),
            ("teams/other.toml", &builder),
        ],
    );
    let (loaded, said) = load_dir(dir.path(), "weir.toml");
    assert_eq!(said, "");
    let config = loaded.config.unwrap();
    assert_eq!(config.teams.keys().collect::<Vec<_>>(), ["core", "other"]);
    assert_eq!((config.teams["core"].title.as_str(), config.teams["core"].builders.len()), ("Later", 1));
    assert_eq!(config.views["mine"].team.as_deref(), Some("core"));
    assert_eq!(config.team_texts["core"].files.len(), 2);
    assert_eq!(config.files.len(), 4);

    // What is wrong in one of them stands there, and all of them are what they were.
    write(dir.path(), &[("teams/core/30.toml", git)]);
    let loaded = crate::config::load_keeping(&dir.path().join("weir.toml"), [], &TestCatalogue, &config.team_texts);
    let places: Vec<_> = loaded.diagnostics.iter().map(|d| format!("{} {}", d.place, d.rule)).collect();
    assert!(places.iter().any(|p| p.ends_with("teams/core/30.toml:5:1 unknown-key")), "{places:?}");
    assert_eq!(loaded.config.unwrap().teams["core"].builders.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_named_section_stands_whole_in_one_file_of_the_folder() {
    let (one, two) = (step(SHELL), format!("{}[view.v]\n", step(SHELL)));
    let files = [("weir.toml", ""), ("teams/core/1.toml", &*one), ("teams/core/2.toml", &*two)];
    let loaded = load_texts(&files, &[]);
    expect![[r#"
        teams/core/2.toml:1:11: [team.core.builder.a] is already declared in teams/core/1.toml [declared-twice]
          key: team.core.builder.a
             1 | [[builder.a.step]]
               |           ^
          expected: each named section whole in one file
    "#]]
    .assert_eq(&said(&loaded));
    assert_eq!(loaded.config.unwrap().broken_teams.keys().collect::<Vec<_>>(), ["core"]);
}

#[test]
fn a_team_has_one_home_and_the_instance_one_main_file() {
    let builder = step(SHELL);
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("weir.yaml", ""), ("teams/core/1.toml", &builder), ("teams/core.json", "{}")]);
    // Whoever names no file means the one that is there.
    let (loaded, said) = load_dir(dir.path(), "weir.toml");
    expect![[r#"
        teams/core.json:1:1: the team `core` is already declared in teams/core [declared-twice]
          expected: one file or one folder for each team
    "#]]
    .assert_eq(&said);
    assert_eq!(loaded.config.unwrap().broken_teams.len(), 1);

    write(dir.path(), &[("weir.toml", "")]);
    for named in ["weir.toml", "weir.yaml"] {
        let (loaded, said) = load_dir(dir.path(), named);
        assert!(loaded.config.is_none());
        assert!(said.contains(&format!("{named}:1:1: this file and")) && said.contains("[two-main-files]"), "{said}");
    }
}

/// A file where a folder should be fails as one without rights does, for whoever runs the test.
#[test]
fn what_cannot_be_listed_is_an_error_and_not_nothing() {
    let builder = step(SHELL);
    for folder in ["conf.d", "teams"] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[("weir.toml", ""), (folder, "")]);
        let (loaded, said) = load_dir(dir.path(), "weir.toml");
        assert!(loaded.config.is_none(), "nothing is put in force");
        assert!(
            said.starts_with(&format!("{folder}:1:1: cannot be listed: ")) && said.contains("[unreadable]"),
            "{said}"
        );
    }

    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("weir.toml", ""), ("teams/core/1.toml", &builder), ("teams/other.toml", &step(SHELL))]);
    let before = load_dir(dir.path(), "weir.toml").0.config.unwrap();
    std::fs::remove_file(dir.path().join("teams/core/1.toml")).unwrap();
    let main = dir.path().join("weir.toml");
    let loaded = crate::config::load_keeping(&main, [], &TestCatalogue, &before.team_texts);
    assert!(
        said(&loaded).contains("teams/core:1:1: no file of configuration is in here [no-files]"),
        "{}",
        said(&loaded)
    );
    let after = loaded.config.unwrap();
    assert!(after.kept_teams.contains("core") && after.teams["core"].builders.contains_key("a"));

    symlink("nowhere", dir.path().join("teams/late")).unwrap();
    let loaded = load_dir(dir.path(), "weir.toml").0;
    assert!(loaded.config.is_none() && said(&loaded).contains("whether this is a team's folder"), "{}", said(&loaded));
}

#[test]
fn a_name_that_is_no_team_s_makes_no_team_and_one_team_s_files_are_bounded_together() {
    let dir = tempfile::tempdir().unwrap();
    let comment = format!("#{}\n", "x".repeat(3 << 20));
    write(
        dir.path(),
        &[("weir.toml", ""), ("teams/a b.toml", ""), ("teams/core/1.toml", &comment), ("teams/core/2.toml", &comment)],
    );
    let (loaded, said) = load_dir(dir.path(), "weir.toml");
    assert!(said.contains("teams/a b.toml:1:1: warning: this file's name is no team's"), "{said}");
    assert!(said.contains("teams/core/2.toml:1:1: cannot be read: it has over"), "{said}");
    assert_eq!(loaded.config.unwrap().teams.keys().collect::<Vec<_>>(), ["core"]);
}

#[test]
fn a_link_out_of_a_team_s_folder_is_not_followed_and_a_pipe_not_waited_for() {
    let builder = step(SHELL);
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        &[("weir.toml", ""), ("teams/core/1.toml", &builder), ("teams/other.toml", "titel = \"private\"\n")],
    );
    symlink("1.toml", dir.path().join("teams/core/2.toml")).unwrap();
    symlink("../other.toml", dir.path().join("teams/core/3.toml")).unwrap();
    nix::unistd::mkfifo(&dir.path().join("teams/core/4.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let (loaded, said) = load_dir(dir.path(), "weir.toml");
    assert!(said.contains("teams/core/3.toml:1:1: this link leads out of the team's folder [leads-out]"), "{said}");
    assert!(said.contains("teams/core/4.toml:1:1: cannot be read: it is no ordinary file"), "{said}");
    assert_eq!(
        said.matches("titel").count(),
        3,
        "of the other team's file nothing is shown but what is wrong there: {said}"
    );
    assert_eq!(loaded.config.unwrap().broken_teams.keys().collect::<Vec<_>>(), ["core", "other"]);
}
