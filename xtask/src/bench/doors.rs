//! `cargo xtask bench doors`: whether the time of an answer tells what one may not see from what never was. At each door three addresses are
//! asked for in turn by a member of another team: one of a thing that is hidden from them, and two of things that never were, whose
//! difference is what the measuring itself makes of two alike.

use super::figures::{list, names_without, percentile};
use super::http::Client;
use super::surroundings::surroundings;
use crate::build;
use crate::program::{output, say, target_dir};
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

/// The hidden team, its builder and its view; and two of each that never were. All are as long, so that their addresses are.
const NAMES: [&str; 3] = ["crypt", "ghost", "ghoul"];
/// Parts in which the samples are compared: each gives one difference, and how much those differ is the noise.
const BLOCKS: usize = 20;
/// The percentile of the quick answers.
const QUICK: f64 = 10.0;
/// A difference counts where it is so many times its standard error.
const ERRORS: f64 = 4.0;
/// And where it is more than this part of an answer's time: less is nothing beside what a network adds.
const PART: f64 = 0.01;
/// Asked so often before the measuring begins.
const WARM_UP: usize = 30;
/// Between two looks whether the build has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Arguments of `cargo xtask bench doors`.
#[derive(Debug, clap::Args)]
pub struct Doors {
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Measures the debug build.
    #[arg(long)]
    debug: bool,
    /// Questions about each thing at each door; actions, which are written down, are a quarter.
    #[arg(long, default_value_t = 2_000)]
    rounds: usize,
}

/// One kind of door; `@` in its address is the name of the thing, `#` the number of a request, `%` the id of a token.
struct Door {
    name: &'static str,
    is_action: bool,
    path: &'static str,
}

const fn read(name: &'static str, path: &'static str) -> Door {
    Door { name, is_action: false, path }
}

const fn act(name: &'static str, path: &'static str) -> Door {
    Door { name, is_action: true, path }
}

/// Every kind.
const DOORS: [Door; 20] = [
    read("team", "/team/@"),
    read("builder", "/team/@/builder/@"),
    read("builder of a hidden team", "/team/crypt/builder/@"),
    read("build", "/team/@/builder/@/build/1"),
    read("step", "/team/@/builder/@/build/1/step/0"),
    read("log", "/team/@/builder/@/build/1/step/0/log/stdio"),
    read("log, raw", "/team/@/builder/@/build/1/step/0/log/stdio/raw"),
    read("artifact", "/team/@/builder/@/build/1/artifact/f.txt"),
    read("audit of a team", "/team/@/audit"),
    read("view", "/view/@"),
    read("view, JSON", "/view/@.json"),
    read("stream of a view", "/sse/view/@"),
    read("stream of a team", "/sse/team/@"),
    read("API: build", "/api/v2/teams/@/builders/@/builds/1"),
    read("API: artifacts", "/api/v2/teams/@/builders/@/builds/1/artifacts"),
    read("API: request", "/api/v2/buildrequests/#"),
    act("API: force", "/api/v2/teams/@/builders/@/force"),
    act("API: stop", "/api/v2/teams/@/builders/@/builds/1/stop"),
    act("API: cancel", "/api/v2/buildrequests/#/cancel"),
    act("API: revoke a token", "/api/v2/tokens/%/revoke"),
];

/// The site: a team that nobody else sees, and one whose member asks.
const SITE: &str = "[server]\nlisten = [\"127.0.0.1:0\"]\nstate_dir = \"state\"\n\n[auth.jwt.local]\nkey_file = \"state/jwt.pem\"\n\n\
    [team.crypt]\nvisibility = \"private\"\n[team.crypt.builder.crypt]\n\
    [[team.crypt.builder.crypt.step]]\nuse = \"shell\"\nwith = { command = \"echo hidden | tee f.txt\" }\n\
    [[team.crypt.builder.crypt.step]]\nuse = \"artifact\"\nwith = { path = \"f.txt\" }\n\
    [team.crypt.view.crypt]\nvisibility = \"private\"\nbuilders = [\"*\"]\n\
    [team.other]\nvisibility = \"private\"\nquota = { requests_per_s = 1000000 }\n[team.other.builder.own]\n\
    [[team.other.builder.own.step]]\nuse = \"shell\"\nwith = { command = \"true\" }\n";

