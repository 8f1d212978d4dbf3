//! Builds that a step of another build asks for: requested, and what became of the requests.

use super::{Results, Rig, operator};
use serde_json::json;
use std::collections::BTreeMap;
use weir::model::scope::Scope;
use weir::status::Error;
use weir::status::trigger::{DEPTH_MAX, TriggerWish};

fn wish(builder: &str) -> TriggerWish {
    TriggerWish { builder: builder.to_owned(), ..TriggerWish::default() }
}

#[tokio::test]
async fn a_triggered_build_carries_what_was_asked_and_who_asked() {
    let rig = Rig::new().await;
    let parent = rig.start("core", "full-2").await;
    let mut asked = wish("never");
    asked.revision = Some("abc".to_owned());
    asked.properties = BTreeMap::from([("kind".to_owned(), json!({ "of": 1 })), ("branch".to_owned(), json!("dev"))]);
    let request = rig.status.update().trigger(&parent, "parts", asked).await.unwrap();
    let pending = rig.status.get(&operator()).builder("core", "never").unwrap().pending[0].clone();
    assert_eq!((pending.id, pending.reason.as_str()), (request, "triggered by core/full-2 #1"));
    assert_eq!(pending.owner.as_deref(), Some("ada"), "whoever asked for the build that triggers");
    assert_eq!(pending.properties.0["kind"].source, "Trigger: core/full-2 #1");
    let (build, properties) = rig.status.update().claim(request, "local").await.unwrap().unwrap();
    let stamp = (build.source_stamp.branch.as_deref(), build.source_stamp.revision.as_deref());
    assert_eq!(stamp, (Some("dev"), Some("abc")));
    assert_eq!(properties.get("kind"), Some(&json!({ "of": 1 })));
    let page = rig.status.get(&Scope::anonymous()).build("core", "never", build.number).await.unwrap();
    assert_eq!(page.triggered_by, Some((parent.builder.clone(), parent.number)));
    let page = rig.status.get(&Scope::anonymous()).build("core", "full-2", parent.number).await.unwrap();
    assert_eq!(page.triggered_by, None);
}

#[tokio::test]
async fn builders_of_other_teams_are_as_unknown_as_those_that_are_not() {
    let rig = Rig::new().await;
    let parent = rig.start("core", "full-2").await;
    let mut said = Vec::new();
    for name in ["secret/vault", "nobody/vault", "vault", "core/vault"] {
        let refused = rig.status.update().trigger(&parent, "parts", wish(name)).await.unwrap_err();
        assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
        said.push(refused.to_string().replace(name, "it"));
    }
    assert!(said.iter().all(|words| *words == said[0]), "{said:?}");
    assert!(rig.status.update().pending().is_empty());
    rig.status.update().trigger(&parent, "parts", wish("core/full-10")).await.unwrap();
}

#[tokio::test]
async fn a_wrong_order_names_what_is_wrong_and_requests_nothing() {
    let rig = Rig::new().await;
    let parent = rig.start("core", "full-2").await;
    let wrong = |change: fn(&mut TriggerWish), field: &'static str| {
        let (update, parent) = (rig.status.update(), parent.clone());
        async move {
            let mut asked = wish("full-10");
            change(&mut asked);
            match update.trigger(&parent, "parts", asked).await {
                Err(Error::Invalid { fields }) => assert!(fields.contains_key(field), "{fields:?}"),
                other => panic!("{other:?}"),
            }
        }
    };
    wrong(|w| w.branch = Some("--upload-pack=x".to_owned()), "branch").await;
    wrong(|w| w.revision = Some("a\nb".to_owned()), "revision").await;
    wrong(|w| w.reason = "x".repeat(501), "reason").await;
    wrong(|w| drop(w.properties.insert("{{x}}".to_owned(), json!(1))), "properties").await;
    wrong(|w| drop(w.properties.insert("x".to_owned(), json!("y".repeat(65 << 10)))), "properties").await;
    wrong(|w| w.properties.extend((0..201).map(|n| (n.to_string(), json!(n)))), "properties").await;
    assert!(rig.status.update().pending().is_empty());
}

#[tokio::test]
async fn a_builder_that_triggers_itself_comes_to_an_end_also_over_a_crash() {
    let mut rig = Rig::new().await;
    let mut build = rig.start("core", "full-2").await;
    for depth in 1..=DEPTH_MAX {
        let request = rig.status.update().trigger(&build, "again", wish("full-2")).await.unwrap();
        rig.status.update().build_finished(build.id, Results::Success, "done").await.unwrap();
        if depth == 5 {
            rig = rig.reopen().await;
        }
        build = rig.status.update().claim(request, "local").await.unwrap().unwrap().0;
    }
    let refused = rig.status.update().trigger(&build, "again", wish("full-2")).await.unwrap_err();
    assert!(matches!(refused, Error::Limit { .. }) && refused.to_string().contains("10"), "{refused}");
    // One that people start begins a new chain.
    rig.status.update().build_finished(build.id, Results::Success, "done").await.unwrap();
    let build = rig.start("core", "full-2").await;
    rig.status.update().trigger(&build, "again", wish("full-2")).await.unwrap();
}

#[tokio::test]
async fn what_became_of_requests_is_told_to_their_team_only() {
    let rig = Rig::new().await;
    let parent = rig.start("core", "full-2").await;
    let update = rig.status.update();
    let mut moving = update.moving();
    let built = update.trigger(&parent, "parts", wish("full-10")).await.unwrap();
    let dropped = update.trigger(&parent, "parts", wish("never")).await.unwrap();
    let tell = || async {
        let became = rig.status.update().became("core", vec![built, dropped]).await.unwrap();
        became.into_iter().map(|b| (b.number, b.results, b.summary)).collect::<Vec<_>>()
    };
    assert_eq!(tell().await, [(None, None, String::new()), (None, None, String::new())]);
    let (build, _) = update.claim(built, "local").await.unwrap().unwrap();
    assert_eq!(
        (moving.recv().await.unwrap(), tell().await[0].clone()),
        (built, (Some(1), None, "starting".to_owned()))
    );
    update.build_finished(build.id, Results::Retry, "lost").await.unwrap();
    assert_eq!((moving.recv().await.unwrap(), tell().await[0].1), (built, None), "it is built again");
    let (build, _) = update.claim(built, "local").await.unwrap().unwrap();
    update.build_finished(build.id, Results::Warnings, "well").await.unwrap();
    rig.status.control(&operator()).cancel(dropped, "no").await.unwrap();
    let expected =
        [(Some(2), Some(Results::Warnings), "well".to_owned()), (None, Some(Results::Cancelled), String::new())];
    assert_eq!(tell().await, expected);
    let foreign = rig.force("secret", "vault").await;
    for request in [foreign, weir::model::id::BuildRequestId(999_999)] {
        let refused = rig.status.update().became("core", vec![request]).await.unwrap_err();
        assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
    }
}
