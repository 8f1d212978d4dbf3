//! Secrets: who gets them, where they may go, and that nothing that a build stores shows one.

use serde_json::{Value, json};
use weir_tests::binary;
use weir_tests::service::Service;
use weir_tests::site::Site;
use weir_tests::world::{World, build_path};

const TOKEN: &str = "t0k/en+\"quoted\" & more";
const PLAIN: &str = "WEIR_PLAIN_hunter22";

/// A site whose builder `core/a` lets the probe try these, one step for each entry.
async fn site(service: &Service, reveal: bool, steps: &[Value]) -> World {
    let grants = format!("http = [\"http://127.0.0.1:{}\"]\ncommand = true\nreveal = {reveal}", service.port());
    let mut text = format!(
        "[plugin.probe]\n{grants}\n[team.core]\n[team.core.secret]\n\
         token = {{ env = \"TEST_TOKEN\" }}\nplain = {{ env = \"TEST_PLAIN\" }}\nunset = {{ env = \"TEST_UNSET\" }}\n\
         bound = {{ env = \"TEST_PLAIN\", hosts = [\"elsewhere.test:443\"] }}\n[team.core.builder.a]\n"
    );
    for (n, with) in steps.iter().enumerate() {
        let with = toml(with);
        text +=
            &format!("[[team.core.builder.a.step]]\nname = \"s{n}\"\nuse = \"probe\"\nalways = true\nwith = {with}\n");
    }
    let component = std::fs::read(binary::fixture_plugin("probe")).unwrap();
    let site = Site::new().plugin("probe", &component).toml(&text);
    site.env("TEST_TOKEN", TOKEN).env("TEST_PLAIN", PLAIN).serve().await
}

/// JSON as an inline table.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(key, value)| format!("{} = {}", json!(key), toml(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn handed(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "secret": name })).collect()
}

async fn build(world: &World) -> Value {
    world.force("core/a").await;
    world.settle().await;
    let number = world.last("core/a").await.number;
    let path = format!("/api/v2/teams/core/builders/a/builds/{number}");
    world.get_as(&world.owner(), &path).await.json()["builds"][0].clone()
}

#[tokio::test]
async fn a_secret_goes_to_commands_and_services_without_the_plugin_seeing_it() {
    let service = Service::start().await;
    let url = service.url("/echo");
    let steps = [json!({ "handed": handed(&["plain"]), "tries": [
        { "send": { "url": url, "bearer": "plain", "fields": [["x-key", { "secret": "plain" }]] } },
        { "run": { "line": format!("test \"$KEY\" = {PLAIN} && echo equal"), "env": { "KEY": { "secret": "plain" } } } },
        { "show": { "secret": "plain", "how": "log" } },
    ] })];
    let world = site(&service, false, &steps).await;
    build(&world).await;
    let request = service.requests().remove(0);
    assert!(request.contains(&format!("authorization: Bearer {PLAIN}\r\n")), "{request}");
    assert!(request.contains(&format!("x-key: {PLAIN}\r\n")), "{request}");
    let log = world.log("core/a", 1, 0, "stdio").await;
    assert!(log.contains("equal\n") && !log.contains(PLAIN), "{log}");
    let told = world.log("core/a", 1, 0, "probe").await;
    assert!(told.contains("Denied: may not read secrets: grant it with `reveal = true` in `[plugin.probe]`"), "{told}");
}

#[tokio::test]
async fn a_secret_that_is_not_handed_over_or_not_for_that_host_or_not_set_is_refused() {
    let service = Service::start().await;
    let url = service.url("/ok");
    let steps = [json!({ "handed": handed(&["bound", "unset"]), "tries": [
        { "send": { "url": url, "bearer": "token" } },
        { "send": { "url": url, "bearer": "nonsense" } },
        { "send": { "url": url, "bearer": "bound" } },
        { "run": { "line": "env", "env": { "KEY": { "secret": "bound" } } } },
        { "show": { "secret": "bound", "how": "log" } },
        { "show": { "secret": "token", "how": "log" } },
        { "send": { "url": url, "bearer": "unset" } },
    ] })];
    let world = site(&service, true, &steps).await;
    build(&world).await;
    let told = world.log("core/a", 1, 0, "probe").await;
    let told: Vec<&str> = told.lines().collect();
    let only = "by its `hosts` in the team's [secret] it is for `elsewhere.test:443` only";
    assert!(
        told[0].contains("hand over") && told[1].contains("hand over") && told[5].contains("hand over"),
        "{told:?}"
    );
    for line in &told[2..5] {
        assert!(line.starts_with("Denied: may not") && line.contains(only), "{told:?}");
    }
    assert!(told[6].contains("variable `TEST_UNSET` of the server is not set"), "{told:?}");
    assert_eq!(service.n_connections(), 0);
}

#[tokio::test]
async fn nothing_that_a_build_stores_shows_a_secret() {
    let service = Service::start().await;
    let show =
        |how: &str| json!({ "handed": handed(&["token"]), "tries": [{ "show": { "secret": "token", "how": how } }] });
    let ways = [
        "log",
        "split_over_writes",
        "json",
        "percent",
        "summary",
        "link",
        "property",
        "property_name",
        "log_name",
        "end",
        "failed",
        "panic",
    ];
    let mut steps: Vec<Value> = ways.map(show).into();
    // One that only a command has, and that nobody handed over: it is the team's all the same.
    let line = format!(
        "echo {PLAIN}; printf %s {} ; sleep 0.1; echo {} >&2; printf '%s' {PLAIN} | base64; printf 'xx%s' {PLAIN} | base64",
        &PLAIN[..8],
        &PLAIN[8..]
    );
    let slow = format!("printf %s {}; sleep 1.2; echo {}", &PLAIN[..8], &PLAIN[8..]);
    steps.push(json!({ "tries": [{ "run": { "line": line, "env": {} } }, { "run": { "line": slow, "env": {} } }] }));
    let world = site(&service, true, &steps).await;
    let build = build(&world).await;

    let mut all = build.to_string();
    for path in ["/waterfall.json", &build_path("core/a", 1)] {
        all += &world.get_as(&world.owner(), path).await.body;
    }
    let log = |step: usize, name: &'static str| {
        let world = &world;
        async move { world.log("core/a", 1, step, name).await }
    };
    assert_eq!(log(0, "stdio").await, "");
    assert_eq!(log(1, "split").await, "***\n");
    assert_eq!(log(2, "encoded").await, "\"***\"\n");
    assert_eq!(log(3, "encoded").await, "***\n");
    let commands = log(12, "stdio").await;
    assert_eq!(commands.matches("***").count(), 4, "{commands}");
    all += &commands;
    for step in 0..steps.len() {
        let path = format!("{}/step/{step}/log/stdio/raw?headers=1", build_path("core/a", 1));
        all += &world.get_as(&world.owner(), &path).await.body;
    }
    all += world.server().log().as_str();
    assert!(all.contains("it is ***"), "{all}");
    let base64 = "V0VJUl9QTEFJTl9odW50ZXIyMg";
    for form in [TOKEN, "t0k/en", "t0k\\/en", "t0k%2Fen", PLAIN, base64] {
        assert!(!all.contains(form), "{form} is shown in\n{all}");
    }
    let summaries: Vec<String> =
        build["steps"].as_array().unwrap().iter().map(|s| s["state_string"].as_str().unwrap().to_owned()).collect();
    assert_eq!(summaries[9], "it is ***");
    assert!(summaries[10].contains("it is ***") && summaries[11].contains("it is ***"), "{summaries:?}");
}
