//! Builds that trigger others, in a real server: the bundled step, its waits, and what a slot is lent for.

use serde_json::{Value, json};
use weir_tests::binary;
use weir_tests::site::Site;
use weir_tests::world::{World, build_path};

/// A builder of the team `core` with these steps, each `(plugin, settings)`.
fn builder(name: &str, steps: &[(&str, Value)]) -> String {
    let mut text = format!("[team.core.builder.{name}]\n");
    for (n, (plugin, settings)) in steps.iter().enumerate() {
        let with = toml(settings);
        text += &format!("[[team.core.builder.{name}.step]]\nname = \"s{n}\"\nuse = \"{plugin}\"\nwith = {with}\n");
    }
    text
}

/// JSON as TOML on one line.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let pairs: Vec<_> = map.iter().map(|(key, value)| format!("{key} = {}", toml(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn shell(line: &str) -> (&'static str, Value) {
    ("shell", json!({ "command": line }))
}

/// A site with one worker that has one slot, and a team that may run one build at a time.
fn site(builders: &[String]) -> Site {
    let site = Site::new().toml("[worker.local]\nslots = 1").team("core", "quota = { builds = 1 }");
    builders.iter().fold(site, |site, builder| site.toml(builder))
}

/// With the builder `nowhere`, whose worker never connects: requests for it wait.
fn with_nowhere(site: Site) -> Site {
    site.env("VAX", "secret")
        .toml("[worker.vax]\nlabels = [\"vax\"]\npassword = { env = \"VAX\" }")
        .toml(&builder("nowhere", &[shell("true")]).replace("[[", "labels = [\"vax\"]\n[["))
}

async fn build(world: &World, name: &str, number: i64) -> Value {
    let path = format!("/api/v2/teams/core/builders/{name}/builds/{number}");
    world.get_as(&world.owner(), &path).await.json()["builds"][0].clone()
}

async fn last(world: &World, name: &str) -> (i64, String, Value) {
    let last = world.last(&format!("core/{name}")).await;
    let build = build(world, name, last.number).await;
    (last.number, last.results, build)
}

#[tokio::test]
async fn with_one_slot_and_a_quota_of_one_a_build_waits_for_the_builds_that_it_triggered() {
    let waits = json!({ "builders": ["part", "other"], "wait": true, "properties": { "kind": "nightly" } });
    let world = site(&[
        builder("all", &[("trigger", waits), shell("echo all; date +%s%N > when; cat when")]),
        // Requested before `all` goes on, and yet `all` has its slot back first.
        builder(
            "part",
            &[("trigger", json!({ "builders": ["later"] })), shell("echo {{kind}} {{branch}} {{revision}}")],
        ),
        builder("other", &[shell("exit 0")]),
        builder("later", &[shell("date +%s%N")]),
    ])
    .serve()
    .await;
    let wish = json!({ "branch": "dev", "revision": "abc" });
    assert_eq!(world.force_as(Some(&world.owner()), "core/all", wish).await.status, 202);
    world.settle().await;

    let (number, results, all) = last(&world, "all").await;
    assert_eq!((number, results.as_str()), (1, "success"), "{all}");
    assert_eq!(all["steps"][0]["state_string"], json!("part #1 success, other #1 success"));
    let links: Vec<_> = all["steps"][0]["urls"].as_array().unwrap().iter().map(|link| link["name"].clone()).collect();
    assert_eq!(links, [json!("part #1"), json!("other #1")]);
    let url = all["steps"][0]["urls"][0]["url"].as_str().unwrap();
    assert_eq!(url, "http://localhost/team/core/builder/part/build/1");
    let (_, results, part) = last(&world, "part").await;
    assert_eq!((results.as_str(), &part["reason"]), ("success", &json!("triggered by core/all #1")));
    assert!(world.log("core/part", 1, "s1", "stdio").await.contains("nightly dev abc\n"));
    let page = world.get_as(&world.owner(), &build_path("core/part", 1)).await;
    assert!(
        page.body.contains("Triggered by") && page.body.contains("/team/core/builder/all/build/1"),
        "{}",
        page.body
    );
    let time = |log: String| log.lines().find_map(|line| line.trim().parse::<u64>().ok()).expect("a time");
    let all_went_on = time(world.log("core/all", 1, "s1", "stdio").await);
    let later_began = time(world.log("core/later", 1, "s0", "stdio").await);
    assert!(all_went_on < later_began, "a slot that was lent comes back before a new build gets it");
}

