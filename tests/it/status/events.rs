//! What happened since: in order, without gap or duplicate, and only what one may see.

use super::{Arc, Results, Rig, operator};
use expect_test::expect;
use weir::engine::lending::Lending;
use weir::engine::step::StepHost as _;
use weir::engine::step_host::{BuildHost, HostPlace};
use weir::engine::trigger::Triggers;
use weir::model::id::EventId;
use weir::model::scope::Scope;
use weir::model::test_outcome::TestOutcome;
use weir::status::event::What;
use weir::status::resource::{Build, Step, TestCase};
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

#[tokio::test]
async fn an_event_of_a_running_build_holds_what_changed_and_not_all_that_there_is() {
    let rig = Rig::new().await;
    let build = rig.start("core", "full-2").await;
    let update = rig.status.update();
    for n in 0..50 {
        update.step_skipped(build.id, &format!("before-{n}"), "skipped").await.unwrap();
    }
    let step = update.step_started(build.id, "make").await.unwrap();
    for n in 0..50 {
        update.log_opened(build.id, step.id, &format!("log-{n}")).await.unwrap();
    }
    let mut heard = rig.status.subscribe(&operator(), None);
    update.step_changed(build.id, step.id, Some("making"), None).await.unwrap();
    update.set_property(build.id, "got_revision", "abc".into(), "make").await.unwrap();
    for name in ["step.changed", "build.changed", "build.changed"] {
        let event = heard.next().await.unwrap();
        assert_eq!(event.what.name(), name);
        let json = serde_json::to_string(&event.what).unwrap();
        assert!(json.len() < 300, "{json}");
    }
    let held = rig.status.get(&operator()).builder("core", "full-2").unwrap().running[0].clone();
    assert_eq!((held.summary.as_str(), held.got_revision.as_deref()), ("make: making", Some("abc")));
    assert_eq!((held.steps.len(), held.steps[50].summary.as_str(), held.steps[50].logs.len()), (51, "making", 50));
}

fn host(rig: &Rig, build: &Arc<Build>, step: &Step) -> BuildHost {
    BuildHost::new(HostPlace {
        status: rig.status.clone(),
        build: build.id,
        step: step.id,
        name: step.name.clone(),
        properties: Arc::default(),
        builder: build.builder.clone(),
        number: build.number,
        declared: Arc::default(),
        log_limit: weir::model::size::Size(1 << 20),
        stop: Default::default(),
        tasks: Default::default(),
        log_threads: tokio::runtime::Handle::current(),
        vault: Default::default(),
        triggers: Triggers::new(
            rig.status.clone(),
            build.clone(),
            step,
            Arc::new(Lending::new(Arc::default())),
            Default::default(),
        ),
    })
}

#[tokio::test]
async fn of_a_flood_of_findings_all_are_stored_and_few_are_told() {
    let rig = Rig::new().await;
    let build = rig.start("core", "full-2").await;
    let step = rig.status.update().step_started(build.id, "make").await.unwrap();
    let host = host(&rig, &build, &step);
    let before = rig.status.as_of().0;
    for n in 0..200 {
        let name = format!("test {n}");
        let case =
            TestCase { suite: String::new(), name, outcome: TestOutcome::Passed, duration_ms: None, message: None };
        host.test_results(vec![case]).await.unwrap();
        host.statistic("n", f64::from(n)).await.unwrap();
    }
    host.finish().await.unwrap();
    let n_told = rig.status.as_of().0 - before;
    assert!((1..=100).contains(&n_told), "{n_told}");
    let held = rig.status.get(&operator()).builder("core", "full-2").unwrap().running[0].clone();
    assert_eq!(held.steps[0].tests.passed, 200, "the last is told");
    let page = rig.status.get(&operator()).build("core", "full-2", 1).await.unwrap();
    assert_eq!(page.statistics[0].1.value.to_bits(), 199_f64.to_bits());
}

#[tokio::test]
async fn of_a_flood_of_words_the_newest_are_told_and_few_of_the_others() {
    let rig = Rig::new().await;
    let build = rig.start("core", "full-2").await;
    let step = rig.status.update().step_started(build.id, "make").await.unwrap();
    let host = host(&rig, &build, &step);
    let mut heard = rig.status.subscribe(&operator(), None);
    for n in 0..10_000 {
        host.summary(&format!("test {n}")).await.unwrap();
        tokio::task::yield_now().await;
    }
    let (mut newest, mut n_told) = (String::new(), 0);
    while newest != "test 9999" {
        if let What::StepChanged { summary: Some(summary), .. } = heard.next().await.unwrap().what.clone() {
            (newest, n_told) = (summary, n_told + 1);
        }
    }
    assert!(n_told < 100, "{n_told}");
    host.finish().await.unwrap();
    assert!(host.summary("late").await.is_err());
}
