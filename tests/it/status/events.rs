//! What happened since: in order, without gap or duplicate, and only what one may see.

use super::{Results, Rig, operator};
use expect_test::expect;
use weir::model::id::EventId;
use weir::model::scope::Scope;
use weir::status::subscribe::Subscription;
use weir::status::{Error, Status};

async fn told(subscription: &mut Subscription, n: usize) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..n {
        let event = subscription.next().await.unwrap();
        told.push(format!("{} {}", event.builder, event.what.name()));
    }
    told
}

#[tokio::test]
async fn a_listener_hears_of_a_build_in_order() {
    let rig = Rig::new().await;
    let mut heard = rig.status.subscribe(&operator(), None);
    let build = rig.start("core", "full-2").await;
    let update = rig.status.update();
    let step = update.step_started(build.id, "make").await.unwrap();
    let log = update.log_opened(build.id, step.id, "stdio").await.unwrap();
    update.step_changed(build.id, step.id, Some("making"), None).await.unwrap();
    update.log_finished(log.id).await.unwrap();
    update.step_finished(build.id, step.id, Results::Success, "made").await.unwrap();
    update.build_finished(build.id, Results::Success, "good").await.unwrap();
    expect![[r#"
        core/full-2 request.added
        core/full-2 build.started
        core/full-2 step.started
        core/full-2 build.changed
        core/full-2 log.changed
        core/full-2 step.changed
        core/full-2 build.changed
        core/full-2 log.changed
        core/full-2 step.finished
        core/full-2 build.finished"#]]
    .assert_eq(&told(&mut heard, 10).await.join("\n"));
}

#[tokio::test]
async fn what_one_may_not_see_is_not_heard_of() {
    let rig = Rig::new().await;
    let mut heard = rig.status.subscribe(&Scope::anonymous(), None);
    rig.force("secret", "vault").await;
    rig.force("core", "full-2").await;
    assert_eq!(told(&mut heard, 1).await, ["core/full-2 request.added"]);
}

/// The ids of the next `n` events after `after`.
async fn ids(status: &Status, after: i64, n: usize) -> Vec<i64> {
    let mut heard = status.subscribe(&Scope::system(), Some(EventId(after)));
    let mut ids = Vec::new();
    for _ in 0..n {
        ids.push(heard.next().await.unwrap().id.0);
    }
    ids
}

#[tokio::test]
async fn a_listener_goes_on_where_it_was_also_after_a_restart() {
    let rig = Rig::new().await;
    for _ in 0..400 {
        rig.force("core", "full-2").await;
    }
    let rig = rig.reopen().await;
    let as_of = rig.status.get(&Scope::system()).waterfall(&Default::default()).await.unwrap().as_of;
    assert_eq!(as_of, EventId(400));
    let listening = ids(&rig.status, 10, 400);
    let forcing = async {
        for _ in 0..10 {
            rig.force("core", "full-10").await;
        }
    };
    let (heard, ()) = futures::join!(listening, forcing);
    assert_eq!(heard, (11..=410).collect::<Vec<i64>>());
}

#[tokio::test]
async fn a_listener_that_fell_behind_is_fed_from_the_database() {
    let rig = Rig::new().await;
    let mut heard = rig.status.subscribe(&operator(), None);
    let build = rig.start("core", "full-2").await;
    let update = rig.status.update();
    let step = update.step_started(build.id, "make").await.unwrap();
    let changes = (0..5_000).map(|_| update.step_changed(build.id, step.id, Some("making"), None));
    futures::future::try_join_all(changes).await.unwrap();
    for id in 1..=5_003 {
        assert_eq!(heard.next().await.unwrap().id, EventId(id));
    }
}

#[tokio::test]
async fn a_listener_is_told_that_the_server_ends() {
    let rig = Rig::new().await;
    let mut heard = rig.status.subscribe(&operator(), None);
    let (end, ()) = futures::join!(heard.next(), async { rig.status.close() });
    assert!(matches!(end, Err(Error::Unavailable)));
}
