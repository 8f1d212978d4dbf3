//! Which builders and builds a view shows, for whom, and how far back.

use super::{Results, Rig, operator};
use expect_test::expect;
use weir::model::scope::Scope;
use weir::status::Error;
use weir::status::control::ForceWish;
use weir::status::query::Narrowing;
use weir::status::view::ViewPage;

/// Each column with the numbers of its builds.
fn columns(page: &ViewPage) -> String {
    let column = |column: &weir::status::view::Column| {
        let numbers: Vec<String> = column.builds.iter().map(|build| build.number.to_string()).collect();
        format!("{}: {}", column.status.builder.key, numbers.join(" "))
    };
    let older = if page.has_older { "\nolder" } else { "" };
    page.columns.iter().map(column).collect::<Vec<_>>().join("\n") + older
}

#[tokio::test]
async fn a_view_shows_each_asker_what_that_one_may_see() {
    let rig = Rig::new().await;
    rig.build("core", "full-2", Results::Success).await;
    rig.build("secret", "vault", Results::Failure).await;
    let nobody = rig.status.get(&Scope::anonymous());
    let page = nobody.view("release", &Narrowing::default()).await.unwrap();
    expect!["core/full-2: 1\ncore/full-10: "].assert_eq(&columns(&page));
    let ada = rig.status.get(&operator());
    let page = ada.view("release", &Narrowing::default()).await.unwrap();
    expect!["core/full-2: 1\ncore/full-10: \nsecret/vault: 1"].assert_eq(&columns(&page));
    assert!(matches!(nobody.view("own", &Narrowing::default()).await, Err(Error::NotFound { .. })));
    assert!(matches!(nobody.view("none", &Narrowing::default()).await, Err(Error::NotFound { .. })));
    let named = |views: Vec<weir::status::resource::View>| {
        views.iter().map(|v| format!("{} {}", v.name, v.tally.builders)).collect::<Vec<_>>().join(", ")
    };
    expect!["all 3, release 2"].assert_eq(&named(nobody.views()));
    expect!["all 4, release 3, own 1"].assert_eq(&named(ada.views()));
    assert_eq!((nobody.teams().len(), ada.teams().len()), (1, 2));
    assert!(matches!(nobody.team("secret"), Err(Error::NotFound { .. })));
    assert_eq!(nobody.team("core").unwrap().workers[0].running.len(), 0);
}