impl Doors {
    /// Builds, measures, prints; fails where a door tells.
    ///
    /// # Errors
    /// Where something does not build or run, or where a door tells what is hidden by its time.
    pub fn run(self) -> Result<()> {
        build::plugins()?;
        let weir = build::server(!self.debug)?;
        let dir = target_dir().join("bench-doors");
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("weir.toml"), SITE)?;
        let mut serve = Command::new(&weir);
        serve.current_dir(&dir).arg("serve").env("WEIR_LOG", "warn,weir::app=info");
        let mut server = Server::start(serve, &dir.join("state/server.json"))?;
        let token = |who: &[&str]| {
            let mut issue = Command::new(&weir);
            issue.current_dir(&dir).args(["token", "issue", "--expires", "2h", "--json"]).args(who);
            let text = output(&mut issue).context("weir token issue failed: run it by hand to see why")?;
            serde_json::from_str::<Value>(&text).context("the JSON of weir token issue")
        };
        let figures = self.measure(server.address(), &token);
        server.end();
        let profile = if self.debug { "dev" } else { "release" };
        let report = json!({ "surroundings": surroundings(profile), "figures": figures? });
        if self.json {
            println!("{report:#}");
        } else {
            print!("{}", table(&report));
        }
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        let telling = telling(&report);
        ensure!(telling.is_empty(), "the time of the answer tells what is hidden: {}", telling.join(", "));
        Ok(())
    }

    fn measure(&self, address: SocketAddr, token: &dyn Fn(&[&str]) -> Result<Value>) -> Result<Vec<Value>> {
        let text = |json: &Value, key: &str| json[key].as_str().map(str::to_owned).context("a token has it");
        let owner = text(&token(&["--owner"])?, "token")?;
        let request = build_once(&mut Client::new(address, Some(&owner)))?;
        let hidden = text(&token(&["--team", "crypt", "--role", "viewer"])?, "jti")?;
        let asker = text(&token(&["--team", "other", "--role", "operator"])?, "token")?;
        // As long as those that are there.
        let requests = [request, 8, 9].map(|n| n.to_string());
        let tokens = [hidden, "0123456789abcdef".repeat(2), "fedcba9876543210".repeat(2)];
        let mut client = Client::new(address, Some(&asker));
        DOORS
            .iter()
            .map(|door| {
                say(door.name);
                let of =
                    |n: usize| door.path.replace('@', NAMES[n]).replace('#', &requests[n]).replace('%', &tokens[n]);
                let rounds = if door.is_action { self.rounds / 4 } else { self.rounds }.max(BLOCKS);
                let took = ask(&mut client, door, &[of(0), of(1), of(2)], rounds)?;
                Ok(figure(door.name, &took))
            })
            .collect()
    }
}

/// Builds the hidden builder once; returns the number of the request.
fn build_once(client: &mut Client) -> Result<u64> {
    let answer = client.post("/api/v2/teams/crypt/builders/crypt/force", "{}")?;
    let json: Value = serde_json::from_slice(&answer.body).context("the answer to a force")?;
    let requests = json["buildrequests"].as_object().context("a force's answer names its requests")?;
    let request = requests.values().next().and_then(Value::as_u64).context("a force's answer names its request")?;
    loop {
        let json: Value = serde_json::from_slice(&client.get(&format!("/api/v2/buildrequests/{request}"))?.body)?;
        let json = &json["buildrequests"][0];
        ensure!(json.is_object(), "the request is gone");
        if json["complete"] == true {
            return Ok(request);
        }
        rest();
    }
}

/// Until one looks again.
#[expect(clippy::disallowed_methods, reason = "a pace is what is wanted; nothing is measured meanwhile")]
fn rest() {
    std::thread::sleep(LOOK_EVERY);
}

/// Asks for each of three in every order in turn; microseconds of each.
fn ask(client: &mut Client, door: &Door, paths: &[String; 3], rounds: usize) -> Result<[Vec<f64>; 3]> {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0], [1, 0, 2], [0, 2, 1]];
    let mut took: [Vec<f64>; 3] = Default::default();
    for round in 0..WARM_UP + rounds {
        for n in ORDERS[round % ORDERS.len()] {
            let began = Instant::now();
            let answer = if door.is_action { client.post(&paths[n], "{}") } else { client.get(&paths[n]) }?;
            let us = began.elapsed().as_secs_f64() * 1e6;
            ensure!(answer.status == 404, "{} was answered with {}", paths[n], answer.status);
            if round >= WARM_UP {
                took[n].push(us);
            }
        }
    }
    Ok(took)
}

