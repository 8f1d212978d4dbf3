//! Builds as they run: real commands, the real plugin, everything seen through the server's doors.

use futures::StreamExt as _;
use serde_json::{Value, json};
use std::time::Duration;
use weir_tests::site::Site;
use weir_tests::world::{World, build_path, client};

/// A step of `core/it` for the configuration.
fn step(name: &str, flags: &str, line: &str) -> String {
    let line = Value::from(line);
    format!(
        "[[team.core.builder.it.step]]\nname = \"{name}\"\nuse = \"shell\"\nwith = {{ command = {line} }}\n{flags}\n"
    )
}

/// A site with the one builder `core/it`.
fn site(quota: &str, steps: &[String]) -> Site {
    Site::new().team("core", quota).toml("[team.core.builder.it]").toml(&steps.concat())
}

/// Forces `core/it`, waits for its end and tells its steps and its end in a line.
async fn told(world: &World) -> String {
    world.force("core/it").await;
    world.settle().await;
    tell_last(world).await
}

/// The last build of `core/it` in a line.
async fn tell_last(world: &World) -> String {
    tell(&build(world, "core/it", world.last("core/it").await.number).await)
}

fn tell(build: &Value) -> String {
    let word = |of: &Value| {
        let number = of.as_i64().and_then(|n| i32::try_from(n).ok());
        number.and_then(weir::model::results::Results::from_number).map_or("running", |r| r.word())
    };
    let steps = build["steps"].as_array().expect("a build has steps").iter();
    let steps: Vec<_> =
        steps.map(|s| format!("{} {}", s["name"].as_str().unwrap_or("?"), word(&s["results"]))).collect();
    format!("{} | {} | {}", steps.join(", "), word(&build["results"]), build["state_string"].as_str().unwrap_or("?"))
}

#[tokio::test]
async fn steps_run_in_order_a_failure_halts_and_what_always_runs_still_runs() {
    let steps = [
        step("one", "", "echo one > order"),
        step("two", "", "echo two >> order; exit 3"),
        step("three", "", "echo three >> order"),
        step("blame", "when = [\"failure\"]", "echo blame >> order"),
        step("show", "always = true", "cat order"),
    ];
    let world = site("", &steps).serve().await;
    assert_eq!(told(&world).await, "one success, two failure, blame success, show success | failure | failed two");
    let log = world.log("core/it", 1, 3, "stdio").await;
    assert!(log.contains("one\ntwo\nblame\n"), "{log}");
}

#[tokio::test]
async fn a_failure_that_only_warns_goes_on_and_a_condition_that_does_not_hold_is_shown() {
    let steps = [
        step("lint", "warn_on_failure = true", "false"),
        step("blame", "when = [\"failure\"]", "true"),
        step("test", "", "true"),
    ];
    let world = site("", &steps).serve().await;
    assert_eq!(told(&world).await, "lint failure, blame skipped, test success | warnings | warnings in lint");
}

#[tokio::test]
async fn a_step_that_takes_too_long_or_prints_nothing_too_long_is_ended() {
    let steps = [
        step("long", "timeout = \"1s\"", "while true; do echo on; done > /dev/null"),
        step("idle", "always = true\nidle_timeout = \"1s\"", "sleep 1000"),
    ];
    let world = site("", &steps).serve().await;
    assert_eq!(told(&world).await, "long failure, idle failure | failure | failed long, idle");
    let log = whole_log(&world, 1, 1).await;
    assert!(log.contains("it printed nothing for longer than its idle timeout"), "{log}");
}

#[tokio::test]
async fn a_branch_named_like_a_command_stays_a_name() {
    let line = "printf '<%s>' {{branch}} {{revision}}; echo; ls";
    let world = site("", &[step("names", "", line)]).serve().await;
    let (owner, evil) = (world.owner(), "x;touch pwned $(touch pwned) `touch pwned` '\n'\"");
    let answer = world.force_as(Some(&owner), "core/it", json!({ "branch": "x;touch pwned" })).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    world.settle().await;
    let log = world.log("core/it", 1, 0, "stdio").await;
    assert!(log.contains("<x;touch pwned><>\n") && !log.contains("\npwned\n"), "{log}");
    // A branch that no repository has is the force's to refuse; where it is accepted it stays a name as well.
    let answer = world.force_as(Some(&owner), "core/it", json!({ "branch": evil })).await;
    if answer.status == 202 {
        world.settle().await;
        let log = world.log("core/it", 2, 0, "stdio").await;
        assert!(log.contains(&format!("<{evil}><>\n")) && !log.contains("\npwned\n"), "{log}");
    } else {
        assert_eq!(answer.status, 422, "{}", answer.body);
    }
}