#[tokio::test]
async fn the_step_ends_as_the_worst_and_a_dropped_request_is_no_success() {
    let waits = |builders: Value| ("trigger", json!({ "builders": builders, "wait": true }));
    let world = with_nowhere(site(&[
        builder("all", &[waits(json!(["good", "bad"]))]),
        builder("good", &[shell("true")]),
        builder("bad", &[shell("false")]),
        builder("drops", &[waits(json!(["nowhere"]))]),
    ]))
    .serve()
    .await;
    world.force("core/all").await;
    world.settle().await;
    let (_, results, all) = last(&world, "all").await;
    assert_eq!(
        (results.as_str(), &all["steps"][0]["state_string"]),
        ("failure", &json!("bad #1 failure, good #1 success"))
    );

    world.force("core/drops").await;
    let seen = world
        .wait_until("the request waits", |builders| {
            builders
                .iter()
                .any(|b| b["name"] == "core/nowhere" && b["pending"].as_array().is_some_and(|p| !p.is_empty()))
        })
        .await;
    let request = seen.iter().find(|b| b["name"] == "core/nowhere").unwrap()["pending"][0]["buildrequestid"].clone();
    let path = format!("/api/v2/buildrequests/{request}/cancel");
    let cancel = weir_tests::world::client().post(world.url(&path)).bearer_auth(world.owner()).json(&json!({}));
    assert!(world.fetch(cancel).await.status < 300);
    world.settle().await;
    let (_, results, drops) = last(&world, "drops").await;
    assert_eq!((results.as_str(), &drops["steps"][0]["state_string"]), ("failure", &json!("nowhere cancelled")));
}

