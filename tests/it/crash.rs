//! The shipped server is killed with SIGKILL at random moments while builds are forced and logs are read. A checker outside of it
//! keeps what it was promised (answers with 202) and what it was shown (lines of logs) and compares after each start.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use weir_tests::site::Site;
use weir_tests::world::{World, build_path, client};

/// How often the server is killed.
const KILLS: usize = 30;
/// It lives between these, in milliseconds, before it is killed.
const LIVES_MS: std::ops::Range<u64> = 50..900;
const BUILDERS: [&str; 3] = ["core/a", "core/b", "core/c"];
/// Requests that each life adds at most: more would only wait for each other.
const REQUESTS_A_LIFE: usize = 2;

/// What the checker knows.
#[derive(Default)]
struct Known {
    /// Requests that were answered with 202.
    accepted: Vec<i64>,
    /// Logs by path, as far as they were shown.
    shown: BTreeMap<String, String>,
    n_lines_checked: usize,
}

type Shared = Arc<Mutex<Known>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_no_accepted_request_and_no_shown_line_is_lost() {
    let mut random = Random::new();
    let mut site = Site::new().toml("[worker.local]\nslots = 3\n").team("core", "");
    for key in BUILDERS {
        // Prints slowly enough to be killed in the middle, and ends by itself.
        site = site.builder(key, "for i in $(seq 1 300); do echo \"line $i of $$\"; done; sleep 0.2; for i in $(seq 301 600); do echo \"line $i of $$\"; done");
    }
    let mut world = site.serve().await;
    let owner = world.owner();
    let known = Shared::default();
    for round in 0..KILLS {
        let mut clients = start_clients(&world, &owner, &known, (round + 1) * REQUESTS_A_LIFE, &mut random);
        tokio::time::sleep(Duration::from_millis(random.between(LIVES_MS))).await;
        world.crash();
        // Their connections broke; what they were told until then counts.
        while clients.join_next().await.is_some() {}
        let before = processes_in(&world.state_dir());
        world.restart().await;
        assert_none_left(&before, round, &random);
        check(&world, &owner, &known, round, &random).await;
    }
    world.settle().await;
    let (accepted, n_lines) = {
        let known = known.lock().expect("no client panics");
        (known.accepted.clone(), known.n_lines_checked)
    };
    assert!(
        accepted.len() > KILLS / 2 && n_lines > 1_000,
        "too little was tried: {} requests, {n_lines} lines",
        accepted.len()
    );
    let mut n_retried = 0;
    for id in accepted {
        let request = request(&world, &owner, id).await;
        assert_eq!(request["complete"], true, "request {id} ({random}): {request}");
        n_retried += count_retries(&request, id, &random);
    }
    assert!(n_retried > 0, "no build was hit ({random})");
}

/// Clients that force builds and read logs until their connection breaks.
fn start_clients(world: &World, owner: &str, known: &Shared, n_max: usize, random: &mut Random) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for key in BUILDERS {
        let (team, builder) = key.split_once('/').expect("team/name");
        let force = world.url(&format!("/api/v2/teams/{team}/builders/{builder}/force"));
        let pause = Duration::from_millis(random.between(20..200));
        clients.spawn(force_all(force, owner.to_owned(), known.clone(), n_max, pause));
        let waterfall = world.url("/waterfall.json");
        let base = world.url("/").trim_end_matches('/').to_owned();
        clients.spawn(read_logs(waterfall, base, key.to_owned(), owner.to_owned(), known.clone()));
    }
    clients
}

/// Forces until the server is gone; keeps each promise the moment it is given.
async fn force_all(url: String, owner: String, known: Shared, n_max: usize, pause: Duration) {
    loop {
        if known.lock().expect("no client panics").accepted.len() >= n_max {
            return;
        }
        let Ok(answer) = client().post(&url).bearer_auth(&owner).json(&json!({})).send().await else { return };
        assert_eq!(answer.status(), 202);
        let Ok(told) = answer.json::<Value>().await else { return };
        let ids = told["buildrequests"].as_object().expect("requests by builder").values().filter_map(Value::as_i64);
        known.lock().expect("no client panics").accepted.extend(ids);
        tokio::time::sleep(pause).await;
    }
}