#[tokio::test]
async fn an_unknown_property_is_an_exception_that_names_it() {
    let world = site("", &[step("names", "", "echo {{brnach}}")]).serve().await;
    assert_eq!(told(&world).await, "names exception | exception | exception in names");
    let step = build(&world, "core/it", 1).await["steps"][0]["state_string"].as_str().unwrap_or_default().to_owned();
    assert!(step.contains("`brnach`") && step.contains("`branch`"), "{step}");
}

#[tokio::test]
async fn a_stop_ends_the_build_and_every_process_of_it() {
    let steps = [
        step("wait", "", "sleep 1000 & echo child $!; wait"),
        step("next", "", "true"),
        step("clean", "always = true", "echo cleaned"),
    ];
    let world = site("", &steps).serve().await;
    world.force("core/it").await;
    let number = world.running("core/it").await;
    let child = follow_until(&world, number, "child ").await;
    let output = world.weir(&["stop", "core/it", "1", "--reason", "wrong branch"], &[("WEIR_TOKEN", &world.owner())]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    world.settle().await;
    let said = tell_last(&world).await;
    assert!(said.starts_with("wait cancelled, clean success | cancelled | stopped by "), "{said}");
    assert!(said.ends_with(": wrong branch"), "{said}");
    let pid: u32 = child.trim().parse().expect("a process id");
    assert!(!is_alive(pid), "process {pid} of the stopped build lives");
}

#[tokio::test]
async fn one_build_of_a_builder_at_a_time_and_no_team_over_its_quota() {
    let sleeper = |key: &str| {
        let (team, name) = key.split_once('/').expect("team/name");
        format!(
            "[team.{team}.builder.{name}]\n[[team.{team}.builder.{name}.step]]\nuse = \"shell\"\nwith = {{ command = \"sleep 1000\" }}\n"
        )
    };
    let builders = ["core/a", "core/b", "core/c", "docs/a"];
    let mut site =
        Site::new().toml("[worker.local]\nslots = 4\n").team("core", "quota = { builds = 2 }").team("docs", "");
    for key in builders {
        site = site.toml(&sleeper(key));
    }
    let world = site.serve().await;
    for key in ["core/a", "core/a", "core/b", "core/c", "docs/a", "docs/a"] {
        world.force(key).await;
    }
    let n = |builder: &Value, what: &str| builder[what].as_array().map_or(0, Vec::len);
    let seen =
        world.wait_until("three builds run", |seen| seen.iter().map(|b| n(b, "running")).sum::<usize>() == 3).await;
    let mut counts: Vec<_> =
        seen.iter().map(|b| (b["name"].as_str().unwrap_or("?"), n(b, "running"), n(b, "pending"))).collect();
    counts.sort_unstable();
    assert_eq!(counts, [("core/a", 1, 1), ("core/b", 1, 0), ("core/c", 0, 1), ("docs/a", 1, 1)]);
}

#[tokio::test]
async fn a_crash_ends_builds_as_retry_and_requests_them_again() {
    // The first run waits to be killed; the second finds that it is the second.
    let line = "test -e again && exit 0; touch again; echo marked; sleep 1000";
    let mut world = site("", &[step("twice", "", line)]).serve().await;
    let request = world.force("core/it").await;
    world.running("core/it").await;
    follow_until(&world, 1, "marked").await;
    world.crash();
    world.restart().await;
    world.settle().await;
    let last = world.last("core/it").await;
    assert_eq!((last.number, last.results.as_str()), (2, "success"), "{request}");
    let first = build(&world, "core/it", 1).await;
    assert_eq!(first["results"], 5, "{first}");
}

#[tokio::test]
async fn a_shutdown_ends_builds_as_retry_and_they_go_on_after_the_start_however_often() {
    // More often than a build is tried that fails to come through by itself.
    const RESTARTS: i64 = 4;
    let line = format!("echo x >> runs; test $(wc -l < runs) -gt {RESTARTS} && exit 0; echo marked; sleep 1000");
    let mut world = site("", &[step("long", "", &line)]).serve().await;
    world.force("core/it").await;
    for number in 1..=RESTARTS {
        world.wait_until("it runs again", |builders| builders[0]["running"][0]["number"] == number).await;
        follow_until(&world, number, "marked").await;
        world.restart().await;
        let ended = build(&world, "core/it", number).await;
        let told = (&ended["results"], &ended["state_string"]);
        assert_eq!(told, (&json!(5), &json!("interrupted: the server was stopped")));
    }
    world.settle().await;
    let last = world.last("core/it").await;
    assert_eq!((last.number, last.results.as_str()), (RESTARTS + 1, "success"));
}

#[tokio::test]
async fn a_log_over_its_quota_loses_its_middle_visibly_and_the_step_goes_on() {
    let world =
        site("quota = { log_bytes = \"64 KiB\" }", &[step("talk", "", "seq 1 100000; echo the end")]).serve().await;
    assert_eq!(told(&world).await, "talk success | success | build successful");
    let log = whole_log(&world, 1, 0).await;
    assert!(log.len() < 70_000, "{} bytes", log.len());
    assert!(log.contains("\n1\n2\n3\n") && log.contains("\n99999\n100000\nthe end\n"), "{log}");
    assert!(log.contains("reached its limit of 64 KiB") && log.contains("were cut out here"), "{log}");
}

#[tokio::test]
async fn no_byte_of_a_long_line_is_lost() {
    let line = r"head -c 300000 /dev/zero | tr '\0' x; printf '\nafter\nno newline'";
    let world = site("", &[step("long", "", line)]).serve().await;
    assert_eq!(told(&world).await, "long success | success | build successful");
    let log = world.log("core/it", 1, 0, "stdio").await;
    assert!(log == format!("{}\nafter\nno newline", "x".repeat(300_000)), "{} bytes", log.len());
}

#[tokio::test]
async fn a_million_lines_are_stored_in_bounded_memory() {
    let line = "seq -f 'line %093.0f' 1 1000000";
    let world = site("", &[step("talk", "", line)]).serve().await;
    let before = resident_bytes(world.server().pid(), "VmRSS");
    assert_eq!(told(&world).await, "talk success | success | build successful");
    let peak = resident_bytes(world.server().pid(), "VmHWM");
    let grown = peak.saturating_sub(before);
    assert!(grown < 100 << 20, "grew by {} MiB for a log of 95 MiB", grown >> 20);
    let json = build(&world, "core/it", 1).await;
    let n_lines = json["steps"][0]["logs"][0]["num_lines"].as_i64().unwrap_or_default();
    assert!(n_lines >= 1_000_000, "{n_lines} lines");
}

/// `/api/v2` of a build.
async fn build(world: &World, key: &str, number: i64) -> Value {
    let (team, builder) = key.split_once('/').expect("team/name");
    let page = world.get_as(&world.owner(), &format!("/api/v2/teams/{team}/builders/{builder}/builds/{number}")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.json()["builds"][0].clone()
}

/// A whole log with what Weir itself says in it.
async fn whole_log(world: &World, number: i64, step: usize) -> String {
    let path = format!("{}/step/{step}/log/stdio/raw?headers=1", build_path("core/it", number));
    world.get_as(&world.owner(), &path).await.body
}

/// Follows the first log of a running build until a line has `mark`; returns what stands behind it.
pub(crate) async fn follow_until(world: &World, number: i64, mark: &str) -> String {
    let owner = world.owner();
    let path = build_path("core/it", number);
    let log = world.url(&format!("{path}/step/0/log/stdio/raw"));
    let get = |url: String| {
        let request = client().get(url).bearer_auth(&owner);
        async { request.send().await.expect("the server answers") }
    };
    let followed = async {
        // First it listens, then it looks: the opening of the log is heard or seen.
        let mut events = get(world.url(&format!("/sse{path}"))).await.bytes_stream();
        let mut answer = get(log.clone()).await;
        while answer.status() != 200 {
            events.next().await.expect("events come while the server runs").expect("events come whole");
            answer = get(log.clone()).await;
        }
        let (mut text, mut chunks) = (String::new(), answer.bytes_stream());
        loop {
            if let Some(line) = text.lines().find(|line| line.contains(mark)) {
                return line.split(mark).nth(1).unwrap_or_default().to_owned();
            }
            let chunk = chunks.next().await.expect("the log goes on until the mark").expect("the log comes");
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), followed).await.expect("the mark comes")
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie has ended; nobody has looked yet.
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// `VmRSS` (now) or `VmHWM` (at most) of a process, in bytes. The format is proc(5)'s.
fn resident_bytes(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line = status.lines().find(|line| line.starts_with(field)).expect("proc(5) has it");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of KiB");
    kib << 10
}
