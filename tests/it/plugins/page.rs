//! `/plugins` and its JSON: what is there, what it wants and may, what is wrong with it; and who sees what of that.

use super::guest::{Guest, runs_true};
use serde_json::{Value, json};
use weir_tests::page::Page;
use weir_tests::site::Site;
use weir_tests::world::World;

/// Team `core` is public, `vault` private: `mine` is lent to it alone, and `flaky`, which is everybody's, breaks in its build. Both
/// have a builder with `idle`, which asks for a command and is granted none.
fn site() -> Site {
    Site::new()
        .builder("core/linux", "true")
        .team("vault", r#"visibility = "private""#)
        .toml("[[team.vault.builder.keys.step]]\nuse = \"flaky\"")
        .toml("[[team.vault.builder.tries.step]]\nuse = \"idle\"")
        .toml("[[team.core.builder.tries.step]]\nuse = \"idle\"")
        .toml("[plugin.mine]\nteams = [\"vault\"]\ncommand = [\"true\"]\nmemory = \"32 MiB\"")
        .plugin("flaky", &Guest::run("unreachable").component())
        .plugin("mine", &runs_true().component())
        .plugin("idle", &runs_true().component())
        .plugin("broken", b"\0asm, and then nothing of the kind")
}

async fn listed(world: &World, token: Option<&str>) -> Vec<Value> {
    let page = fetch(world, token, "/api/v2/plugins").await;
    page.json()["plugins"].as_array().unwrap_or_else(|| panic!("{}", page.body)).clone()
}

async fn fetch(world: &World, token: Option<&str>, path: &str) -> Page {
    match token {
        Some(token) => world.get_as(token, path).await,
        None => world.get(path).await,
    }
}

fn named<'a>(plugins: &'a [Value], name: &str) -> Option<&'a Value> {
    plugins.iter().find(|plugin| plugin["name"] == name)
}

#[tokio::test]
async fn a_plugin_is_shown_with_what_it_wants_and_may_to_those_who_may_use_it() {
    let world = site().serve().await;
    let member = world.token("vault", "viewer");
    // Nobody has used them: the first look has them asked, and whoever looks again sees what they said.
    // An owner may ask as often as that.
    let owner = world.owner();
    let is_untold = |plugin: &Value| plugin["trouble"].is_null() && plugin["version"].is_null();
    while listed(&world, Some(&owner)).await.iter().any(is_untold) {}
    let plugins = listed(&world, Some(&member)).await;
    let shell = named(&plugins, "shell").unwrap();
    assert_eq!(
        (&shell["kind"], &shell["capabilities"][0]["name"], &shell["capabilities"][0]["granted"]),
        (&json!("step"), &json!("command"), &json!(true)),
        "{shell}"
    );
    let mine = named(&plugins, "mine").unwrap();
    assert_eq!((&mine["teams"], &mine["limits"]["memory"]), (&json!(["vault"]), &json!("32 MiB")), "{mine}");
    assert_eq!((mine["sha256"].as_str().map(str::len), &mine["pinned"]), (Some(64), &json!(false)), "{mine}");
    assert_eq!(mine["capabilities"][0]["detail"], "true");
    let idle = named(&plugins, "idle").unwrap();
    assert_eq!(idle["capabilities"][0]["granted"], false, "what nobody grants is not granted: {idle}");
    let broken = named(&plugins, "broken").unwrap();
    assert!(broken["trouble"].as_str().unwrap().contains("component"), "{broken}");

    let page = fetch(&world, Some(&member), "/plugins").await.text();
    for words in ["mine step: guest 1", "true", "memory 32 MiB", "✘ not granted", "Cannot be used:"] {
        assert!(page.contains(words), "no `{words}` in:\n{page}");
    }
    let stranger = listed(&world, None).await;
    assert!(named(&stranger, "mine").is_none(), "it is lent to a team that strangers do not see");
    assert_eq!(named(&stranger, "broken").unwrap()["trouble"], "it cannot be used; sign in to see why");
    assert_eq!(named(&stranger, "shell").unwrap()["capabilities"][0]["detail"], Value::Null);
    let page = world.get("/plugins").await;
    assert!(page.status == 200 && !page.body.contains("mine") && !page.body.contains("vault"), "{}", page.body);
    let owner = listed(&world, Some(&owner)).await;
    assert!(named(&owner, "mine").is_some());
}

#[tokio::test]
async fn a_plugin_that_is_switched_off_for_a_team_is_so_on_the_page_of_who_may_read_the_team() {
    let world = site().serve().await;
    for _ in 0..3 {
        let answer = world.force_as(Some(&world.owner()), "vault/keys", json!({})).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        world.settle().await;
    }
    let member = world.token("vault", "viewer");
    let flaky = named(&listed(&world, Some(&member)).await, "flaky").unwrap().clone();
    let off = &flaky["switched_off"][0];
    assert_eq!((&off["team"], &off["because"]), (&json!("vault"), &json!("failed 3 times in 10 minutes")), "{flaky}");
    assert!(off["last"].as_str().unwrap().contains("trapped") && off["until"].is_i64(), "{flaky}");
    let page = fetch(&world, Some(&member), "/plugins").await.text();
    assert!(page.contains("Switched off for the team vault until"), "{page}");

    let others = world.token("core", "operator");
    for token in [None, Some(others.as_str())] {
        let flaky = named(&listed(&world, token).await, "flaky").unwrap().clone();
        assert_eq!(flaky["switched_off"], json!([]), "{flaky}");
        let page = fetch(&world, token, "/plugins").await;
        assert!(!page.body.contains("vault"), "{}", page.body);
    }
}

#[tokio::test]
async fn what_a_plugin_did_and_was_denied_is_counted_for_those_who_may_read_the_team() {
    let world = site().serve().await;
    for key in ["core/linux", "core/tries", "vault/tries", "vault/tries"] {
        let answer = world.force_as(Some(&world.owner()), key, json!({})).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        world.settle().await;
    }
    let counted = |plugins: &[Value], name: &str| {
        let command = &named(plugins, name).unwrap()["capabilities"][0];
        assert_eq!(command["name"], "command");
        (command["used"].as_u64().unwrap(), command["denied"].as_u64().unwrap())
    };
    let member = listed(&world, Some(&world.token("vault", "viewer"))).await;
    let stranger = listed(&world, None).await;
    assert_eq!((counted(&member, "shell"), counted(&stranger, "shell")), ((1, 0), (1, 0)));
    assert_eq!((counted(&member, "idle"), counted(&stranger, "idle")), ((0, 3), (0, 1)));
    let page = world.get("/plugins").await.text();
    assert!(page.contains("✘ denied once"), "{page}");
}
