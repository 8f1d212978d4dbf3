//! What reporters are told, and what becomes of it: courses over a real status, told to a receiver that the test writes down.

use super::{Results, Rig, globs};
use async_trait::async_trait;
use expect_test::expect;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use weir::clock::Clock as _;
use weir::config::reporter::{Reporter, When};
use weir::delivery::course::Course;
use weir::delivery::reporter::{ReportCall, ReporterRunner, Told};
use weir::status::reporters::Standing;

/// Takes what it is told; answers in this order, and `Delivered` from then on.
#[derive(Default)]
struct Receiver {
    answers: Mutex<VecDeque<Told>>,
    calls: Mutex<Vec<ReportCall>>,
}

#[async_trait]
impl ReporterRunner for Receiver {
    async fn report(&self, call: ReportCall) -> Told {
        self.calls.lock().unwrap().push(call);
        self.answers.lock().unwrap().pop_front().unwrap_or(Told::Delivered(None))
    }
}

impl Receiver {
    fn that(answers: impl IntoIterator<Item = Told>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), calls: Mutex::default() })
    }

    /// Every build it was told of, and what was true of it.
    fn heard(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        let say = |call: &ReportCall| {
            let Value::Object(told) = &call.event.payload else { panic!("an object") };
            let when: Vec<&str> = told["when"].as_array().unwrap().iter().map(|when| when.as_str().unwrap()).collect();
            format!("{} #{} {}", told["builder"]["name"].as_str().unwrap(), told["build"]["number"], when.join(" "))
        };
        calls.iter().map(say).collect()
    }

    fn last(&self) -> ReportCall {
        self.calls.lock().unwrap().last().unwrap().clone()
    }
}

fn later() -> Told {
    Told::Later { reason: "busy".to_owned(), after: None }
}

fn hook(team: &str, when: &[When]) -> Reporter {
    Reporter {
        name: "hook".to_owned(),
        team: team.to_owned(),
        plugin: "any".to_owned(),
        when: when.to_vec(),
        categories: vec![],
        builders: vec![],
        settings: json!({}),
    }
}

async fn course(rig: &Rig, receiver: &Arc<Receiver>, reporter: Reporter) -> Course {
    let runner: Arc<dyn ReporterRunner> = receiver.clone();
    Course::begin(rig.status.clone(), runner, Arc::new(reporter), CancellationToken::new()).await.unwrap()
}

/// Hears everything that has happened, and tells what is due now.
async fn settle(course: &mut Course, rig: &Rig) {
    // The last thing that happened, and one that everybody hears of.
    rig.force("core", "full-10").await;
    let newest = rig.status.as_of();
    loop {
        course.deliver_once(rig.clock.now()).await.unwrap();
        if course.due_at().is_some() {
            return;
        }
        course.pass_by().await.unwrap();
        let event = course.hear().await.unwrap();
        course.take(&event).await.unwrap();
        if event.id >= newest {
            return;
        }
    }
}

async fn standing(rig: &Rig) -> Standing {
    rig.status.reporters().begin("core", "hook").await.unwrap()
}

