//! What steps found: test results a page at a time, numbers, artifacts that a crash does not lose or leave half.

use super::{Rig, line, operator};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use weir::model::id::StepId;
use weir::model::results::Results;
use weir::model::scope::Scope;
use weir::model::test_outcome::TestOutcome::{self, Errored, Failed, Passed, Skipped};
use weir::status::Error;
use weir::status::event::What;
use weir::status::resource::{Artifact, Build, Link, TestCase, TestTotals};

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn case(name: &str, outcome: TestOutcome) -> TestCase {
    let message = (outcome != Passed).then(|| format!("{name}: {}", outcome.word()));
    TestCase { suite: "suite".to_owned(), name: name.to_owned(), outcome, duration_ms: Some(7), message }
}

async fn step(rig: &Rig, team: &str, name: &str) -> (Arc<Build>, StepId) {
    let build = rig.start(team, name).await;
    let step = rig.status.update().step_started(build.id, "test").await.unwrap();
    (build, step.id)
}

async fn store(rig: &Rig, build: &Build, step: StepId, name: &str, content: &'static [u8]) -> Result<Artifact, Error> {
    let mut draft = rig.status.update().artifact(build.id, step, name).await?;
    for piece in content.chunks(2) {
        draft.write(&Bytes::from_static(piece)).await?;
    }
    draft.finish().await
}

/// Files below a folder.
fn n_files(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|e| if e.path().is_dir() { n_files(&e.path()) } else { 1 }).sum()
}

#[tokio::test]
async fn test_results_are_counted_with_their_step_and_paged_with_what_is_wrong_first() {
    let rig = Rig::new().await;
    let (build, step) = step(&rig, "core", "full-2").await;
    let update = rig.status.update();
    let first = vec![case("a", Passed), case("b", Failed), case("c", Skipped), case("d", Passed)];
    update.test_results(build.id, step, first).await.unwrap();
    let totals = update.test_results(build.id, step, vec![case("e", Failed), case("f", Errored)]).await.unwrap();
    assert_eq!(totals, TestTotals { failed: 2, errored: 1, skipped: 1, passed: 2 });
    update.found(build.id, step).await.unwrap();
    let get = rig.status.get(&Scope::anonymous());
    let place = ("core", "full-2", build.number);
    let page = async |outcome, offset, limit| {
        let page = get.test_results(place, "test", outcome, offset, limit).await.unwrap();
        (page.cases.into_iter().map(|c| c.name).collect::<String>(), page.step.tests.all())
    };
    assert_eq!(page(None, 0, 99).await, ("befcad".to_owned(), 6));
    assert_eq!(page(None, 1, 3).await.0, "efc");
    assert_eq!(page(None, 4, 99).await.0, "ad");
    assert_eq!(page(Some(Passed), 1, 99).await.0, "d");
    assert_eq!(page(Some(Skipped), 1, 99).await.0, "");
    assert_eq!(page(None, i32::MAX, 99).await.0, "");
    let all = get.test_results(place, "0", Some(Failed), 0, 1).await.unwrap();
    assert_eq!(all.cases, [case("b", Failed)], "all of it comes back");
    assert_eq!(get.builder("core", "full-2").unwrap().running[0].steps[0].tests, totals, "the board knows");

    update.step_finished(build.id, step, Results::Failure, "3 of 6").await.unwrap();
    let late = update.test_results(build.id, step, vec![case("g", Failed)]).await;
    assert!(matches!(late, Err(Error::Conflict(_))), "nothing comes after the end: {late:?}");
    update.build_finished(build.id, Results::Failure, "failed test").await.unwrap();
    let rig = rig.reopen().await;
    let get = rig.status.get(&Scope::anonymous());
    assert_eq!(get.build("core", "full-2", 1).await.unwrap().build.steps[0].tests, totals, "so does the database");
    assert_eq!(get.test_results(place, "test", None, 0, 99).await.unwrap().cases.len(), 6);
}

#[tokio::test]
async fn a_step_has_no_more_than_a_hundred_thousand_results_and_a_page_of_the_last_is_as_good_as_the_first() {
    let rig = Rig::new().await;
    let (build, step) = step(&rig, "core", "full-2").await;
    let update = rig.status.update();
    let many = |n: usize| (0..n).map(|i| case(&format!("t{i}"), Passed)).collect::<Vec<_>>();
    update.test_results(build.id, step, many(100_000)).await.unwrap();
    let more = update.test_results(build.id, step, many(1)).await;
    assert!(matches!(&more, Err(Error::Limit { max, .. }) if max == "100000"), "{more:?}");
    update.found(build.id, step).await.unwrap();
    let page = rig
        .status
        .get(&Scope::anonymous())
        .test_results(("core", "full-2", 1), "test", None, 99_999, 10)
        .await
        .unwrap();
    assert_eq!((page.cases.len(), page.cases[0].name.as_str(), page.total()), (1, "t99999", 100_000));
}

