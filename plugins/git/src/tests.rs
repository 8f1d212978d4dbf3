//! The step against a scripted git.

use crate::settings::Settings;
use crate::{Git, name};
use expect_test::expect_file;
use serde_json::{Value, json};
use weir_plugin_sdk::command::What;
use weir_plugin_sdk::testing::Script;
use weir_plugin_sdk::{Build, Command, Error, Outcome, Step, settings_schema};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn run(script: &Script, settings: Value) -> Result<Outcome, Error> {
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Git::run(&mut script.context(), settings)
}

/// A git that has every commit it is asked for.
fn git() -> Script {
    Script::new().prints(["rev-parse"], &format!("{COMMIT}\n"))
}

/// Commands without the program and its settings for this once.
fn said(script: &Script) -> Vec<String> {
    let words = |command: Command| match command.what {
        What::Program(words) => words,
        What::Shell(line) => panic!("a shell runs: {line}"),
    };
    let short = |words: Vec<String>| {
        let mut left = &words[..];
        if left[0] == "git" {
            left = &left[1..];
            while left[0] == "-c" {
                left = &left[2..];
            }
        }
        left.join(" ")
    };
    script.whole_commands().into_iter().map(words).map(short).collect()
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
    assert!(commands[0].starts_with("find ./src/.git -name *.lock -type f -delete"), "{commands:?}");
    assert!(!commands.iter().any(|line| line.contains("init")), "{commands:?}");
    assert!(script.whole_commands()[1..].iter().all(|command| command.directory.as_deref() == Some("src")));
}

#[test]
fn the_builds_revision_wins_unless_the_settings_name_one() {
    let build = Build { revision: Some(COMMIT.into()), branch: Some("main".into()), ..Build::default() };
    let settings = json!({ "repository": "/x", "clean": "nothing" });
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
        ("repository", "ext::sh -c touch% pwned"),
        ("repository", "fd::17"),
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
    for directory in ["", "-x", "/etc", "a/../..", "a*", "a\nb", "!a", "\"a\""] {
        let script = git();
        let error = run(&script, json!({ "repository": "/x", "sparse": ["ok", directory] })).unwrap_err();
        assert!(matches!(&error, Error::InvalidSettings(issues) if issues[0].0 == "/sparse/1"), "{error}");
        assert_eq!(script.commands(), [""; 0]);
    }
    let build = Build { branch: Some("-x".into()), ..Build::default() };
    assert!(run(&git().build(build), json!({ "repository": "/x" })).is_err());
}

/// What a checkout of `main` says to git.
fn asked(script: Script, more: Value) -> Vec<String> {
    let script = script.prints(["ls-remote"], "1\trefs/heads/main\n");
    let mut settings = json!({ "repository": "https://example.org/x.git", "branch": "main" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    run(&script, settings).unwrap();
    said(&script)
}

#[test]
fn how_much_is_cleaned_away_is_said_in_plain_words() {
    for (clean, flags) in
        [("nothing", None), ("untracked", Some("-ffd")), ("ignored", Some("-ffdx")), ("everything", Some("-ffdx"))]
    {
        let script = git().directory(".git");
        let said = asked(script.clone(), json!({ "clean": clean }));
        let cleaned: Vec<_> = said.iter().filter(|line| line.starts_with("clean")).collect();
        let expected = flags.map_or(vec![], |flags| vec![format!("clean --quiet {flags}"); 2]);
        assert_eq!(cleaned, expected.iter().collect::<Vec<_>>(), "{clean}");
        assert_eq!(said.iter().any(|line| line == "init --quiet"), clean == "everything", "{clean}: a new clone");
    }
}

#[test]
fn shallow_and_partial_clones_are_asked_for_only_where_wanted() {
    let said = asked(git(), json!({ "depth": 1 }));
    assert!(said.iter().any(|line| line.starts_with("fetch") && line.contains(" --depth=1 ")), "{said:?}");
    for filter in ["blob:none", "tree:0"] {
        let said = asked(git(), json!({ "filter": filter }));
        let fetch = format!(" --filter={filter} -- origin +refs/heads/main:refs/remotes/origin/main");
        assert!(said.iter().any(|line| line.starts_with("fetch") && line.ends_with(&fetch)), "{said:?}");
    }
    assert!(!asked(git(), json!({})).iter().any(|line| line.contains("--filter") || line.contains("--depth")));
}

#[test]
fn submodules_are_updated_as_deep_as_wanted_and_cleaned_alike() {
    let said = asked(git(), json!({ "submodules": true, "depth": 1, "clean": "untracked" }));
    let of_submodules: Vec<_> = said.iter().filter(|line| line.starts_with("submodule")).collect();
    assert_eq!(
        of_submodules,
        [
            "submodule --quiet sync",
            "submodule update --init --force --depth=1",
            "submodule --quiet foreach git clean --quiet -ffd",
        ]
    );
    let said = asked(git(), json!({ "submodules": "recursive", "clean": "nothing" }));
    assert!(said.contains(&"submodule update --init --force --recursive".to_owned()), "{said:?}");
    assert!(!said.iter().any(|line| line.contains("foreach")), "{said:?}");

    let is_left = |script| asked(script, json!({})).iter().any(|line| line.starts_with("submodule --quiet deinit"));
    assert!(is_left(git().directory(".git").directory(".git/modules")) && !is_left(git()));
}

#[test]
fn a_submodule_is_no_way_to_the_workers_files_and_no_address_a_command() {
    for (repository, files) in [("https://example.org/x.git", "never"), ("/srv/x.git", "always")] {
        let script = git().prints(["ls-remote"], "1\trefs/heads/main\n");
        run(&script, json!({ "repository": repository, "branch": "main", "submodules": true })).unwrap();
        let update = script.commands().into_iter().find(|line| line.contains("submodule update")).unwrap();
        assert!(update.contains(&format!("-c protocol.file.allow={files} ")), "{update}");
        for line in script.commands() {
            assert!(line.starts_with("git -c protocol.ext.allow=never -c protocol.fd.allow=never "), "{line}");
        }
    }
}

#[test]
fn directories_of_a_sparse_checkout_go_by_standard_input() {
    let script = git().prints(["ls-remote"], "1\trefs/heads/main\n");
    run(&script, json!({ "repository": "/x", "branch": "main", "sparse": ["lib/core", "docs"] })).unwrap();
    let commands = script.whole_commands();
    let set = commands.iter().find(|c| c.stdin.is_some()).unwrap();
    assert_eq!(set.stdin.as_deref(), Some(&b"lib/core\ndocs\n"[..]));
    assert!(said(&script).contains(&"sparse-checkout set --cone --stdin".to_owned()));

    let narrowed = git().directory(".git").file(".git/info/sparse-checkout", "/*");
    assert!(asked(narrowed, json!({})).contains(&"sparse-checkout disable".to_owned()));
}

#[test]
fn without_its_program_lfs_ends_the_step_before_anything_is_fetched() {
    let script = git().exits(["lfs", "version"], 1);
    let error = run(&script, json!({ "repository": "/x", "lfs": true })).unwrap_err();
    assert!(error.to_string().contains("needs the program `git-lfs`"), "{error}");
    assert_eq!(script.commands().len(), 1);

    let said = asked(git(), json!({ "lfs": true, "submodules": true }));
    assert!(said.contains(&"lfs pull".to_owned()), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("submodule") && line.ends_with("git lfs pull")), "{said:?}");
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
    assert!(said(&script).iter().any(|line| {
        line.contains("--upload-pack git -c 'safe.directory=*' -c uploadpack.allowFilter=true upload-pack -- /x")
    }));
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
