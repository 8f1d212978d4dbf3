//! A build of another team beside each attack: team `evil` runs the hostile guest, team `good` runs `true`, on one server, which
//! answers all the while and has its memory, threads and descriptors back afterwards.

use crate::plugins::guest::{Guest, starts};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use weir_tests::site::Site;
use weir_tests::world::{World, client};

/// When something must be over that ends at once unless it is broken.
const WATCHDOG: Duration = Duration::from_secs(60);
/// What a server may keep of an attack: allocators do not give back everything.
const BYTES_KEPT_MAX: usize = 64 << 20;
const DESCRIPTORS_KEPT_MAX: usize = 16;

/// What team `evil` does.
struct Attack {
    name: &'static str,
    guest: Guest,
    /// It goes on until it is stopped: its limits are so wide that none ends it before.
    lasts: bool,
}

/// A guest that says that it is there, and then does its worst.
fn attack(name: &'static str, imports: &'static [&'static str], items: &str, run: &str) -> Attack {
    let say = r#"(import "weir:plugin/progress@0.1.0" "summary" (func $say (param i32 i32 i32)))"#;
    let run = format!("(call $say (i32.const 16) (i32.const 5) (i32.const 1024)) {run}");
    let guest = Guest { imports, items: format!("{say} {items}"), ..Guest::run(&run) };
    Attack { name, guest, lasts: true }
}

fn endless_loop() -> Attack {
    attack("loop", &["progress"], "", "(loop br 0) unreachable")
}

fn memory_bomb() -> Attack {
    let run = "(loop (drop (memory.grow (i32.const 16)))
        (memory.fill (i32.const 131072) (i32.const 7) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 131072)))
        br 0) unreachable";
    attack("memory", &["progress"], "", run)
}

fn table_bomb() -> Attack {
    let run = "(loop (drop (table.grow $bomb (ref.null func) (i32.const 1000))) br 0) unreachable";
    attack("table", &["progress"], "(table $bomb 1 funcref)", run)
}

fn recursion() -> Attack {
    let deep = "(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))";
    Attack { lasts: false, ..attack("recursion", &["progress"], deep, "(call $deep (local.get 0))") }
}

fn trap() -> Attack {
    Attack { lasts: false, ..attack("trap", &["progress"], "", "unreachable") }
}

fn log_flood() -> Attack {
    let append = r#"(import "weir:plugin/log@0.1.0" "append" (func $append (param i32 i32 i32 i32 i32)))"#;
    let run =
        "(loop (call $append (i32.const 16) (i32.const 5) (i32.const 4096) (i32.const 32768) (i32.const 1024)) br 0)
        unreachable";
    attack("log", &["progress", "log"], append, run)
}

fn giant_argument() -> Attack {
    let append = r#"(import "weir:plugin/log@0.1.0" "append" (func $append (param i32 i32 i32 i32 i32)))"#;
    let run =
        "(call $append (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 60000000) (i32.const 1024)) unreachable";
    let mut attack = attack("argument", &["progress", "log"], append, run);
    (attack.guest.pages, attack.lasts) = (960, false);
    attack
}

fn giant_result() -> Attack {
    let run = "(i32.store (i32.const 268) (i32.const 0)) (i32.store (i32.const 272) (i32.const 60000000)) global.get $success";
    let mut attack = attack("result", &["progress"], "", run);
    (attack.guest.pages, attack.lasts) = (960, false);
    attack
}

fn call_flood() -> Attack {
    let cancelled = r#"(import "weir:plugin/wait@0.1.0" "cancelled" (func $cancelled (result i32)))"#;
    attack("calls", &["progress", "wait"], cancelled, "(loop (drop (call $cancelled)) br 0) unreachable")
}

/// Each of these is a row that is written before it is answered.
fn write_flood() -> Attack {
    let set = r#"(import "weir:plugin/properties@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))"#;
    let run = "(loop (call $set (i32.const 16) (i32.const 5) (i32.const 22) (i32.const 1) (i32.const 1024)) br 0) unreachable";
    attack("writes", &["progress", "properties"], set, run)
}