#[tokio::test]
async fn arguments_narrow_a_view() {
    let rig = Rig::new().await;
    let get = rig.status.get(&Scope::anonymous());
    rig.build("core", "full-2", Results::Failure).await;
    rig.build("core", "full-10", Results::Success).await;
    let mut said = Vec::new();
    for (show, category, failures_only) in [
        (&["full-2", "never"] as &[&str], &[] as &[&str], false),
        (&["core/full-10", "other/full-2", "vault"], &[], false),
        (&["nothing"], &[], false),
        (&[], &["release"], false),
        (&[], &["release|2", "nothing"], false),
        (&[], &[], true),
    ] {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let narrowing =
            Narrowing { builders: owned(show), categories: owned(category), failures_only, ..Narrowing::default() };
        let page = get.view("all", &narrowing).await.unwrap();
        said.push(format!("{show:?} {category:?} {failures_only}\n{}", columns(&page)));
    }
    expect![[r#"
        ["full-2", "never"] [] false
        core/full-2: 1
        core/never: 
        ["core/full-10", "other/full-2", "vault"] [] false
        core/full-10: 1
        ["nothing"] [] false

        [] ["release"] false
        core/full-2: 1
        core/full-10: 1
        [] ["release|2", "nothing"] false
        core/full-2: 1
        [] [] true
        core/full-2: 1"#]]
    .assert_eq(&said.join("\n"));
}

#[tokio::test]
async fn a_branch_narrows_builds_and_the_last_result() {
    let rig = Rig::new().await;
    for (branch, results) in [(Some("stable"), Results::Failure), (None, Results::Success)] {
        let wish = ForceWish { branch: branch.map(str::to_owned), ..ForceWish::default() };
        rig.status.control(&operator()).force("core", "full-2", wish).await.unwrap();
        let request = rig.status.update().pending()[0].id;
        let (build, _) = rig.status.update().claim(request, "local").await.unwrap().unwrap();
        rig.status.update().build_finished(build.id, results, "ended").await.unwrap();
    }
    let mut said = Vec::new();
    for branch in ["stable", "trunk", "main"] {
        let narrowing = Narrowing {
            branches: vec![branch.to_owned()],
            builders: vec!["full-2".to_owned()],
            ..Narrowing::default()
        };
        let page = rig.status.get(&Scope::anonymous()).waterfall(&narrowing).await.unwrap();
        let last = page.columns[0].status.last.as_ref().and_then(|build| build.results);
        said.push(format!("{branch} {last:?} {}", columns(&page)));
    }
    expect![[r#"
        stable Some(Failure) core/full-2: 1
        trunk Some(Success) core/full-2: 2
        main None core/full-2: "#]]
    .assert_eq(&said.join("\n"));
}

#[tokio::test]
async fn a_page_reaches_back_into_the_database_by_rows_by_time_and_by_paging() {
    let rig = Rig::new().await;
    for _ in 0..80 {
        rig.build("core", "full-2", Results::Success).await;
        rig.clock.advance(55);
    }
    let rig = rig.reopen().await;
    let get = rig.status.get(&Scope::anonymous());
    let get = &get;
    let show = |narrowing: Narrowing| async move {
        let narrowing = Narrowing { builders: vec!["full-2".to_owned()], ..narrowing };
        columns(&get.view("all", &narrowing).await.unwrap())
    };
    let numbers = |from: i64, to: i64| (to..=from).rev().map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
    // A build here begins and ends within one row.
    let rows = |n| Narrowing { num_events: Some(n), ..Narrowing::default() };
    assert_eq!(show(rows(10)).await, format!("core/full-2: {}\nolder", numbers(80, 71)));
    assert_eq!(show(rows(60)).await, format!("core/full-2: {}\nolder", numbers(80, 21)));
    assert_eq!(show(Narrowing::default()).await, format!("core/full-2: {}", numbers(80, 1)));
    let at = |minute: i64| Some(super::noon() + chrono::TimeDelta::minutes(minute));
    let past = Narrowing { last_time: at(20), first_time: at(10), ..Narrowing::default() };
    assert_eq!(show(past).await, format!("core/full-2: {}\nolder", numbers(21, 11)));
    let page = Narrowing { last_time: at(20), num_events: Some(5), ..Narrowing::default() };
    assert_eq!(show(page).await, format!("core/full-2: {}\nolder", numbers(21, 17)));
    let builds = get.builds("core", "full-2", Some(41), 30).await.unwrap();
    assert_eq!(builds.iter().map(|b| b.number).collect::<Vec<_>>(), (11..=40).rev().collect::<Vec<_>>());
    let held = get.builds("core", "full-2", None, 5).await.unwrap();
    assert_eq!(held.iter().map(|b| b.number).collect::<Vec<_>>(), [80, 79, 78, 77, 76]);
    let old = get.build("core", "full-2", 3).await.unwrap();
    assert_eq!((old.previous, old.next, old.newest), (Some(2), Some(4), 80));
    assert!(matches!(get.build("core", "full-2", 81).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn the_last_result_stands_since_the_first_of_its_row() {
    let rig = Rig::new().await;
    for results in [Results::Failure, Results::Success, Results::Success, Results::Success] {
        rig.build("core", "full-2", results).await;
    }
    let since = |rig: &Rig| rig.status.get(&Scope::anonymous()).builder("core", "full-2").unwrap().last_since.unwrap();
    assert_eq!((since(&rig) - super::noon()).num_seconds(), 10);
    let rig = rig.reopen().await;
    assert_eq!((since(&rig) - super::noon()).num_seconds(), 10);
    let running = rig.start("core", "full-2").await;
    assert_eq!(running.expected_s, Some(5.0));
}

#[tokio::test]
async fn a_builder_that_left_the_configuration_is_seen_as_retired_and_has_no_column() {
    let rig = Rig::new().await;
    rig.build("core", "full-2", Results::Success).await;
    let full = rig.config.clone();
    let mut less = (*full).clone();
    let mut core = (*less.teams["core"]).clone();
    core.builders.remove("full-2");
    less.teams.insert("core".to_owned(), std::sync::Arc::new(core));
    let rig = Rig { config: std::sync::Arc::new(less), ..rig }.reopen().await;
    let get = rig.status.get(&Scope::system());
    let retired = get.builder("core", "full-2").unwrap();
    assert!(retired.builder.is_retired && retired.last.unwrap().number == 1);
    let page = get.waterfall(&Narrowing::default()).await.unwrap();
    expect!["core/full-10: \ncore/never: \nsecret/vault: "].assert_eq(&columns(&page));
    let rig = Rig { config: full, ..rig }.reopen().await;
    let last = rig.status.get(&Scope::anonymous()).builder("core", "full-2").unwrap().last.unwrap();
    assert_eq!(last.number, 1);
}
