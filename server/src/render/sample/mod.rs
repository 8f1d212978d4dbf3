//! Made-up status at any size: each template is rendered with it, and people look at the pages.

/// Somebody's own page.
mod account;
/// Who did what, and who may.
mod audit;
/// Forms and buttons.
mod forms;
/// Every page, drawn.
mod page;
/// Plugins.
mod plugins;

use crate::model::id::{BuildId, BuildRequestId, BuilderId, BuildsetId, EventId, LogId, StepId};
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::results::Results::{self, Cancelled, Exception, Failure, Retry, Skipped, Success, Warnings};
use crate::model::source_stamp::SourceStamp;
use crate::model::time::Time;
use crate::status::resource::{
    Build, BuildRequest, Builder, BuilderState, BuilderStatus, Link, Log, LogChannel, LogLine, Step, TestTotals,
};
use crate::status::view::{Column, ViewPage};
use chrono::TimeDelta;
use std::sync::Arc;

/// A small generator of numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn upto(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n.max(1) as u64) as i64
    }
}

fn now() -> Time {
    Time::from_timestamp(1_795_442_531, 0).unwrap()
}

const STEPS: [&str; 6] = ["git", "configure", "compile", "pythoninfo", "test", "clean"];

fn log(id: i64, name: &str, n_lines: i64, complete: bool) -> Log {
    Log { id: LogId(id), name: name.into(), slug: name.into(), n_lines, size_bytes: n_lines * 71, complete }
}

/// A build that ends with `results` (none runs) and takes about `length_s`.
fn build(
    dice: &mut Dice,
    key: &BuilderKey,
    number: i64,
    start: Time,
    length_s: i64,
    results: Option<Results>,
) -> Arc<Build> {
    let shares = [2, 8, 30, 1, 55, 4];
    let mut at = start;
    let mut steps = Vec::new();
    let failed_at = match results {
        Some(Failure) => 2 + 2 * dice.upto(2) as usize,
        Some(Exception | Retry | Cancelled) => 2,
        None => 4,
        _ => usize::MAX,
    };
    for (i, name) in STEPS.iter().enumerate() {
        let took = (length_s * shares[i] / 100 + dice.upto(3)).max(0);
        let outcome = match results {
            None if i == failed_at => None,
            _ if i == failed_at => results,
            Some(Warnings) if i == 4 => Some(Warnings),
            _ if i > failed_at => Some(Skipped),
            _ => Some(Success),
        };
        if results.is_none() && i > failed_at {
            break;
        }
        let skipped = outcome == Some(Skipped);
        let end = at + TimeDelta::seconds(if skipped { 0 } else { took });
        let mut logs =
            if skipped { vec![] } else { vec![log(number * 10 + i as i64, "stdio", 40 + took * 9, outcome.is_some())] };
        if i == 1 && !skipped {
            logs.push(log(number * 10 + 9, "config.log", 812, true));
        }
        steps.push(Step {
            id: StepId(number * 10 + i as i64),
            number: i as i32,
            name: (*name).into(),
            started_at: at,
            finished_at: outcome.map(|_| end),
            results: outcome,
            summary: match outcome {
                Some(Failure) => format!("{name} failed (exit code 2)"),
                Some(Warnings) => format!("{name} 3 warnings"),
                _ => (*name).to_owned(),
            },
            tests: match outcome {
                Some(Failure) => TestTotals { failed: 11, errored: 1, skipped: 40, passed: 3_204 },
                Some(Success | Warnings) if i == 4 => {
                    TestTotals { skipped: 40, passed: 3_216, ..TestTotals::default() }
                }
                _ => TestTotals::default(),
            },
            urls: if i == 4 && !skipped && number % 3 == 0 {
                vec![Link { name: "coverage".into(), url: "https://example.org/c?a=1&b=2".into() }]
            } else {
                vec![]
            },
            logs,
        });
        at = end;
    }
    Arc::new(Build {
        id: BuildId(number + builder_seed(key) * 1_000),
        builder_id: BuilderId(builder_seed(key)),
        builder: key.clone(),
        number,
        request_id: BuildRequestId(number),
        worker: "local".into(),
        reason: if number % 4 == 0 { "forced by ada: try the <fix> & see".into() } else { "change of main".into() },
        owner: (number % 4 == 0).then(|| "ada".to_owned()),
        source_stamp: SourceStamp { branch: Some("main".into()), ..SourceStamp::default() },
        got_revision: Some("9f3c1e07ab52d9e0c4b1".into()),
        started_at: start,
        finished_at: results.map(|_| at),
        results,
        summary: match results {
            Some(Failure) => "failed test".into(),
            Some(Exception) => "exception compile".into(),
            Some(r) => r.word().into(),
            None => "running test".into(),
        },
        expected_s: results.is_none().then_some(length_s as f64 * 1.4),
        steps,
    })
}