#[tokio::test]
async fn what_a_step_says_of_itself_is_kept_without_what_no_database_keeps() {
    let rig = Rig::new().await;
    let (build, step) = step(&rig, "core", "full-2").await;
    let update = rig.status.update();
    let link = Link { name: "a\0b".to_owned(), url: "http://example.com/".to_owned() };
    update.step_changed(build.id, step, Some("3\0of 7"), Some(link)).await.unwrap();
    update.log_opened(build.id, step, "out\0").await.unwrap();
    for name in ["got_revision", "other"] {
        update.set_property(build.id, name, "1f\u{0}2e".into(), "Step: make").await.unwrap();
    }
    update.step_finished(build.id, step, Results::Failure, "two\nlines\0").await.unwrap();
    update.step_skipped(build.id, "next", "n\0").await.unwrap();
    update.build_finished(build.id, Results::Failure, "failed\0").await.unwrap();
    let rig = rig.reopen().await;
    let page = rig.status.get(&Scope::anonymous()).build("core", "full-2", 1).await.unwrap();
    let build = &page.build;
    let of = &build.steps[0];
    assert_eq!((&*build.summary, &*of.summary), ("failed\u{fffd}", "two lines\u{fffd}"));
    assert_eq!((&*of.urls[0].name, &*of.logs[0].name), ("a\u{fffd}b", "out\u{fffd}"));
    assert_eq!(build.steps[1].summary, "n\u{fffd}");
    assert_eq!(build.got_revision.as_deref(), Some("1f\u{fffd}2e"));
    assert_eq!(page.properties.text("other"), Some("1f\u{0}2e"), "JSON escapes it");
}

#[tokio::test]
async fn of_a_number_the_last_value_counts() {
    let rig = Rig::new().await;
    let (build, step) = step(&rig, "core", "full-2").await;
    let update = rig.status.update();
    for (name, value) in [("tests", 3.0), ("coverage", 87.5), ("tests", 4.0)] {
        update.statistic(build.id, step, name, value).await.unwrap();
    }
    let page = rig.status.get(&Scope::anonymous()).build("core", "full-2", 1).await.unwrap();
    let numbers: Vec<_> = page.statistics.iter().map(|(of, s)| (*of, s.name.as_str(), s.value)).collect();
    assert_eq!(numbers, [(step, "coverage", 87.5), (step, "tests", 4.0)]);
}

#[tokio::test]
async fn who_watches_a_build_hears_of_its_tests_and_artifacts() {
    let rig = Rig::new().await;
    let (build, step) = step(&rig, "core", "full-2").await;
    let (hidden, hidden_step) = self::step(&rig, "secret", "vault").await;
    let mut heard = rig.status.subscribe(&Scope::anonymous(), None);
    rig.status.update().test_results(hidden.id, hidden_step, vec![case("x", Failed)]).await.unwrap();
    rig.status.update().found(hidden.id, hidden_step).await.unwrap();
    store(&rig, &hidden, hidden_step, "key", b"hush").await.unwrap();
    rig.status.update().test_results(build.id, step, vec![case("a", Failed)]).await.unwrap();
    rig.status.update().found(build.id, step).await.unwrap();
    store(&rig, &build, step, "a/b", b"hello").await.unwrap();
    let totals = TestTotals { failed: 1, ..TestTotals::default() };
    let first = heard.next().await.unwrap();
    assert!(matches!(&first.what, What::StepChanged { tests, step: 0, .. } if *tests == Some(totals)), "{first:?}");
    let second = heard.next().await.unwrap();
    assert!(matches!(&second.what, What::ArtifactAdded { artifact, .. } if artifact.sha256 == HELLO), "{second:?}");
}

