//! Another configuration in the place of the one in force.

use super::{Rig, builder, config, fleet, operator, team};
use std::sync::Arc;
use weir::config::Config;
use weir::model::id::EventId;
use weir::model::results::Results;
use weir::model::right::Visibility;
use weir::model::scope::Scope;
use weir::status::Error;
use weir::status::control::ForceWish;
use weir::status::event::What;
use weir::status::resource::BuilderState;

/// What stays is `core/full-2`; `core/full-10` and all of the private team go; `core/new` comes.
fn other(rig: &Rig) -> Arc<Config> {
    let state_dir = rig.config.server.state_dir.clone();
    let core = team("core", Visibility::Public, vec![builder("core", "full-2", &[]), builder("core", "new", &[])]);
    Arc::new(config(vec![core], vec![], state_dir))
}

#[tokio::test]
async fn a_builder_that_left_keeps_its_history_finishes_what_runs_and_starts_nothing() {
    let rig = Rig::new().await;
    let ended = rig.build("core", "full-10", Results::Success).await;
    let running = rig.start("core", "full-10").await;
    let waiting = rig.force("core", "full-10").await;
    rig.status.update().replace(other(&rig)).await.unwrap();

    let get = rig.status.get(&Scope::anonymous());
    let now = get.builder("core", "full-10").unwrap();
    assert!(now.builder.is_retired && now.state == BuilderState::Building && now.pending.is_empty());
    assert_eq!(get.build("core", "full-10", ended.number).await.unwrap().build.number, ended.number);
    assert!(get.request(waiting).await.unwrap().complete, "what waited is cancelled");
    let page = get.team("core").unwrap();
    let names = |of: &[weir::status::resource::BuilderStatus]| {
        of.iter().map(|status| status.builder.key.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&page.builders), names(&page.retired)),
        (vec!["full-2".into(), "new".into()], vec!["full-10".into()])
    );
    let columns = get.waterfall(&Default::default()).await.unwrap().columns;
    assert!(columns.iter().all(|column| column.status.builder.key.name != "full-10"));
    let refused = rig.status.control(&operator()).force("core", "full-10", ForceWish::default()).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");

    rig.status.update().build_finished(running.id, Results::Retry, "lost").await.unwrap();
    let now = get.builder("core", "full-10").unwrap();
    assert_eq!((now.state, now.pending.len()), (BuilderState::Retired, 0));
    assert!(get.request(running.request_id).await.unwrap().complete, "nothing would take it up again");
    assert!(matches!(get.builder("secret", "vault"), Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_builder_that_comes_back_goes_on_with_its_numbers_and_its_history() {
    let rig = Rig::new().await;
    rig.build("core", "full-10", Results::Failure).await;
    rig.status.update().replace(other(&rig)).await.unwrap();
    rig.status.update().replace(rig.config.clone()).await.unwrap();
    let now = rig.status.get(&Scope::anonymous()).builder("core", "full-10").unwrap();
    assert_eq!((now.builder.is_retired, now.state, now.last.unwrap().number), (false, BuilderState::Idle, 1));
    assert_eq!(rig.build("core", "full-10", Results::Success).await.number, 2);
}

#[tokio::test]
async fn no_event_is_lost_or_told_twice_while_the_configuration_is_replaced_again_and_again() {
    let rig = Rig::new().await;
    let mut heard = rig.status.subscribe(&Scope::system(), Some(EventId(0)));
    let builds = async {
        for _ in 0..40 {
            rig.build("core", "full-2", Results::Success).await;
        }
    };
    let others = [other(&rig), rig.config.clone()];
    let replaces = async {
        for round in 0..40 {
            rig.status.update().replace(others[round % 2].clone()).await.unwrap();
        }
    };
    tokio::join!(builds, replaces);
    let mut ended = Vec::new();
    while ended.len() < 40 {
        if let What::BuildFinished { build } = &heard.next().await.unwrap().what {
            ended.push(build.number);
        }
    }
    assert_eq!(ended, (1..=40).collect::<Vec<i64>>());
    let say = |rig: &Rig| {
        rig.status.update().worker_connected("local", true);
        let mut now = rig.status.get(&Scope::system()).builder("core", "full-2").unwrap();
        now.last_since = None;
        format!("{now:?}")
    };
    let before = say(&rig);
    let rig = rig.reopen().await;
    assert_eq!(say(&rig), before, "the board is what the database says");
}

#[tokio::test]
async fn open_streams_are_told_to_look_again_and_workers_stay_connected() {
    let rig = Rig::new().await;
    let rights = rig.status.watch_rights();
    let wide = fleet(rig.config.server.state_dir.clone());
    rig.status.update().replace(Arc::new(wide)).await.unwrap();
    assert!(rights.has_changed().unwrap());
    let now = rig.status.get(&Scope::anonymous()).builder("core", "full-2").unwrap();
    assert_eq!(now.state, BuilderState::Idle);
}
