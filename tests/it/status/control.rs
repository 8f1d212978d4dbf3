//! Who may do what, what a force takes, what the audit keeps, what a token is good for.

use super::{Arc, BTreeMap, Builder, Database, ForceWish, Parameter, ParameterKind, Rig, Team, fleet, operator};
use expect_test::expect;
use serde_json::{Value, json};
use weir::config::quota::Quota;
use weir::model::results::Results;
use weir::model::right::{Right, Role};
use weir::model::scope::{Narrowed, Scope};
use weir::status::Error;
use weir::status::token::NewToken;

fn wish(parameters: Value, properties: Value) -> ForceWish {
    serde_json::from_value(json!({ "parameters": parameters, "properties": properties })).unwrap()
}

fn narrowed(narrowed: Narrowed) -> Scope {
    operator().narrow(narrowed)
}

#[tokio::test]
async fn what_one_may_not_see_is_not_found_and_what_one_may_not_do_is_forbidden() {
    let rig = Rig::new().await;
    let reader = Scope::proved("eve".to_owned(), None, false, BTreeMap::new(), Narrowed::default());
    let mut said = Vec::new();
    for (who, scope) in [("nobody", Scope::anonymous()), ("eve", reader), ("ada", operator())] {
        for (team, name) in
            [("core", "full-2"), ("core", "never"), ("core", "nothing"), ("secret", "vault"), ("secret", "no")]
        {
            let forced = rig.status.control(&scope).force(team, name, ForceWish::default()).await;
            let forced = forced.map(|_| "forced".to_owned()).unwrap_or_else(|e| e.to_string());
            said.push(format!("{who} {team}/{name}: {forced}"));
        }
    }
    expect![[r#"
        nobody core/full-2: you may not force here
        nobody core/never: you may not force here
        nobody core/nothing: there is no builder `core/nothing`
        nobody secret/vault: there is no builder `secret/vault`
        nobody secret/no: there is no builder `secret/no`
        eve core/full-2: you may not force here
        eve core/never: you may not force here
        eve core/nothing: there is no builder `core/nothing`
        eve secret/vault: there is no builder `secret/vault`
        eve secret/no: there is no builder `secret/no`
        ada core/full-2: forced
        ada core/never: core/never may not be forced: its configuration says so
        ada core/nothing: there is no builder `core/nothing`
        ada secret/vault: forced
        ada secret/no: there is no builder `secret/no`"#]]
    .assert_eq(&said.join("\n"));
}

#[tokio::test]
async fn every_wrong_thing_of_a_force_is_named_at_once_and_nothing_is_stored() {
    let rig = Rig::new().await;
    let mut wrong = wish(json!({"tests": "some", "note": "abc!", "jobs": "x", "nope": 1}), json!({"other": 1}));
    wrong.branch = Some("-rf".to_owned());
    wrong.revision = Some("a\nb".to_owned());
    wrong.reason = Some("x".repeat(501));
    let refused = rig.status.control(&operator()).force("core", "full-10", wrong).await.unwrap_err();
    let Error::Invalid { fields } = refused else { panic!("{refused}") };
    expect![[r#"
        {
          "branch": "must not begin with `-`",
          "parameters.jobs": "must be a whole number",
          "parameters.nope": "is no parameter of this builder; it takes jobs, note, tests",
          "parameters.note": "must fit the pattern `^[a-z]{0,5}$`",
          "parameters.tests": "must be one of: all, quick",
          "properties.other": "is no property that may be given here; it takes extra",
          "reason": "must be one line of at most 500 characters",
          "revision": "must not hold control characters"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&fields).unwrap());
    assert!(rig.status.update().pending().is_empty());
}

#[tokio::test]
async fn a_force_carries_its_parameters_typed_over_the_builders_own() {
    let rig = Rig::new().await;
    let mut wish = wish(json!({"jobs": "4", "note": "abc"}), json!({"extra": {"a": [1]}}));
    wish.branch = Some("x;touch pwned".to_owned());
    rig.status.control(&operator()).force("core", "full-10", wish).await.unwrap();
    let request = rig.status.update().pending()[0].clone();
    let (build, properties) = rig.status.update().claim(request.id, "local").await.unwrap().unwrap();
    assert_eq!(build.source_stamp.branch.as_deref(), Some("x;touch pwned"));
    assert_eq!((build.owner.as_deref(), build.reason.as_str()), (Some("ada"), "forced by ada"));
    expect![[r#"{"branch":{"value":"x;touch pwned","source":"Build"},"buildername":{"value":"full-10","source":"Build"},"buildnumber":{"value":1,"source":"Build"},"extra":{"value":{"a":[1]},"source":"Force"},"jobs":{"value":4,"source":"Force"},"note":{"value":"abc","source":"Force"},"tests":{"value":"all","source":"Force"},"workername":{"value":"local","source":"Build"}}"#]]
    .assert_eq(&serde_json::to_string(&properties).unwrap());
    let page = rig.status.get(&Scope::anonymous()).build("core", "full-10", 1).await.unwrap();
    assert_eq!(page.properties, properties);
}

#[tokio::test]
async fn a_running_build_is_stopped_and_one_that_ended_is_not() {
    let rig = Rig::new().await;
    let build = rig.start("core", "full-2").await;
    let control = rig.status.control(&operator());
    control.stop("core", "full-2", 1, "too slow").await.unwrap();
    assert_eq!(rig.status.update().stops_wanted(), [(build.id, "by ada: too slow".to_owned())]);
    rig.status.update().build_finished(build.id, Results::Cancelled, "stopped").await.unwrap();
    assert!(rig.status.update().stops_wanted().is_empty());
    assert!(matches!(control.stop("core", "full-2", 1, "").await, Err(Error::Conflict(_))));
    assert!(matches!(control.stop("core", "full-2", 2, "").await, Err(Error::NotFound { .. })));
    let nobody = rig.status.control(&Scope::anonymous()).stop("core", "full-2", 1, "").await;
    assert!(matches!(nobody, Err(Error::Forbidden(Right::Stop))));
}

#[tokio::test]
async fn an_ended_build_is_built_again_as_it_was_whatever_the_branch_has_become() {
    let rig = Rig::new().await;
    let mut wish = wish(json!({"jobs": "4", "tests": "quick"}), json!({"extra": "e"}));
    wish.branch = Some("stable".to_owned());
    rig.status.control(&operator()).force("core", "full-10", wish).await.unwrap();
    let update = rig.status.update();
    let first = update.pending()[0].clone();
    let (build, _) = update.claim(first.id, "local").await.unwrap().unwrap();
    let control = rig.status.control(&operator());
    let early = control.rebuild("core", "full-10", 1, "").await.unwrap_err();
    expect!["build 1 of core/full-10 still runs; wait for its end, or stop it first"].assert_eq(&early.to_string());
    update.set_property(build.id, "got_revision", json!("c0ffee"), "Step: git").await.unwrap();
    update.build_finished(build.id, Results::Failure, "failed").await.unwrap();
    control.rebuild("core", "full-10", 1, "").await.unwrap();
    let again = update.pending()[0].clone();
    assert_eq!(again.source_stamp.branch.as_deref(), Some("stable"));
    assert_eq!(again.source_stamp.revision.as_deref(), Some("c0ffee"));
    assert_eq!(again.properties, first.properties);
    assert_eq!((again.reason.as_str(), again.owner.as_deref()), ("build 1 again, asked by ada", Some("ada")));
    control.rebuild("core", "full-10", 1, " is it flaky? ").await.unwrap();
    assert_eq!(update.pending()[1].reason, "is it flaky?");
}

#[tokio::test]
async fn who_may_not_rebuild_is_told_and_nothing_waits() {
    let rig = Rig::new().await;
    rig.build("core", "full-2", Results::Success).await;
    rig.build("secret", "vault", Results::Success).await;
    let mut said = Vec::new();
    for (who, scope) in [("nobody", Scope::anonymous()), ("ada", operator())] {
        for (team, name, number) in [
            ("core", "full-2", 9),
            ("core", "full-2", 1),
            ("core", "nothing", 1),
            ("secret", "vault", 1),
            ("core", "never", 1),
        ] {
            let done = rig.status.control(&scope).rebuild(team, name, number, "").await;
            let done = done.map(|_| "again".to_owned()).unwrap_or_else(|e| e.to_string());
            said.push(format!("{who} {team}/{name}/{number}: {done}"));
        }
    }
    expect![[r#"
        nobody core/full-2/9: you may not rebuild here
        nobody core/full-2/1: you may not rebuild here
        nobody core/nothing/1: there is no builder `core/nothing`
        nobody secret/vault/1: there is no builder `secret/vault`
        nobody core/never/1: you may not rebuild here
        ada core/full-2/9: there is no build `core/full-2/9`
        ada core/full-2/1: again
        ada core/nothing/1: there is no builder `core/nothing`
        ada secret/vault/1: again
        ada core/never/1: core/never may not be started by hand: its configuration says so"#]]
    .assert_eq(&said.join("\n"));
    let store = weir::store::Store::open(&rig.database.url).unwrap();
    let audit = store.read(|c| Ok::<_, weir::store::Error>(weir::store::audit::recent(c, None, 100)?)).await.unwrap();
    let rows: Vec<_> = audit.iter().filter(|row| row.action == "rebuild").collect();
    assert_eq!(rows.len(), 10);
    assert_eq!(rows.iter().filter(|row| row.allowed).count(), 2);
}

#[tokio::test]
async fn a_token_that_fixes_parameters_rebuilds_only_what_had_them() {
    let rig = Rig::new().await;
    let update = rig.status.update();
    for (tests, number) in [("all", 1), ("quick", 2)] {
        let wish = wish(json!({ "tests": tests }), json!({}));
        rig.status.control(&operator()).force("core", "full-10", wish).await.unwrap();
        let (build, _) = update.claim(update.pending()[0].id, "local").await.unwrap().unwrap();
        assert_eq!(build.number, number);
        update.build_finished(build.id, Results::Success, "good").await.unwrap();
    }
    let parameters = BTreeMap::from([("tests".to_owned(), json!("quick"))]);
    let scope = narrowed(Narrowed { parameters, uses: Some(1), ..Narrowed::default() });
    let control = rig.status.control(&scope);
    let refused = control.rebuild("core", "full-10", 1, "").await.unwrap_err().to_string();
    expect!["`parameters.tests`: is fixed by your token to something else than this build had"].assert_eq(&refused);
    control.rebuild("core", "full-10", 2, "").await.unwrap();
    let used_up = control.rebuild("core", "full-10", 2, "").await.unwrap_err();
    assert!(matches!(used_up, Error::UsedUp { max: 1 }), "{used_up}");
}

#[tokio::test]
async fn a_build_that_should_stop_when_the_server_died_is_not_requested_again() {
    let rig = Rig::new().await;
    rig.start("core", "full-2").await;
    rig.status.control(&operator()).stop("core", "full-2", 1, "").await.unwrap();
    let rig = rig.reopen().await;
    let recovered = rig.status.update().recover().await.unwrap();
    assert_eq!((recovered[0].results, recovered[0].summary.as_str()), (Some(Results::Cancelled), "stopped by ada"));
    assert!(rig.status.update().pending().is_empty());
}

#[tokio::test]
async fn a_waiting_request_is_cancelled_once() {
    let rig = Rig::new().await;
    let request = rig.force("core", "full-2").await;
    let control = rig.status.control(&operator());
    assert!(matches!(rig.status.control(&Scope::anonymous()).cancel(request, "").await, Err(Error::Forbidden(_))));
    control.cancel(request, "").await.unwrap();
    assert!(matches!(control.cancel(request, "").await, Err(Error::Conflict(_))));
    assert!(rig.status.update().pending().is_empty());
    assert!(rig.status.update().claim(request, "local").await.unwrap().is_none());
    let hidden = rig.force("secret", "vault").await;
    assert!(matches!(rig.status.control(&Scope::anonymous()).cancel(hidden, "").await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_narrow_token_does_only_what_it_was_issued_for() {
    let rig = Rig::new().await;
    let parameters = BTreeMap::from([("tests".to_owned(), json!("quick")), ("branch".to_owned(), json!("stable"))]);
    let scope = narrowed(Narrowed { parameters, actions: vec![Right::Force], ..Narrowed::default() });
    let control = rig.status.control(&scope);
    control.force("core", "full-10", ForceWish::default()).await.unwrap();
    let request = rig.status.update().pending()[0].clone();
    assert_eq!(request.source_stamp.branch.as_deref(), Some("stable"));
    assert_eq!(request.properties.text("tests"), Some("quick"));
    let mut other = wish(json!({"tests": "all"}), json!({}));
    other.branch = Some("main".to_owned());
    let refused = control.force("core", "full-10", other).await.unwrap_err().to_string();
    expect!["`branch`: is fixed by your token to something else; leave it out; `parameters.tests`: is fixed by your token to something else; leave it out"].assert_eq(&refused);
    assert!(matches!(control.cancel(request.id, "").await, Err(Error::Forbidden(Right::Cancel))));
}

#[tokio::test]
async fn what_a_token_fixes_is_fixed_wherever_the_builder_takes_it() {
    let database = Database::new();
    let mut config = fleet(database._dir.path().join("state"));
    let core = config.teams.get_mut("core").unwrap();
    let mut team = Team::clone(core);
    let mut builder = Builder::clone(&team.builders["full-10"]);
    let parameter = Parameter { name: "branch".to_owned(), ..builder.force.parameters[1].clone() };
    let parameter = Parameter { kind: ParameterKind::String(None), ..parameter };
    Arc::make_mut(&mut builder.force).parameters.push(parameter);
    Arc::make_mut(&mut builder.force).properties.extend(["branch".to_owned(), "tests".to_owned()]);
    team.builders.insert("full-10".to_owned(), Arc::new(builder));
    *core = Arc::new(team);
    let rig = Rig::with(config, database).await;
    let parameters = BTreeMap::from([("tests".to_owned(), json!("quick")), ("branch".to_owned(), json!("stable"))]);
    let scope = narrowed(Narrowed { parameters, ..Narrowed::default() });
    let control = rig.status.control(&scope);
    for (field, wish) in [
        ("branch", ForceWish { branch: Some("evil".to_owned()), ..ForceWish::default() }),
        ("parameters.branch", wish(json!({"branch": "evil"}), json!({}))),
        ("properties.branch", wish(json!({}), json!({"branch": "evil"}))),
        ("properties.tests", wish(json!({}), json!({"tests": "all"}))),
    ] {
        let refused = control.force("core", "full-10", wish).await.unwrap_err().to_string();
        assert_eq!(refused, format!("`{field}`: is fixed by your token to something else; leave it out"));
    }
    control.force("core", "full-10", ForceWish::default()).await.unwrap();
    let request = rig.status.update().pending()[0].clone();
    assert_eq!(request.source_stamp.branch.as_deref(), Some("stable"));
    assert_eq!((request.properties.text("tests"), request.properties.text("branch")), (Some("quick"), Some("stable")));
    rig.status.control(&operator()).cancel(request.id, "").await.unwrap();
    // A build of another branch whose property says otherwise is not built again with such a token.
    let update = rig.status.update();
    let other =
        ForceWish { branch: Some("evil".to_owned()), ..wish(json!({"branch": "stable", "tests": "quick"}), json!({})) };
    rig.status.control(&operator()).force("core", "full-10", other).await.unwrap();
    let (build, _) = update.claim(update.pending()[0].id, "local").await.unwrap().unwrap();
    update.build_finished(build.id, Results::Success, "good").await.unwrap();
    let refused = control.rebuild("core", "full-10", build.number, "").await.unwrap_err().to_string();
    assert_eq!(refused, "`branch`: is fixed by your token to something else than this build had");
}

#[tokio::test]
async fn a_token_that_fixes_the_revision_rebuilds_that_and_not_what_a_step_found() {
    let rig = Rig::new().await;
    let parameters = BTreeMap::from([("revision".to_owned(), json!("v1"))]);
    let scope = narrowed(Narrowed { parameters, ..Narrowed::default() });
    let update = rig.status.update();
    for control in [rig.status.control(&operator()), rig.status.control(&scope)] {
        let wish = ForceWish { revision: Some("v1".to_owned()), ..ForceWish::default() };
        control.force("core", "full-2", wish).await.unwrap();
        let (build, _) = update.claim(update.pending()[0].id, "local").await.unwrap().unwrap();
        update.set_property(build.id, "got_revision", json!("0123abc"), "git").await.unwrap();
        update.build_finished(build.id, Results::Success, "good").await.unwrap();
        rig.status.control(&scope).rebuild("core", "full-2", build.number, "").await.unwrap();
        let request = update.pending()[0].clone();
        assert_eq!(request.source_stamp.revision.as_deref(), Some("v1"));
        rig.status.control(&operator()).cancel(request.id, "").await.unwrap();
    }
}

#[tokio::test]
async fn a_token_for_two_uses_is_used_up_also_after_a_restart() {
    let rig = Rig::new().await;
    let scope = narrowed(Narrowed { uses: Some(2), ..Narrowed::default() });
    rig.status.control(&scope).force("core", "full-2", ForceWish::default()).await.unwrap();
    let rig = rig.reopen().await;
    let control = rig.status.control(&scope);
    // What is refused for another reason is no use.
    control.force("core", "full-10", wish(json!({"nope": 1}), json!({}))).await.unwrap_err();
    control.force("core", "full-2", ForceWish::default()).await.unwrap();
    let refused = control.force("core", "full-2", ForceWish::default()).await.unwrap_err();
    assert!(matches!(refused, Error::UsedUp { max: 2 }), "{refused}");
    assert_eq!(rig.status.update().pending().len(), 2);
}

#[tokio::test]
async fn a_token_is_recorded_listed_and_revoked_by_those_who_may() {
    let rig = Rig::new().await;
    let admin = BTreeMap::from([("core".to_owned(), Role::Admin)]);
    let admin = Scope::proved("boss".to_owned(), None, false, admin, Narrowed::default());
    let new = |team: Option<&str>| NewToken {
        kid: "key".to_owned(),
        jti: format!("jti-of-{}", team.unwrap_or("owner")),
        subject: "ci".to_owned(),
        team: team.map(str::to_owned),
        details: json!({ "role": "operator" }),
        expires_at: super::noon(),
    };
    let tokens = rig.status.tokens();
    tokens.record(&admin, new(Some("core"))).await.unwrap();
    assert!(matches!(tokens.record(&admin, new(Some("secret"))).await, Err(Error::Forbidden(_))));
    assert!(matches!(tokens.record(&admin, new(None)).await, Err(Error::Forbidden(_))));
    assert!(matches!(tokens.record(&operator(), new(Some("core"))).await, Err(Error::Forbidden(_))));
    tokens.record(&Scope::system(), new(None)).await.unwrap();
    assert_eq!(tokens.list(&admin, Some("core"), false).await.unwrap().len(), 1);
    assert_eq!(tokens.list(&Scope::system(), None, false).await.unwrap().len(), 2);
    assert!(!tokens.is_revoked("jti-of-core").await.unwrap());
    assert!(matches!(tokens.revoke(&admin, "jti-of-owner").await, Err(Error::NotFound { .. })));
    tokens.revoke(&admin, "jti-of-core").await.unwrap();
    assert!(tokens.is_revoked("jti-of-core").await.unwrap());
    assert!(!tokens.is_revoked("never-heard-of").await.unwrap());
}

#[tokio::test]
async fn of_a_thousand_and_more_requests_of_a_team_a_thousand_wait_and_the_rest_is_refused() {
    let rig = Rig::of_team_core(Quota { forces_per_minute: 5_000, ..Quota::default() }).await;
    let (ada, max) = (operator(), 1_000);
    let control = rig.status.control(&ada);
    let forces = (0..max + 50).map(|_| control.force("core", "full-2", ForceWish::default()));
    let forced = futures::future::join_all(forces).await;
    assert_eq!(forced.iter().filter(|forced| forced.is_ok()).count(), max);
    assert_eq!(rig.status.update().pending().len(), max);
    let refused = control.force("core", "full-10", ForceWish::default()).await.unwrap_err();
    assert!(matches!(refused, Error::OverQuota(_)), "{refused}");
    expect!["team core has no room for one more request that waits: the limit is 1000 waiting at once (`queued`); cancel some or wait until some are built; try again in 30s"].assert_eq(&refused.to_string());
    // Another team is not held up, and there is room again once one waits no more.
    control.force("secret", "vault", ForceWish::default()).await.unwrap();
    control.cancel(rig.status.update().pending()[0].id, "").await.unwrap();
    control.force("core", "full-10", ForceWish::default()).await.unwrap();
}

#[tokio::test]
async fn what_waits_for_a_builder_that_left_the_configuration_is_cancelled_at_start_and_says_so() {
    let mut rig = Rig::new().await;
    let (left, stays, broken) =
        (rig.force("core", "full-2").await, rig.force("core", "full-10").await, rig.force("secret", "vault").await);
    rig.start("core", "full-2").await;
    let mut config = weir::config::Config::clone(&rig.config);
    let mut without = |team: &str, builder: &str| {
        let mut team = Team::clone(&config.teams[team]);
        team.builders.remove(builder);
        config.teams.insert(team.name.clone(), Arc::new(team));
    };
    without("core", "full-2");
    without("secret", "vault");
    config.broken_teams.insert("secret".to_owned(), vec![]);
    let as_of = rig.status.as_of();
    rig.config = Arc::new(config);
    let rig = rig.reopen().await;
    rig.status.update().recover().await.unwrap();
    assert_eq!(rig.status.update().pending().iter().map(|request| request.id).collect::<Vec<_>>(), [stays]);
    let nobody = rig.status.get(&Scope::anonymous());
    assert!(nobody.request(left).await.unwrap().complete);
    assert!(!nobody.request(stays).await.unwrap().complete);
    // A team whose file is broken has not given its builders up; and what is private stays so.
    assert!(!rig.status.get(&operator()).request(broken).await.unwrap().complete);
    assert!(matches!(nobody.request(broken).await, Err(Error::NotFound { .. })));
    // The one that ran when they left is ended, and does not wait again.
    assert!(rig.status.update().running().is_empty());
    assert!(rig.status.as_of() > as_of);
    let store = weir::store::Store::open(&rig.database.url).unwrap();
    let audit = store.read(|c| Ok::<_, weir::store::Error>(weir::store::audit::recent(c, None, 1)?)).await.unwrap();
    assert_eq!((audit[0].subject.as_str(), audit[0].action.as_str()), ("system", "cancel"));
    assert_eq!(audit[0].reason, "its builder left the configuration");
}

#[tokio::test]
async fn what_is_refused_by_the_hundred_fills_no_audit_whatever_it_is_and_whoever_of_elsewhere_asks() {
    let rig = Rig::new().await;
    let viewer = Scope::proved(
        "eve".to_owned(),
        Some("jti-9".to_owned()),
        false,
        BTreeMap::from([("core".to_owned(), Role::Viewer)]),
        Narrowed::default(),
    );
    for _ in 0..120 {
        let refused = rig.status.control(&viewer).reload(Some("core")).await;
        assert!(matches!(refused, Err(Error::Forbidden(Right::Administer))), "{refused:?}");
    }
    for n in 0..120 {
        let somebody = Scope::proved(format!("forge:{n}"), None, false, BTreeMap::new(), Narrowed::default());
        let somebody = somebody.of_person(format!("issuer:forge:{n}")).outside();
        let refused = rig.status.control(&somebody).force("core", "full-2", ForceWish::default()).await;
        assert!(matches!(refused, Err(Error::Forbidden(Right::Force))), "{refused:?}");
    }
    let n_rows = async |action: &'static str| {
        let store = weir::store::Store::open(&rig.database.url).unwrap();
        let rows = store.read(|c| Ok::<_, weir::store::Error>(weir::store::audit::recent(c, None, 1_000)?)).await;
        let rows: Vec<_> = rows.unwrap().into_iter().filter(|row| row.action == action).collect();
        (rows.len(), rows.into_iter().find(|row| row.reason.contains("more tries")))
    };
    assert_eq!((n_rows("reload").await.0, n_rows("force").await.0), (50, 50));
    rig.status.sessions().write_refused_once(true).await.unwrap();
    let (n_reloads, reloads) = n_rows("reload").await;
    let (n_forces, forces) = n_rows("force").await;
    assert_eq!((n_reloads, n_forces), (51, 51));
    let told = |row: Option<weir::store::audit::AuditRow>| row.map(|row| (row.subject, row.reason));
    assert_eq!(told(reloads), Some(("eve".to_owned(), "70 more tries refused".to_owned())));
    assert_eq!(told(forces), Some(("several".to_owned(), "70 more tries refused".to_owned())));
}