#[tokio::test]
async fn a_stop_ends_the_wait_and_not_what_was_triggered() {
    let world = site(&[
        builder("all", &[("trigger", json!({ "builders": ["part"], "wait": true }))]),
        builder("part", &[shell("sleep 1000")]),
    ])
    .serve()
    .await;
    world.force("core/all").await;
    world.running("core/part").await;
    let output = world.weir(&["stop", "core/all", "1"], &[("WEIR_TOKEN", &world.owner())]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let is_idle = |builders: &[Value], name: &str| {
        let found = builders.iter().find(|builder| builder["name"] == name);
        found.is_some_and(|builder| builder["running"].as_array().is_some_and(Vec::is_empty))
    };
    let seen = world.wait_until("the waiting build has ended", |builders| is_idle(builders, "core/all")).await;
    assert!(!is_idle(&seen, "core/part"), "what was triggered runs on");
    let (_, results, all) = last(&world, "all").await;
    assert_eq!(results, "cancelled", "{all}");
}

#[tokio::test]
async fn a_crash_while_a_build_waits_ends_it_as_retry_and_it_triggers_again() {
    let mut world = site(&[
        builder("all", &[("trigger", json!({ "builders": ["part"], "wait": true }))]),
        // The first run waits to be killed; the others find that they are not the first.
        builder(
            "part",
            &[shell("if test -e first; then touch later; else touch first; fi"), shell("test -e later || sleep 1000")],
        ),
    ])
    .serve()
    .await;
    world.force("core/all").await;
    let is_marked = |builders: &[Value]| {
        builders.iter().any(|b| b["name"] == "core/part" && b["running"][0]["state_string"] == "running s1")
    };
    world.wait_until("part waits to be killed", is_marked).await;
    world.crash();
    world.restart().await;
    world.settle().await;
    let (number, results, all) = last(&world, "all").await;
    assert_eq!((number, results.as_str()), (2, "success"), "{all}");
    assert_eq!(build(&world, "all", 1).await["results"], json!(5));
    let (number, ..) = last(&world, "part").await;
    assert_eq!(number, 3, "the first was built again, and another was triggered");
}

#[tokio::test]
async fn a_build_that_would_wait_for_itself_is_told_so() {
    let waits = |name: &str| ("trigger", json!({ "builders": [name], "wait": true }));
    let world = site(&[builder("own", &[waits("own")]), builder("a", &[waits("b")]), builder("b", &[waits("a")])])
        .serve()
        .await;
    world.force("core/own").await;
    world.settle().await;
    // Each of them triggers the next and does not wait for it, up to the end of the chain.
    let first = build(&world, "own", 1).await;
    let said = first["steps"][0]["state_string"].as_str().unwrap().to_owned();
    assert_eq!(first["results"], json!(4), "{first}");
    assert!(said.contains("would wait for itself") && said.contains("core/own"), "{said}");

    world.force("core/a").await;
    world.settle().await;
    let b = build(&world, "b", 1).await;
    assert!(b["steps"][0]["state_string"].as_str().unwrap().contains("would wait for itself"), "{b}");
    let a = build(&world, "a", 1).await;
    assert_eq!((&a["results"], &a["steps"][0]["state_string"]), (&json!(2), &json!("b #1 exception")));
}

#[tokio::test]
async fn a_builder_that_triggers_itself_ends_after_ten() {
    let world = site(&[builder("own", &[("trigger", json!({ "builders": ["own"] }))])]).serve().await;
    world.force("core/own").await;
    world.settle().await;
    let (number, results, own) = last(&world, "own").await;
    assert_eq!((number, results.as_str()), (11, "exception"), "{own}");
    let said = own["steps"][0]["state_string"].as_str().unwrap();
    assert!(said.contains("limited to 10") && said.contains("does a builder trigger itself?"), "{said}");
    assert_eq!(build(&world, "own", 10).await["results"], json!(0));
}

#[tokio::test]
async fn another_teams_builder_is_as_unknown_as_one_that_is_not_there() {
    let asks = |name: &str| ("trigger", json!({ "builders": [name] }));
    let world = site(&[builder("foreign", &[asks("docs/manual")]), builder("missing", &[asks("docs/nothing")])])
        .builder("docs/manual", "true")
        .serve()
        .await;
    let mut said = Vec::new();
    for name in ["foreign", "missing"] {
        world.force(&format!("core/{name}")).await;
        world.settle().await;
        let (_, results, build) = last(&world, name).await;
        assert_eq!(results, "exception");
        said.push(build["steps"][0]["state_string"].as_str().unwrap().replace("manual", "nothing"));
    }
    assert_eq!(said[0], said[1]);
    assert!(said[0].contains("there is no builder `docs/nothing`"), "{said:?}");
}

/// Forces `core/asks` and returns what the host answered, line by line.
async fn answers(world: &World) -> Vec<String> {
    world.force("core/asks").await;
    world.settle().await;
    let number = world.last("core/asks").await.number;
    let log = world.log("core/asks", number, 0, "answers").await;
    log.lines().map(str::to_owned).collect()
}

fn asks(grants: &str, questions: Value) -> Site {
    let component = std::fs::read(binary::fixture_plugin("ask")).unwrap();
    site(&[builder("asks", &[("ask", json!({ "ask": questions }))]), builder("part", &[shell("true")])])
        .plugin("ask", &component)
        .toml(&format!("[plugin.ask]\n{grants}"))
}

/// A step for each of these plugins, which asks this and which keys there are.
fn keeps(plugins: &[&'static str], question: &Value) -> Vec<(&'static str, Value)> {
    plugins.iter().map(|plugin| (*plugin, json!({ "ask": [question, { "keys": "" }] }))).collect()
}

/// Row 44: the same plugin in another builder and another step, and another plugin in the same place.
#[tokio::test]
async fn no_use_of_a_plugin_reaches_what_another_keeps() {
    let component = std::fs::read(binary::fixture_plugin("ask")).unwrap();
    let world = site(&[
        builder("first", &keeps(&["ask", "ask", "other"], &json!({ "put_absent": ["k", "mine"] }))),
        builder("second", &keeps(&["ask"], &json!({ "get": "k" }))),
        builder("third", &keeps(&["other", "other", "ask"], &json!({ "put_absent": ["../first/k", "x"] }))),
    ])
    .plugin("ask", &component)
    .plugin("other", &component)
    .toml("[plugin.ask]\nstate = true\n[plugin.other]\nstate = true")
    .serve()
    .await;
    for (name, n_steps, expected) in
        [("first", 3, "put\nk\n"), ("second", 1, "nothing\n\n"), ("third", 3, "put\n../first/k\n")]
    {
        world.force(&format!("core/{name}")).await;
        world.settle().await;
        for step in 0..n_steps {
            assert_eq!(world.log(&format!("core/{name}"), 1, step, "answers").await, expected, "{name} {step}");
        }
    }
}

/// Row 44: quota, `..`, a zero byte.
#[tokio::test]
async fn a_plugin_keeps_its_state_from_one_build_to_the_next_within_its_room() {
    let questions = json!([
        { "get": "runs" }, { "put_absent": ["runs", "1"] }, { "put_twice": ["runs", "2"] }, { "get": "runs" },
        { "put": ["..", "dots"] }, { "put": ["../other/step", "x"] }, { "keys": ".." }, { "put": ["a\u{0}b", "x"] },
        { "get": "" }, { "put_bytes": ["large", 2000] }, { "keys": "" }, { "delete": ".." }, { "get": ".." },
    ]);
    let mut world = asks("state = true\nstate_bytes = \"1 KiB\"", questions).serve().await;
    let no_key = "Invalid: `key`: a key has 1 to 200 printable characters";
    let quota = "Limit: plugin `ask`: the state of one use, keys and values, is limited to 1 KiB (`state_bytes`)";
    let mut expected = vec![
        "nothing",
        "put",
        "Conflict",
        "2",
        "put",
        "put",
        ".. ../other/step",
        no_key,
        no_key,
        quota,
        ".. ../other/step runs",
        "deleted",
        "nothing",
    ];
    let check = |said: Vec<String>, expected: &[&str]| {
        assert_eq!(said.len(), expected.len(), "{said:?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.starts_with(expected), "{said} is not {expected}");
        }
    };
    check(answers(&world).await, &expected);
    world.restart().await;
    (expected[0], expected[1]) = ("2", "Conflict");
    check(answers(&world).await, &expected);
}

#[tokio::test]
async fn a_plugin_reads_its_teams_status_and_no_other_private_one() {
    let questions = json!([
        { "builder": "part" }, { "builder": "core/part" }, { "builder": "docs/manual" }, { "builder": "secret/vault" },
        { "builder": "secret/nothing" }, { "build": ["part", 1] }, { "build": ["part", 9] }, { "recent": ["part", 5] },
        { "view": "all" }, { "view": "hidden" },
    ]);
    let world = asks("builds = true", questions)
        .builder("docs/manual", "true")
        .team("secret", "visibility = \"private\"")
        .builder("secret/vault", "true")
        .view("all", "categories = [\"*\"]\nbuilders = [\"*\"]")
        .toml("[team.secret.view.hidden]\nbuilders = [\"*\"]\nvisibility = \"private\"")
        .serve()
        .await;
    world.force("core/part").await;
    world.force("core/part").await;
    world.settle().await;
    let said = answers(&world).await;
    assert_eq!(said[..3], ["core/part", "core/part", "docs/manual"]);
    assert!(said[3].starts_with("NotFound"), "{said:?}");
    assert_eq!(said[3].replace("vault", "nothing"), said[4], "what may not be seen is not there");
    assert_eq!(said[5], "part #1: 1 steps");
    assert!(said[6].starts_with("NotFound"), "{said:?}");
    assert_eq!(said[7], "#2 #1");
    assert!(said[8].contains("core/part") && said[8].contains("docs/manual") && !said[8].contains("vault"), "{said:?}");
    assert!(said[9].starts_with("NotFound"), "{said:?}");
}

#[tokio::test]
async fn what_is_not_granted_is_refused_with_the_key_that_would_grant_it() {
    let questions = json!([{ "get": "k" }, { "builder": "part" }, { "trigger": "part" }, { "wait": ["1", 10] }]);
    let world = asks("", questions).serve().await;
    let said = answers(&world).await;
    for (said, key) in said.iter().zip(["state = true", "builds = true", "trigger = true", "trigger = true"]) {
        assert!(said.starts_with("Denied") && said.contains(key) && said.contains("[plugin.ask]"), "{said}");
    }
    assert_eq!(said.len(), 4);
}

#[tokio::test]
async fn a_step_asks_for_a_thousand_builds_and_no_more_and_a_wait_with_a_timeout_ends() {
    let questions = json!([
        { "wait": ["1", 10] }, { "wait": ["999999", 10] }, { "wait": ["no number", 10] },
        { "trigger_many": ["nowhere", 2000] }, { "wait": ["2", 10] },
    ]);
    let world = with_nowhere(asks("trigger = true", questions)).serve().await;
    world.force("core/asks").await;
    let is_done = |builders: &[Value]| builders.iter().any(|b| b["name"] == "core/asks" && b["last"].is_object());
    world.wait_until("the build has ended", is_done).await;
    let log = world.log("core/asks", 1, 0, "answers").await;
    let said: Vec<_> = log.lines().collect();
    assert!(said[0].contains("would wait for itself"), "its own request: {said:?}");
    assert!(said[1].starts_with("NotFound") && said[2].starts_with("NotFound"), "{said:?}");
    assert!(said[3].starts_with("1000, then "), "{said:?}");
    assert_eq!((said.len(), said[4]), (5, ""), "nothing has ended: {said:?}");
}

#[tokio::test]
async fn a_slot_is_not_lent_while_a_command_of_the_step_uses_it() {
    let overlap = json!({ "tries": [{ "overlap": { "line": "sleep 1; date +%s%N", "builder": "part" } }] });
    let component = std::fs::read(binary::fixture_plugin("probe")).unwrap();
    let world = site(&[builder("all", &[("probe", overlap)]), builder("part", &[shell("date +%s%N")])])
        .plugin("probe", &component)
        .toml("[plugin.probe]\ncommand = true\ntrigger = true")
        .serve()
        .await;
    world.force("core/all").await;
    world.settle().await;
    assert_eq!(world.log("core/all", 1, "s0", "probe").await, "1 ended\n");
    let time = |log: String| log.lines().find_map(|line| line.trim().parse::<u64>().ok()).expect("a time");
    let command_ended = time(world.log("core/all", 1, "s0", "stdio").await);
    assert!(command_ended < time(world.log("core/part", 1, "s0", "stdio").await));
}