fn builder_seed(key: &BuilderKey) -> i64 {
    i64::from(blake3::hash(key.to_string().as_bytes()).as_bytes()[0]) * 251
        + i64::from(blake3::hash(key.name.as_bytes()).as_bytes()[1])
}

/// A column whose builds, newest last, end with `ends`.
fn column(
    index: i64,
    key: BuilderKey,
    length_s: i64,
    every_s: i64,
    ends: &[Option<Results>],
    categories: &[&str],
) -> Column {
    let mut dice = Dice(builder_seed(&key) as u64 + 7);
    let n = ends.len() as i64;
    let builds: Vec<_> = ends
        .iter()
        .enumerate()
        .map(|(i, results)| {
            let back = if results.is_none() {
                length_s * 7 / 10
            } else {
                (n - i as i64) * every_s + dice.upto(every_s / 3 + 1)
            };
            build(&mut dice, &key, 40 + i as i64, now() - TimeDelta::seconds(back), length_s, *results)
        })
        .rev()
        .collect();
    let last = builds.iter().find(|b| b.results.is_some()).cloned();
    let running: Vec<_> = builds.iter().filter(|b| b.results.is_none()).cloned().collect();
    Column {
        group: categories.first().map(|c| (*c).to_owned()),
        status: BuilderStatus {
            builder: Arc::new(Builder {
                id: BuilderId(index),
                description: String::new(),
                categories: categories.iter().map(|c| (*c).to_owned()).collect(),
                labels: vec!["linux".into(), "x86_64".into()],
                is_retired: false,
                key,
            }),
            state: if running.is_empty() { BuilderState::Idle } else { BuilderState::Building },
            last_since: last.as_ref().and_then(|b| b.finished_at).map(|t| t - TimeDelta::hours(3)),
            last,
            running,
            pending: vec![],
            n_pending: 0,
            next: None,
        },
        builds,
    }
}

fn request(key: &BuilderKey, id: i64) -> Arc<BuildRequest> {
    Arc::new(BuildRequest {
        id: BuildRequestId(id),
        buildset_id: BuildsetId(id),
        builder_id: BuilderId(1),
        builder: key.clone(),
        priority: 0,
        submitted_at: now() - TimeDelta::seconds(90),
        reason: "nightly".into(),
        owner: Some("anna".into()),
        source_stamp: SourceStamp::default(),
        properties: Properties::default(),
        n_retries: 0,
    })
}

fn view(name: &str, columns: Vec<Column>, is_grouped: bool, num_events: usize) -> ViewPage {
    ViewPage {
        name: Some(name.into()),
        title: "2.3 and 2.4 releases".into(),
        team: Some("core".into()),
        columns,
        is_grouped,
        first_time: None,
        last_time: now(),
        num_events,
        has_older: true,
        as_of: EventId(4_711),
        generation: 0,
    }
}