/// Reads the log of what runs, from its start, until the server is gone; keeps each line the moment it is shown.
async fn read_logs(waterfall: String, base: String, key: String, owner: String, known: Shared) {
    loop {
        let Ok(answer) = client().get(&waterfall).bearer_auth(&owner).send().await else { return };
        let Ok(view) = answer.json::<Value>().await else { return };
        let builder =
            view["builders"].as_array().and_then(|all| all.iter().find(|b| b["name"] == key.as_str()).cloned());
        let builds = builder.map(|b| [b["running"][0]["number"].as_i64(), b["last"]["number"].as_i64()]);
        for number in builds.into_iter().flatten().flatten() {
            let path = format!("{}/step/0/log/stdio/raw", build_path(&key, number));
            if !read_log(&format!("{base}{path}?headers=1"), &path, &owner, &known).await {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// False once the server is gone.
async fn read_log(url: &str, path: &str, owner: &str, known: &Shared) -> bool {
    let Ok(mut answer) = client().get(url).bearer_auth(owner).send().await else { return false };
    if answer.status() != 200 {
        return true;
    }
    let mut text = Vec::new();
    loop {
        let chunk = answer.chunk().await;
        if let Ok(Some(chunk)) = &chunk {
            text.extend_from_slice(chunk);
        }
        // Whole lines only: how far into a line the connection came says nothing.
        let end = text.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let shown = String::from_utf8_lossy(&text[..end]).into_owned();
        let mut known = known.lock().expect("no client panics");
        let longest = known.shown.entry(path.to_owned()).or_default();
        if shown.len() > longest.len() {
            *longest = shown;
        }
        drop(known);
        match chunk {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Compares what the new server has with what was promised and shown.
async fn check(world: &World, owner: &str, known: &Shared, round: usize, random: &Random) {
    let (accepted, shown) = {
        let mut known = known.lock().expect("no client panics");
        (known.accepted.clone(), std::mem::take(&mut known.shown))
    };
    let requests = accepted.iter().map(|id| request(world, owner, *id));
    for (id, request) in accepted.iter().zip(futures::future::join_all(requests).await) {
        assert_eq!(request["buildrequestid"], *id, "request {id} is gone after kill {round} ({random})");
    }
    let mut n_lines = 0;
    for (path, lines) in shown {
        let now = read(world, owner, &format!("{path}?headers=1&follow=0")).await;
        assert!(
            now.starts_with(&lines),
            "{path} lost lines after kill {round} ({random}); shown:\n{lines}\nnow:\n{now}"
        );
        n_lines += lines.lines().count();
    }
    known.lock().expect("no client panics").n_lines_checked += n_lines;
}

/// Builds of a request end as `retry` but the last; says how many did.
fn count_retries(request: &Value, id: i64, random: &Random) -> usize {
    let builds = request["builds"].as_array().cloned().unwrap_or_default();
    let results: Vec<_> = builds.iter().map(|build| build["results"].as_i64()).collect();
    let (last, before) = results.split_last().unwrap_or_else(|| panic!("request {id} was never built ({random})"));
    assert!(before.iter().all(|r| *r == Some(5)), "request {id} ({random}): {results:?}");
    // Interrupted too often it is an exception, else it came through.
    assert!(matches!(last, Some(0 | 4)), "request {id} ({random}): {results:?}");
    before.len()
}

async fn request(world: &World, owner: &str, id: i64) -> Value {
    let text = read(world, owner, &format!("/api/v2/buildrequests/{id}")).await;
    let told: Value = serde_json::from_str(&text).expect("an answer is JSON");
    told["buildrequests"][0].clone()
}

async fn read(world: &World, owner: &str, path: &str) -> String {
    let answer = client().get(world.url(path)).bearer_auth(owner).send().await.expect("the server answers");
    let status = answer.status();
    let text = answer.text().await.expect("the answer is whole");
    assert_eq!(status, 200, "{path}: {text}");
    text
}

/// Processes that work below the folder, as pid and start time, which no later process shares.
fn processes_in(dir: &std::path::Path) -> Vec<(String, String)> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let theirs = processes.filter(|p| std::fs::read_link(p.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir)));
    theirs.filter_map(|p| Some((p.file_name().to_string_lossy().into_owned(), started(&p.path())?))).collect()
}

/// When a process began, by proc(5)'s format of `stat`: its twenty-second field. None for one that has ended.
fn started(process: &std::path::Path) -> Option<String> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect();
    (fields[0] != "Z").then(|| fields[19].clone())
}

fn assert_none_left(before: &[(String, String)], round: usize, random: &Random) {
    for (pid, start) in before {
        let now = started(&std::path::Path::new("/proc").join(pid));
        assert_ne!(
            now.as_deref(),
            Some(start.as_str()),
            "process {pid} outlived its server after kill {round} ({random})"
        );
    }
}

/// Seeded numbers (splitmix64), so that what failed can be tried again with `WEIR_TEST_SEED`.
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    fn new() -> Self {
        let given = std::env::var("WEIR_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
        Self { seed, state: seed }
    }

    fn between(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + (z ^ (z >> 31)) % (range.end - range.start)
    }
}

impl std::fmt::Display for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WEIR_TEST_SEED={}", self.seed)
    }
}
