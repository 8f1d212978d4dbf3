//! The `git` step as it is shipped, with real repositories.

use super::stage::Stage;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use weir::engine::step::StepEnd;
use weir::model::results::Results;

/// A repository with two commits on `main`, one on `side`, and the tag `v1` on the first.
pub struct Source {
    pub dir: tempfile::TempDir,
}

impl Source {
    pub fn new() -> Self {
        let source = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(source.path()).unwrap();
        source.git(&["init", "--quiet", "--initial-branch=main"]);
        source.commit("one");
        source.git(&["tag", "v1"]);
        source.git(&["checkout", "--quiet", "-b", "side"]);
        source.commit("aside");
        source.git(&["checkout", "--quiet", "main"]);
        source.commit("two");
        source
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    pub fn commit(&self, text: &str) {
        std::fs::write(self.path().join("file"), text).unwrap();
        self.git(&["add", "file"]);
        self.git(&["commit", "--quiet", "--message", text]);
    }

    pub fn git(&self, words: &[&str]) -> String {
        git(&self.path(), words)
    }
}

pub fn git(dir: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "safe.directory=*"])
        .args(words)
        .current_dir(dir)
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn file(stage: &Stage) -> String {
    stage.log("stdio").await;
    let end = stage.run("shell", json!({ "command": ["cat", "file"] })).await;
    assert_eq!(end.results, Results::Success, "{}", end.summary);
    stage.output("stdio").await
}

fn summary(name: &str, revision: &str) -> StepEnd {
    StepEnd { results: Results::Success, summary: format!("{name}@{}", &revision[..10]) }
}

#[tokio::test]
async fn the_default_branch_a_branch_a_tag_and_a_revision_are_checked_out_in_one_clone() {
    let source = Source::new();
    let stage = Stage::new();
    let repository = source.path();
    for (settings, name, revision, content) in [
        (json!({ "branch": "{{branch}}" }), "main", "main", "two"),
        (json!({ "branch": "side" }), "side", "side", "aside"),
        (json!({ "tag": "v1" }), "v1", "v1", "one"),
        (json!({ "branch": "v1" }), "v1", "v1", "one"),
        (json!({ "branch": "main", "revision": source.git(&["rev-parse", "v1"]) }), "main", "v1", "one"),
        (json!({}), "main", "main", "two"),
    ] {
        let mut with = settings.clone();
        with["repository"] = json!(repository);
        let end = stage.run("git", with).await;
        let revision = source.git(&["rev-parse", &format!("{revision}^{{commit}}")]);
        assert_eq!(end, summary(name, &revision), "{settings}: {}", stage.log("stdio").await);
        assert_eq!(stage.property_now("got_revision"), Some(json!(revision)), "{settings}");
        assert_eq!(file(&stage).await, content, "{settings}");
    }
}

#[tokio::test]
async fn a_new_commit_is_fetched_and_what_a_build_left_is_cleaned_away() {
    let source = Source::new();
    let stage = Stage::new();
    let with = json!({ "repository": source.path(), "branch": "main" });
    stage.run("git", with.clone()).await;
    stage.run("shell", json!({ "command": "echo changed > file; mkdir junk; touch junk/x .git/index.lock" })).await;
    source.commit("three");
    let end = stage.run("git", with).await;
    assert_eq!(end, summary("main", &source.git(&["rev-parse", "main"])));
    assert_eq!(file(&stage).await, "three");
    let end = stage.run("shell", json!({ "command": "test ! -e junk" })).await;
    assert_eq!(end.results, Results::Success);
}

#[tokio::test]
async fn the_builds_source_stamp_decides_where_the_settings_do_not() {
    let source = Source::new();
    let mut stage = Stage::new();
    stage.source_stamp.branch = Some("side".to_owned());
    let end = stage.run("git", json!({ "repository": source.path() })).await;
    assert_eq!(end, summary("side", &source.git(&["rev-parse", "side"])));
    let first = source.git(&["rev-parse", "v1"]);
    stage.source_stamp.revision = Some(first.clone());
    let end = stage.run("git", json!({ "repository": source.path(), "branch": "main" })).await;
    assert_eq!(end, summary("main", &first));
}

#[tokio::test]
async fn a_repository_of_another_user_is_read_also_as_a_worktree_or_bare() {
    let source = Source::new();
    source.git(&["worktree", "add", "--quiet", "../tree", "side"]);
    git(source.dir.path(), &["clone", "--quiet", "--bare", "source", "bare.git"]);
    if nix::unistd::geteuid().is_root() {
        let all = Command::new("chown").args(["-R", "12345:12345"]).arg(source.dir.path()).status().unwrap();
        assert!(all.success());
    }
    for (place, branch) in [("source", "main"), ("tree", "side"), ("bare.git", "main")] {
        let stage = Stage::new();
        let end = stage.run("git", json!({ "repository": source.dir.path().join(place) })).await;
        assert_eq!(end, summary(branch, &source.git(&["rev-parse", branch])), "{}", stage.log("stdio").await);
    }
}

#[tokio::test]
async fn a_branch_that_is_not_there_is_a_failure_and_an_option_an_exception() {
    let source = Source::new();
    let stage = Stage::new();
    let end = stage.run("git", json!({ "repository": source.path(), "branch": "gone" })).await;
    assert_eq!(end.results, Results::Failure);
    assert!(end.summary.ends_with("has no branch `gone`"), "{}", end.summary);
    let end = stage.run("git", json!({ "repository": source.path(), "branch": "--upload-pack=touch pwned" })).await;
    assert_eq!(end.results, Results::Exception);
    assert!(end.summary.contains("/branch"), "{}", end.summary);
}

#[tokio::test]
async fn a_shallow_clone_grows_when_more_is_wanted() {
    let source = Source::new();
    let stage = Stage::new();
    let repository = format!("file://{}", source.path().display());
    let end = stage.run("git", json!({ "repository": repository, "branch": "main", "depth": 1 })).await;
    assert_eq!(end.results, Results::Success, "{}", end.summary);
    let end = stage.run("git", json!({ "repository": repository, "revision": source.git(&["rev-parse", "v1"]) })).await;
    assert_eq!(end.results, Results::Success, "{} {}", end.summary, stage.log("stdio").await);
    assert_eq!(file(&stage).await, "one");
}
