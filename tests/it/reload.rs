//! The configuration changes while the server runs.

use crate::engine::follow_until;
use futures::StreamExt as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::process::Output;
use weir_tests::site::Site;
use weir_tests::world::{World, client};

fn save(world: &World, site: &Site) {
    // As editors do it: nobody reads half a file.
    let draft = world.dir().join("draft");
    std::fs::write(&draft, site.text()).unwrap();
    std::fs::rename(draft, world.dir().join("weir.toml")).unwrap();
}

/// Asks with a token; the status code and the answer.
async fn ask(world: &World, token: &str, path: &str) -> (u16, Value) {
    let page = world.fetch(client().post(world.url(path)).bearer_auth(token).json(&serde_json::json!({}))).await;
    (page.status, page.json())
}

fn said(output: &Output) -> (Option<i32>, String) {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn a_signal_and_the_api_put_a_new_builder_in_force_and_a_broken_main_file_changes_nothing() {
    let site = Site::new().builder("core/a", "true");
    let world = site.clone().serve().await;
    let two = site.clone().builder("core/b", "true");
    std::fs::create_dir(world.dir().join("next")).unwrap();
    std::fs::write(world.dir().join("next/weir.toml"), two.text()).unwrap();
    let check =
        |arguments: &[&str]| said(&world.weir(&[&["check", "--config", "next/weir.toml"], arguments].concat(), &[]));
    let (code, text) = check(&["--diff", "weir.toml"]);
    assert!(code == Some(0) && text.contains("1 builder new: core/b") && !text.contains("refuse"), "{text}");
    let (code, text) = check(&["--diff"]);
    assert!(code == Some(2) && text.contains("in_force.json") && text.contains("--diff OLD/weir.toml"), "{text}");

    save(&world, &two);
    let (code, text) = said(&world.weir(&["reload"], &[]));
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(world.get("/team/core/builder/b").await.status, 200);

    save(&world, &two.clone().builder("core/c", "true"));
    let (status, answer) = ask(&world, &world.owner(), "/api/v2/reload").await;
    assert_eq!((status, &answer["in_force"]), (200, &Value::Bool(true)), "{answer}");
    assert_eq!(world.get("/team/core/builder/c").await.status, 200);
    let (code, text) = said(&world.weir(&["check", "--diff"], &[]));
    assert!(code == Some(0) && text.contains("Nothing follows from it."), "{text}");

    let owner = world.owner();
    for broken in [site.clone().toml("titel = 1"), site.clone().toml("[server.deep]"), site.toml("[[")] {
        save(&world, &broken);
        let (status, answer) = ask(&world, &owner, "/api/v2/reload").await;
        assert_eq!((status, &answer["in_force"]), (422, &Value::Bool(false)), "{answer}");
        assert!(answer["wrong"][0].as_str().unwrap().contains("weir.toml:"), "{answer}");
        assert_eq!(world.get("/team/core/builder/c").await.status, 200, "what was in force stays");
    }
}

#[tokio::test]
async fn a_running_build_ends_on_what_it_began_with_though_its_builder_was_removed() {
    let site = Site::new().builder("core/other", "true");
    let lines = ["sleep 1000 & echo child $!; wait; echo woken", "echo second"];
    let world = site.clone().builder_with("core/it", "", &lines).serve().await;
    world.force("core/it").await;
    let number = world.running("core/it").await;
    let child = follow_until(&world, number, "child ").await;
    save(&world, &site);
    let (status, answer) = ask(&world, &world.owner(), "/api/v2/reload").await;
    assert_eq!(status, 200, "{answer}");
    let stream = client().get(world.url("/sse/team/core/builder/it")).send().await.unwrap();
    assert_eq!(stream.status(), 200, "its page is still there");
    let mut events = stream.bytes_stream();
    kill(Pid::from_raw(child.trim().parse().unwrap()), Signal::SIGTERM).unwrap();
    while world.get(&format!("/team/core/builder/it/build/{number}/step/1/log/stdio/raw")).await.status != 200 {
        events.next().await.expect("events come while the server runs").unwrap();
    }
    let page = world.get("/team/core/builder/it").await.text();
    assert!(page.contains("Retired"), "{page}");
    assert!(world.get("/team/core").await.text().contains("Retired builders"));
    assert!(!world.get("/waterfall.json").await.body.contains("core/it"));
}

#[tokio::test]
async fn a_broken_team_file_keeps_that_team_while_others_change_and_is_told() {
    let file =
        |builder: &str| format!("[[builder.{builder}.step]]\nuse = \"shell\"\nwith = {{ command = \"true\" }}\n");
    let site = Site::new().builder("other/a", "true").file("teams/core.toml", file("linux"));
    let world = site.clone().serve().await;
    std::fs::write(world.dir().join("teams/core.toml"), "titel = 1\n").unwrap();
    save(&world, &site.builder("other/b", "true"));
    let (code, text) = said(&world.weir(&["reload"], &[]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("unknown key `titel`") && text.contains("team core stays what it was"), "{text}");
    let (status, answer) = ask(&world, &world.owner(), "/api/v2/reload").await;
    assert_eq!((status, &answer["broken"][0]), (200, &Value::from("core")), "{answer}");
    for path in ["/team/core/builder/linux", "/team/other/builder/b"] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn an_open_stream_goes_on_across_a_reload_and_who_loses_a_team_finds_it_no_more() {
    let site = Site::new().team("hidden", "visibility = \"private\"").builder("core/a", "true");
    let world = site.clone().builder("hidden/x", "true").serve().await;
    let owner = world.owner();
    let open = client().get(world.url("/sse/waterfall")).bearer_auth(&owner).send().await.unwrap();
    let mut events = open.bytes_stream();
    assert_eq!(world.get_as(&owner, "/team/hidden").await.status, 200);
    let member = world.token("hidden", "viewer");
    assert_eq!(world.get_as(&member, "/team/hidden").await.status, 200);
    save(&world, &Site::new().builder("core/a", "true"));
    assert_eq!(ask(&world, &owner, "/api/v2/reload").await.0, 200);
    assert_eq!(world.get_as(&member, "/team/hidden").await.status, 404);
    world.force("core/a").await;
    let mut heard = String::new();
    while !heard.contains("core") {
        heard.push_str(&String::from_utf8_lossy(&events.next().await.expect("the stream goes on").unwrap()));
    }
    world.settle().await;
}

#[tokio::test]
async fn a_reload_that_moves_the_state_is_refused_as_a_whole() {
    let site = Site::new().builder("core/a", "true");
    let world = site.clone().serve().await;
    let owner = world.owner();
    let moved = site.builder("core/b", "true").text().replace("state_dir = \"state\"", "state_dir = \"elsewhere\"");
    std::fs::write(world.dir().join("weir.toml"), moved).unwrap();
    let (status, answer) = ask(&world, &owner, "/api/v2/reload").await;
    assert_eq!(status, 422, "{answer}");
    assert!(answer["wrong"].to_string().contains("`server.state_dir` changed, which only a start"), "{answer}");
    assert_eq!(world.get_as(&owner, "/team/core/builder/b").await.status, 404);
    assert_eq!(world.get_as(&owner, "/audit").await.status, 200, "keys are where they were");
}

#[tokio::test]
async fn that_no_team_is_declared_any_more_is_for_an_owner_to_mean_and_not_for_a_team() {
    let file = "[[builder.linux.step]]\nuse = \"shell\"\nwith = { command = \"true\" }\n";
    let world = Site::new().file("teams/core.toml", file).serve().await;
    let (owner, admin) = (world.owner(), world.token("core", "admin"));
    std::fs::remove_file(world.dir().join("teams/core.toml")).unwrap();
    let (status, answer) = ask(&world, &admin, "/api/v2/teams/core/reload").await;
    assert_eq!((status, &answer["in_force"]), (422, &Value::Bool(false)), "{answer}");
    assert_eq!(world.get("/team/core/builder/linux").await.status, 200);
    assert_eq!(ask(&world, &owner, "/api/v2/reload").await.0, 200);
    assert_eq!(world.get("/team/core").await.status, 404);
}

/// The name of the first event of a stream.
async fn first_event(world: &World, path: &str) -> String {
    let answer = client().get(world.url(path)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200, "{path}");
    let (mut chunks, mut heard) = (answer.bytes_stream(), String::new());
    loop {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(60), chunks.next()).await;
        heard += std::str::from_utf8(&chunk.expect("an event comes in time").unwrap().unwrap()).unwrap();
        let whole = heard.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        if let Some(name) = whole.lines().find_map(|line| line.strip_prefix("event: ")) {
            return name.to_owned();
        }
    }
}

#[tokio::test]
async fn a_page_that_was_drawn_before_a_reload_is_told_of_it_when_it_begins_to_listen() {
    let a = "categories = [\"a\"]";
    let site = || Site::new().builder_with("core/a", a, &["true"]);
    let world = site().view("all", a).serve().await;
    let page = world.get("/view/all").await.body;
    let (_, events) = page.split_once("data-events=\"").expect("the page listens");
    let events = events.split('"').next().unwrap().replace("&amp;", "&").replace("&#x3D;", "=");
    world.force("core/a").await;
    assert_eq!(first_event(&world, &events).await, "request.added", "{events}");
    save(&world, &site().view("all", &format!("title = \"All of it\"\n{a}")));
    assert_eq!(ask(&world, &world.owner(), "/api/v2/reload").await.0, 200);
    assert_eq!(first_event(&world, &events).await, "configuration.changed", "{events}");
    assert_eq!(world.get("/sse/view/all?generation=new").await.status, 400);
}

#[tokio::test]
async fn a_file_that_is_saved_as_it_was_puts_nothing_in_force_and_nothing_into_the_audit() {
    let site = Site::new().builder("core/a", "true").env("WEIR_LOG", "weir=debug");
    let world = site.clone().serve().await;
    let two = site.builder("core/b", "true");
    save(&world, &two);
    world.server().wait_for_log("what follows:");
    // The file itself, and a log that lies beside it.
    save(&world, &two);
    std::fs::write(world.dir().join("log"), "a line").unwrap();
    world.server().wait_for_log("say what they said; nothing is done");
    let page = world.get_as(&world.owner(), "/api/v2/audit?action=reload").await.json();
    assert_eq!(page["audit"].as_array().map(Vec::len), Some(1), "{page}");
    // Who asks is answered, and it is written down.
    let (status, answer) = ask(&world, &world.owner(), "/api/v2/reload").await;
    assert_eq!((status, &answer["in_force"]), (200, &Value::Bool(true)), "{answer}");
    let page = world.get_as(&world.owner(), "/api/v2/audit?action=reload").await.json();
    assert_eq!(page["audit"].as_array().map(Vec::len), Some(2), "{page}");
}
