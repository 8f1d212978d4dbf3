//! What is kept no longer goes whole; what runs and the last build of a builder never do.

use super::{Rig, line, operator};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::time::Duration;
use weir::clock::Clock as _;
use weir::config::quota::Quota;
use weir::model::results::Results;
use weir::model::scope::Scope;
use weir::model::size::Size;
use weir::model::test_outcome::TestOutcome;
use weir::model::time::Span;
use weir::status::Error;
use weir::status::resource::{Build, TestCase};
use weir::status::trigger::TriggerWish;
use weir::store::Store;
use weir::store::audit::{self, NewAudit};
use weir::store::usage::Stored;

/// A finished build that left ten bytes of log, five of an artifact, and many test results. Returns its number.
async fn build(rig: &Rig, name: &str) -> i64 {
    let build = rig.start("core", name).await;
    let update = rig.status.update();
    let step = update.step_started(build.id, "test").await.unwrap().id;
    let log = update.log_opened(build.id, step, "stdio").await.unwrap();
    update.log_append(log.id, vec![line(b"hello"), line(b"world")]).await.unwrap();
    let case = |n: i32| TestCase {
        suite: String::new(),
        name: n.to_string(),
        outcome: if n % 2 == 0 { TestOutcome::Passed } else { TestOutcome::Failed },
        duration_ms: None,
        message: None,
    };
    update.test_results(build.id, step, (0..2_500).map(case).collect()).await.unwrap();
    let mut draft = update.artifact(build.id, step, "a.txt").await.unwrap();
    draft.write(&Bytes::from_static(b"hello")).await.unwrap();
    draft.finish().await.unwrap();
    rig.clock.advance(5);
    update.build_finished(build.id, Results::Success, "good").await.unwrap();
    build.number
}

fn n_files(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|e| if e.path().is_dir() { n_files(&e.path()) } else { 1 }).sum()
}

fn artifacts(rig: &Rig) -> PathBuf {
    rig.config.server.state_dir.join("artifacts")
}

