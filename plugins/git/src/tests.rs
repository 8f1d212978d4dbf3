//! The step against a scripted git.

use crate::{Git, Settings, name};
use expect_test::expect_file;
use serde_json::{Value, json};
use weir_plugin_sdk::testing::Script;
use weir_plugin_sdk::{Build, Error, Outcome, Step, settings_schema};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn run(script: &Script, settings: Value) -> Result<Outcome, Error> {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Git::run(&mut script.context(), settings)
}

/// A git that has every commit it is asked for.
fn git() -> Script {
    Script::new().prints(["rev-parse"], &format!("{COMMIT}\n"))
}

/// Commands without the program and its settings.
fn said(script: &Script) -> Vec<String> {
    let short = |line: String| line.replacen("-c gc.autoDetach=false -c maintenance.autoDetach=false ", "", 1);
    script.commands().into_iter().map(|line| short(line).replacen("git ", "", 1)).collect()
}

#[test]
fn a_branch_is_fetched_by_its_whole_name_and_its_newest_commit_is_checked_out() {
    let script = git().prints(["ls-remote"], "1234\trefs/heads/main\n");
    let outcome = run(&script, json!({ "repository": "https://example.org/x.git", "branch": "main" })).unwrap();
    assert_eq!(outcome, Outcome::success("main@0123456789"));
    assert_eq!(script.property_now("got_revision"), Some(json!(COMMIT)));
    assert_eq!(
        said(&script),
        [
            "init --quiet",
            "config remote.origin.url https://example.org/x.git",
            "ls-remote --quiet -- https://example.org/x.git refs/heads/main refs/tags/main main",
            "fetch --force --no-tags --no-recurse-submodules -- https://example.org/x.git \
             +refs/heads/main:refs/remotes/origin/main",
            "rev-parse --quiet --verify --end-of-options refs/remotes/origin/main^{commit}",
            "clean --quiet -ffdx",
            &format!("checkout --quiet --force --detach {COMMIT}"),
            "clean --quiet -ffdx",
        ]
    );
}

#[test]
fn without_a_branch_it_is_the_default_one() {
    let script = git().prints(["ls-remote", "--symref"], "ref: refs/heads/trunk\tHEAD\n1234\tHEAD\n");
    let outcome = run(&script, json!({ "repository": "/srv/x.git", "branch": "" })).unwrap();
    assert_eq!(outcome, Outcome::success("trunk@0123456789"));
    assert!(said(&script).iter().any(|line| line.starts_with("fetch") && line.ends_with("-- /srv/x.git HEAD")));
}

#[test]
fn a_clone_is_kept_and_the_locks_of_a_killed_git_are_taken_away() {
    let script = git().directory("src/.git").prints(["ls-remote"], "1\trefs/heads/main\n");
    run(&script, json!({ "repository": "/x", "branch": "main", "directory": "src" })).unwrap();
    let commands = script.commands();
    assert!(commands[0].starts_with("rm -f -- src/.git/index.lock "), "{commands:?}");
    assert!(!commands.iter().any(|line| line.contains("init")), "{commands:?}");
    assert!(script.whole_commands()[1..].iter().all(|command| command.directory.as_deref() == Some("src")));
}

#[test]
fn the_builds_revision_wins_unless_the_settings_name_one() {
    let build = Build { revision: Some(COMMIT.into()), branch: Some("main".into()), ..Build::default() };
    let settings = json!({ "repository": "/x", "clean": false });
    let script = git().build(build.clone());
    assert_eq!(run(&script, settings).unwrap(), Outcome::success("main@0123456789"));
    assert!(!said(&script).iter().any(|line| line.starts_with("fetch")), "the commit is here already");

    let other = "f".repeat(40);
    let script = git().build(build.clone());
    run(&script, json!({ "repository": "/x", "revision": other })).unwrap();
    assert!(said(&script).iter().any(|line| line.ends_with(&format!("{other}^{{commit}}"))));

    let script = git().build(build).prints(["ls-remote"], "ref: refs/heads/main\tHEAD\n");
    run(&script, json!({ "repository": "/x", "source_stamp": false })).unwrap();
    assert!(said(&script).iter().any(|line| line.ends_with("FETCH_HEAD^{commit}")));
}

