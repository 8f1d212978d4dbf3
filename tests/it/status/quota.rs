//! What a team may use, and what is said where it is used up.

use super::{Rig, operator};
use expect_test::expect;
use std::net::IpAddr;
use std::time::Duration;
use weir::config::quota::Quota;
use weir::model::scope::Scope;
use weir::model::time::Span;
use weir::status::Error;
use weir::status::control::ForceWish;

fn over(error: Error) -> (String, u64) {
    let Error::OverQuota(over) = &error else { panic!("{error}") };
    (error.to_string(), over.again().as_secs())
}

#[tokio::test]
async fn forces_of_a_team_are_so_many_a_minute_and_another_team_has_its_own() {
    let rig = Rig::of_team_core(Quota { forces_per_minute: 3, ..Quota::default() }).await;
    let ada = operator();
    let control = rig.status.control(&ada);
    for _ in 0..3 {
        control.force("core", "full-2", ForceWish::default()).await.unwrap();
    }
    let (said, again_s) = over(control.force("core", "full-2", ForceWish::default()).await.unwrap_err());
    expect!["the builds that team core starts by hand are too many at once: the limit is 3 in a minute (`forces_per_minute`); try again in 20s"].assert_eq(&said);
    assert_eq!(again_s, 20);
    control.force("secret", "vault", ForceWish::default()).await.unwrap();
    // Who may not force at all takes nothing from those who may.
    rig.clock.advance(20);
    control.force("core", "full-2", ForceWish::default()).await.unwrap();
    assert!(control.force("core", "full-2", ForceWish::default()).await.is_err());
}

#[tokio::test]
async fn looking_at_what_is_offered_and_what_is_refused_take_nothing_from_the_forces_of_a_team() {
    let rig = Rig::of_team_core(Quota { forces_per_minute: 1, ..Quota::default() }).await;
    let ada = operator();
    let control = rig.status.control(&ada);
    for _ in 0..10 {
        assert!(control.offers("core", "full-2").unwrap().force);
    }
    let typo = ForceWish { parameters: [("nonsense".to_owned(), serde_json::json!(1))].into(), ..ForceWish::default() };
    let error = control.force("core", "full-2", typo).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    let error = control.rebuild("core", "full-2", 1_000, "").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    control.force("core", "full-2", ForceWish::default()).await.unwrap();
    over(control.force("core", "full-2", ForceWish::default()).await.unwrap_err());
    assert!(control.offers("core", "full-2").unwrap().force);
}

#[tokio::test]
async fn calls_are_counted_for_the_team_of_a_token_and_for_the_address_of_a_stranger() {
    let rig = Rig::of_team_core(Quota { requests_per_s: 2, ..Quota::default() }).await;
    let (core, stranger) = (Scope::team("core"), Scope::anonymous());
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    for _ in 0..8 {
        rig.status.count_call(&core, address).unwrap();
    }
    let (said, again_s) = over(rig.status.count_call(&core, address).unwrap_err());
    expect!["the calls by tokens of team core are too many at once: the limit is 2 a second (`requests_per_s`); try again in 1s"].assert_eq(&said);
    assert_eq!(again_s, 1);
    // Whoever else comes from there is not held back by it, nor is another team or an owner.
    let n_let = (0..1_000).filter(|_| rig.status.count_call(&stranger, address).is_ok()).count();
    assert_eq!(n_let, 200);
    rig.status.count_call(&stranger, "192.0.2.8".parse().unwrap()).unwrap();
    rig.status.count_call(&Scope::team("secret"), address).unwrap();
    for _ in 0..1_000 {
        rig.status.count_call(&Scope::system(), address).unwrap();
    }
    // Nor is this machine let through: commands of builds run on it.
    let here = std::net::Ipv4Addr::LOCALHOST.into();
    let n_let = (0..1_000).filter(|_| rig.status.count_call(&stranger, here).is_ok()).count();
    assert_eq!(n_let, 200);
    // A team's own people look at its pages while its scripts ask too often.
    rig.status.count_call(&Scope::team("core").in_session(), address).unwrap();
    rig.clock.advance(1);
    rig.status.count_call(&core, address).unwrap();
}

#[tokio::test]
async fn plugins_of_a_team_that_used_their_time_wait_until_some_of_it_is_back() {
    let hour = Span(Duration::from_secs(60));
    let rig = Rig::of_team_core(Quota { plugin_cpu_per_hour: hour, ..Quota::default() }).await;
    rig.status.check_plugin_cpu("core").unwrap();
    rig.status.count_plugin_cpu("core", Duration::from_secs(61));
    let (said, again_s) = over(rig.status.check_plugin_cpu("core").unwrap_err());
    expect!["the plugins of team core have used up their time: the limit is 1m of CPU time in an hour (`plugin_cpu_per_hour`); try again in 1m"].assert_eq(&said);
    assert_eq!(again_s, 60);
    rig.status.check_plugin_cpu("secret").unwrap();
    rig.clock.advance(61);
    rig.status.check_plugin_cpu("core").unwrap();
}