#[tokio::test]
async fn an_artifact_is_there_whole_after_a_crash_and_its_name_is_taken() {
    let rig = Rig::new().await;
    let (build, step) = step(&rig, "core", "full-2").await;
    let stored = store(&rig, &build, step, "dist/a b.txt", b"hello").await.unwrap();
    assert_eq!((stored.step, stored.size_bytes, stored.sha256.as_str()), (0, 5, HELLO));
    let again = store(&rig, &build, step, "dist/a b.txt", b"other").await;
    assert!(matches!(&again, Err(Error::Invalid { fields }) if fields["name"].contains("already")), "{again:?}");
    for bad in ["../x", "/x", "a//b", ""] {
        assert!(matches!(store(&rig, &build, step, bad, b"x").await, Err(Error::Invalid { .. })), "{bad}");
    }
    store(&rig, &build, step, "a", b"").await.unwrap();
    let rig = rig.reopen().await;
    rig.status.update().recover().await.unwrap();
    let get = rig.status.get(&Scope::anonymous());
    let place = ("core", "full-2", 1);
    let (artifact, path) = get.artifact(place, "dist/a b.txt").await.unwrap();
    assert_eq!((std::fs::read(path).unwrap().as_slice(), artifact), (b"hello".as_slice(), stored));
    let names = |listed: Vec<Artifact>| listed.into_iter().map(|a| a.name).collect::<Vec<_>>();
    assert_eq!(names(get.artifacts(place, "", 9).await.unwrap().1), ["a", "dist/a b.txt"]);
    assert_eq!(names(get.artifacts(place, "a", 9).await.unwrap().1), ["dist/a b.txt"]);
    assert_eq!(names(get.build("core", "full-2", 1).await.unwrap().artifacts), ["a", "dist/a b.txt"]);
}

#[tokio::test]
async fn what_a_crash_left_of_an_artifact_is_gone_after_the_next_start() {
    let rig = Rig::new().await;
    let (build, step) = step(&rig, "core", "full-2").await;
    let folder = rig.config.server.state_dir.join("artifacts");
    store(&rig, &build, step, "kept", b"hello").await.unwrap();
    assert_eq!(n_files(&folder), 1);
    // Half a file: nobody is left to end it.
    let mut half = rig.status.update().artifact(build.id, step, "half").await.unwrap();
    half.write(&Bytes::from_static(b"ha")).await.unwrap();
    std::mem::forget(half);
    // A whole one in its place whose row was never stored, and one whose row is stored and which was not yet forgotten.
    let name = "ab".repeat(16);
    let kept = std::fs::read_dir(folder.join("kept")).unwrap().flatten().next().unwrap().path();
    let kept = std::fs::read_dir(kept).unwrap().flatten().next().unwrap();
    std::fs::create_dir_all(folder.join("kept/ab")).unwrap();
    std::fs::write(folder.join("kept/ab").join(&name), "orphan").unwrap();
    std::fs::hard_link(folder.join("kept/ab").join(&name), folder.join("incoming").join(&name)).unwrap();
    std::fs::hard_link(kept.path(), folder.join("incoming").join(kept.file_name())).unwrap();
    assert_eq!(n_files(&folder), 5);
    let rig = rig.reopen().await;
    rig.status.update().recover().await.unwrap();
    assert_eq!(n_files(&folder), 1);
    let (_, path) = rig.status.get(&operator()).artifact(("core", "full-2", 1), "kept").await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"hello");
    let half = rig.status.get(&operator()).artifact(("core", "full-2", 1), "half").await;
    assert!(matches!(half, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn what_a_private_teams_steps_found_is_not_there_for_others() {
    let rig = Rig::new().await;
    let (build, step) = step(&rig, "secret", "vault").await;
    let log = rig.status.update().log_opened(build.id, step, "stdio").await.unwrap();
    rig.status.update().log_append(log.id, vec![line(b"x")]).await.unwrap();
    rig.status.update().test_results(build.id, step, vec![case("a", Failed)]).await.unwrap();
    rig.status.update().found(build.id, step).await.unwrap();
    store(&rig, &build, step, "key", b"hush").await.unwrap();
    let place = ("secret", "vault", build.number);
    let own = rig.status.get(&operator());
    assert_eq!(own.test_results(place, "test", None, 0, 9).await.unwrap().cases.len(), 1);
    assert_eq!(own.artifact(place, "key").await.unwrap().0.size_bytes, 4);
    let nobody = rig.status.get(&Scope::anonymous());
    let is_missing = |found: Option<Error>| matches!(found, Some(Error::NotFound { what: "builder", .. }));
    assert!(is_missing(nobody.test_results(place, "test", None, 0, 9).await.err()));
    assert!(is_missing(nobody.artifacts(place, "", 9).await.err()));
    assert!(is_missing(nobody.artifact(place, "key").await.err()));
}
