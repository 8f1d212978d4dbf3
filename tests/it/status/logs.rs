//! Lines in, lines out: whatever they are, however they came, from wherever one reads.

use super::{Rig, line, noon};
use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use weir::model::id::LogId;
use weir::model::results::Results;
use weir::model::scope::Scope;
use weir::status::resource::{LogChannel, LogLine};
use weir::status::{Error, get::LogProgress};
use weir::store::log_chunks;

async fn open_log(rig: &Rig, team: &str, name: &str) -> (weir::model::id::BuildId, weir::model::id::StepId, LogId) {
    let build = rig.start(team, name).await;
    let step = rig.status.update().step_started(build.id, "make").await.unwrap();
    let log = rig.status.update().log_opened(build.id, step.id, "stdio").await.unwrap();
    (build.id, step.id, log.id)
}

fn any_line() -> impl Strategy<Value = LogLine> {
    let channel = prop_oneof![Just(LogChannel::Stdout), Just(LogChannel::Stderr), Just(LogChannel::Header)];
    let bytes = prop_oneof![
        30 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => proptest::collection::vec(any::<u8>(), 30_000..60_000),
    ];
    (channel, bytes, any::<bool>(), -5_000_000_i64..5_000_000).prop_map(|(channel, bytes, continues, us)| LogLine {
        number: 0,
        channel,
        at: noon() + TimeDelta::microseconds(us),
        bytes,
        continues,
    })
}

#[test]
fn a_log_comes_back_as_it_went_in_however_it_was_cut() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rig = runtime.block_on(Rig::new());
    let chunks = proptest::collection::vec(proptest::collection::vec(any_line(), 1..12), 1..12);
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&(chunks, 0..60_i64, 1..60_usize), |(chunks, first, max)| {
            runtime.block_on(async {
                let (_, _, log) = open_log(&rig, "core", "full-2").await;
                let mut expected: Vec<LogLine> = chunks.concat();
                (0_i64..).zip(&mut expected).for_each(|(number, line)| line.number = number);
                for chunk in chunks {
                    rig.status.update().log_append(log, chunk).await.unwrap();
                }
                let get = rig.status.get(&Scope::anonymous());
                let n = expected.len();
                let some: Vec<LogLine> = expected.iter().skip(first as usize).take(max).cloned().collect();
                assert_eq!(get.log_lines(log, 0, usize::MAX).await.unwrap(), expected);
                assert_eq!(get.log_lines(log, first, max).await.unwrap(), some);
                rig.status.update().log_finished(log).await.unwrap();
                assert_eq!(get.log_lines(log, 0, n).await.unwrap(), expected, "joined");
                assert_eq!(get.log_lines(log, first, max).await.unwrap(), some, "joined");
            });
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_follower_sees_each_growth_and_the_end() {
    let rig = Rig::new().await;
    let (build, step, log) = open_log(&rig, "core", "full-2").await;
    let mut following = rig.status.get(&Scope::anonymous()).follow_log(log).await.unwrap();
    rig.status.update().log_append(log, vec![line(b"a"), line(b"b")]).await.unwrap();
    following.changed().await.unwrap();
    assert_eq!(*following.borrow_and_update(), LogProgress { n_lines: 2, complete: false });
    rig.status.update().step_finished(build, step, Results::Success, "made").await.unwrap();
    following.changed().await.unwrap();
    assert_eq!(*following.borrow_and_update(), LogProgress { n_lines: 2, complete: true });
    assert!(following.changed().await.is_err(), "the sender is gone");
    let late = rig.status.get(&Scope::anonymous()).follow_log(log).await.unwrap();
    assert_eq!(*late.borrow(), LogProgress { n_lines: 2, complete: true });
    let more = rig.status.update().log_append(log, vec![line(b"c")]).await;
    assert!(matches!(more, Err(Error::Conflict(_))), "nothing comes after the end");
}

#[tokio::test]
async fn a_hidden_log_is_not_found() {
    let rig = Rig::new().await;
    let (_, _, log) = open_log(&rig, "secret", "vault").await;
    let nobody = rig.status.get(&Scope::anonymous());
    assert!(matches!(nobody.log_lines(log, 0, 1).await, Err(Error::NotFound { .. })));
    assert!(matches!(nobody.follow_log(log).await, Err(Error::NotFound { .. })));
    assert!(matches!(nobody.log_lines(LogId(999), 0, 1).await, Err(Error::NotFound { .. })));
    assert!(matches!(nobody.log("secret", "vault", 1, "0", "stdio").await, Err(Error::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_log_can_be_followed_as_soon_as_it_is_seen() {
    let rig = Rig::new().await;
    let build = rig.start("core", "full-2").await;
    let step = rig.status.update().step_started(build.id, "make").await.unwrap();
    for n in 0..300 {
        let name = format!("log-{n}");
        let (status, id, step) = (rig.status.clone(), build.id, step.id);
        let opening = tokio::spawn({
            let name = name.clone();
            async move { status.update().log_opened(id, step, &name).await.unwrap() }
        });
        let get = rig.status.get(&Scope::anonymous());
        let log = loop {
            match get.log("core", "full-2", 1, "make", &name).await {
                Ok(page) => break page.log,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        // Whoever follows it hears of its end, which has not come yet.
        let progress = get.follow_log(log.id).await.unwrap();
        assert!(progress.has_changed().is_ok(), "{name}: taken for ended");
        opening.await.unwrap();
    }
}

#[tokio::test]
async fn no_chunk_of_a_log_holds_more_lines_than_may_be_unpacked_for_one_however_short_they_are() {
    let rig = Rig::new().await;
    let (_, _, log) = open_log(&rig, "core", "full-2").await;
    let update = rig.status.update();
    let n = 50_000;
    update.log_append(log, vec![line(b""); n]).await.unwrap();
    for _ in 0..100 {
        update.log_append(log, vec![line(b""); 500]).await.unwrap();
    }
    update.log_finished(log).await.unwrap();
    let store = weir::store::Store::open(&rig.database.url).unwrap();
    let heads = store.read(move |c| Ok::<_, weir::store::Error>(log_chunks::list_heads(c, log, 0, 10_000)?)).await;
    let heads = heads.unwrap();
    assert!(heads.iter().all(|(_, _, n_lines, _)| *n_lines <= 16_384), "{heads:?}");
    assert_eq!(heads.iter().map(|(_, _, n_lines, _)| n_lines).sum::<i64>(), 100_000);
    assert!(heads.len() < 20, "the small ones are joined all the same: {heads:?}");
    let some = rig.status.get(&Scope::system()).log_lines(log, 70_000, 3).await.unwrap();
    assert_eq!(some.iter().map(|line| line.number).collect::<Vec<_>>(), [70_000, 70_001, 70_002]);
}