/// The figures of one door.
fn figure(name: &str, [hidden, never, other]: &[Vec<f64>; 3]) -> Value {
    let median = percentile(never, 50.0);
    let (difference, noise) = compare(hidden, never);
    // What the measuring makes of two that are alike is noise, however it comes about.
    let (control, control_noise) = compare(other, never);
    let noise = noise.max(control_noise).max(control.abs()).max(median * PART);
    let said = |samples: &[f64]| json!({ "median": percentile(samples, 50.0), "p99": percentile(samples, 99.0) });
    json!({
        "name": name, "unit": "us", "samples": hidden.len(), "hidden": said(hidden), "never": said(never),
        "difference": difference, "noise": noise, "is_within_noise": difference.abs() <= noise,
    })
}

/// By how much the first takes longer, and how much of that may be chance: block by block the quick answers are compared, because whatever
/// else the machine does only makes some slower.
fn compare(one: &[f64], other: &[f64]) -> (f64, f64) {
    let size = (one.len() / BLOCKS).max(1);
    let blocks = one.chunks_exact(size).zip(other.chunks_exact(size));
    let differences: Vec<f64> = blocks.map(|(a, b)| percentile(a, QUICK) - percentile(b, QUICK)).collect();
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, ERRORS * (variance / n).sqrt())
}

/// Doors whose time tells.
fn telling(report: &Value) -> Vec<&str> {
    names_without(report, "is_within_noise")
}

/// The report for people, in Markdown.
fn table(report: &Value) -> String {
    let mut text = list(&report["surroundings"]);
    text.push_str(
        "\n| door | hidden: median | p99 | never was: median | p99 | difference | noise | |\n|---|---:|---:|---:|---:|---:|---:|---|\n",
    );
    for figure in report["figures"].as_array().into_iter().flatten() {
        let us = |value: &Value| value.as_f64().map_or_else(String::new, |us| format!("{us:.0} µs"));
        let (hidden, never) = (&figure["hidden"], &figure["never"]);
        let cells = [&hidden["median"], &hidden["p99"], &never["median"], &never["p99"]].map(us).join(" | ");
        let difference = format!("{:+.1} µs", figure["difference"].as_f64().unwrap_or(f64::NAN));
        let noise = format!("{:.1} µs", figure["noise"].as_f64().unwrap_or(f64::NAN));
        let verdict = if figure["is_within_noise"] == true { "within noise" } else { "TELLS" };
        let name = figure["name"].as_str().unwrap_or_default();
        writeln!(text, "| {name} | {cells} | {difference} | {noise} | {verdict} |")
            .expect("writing to a string never fails");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{compare, figure, table, telling};
    use serde_json::json;

    /// Samples around 500 µs that wander as those of a machine do; `more` is added to each.
    fn samples(seed: u64, more: f64) -> Vec<f64> {
        let mut x = seed;
        let mut next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (x >> 33) as f64 / f64::from(1_u32 << 31)
        };
        (0..2_000).map(|_| 500.0 + 40.0 * next() + more).collect()
    }

    #[test]
    fn two_alike_differ_by_noise_and_a_look_up_more_tells() {
        let (alike, more) = (samples(1, 0.0), samples(2, 30.0));
        let figures = [
            figure("alike", &[samples(3, 0.0), alike.clone(), samples(4, 0.0)]),
            figure("a look-up more", &[more, alike.clone(), samples(5, 0.0)]),
        ];
        let report = json!({ "figures": figures });
        assert_eq!(telling(&report), ["a look-up more"]);
        let text = table(&report);
        assert!(
            text.contains("| alike | 5") && text.contains("| within noise |") && text.contains("| TELLS |"),
            "{text}"
        );
        let (difference, noise) = compare(&samples(6, 30.0), &alike);
        assert!((25.0..35.0).contains(&difference) && noise < 10.0, "{difference} {noise}");
    }
}
