//! Quotas as those meet them who go beyond one: over HTTP, in logs, on pages. And that nobody else notices.

use futures::future::join_all;
use serde_json::{Value, json};
use weir_tests::binary;
use weir_tests::page::Page;
use weir_tests::site::Site;
use weir_tests::visitor::Visitor;
use weir_tests::world::{World, build_path, client, segment};

/// Seconds after which a refusal says to come again.
fn again_s(page: &Page) -> u64 {
    let text = page.header("retry-after").unwrap_or_else(|| panic!("no Retry-After: {:?}", page.headers));
    text.parse().unwrap_or_else(|_| panic!("{text} is no number of seconds"))
}

/// A refusal for scripts tells everything twice: in words, and for the script.
fn assert_refused(page: &Page, quota: &str, words: &str) {
    assert_eq!(page.status, 429, "{}", page.body);
    let json = page.json();
    assert_eq!((json["code"].as_str(), json["limit"]["name"].as_str()), (Some("limit"), Some(quota)), "{json}");
    assert_eq!(json["limit"]["retry_after_s"], again_s(page), "{json}");
    assert!(json["error"].as_str().unwrap().contains(words), "{json}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
}

/// `POST` without a body.
async fn post(w: &World, token: &str, path: &str) -> Page {
    w.fetch(client().post(w.url(path)).bearer_auth(token)).await
}

#[tokio::test]
async fn scripts_that_ask_too_often_are_told_when_to_come_again_and_hold_up_nobody_else() {
    let w = Site::new()
        .team("core", "quota = { requests_per_s = 1 }")
        .builder("core/full", "true")
        .builder("docs/manual", "true")
        .user("ada", "teams = { core = \"viewer\" }")
        .serve()
        .await;
    let (core, docs) = (w.token("core", "viewer"), w.token("docs", "viewer"));
    let mut ada = Visitor::signed_in(&w, "ada").await;
    // What is asked for first is answered fast, also by a slow machine: the calls are over long before the quota has given them all back.
    let answers = futures::future::join_all((0..24).map(|_| w.get_as(&core, "/api/v2/me"))).await;
    let n_refused = answers.iter().filter(|page| page.status == 429).count();
    assert!(answers.len() - n_refused >= 4, "so many may come at once");
    assert!(n_refused >= 1, "none of {} was refused", answers.len());
    let pages =
        futures::future::join_all((0..12).map(|n| w.get_as(&core, ["/team/core", "/view/none.json"][n % 2]))).await;
    for page in answers.iter().chain(&pages).filter(|page| page.status == 429) {
        assert!((1..=2).contains(&again_s(page)), "{:?}", page.headers);
        let words = "the calls by tokens of team core are too many at once";
        match page.header("content-type").unwrap().starts_with("text/html") {
            true => assert!(page.text().to_lowercase().contains(words), "{}", page.text()),
            false => assert_refused(page, "requests_per_s", "(`requests_per_s`); try again in"),
        }
    }
    // What the token opens is nothing to another team's, to a member's browser and to strangers.
    assert_eq!(w.get_as(&docs, "/api/v2/me").await.status, 200);
    assert_eq!(ada.get("/team/core").await.status, 200);
    assert_eq!(w.get("/team/core").await.status, 200);
    // It comes back by itself.
    while w.get_as(&core, "/api/v2/me").await.status == 429 {}
}

#[tokio::test]
async fn forces_beyond_those_of_a_minute_are_refused_to_scripts_and_on_the_page() {
    let w = Site::new()
        .team("core", "quota = { forces_per_minute = 2 }")
        .builder_with("core/full", "force = true", &["true"])
        .builder("docs/manual", "true")
        .user("ada", "teams = { core = \"operator\" }")
        .serve()
        .await;
    let mut ada = Visitor::signed_in(&w, "ada").await;
    // Made before the first force: a force comes back after half a minute.
    let (owner, operator) = (w.owner(), w.token("core", "operator"));
    for _ in 0..2 {
        assert_eq!(w.force_as(Some(&owner), "core/full", json!({})).await.status, 202);
    }
    let page = w.force_as(Some(&operator), "core/full", json!({})).await;
    assert_refused(&page, "forces_per_minute", "the limit is 2 in a minute");
    assert!((1..=30).contains(&again_s(&page)), "{:?}", page.headers);
    let form = ada.fill_in_at("/team/core/builder/full", "/team/core/builder/full/force", &[("reason", "now!")]).await;
    assert_eq!(form.status, 429, "{}", form.text());
    assert!(again_s(&form) <= 30 && form.text().contains("the limit is 2 in a minute"), "{}", form.text());
    assert!(form.body.contains("value=\"now!\""), "what was typed is kept: {}", form.body);
    w.force("docs/manual").await;
    w.settle().await;
    assert_eq!(w.last("core/full").await.number, 2);
    let team = w.get_as(&w.owner(), "/team/core").await.text();
    assert!(team.contains("Builds started by hand, in a minute\n2 of 2 used up"), "{team}");
}

#[tokio::test]
async fn reloads_that_a_team_asks_for_are_so_many_a_minute_and_neither_owners_nor_other_teams_are_held_back() {
    let w = Site::new().builder("core/full", "true").builder("docs/manual", "true").serve().await;
    let (owner, core, docs) = (w.owner(), w.token("core", "admin"), w.token("docs", "admin"));
    let ask = |token: &str, path: &str| w.fetch(client().post(w.url(path)).bearer_auth(token).json(&json!({})));
    // More than a team may ask for in the minutes that this takes.
    let asked = join_all((0..60).map(|_| ask(&core, "/api/v2/teams/core/reload"))).await;
    let (done, refused): (Vec<_>, Vec<_>) = asked.into_iter().partition(|page| page.status == 200);
    assert!(done.len() >= 10, "{}", done.len());
    assert!(!refused.is_empty());
    assert_refused(&refused[0], "reloads_per_minute", "the limit is 10 in a minute");
    assert!((1..=6).contains(&again_s(&refused[0])), "{:?}", refused[0].headers);
    for _ in 0..11 {
        let page = ask(&owner, "/api/v2/teams/core/reload").await;
        assert_eq!(page.status, 200, "{}", page.body);
    }
    for (token, path) in [(&owner, "/api/v2/reload"), (&docs, "/api/v2/teams/docs/reload")] {
        assert_eq!(ask(token, path).await.status, 200, "{path}");
    }
    let signalled = w.weir(&["reload"], &[]);
    assert!(signalled.status.success(), "{signalled:?}");
}

#[tokio::test]
async fn a_team_whose_requests_wait_is_told_what_to_do_before_one_more_waits() {
    let w = Site::new()
        .team("core", "quota = { queued = 1 }")
        .builder("core/slow", "sleep 600")
        .builder("docs/manual", "true")
        .serve()
        .await;
    let owner = w.owner();
    w.force("core/slow").await;
    let number = w.running("core/slow").await;
    let waits = w.force("core/slow").await["buildrequests"].as_object().unwrap().values().next().unwrap().to_string();
    let page = w.force_as(Some(&owner), "core/slow", json!({})).await;
    assert_refused(&page, "queued", "the limit is 1 waiting at once (`queued`); cancel some or wait");
    w.force("docs/manual").await;
    assert_eq!(post(&w, &owner, &format!("/api/v2/buildrequests/{waits}/cancel")).await.status, 202);
    let next = w.force("core/slow").await["buildrequests"].as_object().unwrap().values().next().unwrap().to_string();
    assert_eq!(post(&w, &owner, &format!("/api/v2/buildrequests/{next}/cancel")).await.status, 202);
    let stop = format!("/api/v2/teams/core/builders/slow/builds/{number}/stop");
    assert_eq!(post(&w, &owner, &stop).await.status, 202);
    w.settle().await;
    assert_eq!(w.last("docs/manual").await.results, "success");
}

#[tokio::test]
async fn a_team_whose_plugins_used_up_their_time_reads_so_in_its_builds_and_another_goes_on() {
    let spin =
        "[[team.TEAM.builder.busy.step]]\nname = \"reckon\"\nuse = \"probe\"\nwith = { tries = [{ spin = 300 }] }\n";
    let builder = |team: &str| format!("[team.{team}.builder.busy]\n{}", spin.replace("TEAM", team));
    let w = Site::new()
        .plugin("probe", &std::fs::read(binary::fixture_plugin("probe")).unwrap())
        .team("core", "quota = { plugin_cpu_per_hour = \"1s\" }")
        .toml(&builder("core"))
        .team("docs", "")
        .toml(&builder("docs"))
        .serve()
        .await;
    // However fast this machine is: at some time a second of its CPU is used.
    let mut n_good = 0;
    let last = loop {
        w.force("core/busy").await;
        w.settle().await;
        let last = w.last("core/busy").await;
        if last.results != "success" || n_good == 40 {
            break last;
        }
        n_good += 1;
    };
    assert!((1..40).contains(&n_good), "{n_good} builds ran");
    assert_eq!(last.results, "exception", "{}", last.json);
    let page = w.get_as(&w.owner(), &build_path("core/busy", last.number)).await.text();
    let words = "was not called: the plugins of team core have used up their time: the limit is 1s of CPU time in an hour \
                 (`plugin_cpu_per_hour`); try again in";
    assert!(page.contains(words), "{page}");
    let team = w.get_as(&w.owner(), "/team/core").await.text();
    assert!(team.contains("CPU time of its plugins, in an hour") && team.contains("of 1s used up"), "{team}");
    w.force("docs/busy").await;
    w.settle().await;
    assert_eq!(w.last("docs/busy").await.results, "success");
}

#[tokio::test]
async fn a_log_beyond_its_limit_keeps_both_its_ends_and_says_what_is_missing() {
    let w = Site::new()
        .team("core", "quota = { log_bytes = \"4 KiB\" }")
        .builder("core/loud", "echo the beginning; yes flood | head -c 1000000; echo the end")
        .serve()
        .await;
    w.force("core/loud").await;
    w.settle().await;
    assert_eq!(w.last("core/loud").await.results, "success", "the step goes on");
    let log = format!("{}/step/0/log/stdio", build_path("core/loud", 1));
    let raw = w.get(&format!("{log}/raw?headers=1")).await.body;
    assert!(raw.len() < 8 << 10, "{} bytes are kept", raw.len());
    for words in ["the beginning", "This log reached its limit of 4 KiB", "lines) were cut out here", "the end"] {
        assert!(raw.contains(words), "no `{words}` in {raw}");
    }
    let page = w.get(&log).await.text();
    assert!(page.contains("This log reached its limit of 4 KiB: from here on only its end is kept."), "{page}");
}

#[tokio::test]
async fn a_team_without_room_reads_so_in_its_logs_and_its_builds_go_on() {
    let line = "yes 123456789 | head -n 250";
    let w = Site::new()
        .team("core", "quota = { stored_bytes = \"10 KiB\" }")
        .builder_with("core/loud", "", &[line, line, line, line, line, "echo quiet > f"])
        .builder("docs/manual", line)
        .serve()
        .await;
    w.force("core/loud").await;
    w.force("docs/manual").await;
    w.settle().await;
    let last = w.last("core/loud").await;
    assert_eq!(last.results, "success", "{}", last.json);
    assert_eq!(w.log("core/loud", 1, 0, "stdio").await.lines().count(), 250, "there was room");
    assert_eq!(w.log("docs/manual", 1, 0, "stdio").await.lines().count(), 250, "another team has its own");
    let full = format!("{}/step/4/log/stdio", build_path("core/loud", 1));
    let raw = w.get(&format!("{full}/raw?headers=1")).await.body;
    let words = "From here on this log is not kept: team core has no room for more: the limit is 10 KiB in all (`stored_bytes`)";
    assert!(raw.contains(words), "{raw}");
    assert!(w.get(&full).await.text().contains(words));
    let team = w.get_as(&w.owner(), "/team/core").await.text();
    let (_, used) = team.split_once("Logs and artifacts that are kept\n").expect("the page says what is used");
    let used = used.lines().next().unwrap();
    assert!(used.contains("of 10 KiB") && used.contains("used up"), "{team}");
}

#[tokio::test]
async fn an_artifact_without_room_is_refused_with_the_limit_and_what_is_there_stays() {
    let team = "quota = { artifact_bytes = \"1 KiB\" }\n[builder.app]\n\
        [[builder.app.step]]\nuse = \"shell\"\nwith = { command = \"head -c 600 /dev/zero > small; head -c 500 /dev/zero > other\" }\n\
        [[builder.app.step]]\nname = \"keep\"\nuse = \"artifact\"\nwith = { path = \"small\" }\n\
        [[builder.app.step]]\nname = \"more\"\nuse = \"artifact\"\nwith = { path = \"other\" }\n";
    let w = Site::new().file("teams/core.toml", team).serve().await;
    w.force("core/app").await;
    w.settle().await;
    let last = w.last("core/app").await;
    assert_eq!(last.results, "failure", "{}", last.json);
    let build = build_path("core/app", 1);
    let page = w.get_as(&w.owner(), &build).await.text();
    assert!(page.contains("team core has no room for more: the limit is 1 KiB in all (`artifact_bytes`)"), "{page}");
    for (name, status) in [("small", 200), ("other", 404)] {
        assert_eq!(w.get(&format!("{build}/artifact/{}", segment(name))).await.status, status, "{name}");
    }
    let api = w.get("/api/v2/teams/core/builders/app/builds/1/artifacts").await.json();
    let names: Vec<_> = api["artifacts"].as_array().into_iter().flatten().map(|file| &file["name"]).collect();
    assert_eq!(names, [&Value::from("small")], "{api}");
    let team = w.get_as(&w.owner(), "/team/core").await.text();
    assert!(team.contains("Artifacts that are kept\n600 B of 1.0 KiB"), "{team}");
}
