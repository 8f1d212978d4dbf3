//! The `git` step's ways to check out more than a repository, or less: submodules, partial clones, sparse checkouts, Git LFS; and
//! what it removes before.

use super::git::{Source, git};
use super::stage::Stage;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use weir::model::results::Results;

/// Checks out `main` with more settings.
async fn check_out(stage: &Stage, repository: impl AsRef<Path>, more: Value) {
    let end = try_check_out(stage, &repository.as_ref().display().to_string(), more.clone()).await;
    assert_eq!(end.0, Results::Success, "{more}: {} {}", end.1, stage.log("stdio").await);
}

async fn try_check_out(stage: &Stage, repository: &str, more: Value) -> (Results, String) {
    let mut with = json!({ "repository": repository, "branch": "main" });
    with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let end = stage.run("git", with).await;
    (end.results, end.summary)
}

/// What a line for the shell prints in the work directory.
async fn says(stage: &Stage, line: &str) -> String {
    stage.log("stdio").await;
    let end = stage.run("shell", json!({ "command": line })).await;
    assert_eq!(end.results, Results::Success, "{line}: {}", stage.log("stdio").await);
    stage.output("stdio").await.trim().to_owned()
}

/// `outer` in `source` in `dir`, as submodules with relative addresses: `source` holds `middle`, which holds `inner`.
fn nested() -> Source {
    let (source, other) = (Source::new(), Source::new());
    let place = source.dir.path();
    for name in ["middle", "inner"] {
        git(place, &["clone", "--quiet", other.path().to_str().unwrap(), name]);
    }
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    for (outer, inner) in [("middle", "inner"), ("source", "middle")] {
        git(&place.join(outer), &["config", "remote.origin.url", place.join(outer).to_str().unwrap()]);
        git(&place.join(outer), &[&add[..], &[&format!("../{inner}"), inner]].concat());
        git(&place.join(outer), &["commit", "--quiet", "--message", "more"]);
    }
    source
}

#[tokio::test]
async fn submodules_are_checked_out_as_deep_as_wanted_and_taken_away_again() {
    let source = nested();
    let stage = Stage::new();
    let files = "find . -name file | sort | xargs echo";
    check_out(&stage, source.path(), json!({ "submodules": true })).await;
    assert_eq!(says(&stage, files).await, "./file ./middle/file");
    says(&stage, "touch middle/junk; rm middle/file").await;
    check_out(&stage, source.path(), json!({ "submodules": "recursive" })).await;
    assert_eq!(says(&stage, files).await, "./file ./middle/file ./middle/inner/file");
    assert_eq!(says(&stage, "find . -name junk").await, "", "submodules are cleaned as well");
    check_out(&stage, source.path(), json!({})).await;
    assert_eq!(says(&stage, files).await, "./file");
}