/// As many commands as it may, none of them ever dropped.
fn leak() -> Attack {
    let mut guest = starts(
        &["sleep", "1000"],
        "(local $n i32) (call $say (i32.const 16) (i32.const 5) (i32.const 2048))
        (loop (call $start (i32.const 512) (i32.const 1024))
          (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 40))))
        (loop br 0) unreachable",
    );
    guest.imports = &["secrets", "command", "progress"];
    guest.items =
        format!(r#"(import "weir:plugin/progress@0.1.0" "summary" (func $say (param i32 i32 i32))) {}"#, guest.items);
    Attack { name: "leak", guest, lasts: true }
}

/// What the server's process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    bytes: usize,
    guest_threads: usize,
    /// None where the system does not show them to us.
    descriptors: Option<usize>,
}

fn held(world: &World) -> Held {
    let process = std::path::PathBuf::from(format!("/proc/{}", world.server().pid()));
    let status = std::fs::read_to_string(process.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let tasks = std::fs::read_dir(process.join("task")).unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    Held {
        bytes: line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10,
        guest_threads: names.filter(|name| name.starts_with("plugin")).count(),
        descriptors: std::fs::read_dir(process.join("fd")).ok().map(Iterator::count),
    }
}

/// A site of both teams, on which the good one has built once.
async fn serve(attacks: &[Attack], copies: usize) -> World {
    let mut site = Site::new().toml("[worker.local]\nslots = 64").builder("good/linux", "true").team("evil", "");
    for Attack { name, guest, .. } in attacks {
        // A builder builds once at a time.
        for copy in 0..copies {
            let table = format!("team.evil.builder.{name}-{copy}");
            site = site.toml(&format!("[{table}]\n[[{table}.step]]\nuse = \"{name}\""));
        }
        let limits = "command = true\ncpu = \"1h\"\nwall = \"1h\"\nhost_calls = 4000000000\nlog_bytes = \"1 GiB\"";
        site = site.toml(&format!("[plugin.{name}]\n{limits}")).plugin(name, &guest.component());
    }
    let world = site.serve().await;
    good_build(&world).await;
    world
}

/// Builds of the good team that are over.
fn n_good(builders: &[Value]) -> i64 {
    named(builders, "good/linux")["last"]["number"].as_i64().unwrap_or(0)
}

fn named<'a>(builders: &'a [Value], key: &str) -> &'a Value {
    builders.iter().find(|builder| builder["name"] == key).expect("the builder is configured")
}

/// Forces a build of the good team and waits for its end; what all builders did at that moment.
async fn good_build(world: &World) -> Vec<Value> {
    let before = n_good(&world.wait_until("looked", |_| true).await);
    world.force("good/linux").await;
    let built = world.wait_until("the good build ends", |builders| n_good(builders) > before);
    let builders = tokio::time::timeout(WATCHDOG, built).await.expect("the good build ends in time");
    assert_eq!(world.last("good/linux").await.results, "success");
    builders
}

/// Runs these attacks at once, `copies` builders of each, and builds of the good team beside them; then looks at what is left.
async fn beside(attacks: &[Attack], copies: usize) {
    let world = serve(attacks, copies).await;
    let before = held(&world);
    let keys = |attack: &Attack| (0..copies).map(|copy| format!("evil/{}-{copy}", attack.name)).collect::<Vec<_>>();
    for key in attacks.iter().flat_map(keys) {
        world.force(&key).await;
    }
    let lasting: Vec<String> = attacks.iter().filter(|attack| attack.lasts).flat_map(keys).collect();
    // Each guest that lasts has said so: it is in the middle of its attack.
    world
        .wait_until("the attacks run", |builders| {
            lasting.iter().all(|key| named(builders, key)["running"].to_string().contains("guest"))
        })
        .await;
    for _ in 0..3 {
        let builders = good_build(&world).await;
        for key in &lasting {
            let running = named(&builders, key)["running"].as_array().map_or(0, Vec::len);
            assert!(running > 0, "{key} ended before the good build did");
        }
        let asked = Instant::now();
        assert_eq!(world.get("/healthz").await.status, 200);
        assert!(asked.elapsed() < WATCHDOG, "it answered after {:?}", asked.elapsed());
    }
    stop_all(&world, &lasting).await;
    world.settle().await;
    for key in attacks.iter().flat_map(keys) {
        let last = world.last(&key).await;
        let wanted = if lasting.contains(&key) { "cancelled" } else { "exception" };
        assert_eq!(last.results, wanted, "{key}: {}", last.json);
    }
    good_build(&world).await;
    gives_back(&world, before).await;
}