/// A small site with every state in it.
fn site_view() -> ViewPage {
    let key = |n: &str| BuilderKey::new("core", n);
    let s = Some(Success);
    let mut columns = vec![
        column(1, key("full-2.4"), 1_900, 4_200, &[s, Some(Failure), s, s, None], &["2.4", "release"]),
        column(2, key("full-2.3"), 900, 5_400, &[s, s, Some(Warnings), Some(Failure)], &["2.4"]),
        column(3, key("quick"), 6, 1_500, &[s, s, s, Some(Failure), s, s, s], &["2.4"]),
        column(4, key("AMD64 Fedora Rawhide LTO + PGO 3.13"), 10_500, 12_000, &[s, s, None], &["2.3"]),
        column(
            5,
            key("a|b <script>alert(1)</script> ünï"),
            300,
            7_000,
            &[s, Some(Exception), Some(Retry), s],
            &["2.3"],
        ),
        column(6, key("stopped"), 700, 6_000, &[Some(Cancelled), s, Some(Cancelled)], &["2.3"]),
        column(7, key("docs"), 45, 9_000, &[s, s, Some(Skipped)], &["docs"]),
        column(8, key("never-built"), 1, 1, &[], &["docs"]),
    ];
    columns[1].status.pending = vec![request(&key("full-2.3"), 9), request(&key("full-2.3"), 10)];
    columns[1].status.n_pending = 2;
    columns[1].status.state = BuilderState::Pending;
    columns[7].status.state = BuilderState::Offline;
    columns[6].status.next = Some(now() + TimeDelta::hours(5));
    columns[3].status.running[0..1].iter_mut().for_each(|b| Arc::make_mut(b).expected_s = Some(9_000.0));
    view("release", columns, true, 200)
}

/// `n` builders with `builds` builds of six steps each, spread over a day.
fn fleet(names: &[String], builds: usize) -> ViewPage {
    let mut dice = Dice(42);
    let columns = names.iter().enumerate().map(|(i, name)| {
        let ends: Vec<_> = (0..builds)
            .map(|b| match dice.upto(40) {
                0..=2 => Some(Failure),
                3 => Some(Exception),
                4..=5 => Some(Warnings),
                6..=8 if b + 1 == builds => None,
                _ => Some(Success),
            })
            .collect();
        let length = 60 + dice.upto(3_000);
        column(i as i64 + 1, BuilderKey::new("core", name), length, 18_000 + dice.upto(3_000), &ends, &["3.x"])
    });
    ViewPage { title: format!("{} builders", names.len()), ..view("all", columns.collect(), false, 200) }
}

fn fleet_names() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/cpython-fleet.json");
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let all: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
            all.iter().map(|b| b["name"].as_str().unwrap().to_owned()).collect()
        }
        Err(_) => (0..1_038).map(|i| format!("AMD64 Fedora Rawhide LTO + PGO 3.{i}")).collect(),
    }
}

/// Lines of a log, with all that may stand in one.
fn lines(first: i64, n: i64) -> Vec<LogLine> {
    let text = |i: i64| {
        match i % 9 {
        0 => "gcc -pthread -c -fno-strict-overflow -Wsign-compare -DNDEBUG -g -O3 -Wall -std=c11 -I./Include/internal -o Objects/obj.o".to_owned(),
        1 => "\u{1b}[1;31merror:\u{1b}[0m expected ';' before '}' token <stdin>".to_owned(),
        2 => "test_asyncio \u{1b}[32mpassed\u{1b}[0m".to_owned(),
        _ => format!("line {i} of the output"),
    }
    };
    (first..first + n)
        .map(|i| LogLine {
            number: i,
            channel: if i == 0 {
                LogChannel::Header
            } else if i % 9 == 1 {
                LogChannel::Stderr
            } else {
                LogChannel::Stdout
            },
            at: now(),
            bytes: text(i).into_bytes(),
            continues: false,
        })
        .collect()
}