async fn kept(rig: &Rig, name: &str) -> Vec<i64> {
    let get = rig.status.get(&operator());
    let mut kept = Vec::new();
    for number in 1..20 {
        match get.build("core", name, number).await {
            Ok(page) => kept.push(page.build.number),
            Err(Error::NotFound { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    kept
}

async fn stored(rig: &Rig) -> Stored {
    rig.status.get(&Scope::system()).team_use("core").await.unwrap().stored
}

#[tokio::test]
async fn of_each_builder_the_newest_builds_are_kept_and_the_rest_goes_with_all_it_stored() {
    let rig = Rig::of_team_core(Quota { history_builds: Some(2), ..Quota::default() }).await;
    let first = rig.force("core", "full-2").await;
    let (running, _) = rig.status.update().claim(first, "local").await.unwrap().unwrap();
    for _ in 0..5 {
        build(&rig, "full-2").await;
    }
    build(&rig, "full-10").await;
    assert_eq!((stored(&rig).await, n_files(&artifacts(&rig))), (Stored { log_bytes: 60, artifact_bytes: 30 }, 6));
    let request = rig.status.get(&operator()).build("core", "full-2", 2).await.unwrap().build.request_id;
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 0, "what ended just now is kept");
    rig.clock.advance(3_600);
    let done = rig.status.update().retain_once().await.unwrap();
    assert_eq!((done.n_builds, done.has_more), (3, false));
    assert_eq!(kept(&rig, "full-2").await, [running.number, 5, 6], "what runs is kept, however old");
    assert_eq!(kept(&rig, "full-10").await, [1]);
    assert_eq!((stored(&rig).await, n_files(&artifacts(&rig))), (Stored { log_bytes: 30, artifact_bytes: 15 }, 3));
    assert!(matches!(rig.status.get(&operator()).request(request).await, Err(Error::NotFound { .. })));
    // The next build goes on counting, and nothing more goes.
    assert_eq!(build(&rig, "full-10").await, 2);
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 0);
    // What is told after a restart is the same.
    let rig = rig.reopen().await;
    assert_eq!(kept(&rig, "full-2").await, [1, 5, 6]);
}

/// So many entries of the audit, made at `rig`'s now.
async fn act(rig: &Rig, store: &Store, n: usize) {
    let entry = NewAudit {
        at: rig.clock.now(),
        subject: "ada".to_owned(),
        token_id: None,
        action: "force".to_owned(),
        object: "core/full-2".to_owned(),
        allowed: true,
        reason: String::new(),
        details: "{}".to_owned(),
        team: None,
    };
    store.write(move |c| Ok::<_, Error>((0..n).try_for_each(|_| audit::insert(c, &entry))?)).await.unwrap();
}

async fn entries(store: &Store) -> Vec<i64> {
    let rows = store.read(|c| Ok::<_, Error>(audit::recent(c, None, 100_000)?)).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn the_audit_is_kept_for_as_long_as_it_says_and_goes_in_bounded_parts() {
    let rig = Rig::new().await;
    let store = Store::open(&rig.database.url).unwrap();
    act(&rig, &store, 10_700).await;
    rig.clock.advance(86_400);
    act(&rig, &store, 3).await;
    let all = entries(&store).await;
    // A moment before, all is there; then what is old goes, and no more of it in one pass than a bound.
    rig.clock.advance(729 * 86_400);
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_entries, 0);
    rig.clock.advance(1);
    let done = rig.status.update().retain_once().await.unwrap();
    assert_eq!((done.n_entries, done.has_more), (10_000, true));
    let done = rig.status.update().retain_once().await.unwrap();
    assert_eq!((done.n_entries, done.has_more), (700, false));
    assert_eq!(entries(&store).await, all[..3]);
    // The newest stays however old it is: no id is given twice.
    rig.clock.advance(800 * 86_400);
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_entries, 2);
    act(&rig, &store, 1).await;
    let left = entries(&store).await;
    assert!(left.len() == 2 && left[1] == all[0] && left[0] > all[0], "{left:?}");
}

#[tokio::test]
async fn what_ended_long_ago_goes_but_for_the_last_of_each_builder_and_what_was_cancelled_goes_too() {
    let day = Span(Duration::from_secs(86_400));
    let rig = Rig::of_team_core(Quota { history: Some(day), ..Quota::default() }).await;
    for _ in 0..3 {
        build(&rig, "full-2").await;
    }
    let cancelled = rig.force("core", "full-2").await;
    rig.status.control(&operator()).cancel(cancelled, "").await.unwrap();
    let waiting = rig.force("core", "full-10").await;
    rig.build("secret", "vault", Results::Success).await;
    rig.build("secret", "vault", Results::Success).await;
    rig.clock.advance(86_000);
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 0);
    rig.clock.advance(500);
    let done = rig.status.update().retain_once().await.unwrap();
    assert_eq!((done.n_builds, done.n_requests), (2, 1));
    assert_eq!(kept(&rig, "full-2").await, [3]);
    let get = rig.status.get(&operator());
    assert!(matches!(get.request(cancelled).await, Err(Error::NotFound { .. })));
    assert!(!get.request(waiting).await.unwrap().complete);
    assert_eq!(get.build("secret", "vault", 1).await.unwrap().build.number, 1, "another team keeps what it wants");
    build(&rig, "full-2").await;
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 1);
    assert_eq!(kept(&rig, "full-2").await, [4]);
}

/// A finished build of `name` that `parent` triggered. Returns its number.
async fn part(rig: &Rig, parent: &Build, name: &str) -> i64 {
    let wish = TriggerWish { builder: name.to_owned(), ..TriggerWish::default() };
    let update = rig.status.update();
    let request = update.trigger(parent, "parts", wish).await.unwrap();
    let (build, _) = update.claim(request, "local").await.unwrap().unwrap();
    rig.clock.advance(5);
    update.build_finished(build.id, Results::Success, "good").await.unwrap();
    build.number
}

#[tokio::test]
async fn what_a_build_triggered_is_kept_while_that_waits_for_it_and_goes_when_it_has_ended() {
    let day = Span(Duration::from_secs(86_400));
    for quota in [
        Quota { history_builds: Some(1), ..Quota::default() },
        Quota { history: Some(day), ..Quota::default() },
        Quota { history: Some(day), history_builds: Some(1), ..Quota::default() },
    ] {
        let rig = Rig::of_team_core(quota).await;
        let before = build(&rig, "full-10").await;
        let parent = rig.start("core", "full-2").await;
        let mut parts = Vec::new();
        for _ in 0..3 {
            parts.push(part(&rig, &parent, "full-10").await);
        }
        let other = build(&rig, "full-10").await;
        let last = build(&rig, "full-10").await;
        rig.clock.advance(10 * 86_400);
        assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 2, "{quota:?}");
        assert_eq!(kept(&rig, "full-10").await, [parts.clone(), vec![last]].concat(), "not {before} and {other}");
        assert_eq!(kept(&rig, "full-2").await, [parent.number], "the one that waits runs");
        // It still hears what became of them, also from a server that was started meanwhile.
        let rig = rig.reopen().await;
        assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 0);
        let requests = {
            let mut requests = Vec::new();
            for number in &parts {
                requests.push(
                    rig.status.get(&operator()).build("core", "full-10", *number).await.unwrap().build.request_id,
                );
            }
            requests
        };
        let became = rig.status.update().became("core", requests).await.unwrap();
        assert_eq!(
            became.iter().map(|part| part.number).collect::<Vec<_>>(),
            parts.iter().map(|n| Some(*n)).collect::<Vec<_>>()
        );
        // It has ended: what it triggered is as old as anything.
        rig.status.update().build_finished(parent.id, Results::Success, "good").await.unwrap();
        assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 3, "{quota:?}");
        assert_eq!(kept(&rig, "full-10").await, [last]);
        assert_eq!(kept(&rig, "full-2").await, [parent.number]);
    }
}