/// Stops every build of these builders.
async fn stop_all(world: &World, keys: &[String]) {
    let owner = world.owner();
    let builders = world.wait_until("looked", |_| true).await;
    for key in keys {
        let name = key.split_once('/').expect("team/name").1;
        for build in named(&builders, key)["running"].as_array().into_iter().flatten() {
            let path = format!("/api/v2/teams/evil/builders/{name}/builds/{}/stop", build["number"]);
            let stop = client().post(world.url(&path)).bearer_auth(&owner).json(&json!({}));
            let answer = world.fetch(stop).await;
            assert!(answer.status < 300, "{key}: {}", answer.body);
        }
    }
}

/// Waits until the server holds hardly more than before.
async fn gives_back(world: &World, before: Held) {
    let begun = Instant::now();
    loop {
        let now = held(world);
        let same = now.guest_threads <= before.guest_threads
            && now.bytes <= before.bytes + BYTES_KEPT_MAX
            && match (now.descriptors, before.descriptors) {
                (Some(now), Some(before)) => now <= before + DESCRIPTORS_KEPT_MAX,
                _ => true,
            };
        if same {
            return;
        }
        assert!(begun.elapsed() < WATCHDOG, "before: {before:?}, after: {now:?}");
        assert_eq!(world.get("/healthz").await.status, 200);
    }
}

/// Rows 1 and 3: twice as many as there are processors.
#[tokio::test]
async fn a_good_build_ends_while_endless_loops_run() {
    let n_cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    beside(&[endless_loop()], 2 * n_cores).await;
}

/// Row 5.
#[tokio::test]
async fn a_good_build_ends_while_a_memory_bomb_goes_off() {
    beside(&[memory_bomb()], 2).await;
}

/// Row 7.
#[tokio::test]
async fn a_good_build_ends_while_a_table_bomb_goes_off() {
    beside(&[table_bomb()], 2).await;
}

/// Row 9.
#[tokio::test]
async fn a_good_build_ends_beside_endless_recursion() {
    beside(&[recursion()], 1).await;
}

/// Row 11.
#[tokio::test]
async fn a_good_build_ends_while_a_log_is_flooded() {
    beside(&[log_flood()], 2).await;
}

/// Row 12.
#[tokio::test]
async fn a_good_build_ends_beside_gigantic_strings_in_both_directions() {
    beside(&[giant_argument(), giant_result()], 1).await;
}

/// Row 13.
#[tokio::test]
async fn a_good_build_ends_while_the_host_is_flooded_with_calls() {
    beside(&[call_flood(), write_flood()], 2).await;
}

/// Rows 15 and 16.
#[tokio::test]
async fn a_good_build_ends_beside_a_guest_that_leaks_commands() {
    beside(&[leak()], 1).await;
}

/// Row 31.
#[tokio::test]
async fn a_good_build_ends_beside_a_trap() {
    beside(&[trap()], 1).await;
}

/// All of these at once.
#[tokio::test]
async fn a_good_build_ends_beside_every_attack_at_once() {
    let all = [
        endless_loop(),
        memory_bomb(),
        table_bomb(),
        recursion(),
        log_flood(),
        giant_argument(),
        giant_result(),
        call_flood(),
        write_flood(),
        leak(),
        trap(),
    ];
    beside(&all, 1).await;
}