#[tokio::test]
async fn a_submodules_address_is_neither_a_command_nor_a_way_from_elsewhere_to_the_workers_files() {
    let source = nested();
    // The same repository, from another machine as far as git can tell.
    let elsewhere = serve(source.dir.path());
    let stage = Stage::new();
    assert_eq!(
        try_check_out(&stage, &format!("{elsewhere}/source"), json!({ "submodules": true })).await.0,
        Results::Success
    );

    // A worker whose git is told to follow anything.
    let loose: BTreeMap<String, String> = [
        ("GIT_CONFIG_COUNT", "2"),
        ("GIT_CONFIG_KEY_0", "protocol.file.allow"),
        ("GIT_CONFIG_VALUE_0", "always"),
        ("GIT_CONFIG_KEY_1", "protocol.ext.allow"),
        ("GIT_CONFIG_VALUE_1", "always"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let file = source.dir.path().join("middle").display().to_string();
    for (address, is_taken_from_here) in [(file.as_str(), true), ("ext::sh -c touch% pwned", false)] {
        source.git(&["config", "--file", ".gitmodules", "submodule.middle.url", address]);
        source.git(&["commit", "--quiet", "--all", "--message", "another address"]);
        let mut stage = Stage::new();
        stage.env = loose.clone();
        let (results, summary) =
            try_check_out(&stage, &format!("{elsewhere}/source"), json!({ "submodules": true })).await;
        assert_eq!(results, Results::Failure, "{address}");
        assert!(summary.starts_with("cannot update the submodules: git exited"), "{summary}");
        let log = stage.log("stdio").await;
        assert!(log.contains("not allowed"), "{log}");

        let mut stage = Stage::new();
        stage.env = loose.clone();
        let (results, _) = try_check_out(&stage, source.path().to_str().unwrap(), json!({ "submodules": true })).await;
        assert_eq!(results == Results::Success, is_taken_from_here, "{address}: {}", stage.log("stdio").await);
    }
}

/// The repositories below `place`, by git's own protocol; ends with the test.
fn serve(place: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let base = format!("--base-path={}", place.display());
    std::thread::spawn(move || {
        for caller in listener.incoming().map_while(Result::ok) {
            let (stdin, stdout) = (OwnedFd::from(caller.try_clone().unwrap()), OwnedFd::from(caller));
            let mut daemon = Command::new("git");
            daemon.args(["-c", "safe.directory=*", "daemon", "--inetd", "--export-all", &base]);
            let served = daemon.stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::null()).status();
            assert!(served.is_ok(), "git serves: {served:?}");
        }
    });
    format!("git://{address}")
}

#[tokio::test]
async fn a_partial_clone_has_what_is_checked_out_and_gets_the_rest_when_something_needs_it() {
    let source = Source::new();
    for filter in ["blob:none", "tree:0"] {
        let stage = Stage::new();
        check_out(&stage, source.path(), json!({ "filter": filter })).await;
        let missing = "git rev-list --objects --all --missing=print | grep -c '^?' || true";
        assert_ne!(says(&stage, missing).await, "0", "{filter}");
        assert_eq!(says(&stage, "cat file").await, "two");
        let first = source.git(&["rev-parse", "v1"]);
        check_out(&stage, source.path(), json!({ "filter": filter, "revision": first })).await;
        assert_eq!(says(&stage, "cat file").await, "one", "{filter}");
    }
    let stage = Stage::new();
    check_out(&stage, source.path(), json!({})).await;
    assert_eq!(says(&stage, "git rev-list --objects --all --missing=print | grep -c '^?' || true").await, "0");
}

#[tokio::test]
async fn only_what_is_to_be_cleaned_is_removed() {
    let source = Source::new();
    std::fs::write(source.path().join(".gitignore"), "*.o\n").unwrap();
    source.git(&["add", "."]);
    source.git(&["commit", "--quiet", "--message", "ignore"]);
    let left = "cat file; echo; for f in junk x.o .git/mark sub/.git; do test -e $f && echo $f; done; true";
    for (clean, expected) in [
        ("nothing", "two junk x.o .git/mark sub/.git"),
        ("untracked", "two x.o .git/mark"),
        ("ignored", "two .git/mark"),
        ("everything", "two"),
    ] {
        let stage = Stage::new();
        check_out(&stage, source.path(), json!({})).await;
        says(&stage, "echo changed > file; touch junk x.o .git/mark; git init --quiet sub").await;
        check_out(&stage, source.path(), json!({ "clean": clean })).await;
        assert_eq!(says(&stage, left).await.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{clean}");
    }
}

#[tokio::test]
async fn a_sparse_checkout_holds_the_wanted_directories_and_is_widened_again() {
    let source = Source::new();
    for name in ["a/b/x", "a/c/x", "d/x"] {
        let path = source.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
    source.git(&["add", "."]);
    source.git(&["commit", "--quiet", "--message", "directories"]);
    let stage = Stage::new();
    let files = "git ls-files -t | grep -v '^S' | cut -d' ' -f2 | xargs echo; find . -name x | sort | xargs echo";
    check_out(&stage, source.path(), json!({ "sparse": ["a/b"], "filter": "blob:none" })).await;
    assert_eq!(says(&stage, files).await, "a/b/x file\n./a/b/x");
    says(&stage, "mkdir -p d; touch d/junk").await;
    check_out(&stage, source.path(), json!({ "sparse": ["a/c", "d"] })).await;
    assert_eq!(says(&stage, files).await, "a/c/x d/x file\n./a/c/x ./d/x");
    assert_eq!(says(&stage, "find . -name junk").await, "");
    check_out(&stage, source.path(), json!({})).await;
    assert_eq!(says(&stage, files).await, "a/b/x a/c/x d/x file\n./a/b/x ./a/c/x ./d/x");
}

#[tokio::test]
async fn files_of_lfs_are_checked_out_where_it_is_installed_and_a_worker_without_it_says_so() {
    let is_installed = Command::new("git").args(["lfs", "version"]).output().unwrap().status.success();
    let source = Source::new();
    let stage = Stage::new();
    if !is_installed {
        let (results, summary) = try_check_out(&stage, source.path().to_str().unwrap(), json!({ "lfs": true })).await;
        assert_eq!(results, Results::Exception);
        assert!(summary.contains("needs the program `git-lfs` on the build's worker"), "{summary}");
        return;
    }
    source.git(&["lfs", "install", "--local"]);
    source.git(&["lfs", "track", "*.bin"]);
    std::fs::write(source.path().join("big.bin"), "large").unwrap();
    source.git(&["add", "."]);
    source.git(&["commit", "--quiet", "--message", "a large file"]);
    check_out(&stage, source.path(), json!({ "lfs": true })).await;
    assert_eq!(says(&stage, "cat big.bin; git status --short").await, "large");
    std::fs::write(source.path().join("big.bin"), "larger").unwrap();
    source.git(&["commit", "--quiet", "--all", "--message", "a larger file"]);
    check_out(&stage, source.path(), json!({ "lfs": true })).await;
    assert_eq!(says(&stage, "cat big.bin").await, "larger");
}