#[tokio::test]
async fn a_builder_that_fails_again_and_again_keeps_its_last_build_and_says_so_for_ever() {
    let quota = Quota { history: Some(Span(Duration::from_secs(86_400))), history_builds: Some(2), ..Quota::default() };
    let rig = Rig::of_team_core(quota).await;
    rig.build("core", "full-2", Results::Success).await;
    for results in [Results::Failure, Results::Exception, Results::Failure] {
        rig.build("core", "full-2", results).await;
    }
    rig.clock.advance(400 * 86_400);
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 3);
    let rig = rig.reopen().await;
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 0);
    assert_eq!(kept(&rig, "full-2").await, [4]);
    let shown = rig.status.get(&operator()).builder("core", "full-2").unwrap();
    let last = shown.last.expect("the last one is there");
    assert_eq!((last.number, last.results), (4, Some(Results::Failure)));
    // One that runs, or waits, takes nothing from it: until it has ended, that is the last one.
    let running = rig.start("core", "full-2").await;
    rig.force("core", "full-2").await;
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 0);
    assert_eq!(kept(&rig, "full-2").await, [4, running.number]);
    rig.status.update().build_finished(running.id, Results::Failure, "again").await.unwrap();
    rig.clock.advance(2 * 86_400);
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 1);
    assert_eq!(kept(&rig, "full-2").await, [running.number]);
}

#[tokio::test]
async fn a_team_without_room_keeps_what_it_has_and_says_in_its_logs_what_is_missing() {
    let quota = Quota { stored_bytes: Some(Size(20)), artifact_bytes: Some(Size(5)), ..Quota::default() };
    let rig = Rig::of_team_core(Quota { history_builds: Some(1), ..quota }).await;
    build(&rig, "full-2").await;
    rig.clock.advance(3_601);
    let running = rig.start("core", "full-2").await;
    let update = rig.status.update();
    let step = update.step_started(running.id, "test").await.unwrap().id;
    let log = update.log_opened(running.id, step, "stdio").await.unwrap();
    update.log_append(log.id, vec![line(b"12345")]).await.unwrap();
    let refused = update.log_append(log.id, vec![line(b"6")]).await.unwrap_err();
    expect_test::expect!["team core has no room for more: the limit is 20 B in all (`stored_bytes`); keep less history, or ask the operator for more; try again in 10m"].assert_eq(&refused.to_string());
    update.log_said(log.id, "no more").await.unwrap();
    let refused = async |content: &'static [u8]| {
        let mut draft = update.artifact(running.id, step, "b.txt").await?;
        draft.write(&Bytes::from_static(content)).await?;
        draft.finish().await
    };
    assert!(matches!(refused(b"1").await, Err(Error::OverQuota(over)) if over.quota == "artifact_bytes"));
    update.build_finished(running.id, Results::Success, "good").await.unwrap();
    // The first goes, and there is room again.
    assert_eq!(rig.status.update().retain_once().await.unwrap().n_builds, 1);
    assert_eq!(stored(&rig).await, Stored { log_bytes: 12, artifact_bytes: 0 });
    let next = rig.start("core", "full-2").await;
    let step = update.step_started(next.id, "test").await.unwrap().id;
    let log = update.log_opened(next.id, step, "stdio").await.unwrap();
    update.log_append(log.id, vec![line(b"123")]).await.unwrap();
    let mut draft = update.artifact(next.id, step, "b.txt").await.unwrap();
    draft.write(&Bytes::from_static(b"12345")).await.unwrap();
    draft.finish().await.unwrap();
}