#[test]
fn a_tag_is_fetched_as_a_tag_also_where_it_is_given_as_a_branch() {
    let script = git();
    assert_eq!(run(&script, json!({ "repository": "/x", "tag": "v1" })).unwrap(), Outcome::success("v1@0123456789"));
    let script = git().prints(["ls-remote"], "1\trefs/tags/v1\n");
    assert_eq!(run(&script, json!({ "repository": "/x", "branch": "v1" })).unwrap(), Outcome::success("v1@0123456789"));
    assert!(said(&script).iter().any(|line| line.ends_with("+refs/tags/v1:refs/tags/v1")));
}

#[test]
fn what_is_not_there_is_a_failure_that_says_so() {
    let outcome = run(&git(), json!({ "repository": "/x", "branch": "gone" })).unwrap();
    assert_eq!(outcome, Outcome::failure("`/x` has no branch `gone`"));
    let script = git().exits(["ls-remote"], 128);
    let outcome = run(&script, json!({ "repository": "/x", "branch": "main" })).unwrap();
    assert_eq!(outcome, Outcome::failure("cannot read /x: git exited with 128"));
    let script = Script::new().exits(["rev-parse"], 1);
    let outcome = run(&script, json!({ "repository": "/x", "revision": "abc" })).unwrap();
    assert_eq!(outcome, Outcome::failure("`/x` has no revision `abc`"));
}

#[test]
fn names_that_git_could_take_for_something_else_are_refused_before_anything_runs() {
    for (key, value) in [
        ("repository", "--upload-pack=touch pwned"),
        ("branch", "--upload-pack=x"),
        ("branch", "a:refs/heads/b"),
        ("branch", "x;touch pwned"),
        ("branch", "refs/heads/*"),
        ("revision", "-x"),
        ("revision", "a..b"),
        ("tag", "a b"),
    ] {
        let mut settings = json!({ "repository": "/x" });
        settings[key] = json!(value);
        let script = git();
        let error = run(&script, settings).unwrap_err();
        assert!(matches!(&error, Error::InvalidSettings(issues) if issues[0].0 == format!("/{key}")), "{error}");
        assert_eq!(script.commands(), [""; 0]);
    }
    let build = Build { branch: Some("-x".into()), ..Build::default() };
    assert!(run(&git().build(build), json!({ "repository": "/x" })).is_err());
}

#[test]
fn depth_submodules_and_cleaning_are_asked_for_only_where_wanted() {
    let script = git().prints(["ls-remote"], "1\trefs/heads/main\n");
    run(&script, json!({ "repository": "/x", "branch": "main", "depth": 1, "submodules": true, "clean": false }))
        .unwrap();
    let said = said(&script);
    assert!(said.iter().any(|line| line.starts_with("fetch") && line.contains(" --depth=1 ")));
    assert!(said.iter().any(|line| line == "submodule update --init --recursive --force --depth=1"));
    assert!(!said.iter().any(|line| line.contains("clean")));
}

#[test]
fn only_a_repository_of_this_machine_is_read_by_an_upload_pack_of_ours() {
    for local in ["/srv/x.git", "x.git", "../x", "./a:b", "file:///srv/x.git"] {
        assert!(name::is_local(local), "{local}");
    }
    for remote in ["https://example.org/x.git", "git@example.org:x.git", "example.org:x", "ssh://example.org/x"] {
        assert!(!name::is_local(remote), "{remote}");
    }
    let script = git();
    run(&script, json!({ "repository": "/x", "tag": "v1" })).unwrap();
    assert!(
        said(&script).iter().any(|line| line.contains("--upload-pack git -c 'safe.directory=*' upload-pack -- /x"))
    );
}

#[test]
fn passwords_of_repositories_stay_out_of_messages() {
    for (given, shown) in [
        ("https://ada:s3cret@example.org/x.git", "https://…@example.org/x.git"),
        ("https://t@h", "https://…@h"),
        ("https://h/a@b", "https://h/a@b"),
        ("git@host:x.git", "git@host:x.git"),
        ("/srv/x.git", "/srv/x.git"),
    ] {
        assert_eq!(name::shown(given), shown);
    }
}

#[test]
fn the_schema_in_the_component_is_that_of_the_settings() {
    expect_file!["settings.json"].assert_eq(&format!("{:#}\n", settings_schema::<Git>()));
}

#[test]
fn the_schema_marks_the_repository_and_refuses_unknown_settings() {
    let schema = settings_schema::<Git>();
    assert_eq!(schema["properties"]["repository"]["format"], json!("path-or-url"));
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(schema["required"], json!(["repository"]));
}