#[tokio::test]
async fn a_new_reporter_tells_no_history_and_then_every_build_of_its_own_team_that_ends() {
    let rig = Rig::new().await;
    rig.build("core", "full-2", Results::Failure).await;
    let receiver = Receiver::that([]);
    let mut course = course(&rig, &receiver, hook("core", &[When::Finished])).await;
    for results in [Results::Failure, Results::Success, Results::Cancelled, Results::Success] {
        rig.build("core", "full-2", results).await;
    }
    rig.build("core", "full-10", Results::Exception).await;
    rig.build("secret", "vault", Results::Failure).await;
    settle(&mut course, &rig).await;
    expect![[r#"
        full-2 #2 finished
        full-2 #3 finished recovery change
        full-2 #4 finished
        full-2 #5 finished
        full-10 #1 finished problem"#]]
    .assert_eq(&receiver.heard().join("\n"));
    assert_eq!(standing(&rig).await.n_delivered, 5);
}

#[tokio::test]
async fn a_reporter_hears_of_what_it_asked_for_and_of_nothing_else() {
    let rig = Rig::new().await;
    let receiver = Receiver::that([]);
    let mut wants = hook("core", &[When::Problem, When::Recovery]);
    wants.categories = globs(&["release"]);
    wants.builders = globs(&["full-2"]);
    let mut course = course(&rig, &receiver, wants).await;
    for results in [Results::Success, Results::Failure, Results::Failure, Results::Retry, Results::Warnings] {
        rig.build("core", "full-2", results).await;
    }
    rig.build("core", "full-10", Results::Failure).await;
    settle(&mut course, &rig).await;
    assert_eq!(receiver.heard(), ["full-2 #2 finished problem change", "full-2 #5 finished recovery change"]);
}

#[tokio::test]
async fn what_is_told_fits_the_published_schema_and_says_where_people_look() {
    let rig = Rig::new().await;
    let receiver = Receiver::that([]);
    let mut course = course(&rig, &receiver, hook("core", &[When::Finished])).await;
    rig.build("core", "full-10", Results::Success).await;
    let build = rig.start("core", "full-10").await;
    let update = rig.status.update();
    let step = update.step_started(build.id, "make").await.unwrap();
    let log = update.log_opened(build.id, step.id, "stdio").await.unwrap();
    update.log_finished(log.id).await.unwrap();
    update.step_finished(build.id, step.id, Results::Failure, "exited with 2").await.unwrap();
    rig.clock.advance(5);
    update.build_finished(build.id, Results::Failure, "failed make").await.unwrap();
    settle(&mut course, &rig).await;

    let schema: Value = serde_json::from_str(include_str!("../../../docs/build.finished.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for call in receiver.calls.lock().unwrap().iter() {
        let wrong: Vec<String> = schema.iter_errors(&call.event.payload).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?} in {}", call.event.payload);
    }
    let call = receiver.last();
    let told = call.event.payload;
    assert_eq!(
        (told["id"].as_str().unwrap(), told["for"].clone()),
        (&*call.event.id, json!({"team": "core", "reporter": "hook"}))
    );
    assert_eq!(told["when"], json!(["finished", "problem", "change"]));
    assert_eq!(told["build"]["properties"]["branch"], json!(["main", "Build"]));
    assert_eq!(told["build"]["url"], "http://localhost/team/core/builder/full-10/build/2");
    let log = &told["build"]["steps"][0]["logs"][0];
    assert_eq!(log["raw_url"], "http://localhost/team/core/builder/full-10/build/2/step/0/log/stdio/raw");
    assert_eq!((&told["previous"]["number"], &told["previous"]["results_word"]), (&json!(1), &json!("success")));
}

#[tokio::test]
async fn what_may_arrive_later_is_tried_again_each_time_later_and_as_the_same_event() {
    let rig = Rig::new().await;
    let busy = Told::Later { reason: "busy".to_owned(), after: Some(Duration::from_secs(120)) };
    let receiver = Receiver::that([later(), later(), busy, later()]);
    let mut course = course(&rig, &receiver, hook("core", &[When::Finished])).await;
    rig.build("core", "full-2", Results::Success).await;
    rig.build("core", "full-2", Results::Failure).await;
    let mut waits = Vec::new();
    settle(&mut course, &rig).await;
    while let Some(at) = course.due_at() {
        waits.push((at - rig.clock.now()).num_seconds());
        assert!(standing(&rig).await.problem.unwrap().contains("busy"));
        // A moment too early nothing happens.
        rig.clock.advance(waits[waits.len() - 1] - 1);
        let n_calls = receiver.calls.lock().unwrap().len();
        course.deliver_once(rig.clock.now()).await.unwrap();
        assert_eq!(receiver.calls.lock().unwrap().len(), n_calls);
        rig.clock.advance(1);
        settle(&mut course, &rig).await;
    }
    assert_eq!(waits, [1, 2, 120, 8]);
    assert_eq!(
        receiver.heard()[3..],
        ["full-2 #1 finished", "full-2 #1 finished", "full-2 #2 finished problem change"]
    );
    let ids: Vec<String> = receiver.calls.lock().unwrap().iter().map(|call| call.event.id.clone()).collect();
    assert!(ids[..5].iter().all(|id| *id == ids[0]) && ids[5] != ids[0], "{ids:?}");
    let standing = standing(&rig).await;
    assert_eq!((standing.n_delivered, standing.n_given_up, standing.problem), (2, 0, None));
}

#[tokio::test]
async fn words_that_no_database_keeps_are_kept_without_them() {
    let rig = Rig::new().await;
    let busy = Told::Later { reason: "bu\0sy\nnow".to_owned(), after: None };
    let receiver = Receiver::that([busy, Told::Failed("n\0".to_owned())]);
    let mut course = course(&rig, &receiver, hook("core", &[When::Finished])).await;
    rig.build("core", "full-2", Results::Success).await;
    settle(&mut course, &rig).await;
    assert_eq!(standing(&rig).await.problem.unwrap(), "core/full-2 #1: bu\u{fffd}sy now");
    rig.clock.advance(1);
    settle(&mut course, &rig).await;
    let after = standing(&rig).await;
    assert_eq!((after.n_given_up, after.problem.as_deref()), (1, Some("core/full-2 #1: n\u{fffd}")));
}

#[tokio::test]
async fn a_reporter_that_cannot_be_called_costs_no_try_and_its_events_wait_for_it() {
    let rig = Rig::new().await;
    let (off, on) = (rig.clock.now(), rig.clock.now() + chrono::TimeDelta::hours(1));
    let not_now = |until| Told::NotNow { reason: "is switched off".to_owned(), until };
    // More often than an event is tried, then as often as an event is tried.
    let refusals = (0..30).map(|i| not_now(if i == 0 { off } else { on }));
    let receiver = Receiver::that(refusals.chain(std::iter::repeat_n(later(), 9)));
    let mut course = course(&rig, &receiver, hook("core", &[When::Finished])).await;
    rig.build("core", "full-2", Results::Success).await;
    settle(&mut course, &rig).await;
    let mut waits = Vec::new();
    while let Some(at) = course.due_at() {
        assert_eq!(standing(&rig).await.n_given_up, 0);
        waits.push((at - rig.clock.now()).num_seconds());
        rig.clock.advance(waits[waits.len() - 1]);
        settle(&mut course, &rig).await;
    }
    assert_eq!((waits[0], waits[1], waits[29], waits[30], waits[31]), (1, 60, 60, 1, 2));
    let after = standing(&rig).await;
    assert_eq!((after.n_delivered, after.n_given_up, after.problem), (1, 0, None));
}

#[tokio::test]
async fn what_will_not_arrive_is_given_up_where_an_operator_sees_it_and_the_next_is_told() {
    let rig = Rig::new().await;
    let never = [Told::Failed("the receiver answered 404".to_owned())];
    let receiver = Receiver::that(never.into_iter().chain(std::iter::repeat_n(later(), 10)));
    let mut course = course(&rig, &receiver, hook("core", &[When::Finished])).await;
    rig.build("core", "full-2", Results::Success).await;
    settle(&mut course, &rig).await;
    let after = standing(&rig).await;
    assert_eq!((after.n_given_up, after.problem.as_deref()), (1, Some("core/full-2 #1: the receiver answered 404")));

    rig.build("core", "full-2", Results::Success).await;
    settle(&mut course, &rig).await;
    while course.due_at().is_some() {
        rig.clock.advance(600);
        settle(&mut course, &rig).await;
    }
    let after = standing(&rig).await;
    assert_eq!((after.n_given_up, after.problem.as_deref()), (2, Some("core/full-2 #2: busy (10 tries)")));
    rig.build("core", "full-2", Results::Success).await;
    settle(&mut course, &rig).await;
    let after = standing(&rig).await;
    assert_eq!((after.n_delivered, after.n_given_up, after.problem), (1, 2, None));
}

#[tokio::test]
async fn what_was_not_told_when_the_server_died_is_told_by_the_next_and_what_was_told_is_not() {
    let rig = Rig::new().await;
    let receiver = Receiver::that([Told::Delivered(None), later()]);
    let mut first = course(&rig, &receiver, hook("core", &[When::Finished])).await;
    for _ in 0..3 {
        rig.build("core", "full-2", Results::Success).await;
    }
    settle(&mut first, &rig).await;
    drop(first);
    let rig = rig.reopen().await;
    let mut second = course(&rig, &receiver, hook("core", &[When::Finished])).await;
    settle(&mut second, &rig).await;
    let builds = ["full-2 #1 finished", "full-2 #2 finished", "full-2 #2 finished", "full-2 #3 finished"];
    assert_eq!(receiver.heard(), builds);
}

#[tokio::test]
async fn the_servers_end_is_no_failed_try() {
    let rig = Rig::new().await;
    let receiver = Receiver::that([later()]);
    let shutdown = CancellationToken::new();
    let runner: Arc<dyn ReporterRunner> = receiver.clone();
    let reporter = Arc::new(hook("core", &[When::Finished]));
    let mut course = Course::begin(rig.status.clone(), runner, reporter, shutdown.clone()).await.unwrap();
    rig.build("core", "full-2", Results::Success).await;
    while course.due_at().is_none() {
        let event = course.hear().await.unwrap();
        course.take(&event).await.unwrap();
    }
    shutdown.cancel();
    course.deliver_once(rig.clock.now()).await.unwrap();
    assert_eq!((receiver.heard().len(), standing(&rig).await.problem), (1, None));
}

#[tokio::test]
async fn what_a_reporter_passed_over_is_not_lost_to_it() {
    let rig = Rig::new().await;
    let receiver = Receiver::that([]);
    let mut course = course(&rig, &receiver, hook("core", &[When::Finished])).await;
    let build = rig.start("secret", "vault").await;
    let step = rig.status.update().step_started(build.id, "make").await.unwrap();
    let update = rig.status.update();
    let changes = (0..1_500).map(|_| update.step_changed(build.id, step.id, Some("making"), None));
    futures::future::try_join_all(changes).await.unwrap();
    settle(&mut course, &rig).await;
    course.pass_by().await.unwrap();
    assert!(standing(&rig).await.position.0 >= 1_000, "{:?}", standing(&rig).await);
    assert_eq!(receiver.heard(), Vec::<String>::new());
}
