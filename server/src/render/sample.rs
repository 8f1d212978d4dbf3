//! Made-up status at any size: each template is rendered with it, and people look at the pages.
//!
//! `WEIR_PAGES=DIR cargo test -p weir-server --lib render::sample` writes every page to DIR.

use super::context::about::About;
use super::context::build::{BuildContext, StepContext, telling_log};
use super::context::builder::{BuilderContext, BuilderPage};
use super::context::error::ErrorContext;
use super::context::front::Front;
use super::context::log::{LINES_MARK, LogContext, LogWindow};
use super::context::team::{TeamContext, tally};
use super::context::waterfall::{WaterfallContext, WaterfallPage};
use super::context::{Context, Page, Site};
use super::links::Links;
use super::{asset, log_line, template};
use crate::config::builder::{Parameter, ParameterKind};
use crate::config::team::Quota;
use crate::model::id::{BuildId, BuildRequestId, BuilderId, BuildsetId, EventId, LogId, StepId};
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::results::Results::{self, Cancelled, Exception, Failure, Retry, Skipped, Success, Warnings};
use crate::model::right::Visibility;
use crate::model::source_stamp::SourceStamp;
use crate::model::time::Time;
use crate::status::get::{BuildPage, LogPage, TeamPage};
use crate::status::resource::{
    Build, BuildRequest, Builder, BuilderState, BuilderStatus, Link, Log, LogChannel, LogLine, Step, Team, View, Worker,
};
use crate::status::view::{Column, ViewPage};
use crate::status::waterfall::{Window, lay_out};
use chrono::TimeDelta;
use std::fmt::Write as _;
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
                key,
            }),
            state: if running.is_empty() { BuilderState::Idle } else { BuilderState::Building },
            last_since: last.as_ref().and_then(|b| b.finished_at).map(|t| t - TimeDelta::hours(3)),
            last,
            running,
            pending: vec![],
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

fn links() -> Links {
    Links::new(&"https://example.org/ci/".parse().unwrap())
}

fn site() -> Site {
    Site::new("Example builds", &links(), now())
}

fn waterfall(page: &ViewPage) -> String {
    let columns: Vec<_> = page.columns.iter().map(|c| c.builds.clone()).collect();
    let layout = lay_out(&columns, Window { first: page.first_time, last: page.last_time, rows_max: page.num_events });
    let parts = WaterfallPage { page, layout: &layout, arguments: &[], reload_s: None };
    html(&WaterfallContext::page(site(), parts, Some("Core developers"), &links(), now()))
}

fn html<C: Context>(page: &Page<C>) -> String {
    template::render(page).expect("a template and its sample fit")
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

/// Every page by name.
fn pages() -> Vec<(&'static str, String)> {
    let page = site_view();
    let links = links();
    let statuses: Vec<_> = page.columns.iter().map(|c| c.status.clone()).collect();
    let failed = page.columns[1].builds[0].clone();
    let named = |name: &str, title: &str, team: Option<&str>, n: usize| View {
        name: name.into(),
        title: title.into(),
        team: team.map(str::to_owned),
        tally: tally(&statuses[..n]),
    };
    let views = [
        named("all", "Everything", None, 8),
        named("release", "2.3 and 2.4 releases", None, 6),
        named("docs", "Documentation", None, 1),
        named("core", "Core: one column a release", Some("core"), 3),
    ];
    let team = |name: &str, title: &str, visibility| Team { name: name.into(), title: title.into(), visibility };
    let teams =
        [team("core", "Core developers", Visibility::Public), team("docs", "Documentation", Visibility::Private)];
    let team_page = TeamPage {
        team: teams[0].clone(),
        views: views[..2].to_vec(),
        builders: statuses.clone(),
        workers: vec![Worker {
            name: "local".into(),
            labels: vec!["linux".into(), "x86_64".into()],
            slots: 2,
            connected: true,
            running: statuses[0].running.clone(),
        }],
        quota: Quota { builds: Some(4), ..Quota::default() },
        n_running: 2,
    };
    let parameters = [Parameter {
        name: "tests".into(),
        label: "Which tests".into(),
        kind: ParameterKind::Choice(vec!["all".into(), "quick".into()]),
        default: Some("all".into()),
        required: false,
    }];
    let builder = |status: &BuilderStatus, builds: &[Arc<Build>], force| {
        let page = BuilderPage { status, builds, before: None, has_older: true, force, team_title: "Core developers" };
        html(&BuilderContext::page(site(), page, &links, now()))
    };
    let mut properties = Properties::default();
    properties.set("branch", "main", "Builder");
    properties.set("got_revision", "9f3c1e07ab52d9e0c4b1", "Step: git");
    properties.set("<b>", serde_json::json!({"a": [1, "<i>"]}), "Force");
    let build_page = |build: &Arc<Build>| BuildPage {
        build: build.clone(),
        properties: properties.clone(),
        previous: Some(42),
        next: None,
        newest: 44,
    };
    let tail = telling_log(&failed).map(|(_, log)| lines(log.n_lines - 40, 40)).unwrap_or_default();
    let log_page = |build: &Arc<Build>, step: usize, from| {
        let step = build.steps[step].clone();
        let log = step.logs[0].clone();
        let window = LogWindow::choose(from, log.n_lines, 1_000, !log.complete, true);
        let page = LogPage { build: build.clone(), step, log };
        let text = html(&LogContext::page(site(), &page, window, "Core developers", &links, now()));
        let mut drawn = String::new();
        lines(window.first, page.log.n_lines.min(1_000)).iter().for_each(|l| log_line::write(&mut drawn, l));
        text.replace(LINES_MARK, &drawn)
    };
    let error = |status, sentence: &str| {
        let own = ErrorContext {
            status,
            sentence: sentence.into(),
            code: "not_found".into(),
            request_id: "f00".into(),
            fields: [("num_events".to_owned(), "`x` is no whole number".to_owned())].into(),
            hint_url: None,
            is_not_found: false,
            is_unauthenticated: false,
            is_internal: false,
        };
        html(&ErrorContext::page(site(), own))
    };
    let running = &page.columns[0].builds[0];
    let never = view("empty", vec![page.columns[7].clone()], false, 200);
    vec![
        ("front", html(&Front::page(site(), &teams, &views, false, &links))),
        ("front-empty", html(&Front::page(site(), &[], &[], false, &links))),
        ("waterfall", waterfall(&page)),
        ("waterfall-never", waterfall(&never)),
        ("waterfall-empty", waterfall(&view("empty", vec![], false, 200))),
        ("team", html(&TeamContext::page(site(), &team_page, &links, now()))),
        ("builder", builder(&statuses[1], &page.columns[1].builds, Some(&parameters[..]))),
        ("builder-odd", builder(&statuses[4], &page.columns[4].builds, None)),
        ("build", html(&BuildContext::page(site(), &build_page(&failed), &tail, "Core developers", &links, now()))),
        (
            "build-running",
            html(&BuildContext::page(site(), &build_page(running), &lines(0, 12), "Core developers", &links, now())),
        ),
        ("step", html(&StepContext::page(site(), &failed, 1, "Core developers", &links, now()))),
        ("log", log_page(&failed, 2, None)),
        ("log-running", log_page(running, 4, None)),
        ("about", html(&About::page(site()))),
        ("error-404", error(404, "There is no view `nope`.")),
        ("error-500", error(500, "An internal error.")),
    ]
}

/// Whether tags close in order; elements that HTML leaves open are passed over. Says where it goes wrong.
fn check_well_formed(html: &str) -> Result<(), String> {
    const VOID: [&str; 7] = ["meta", "link", "img", "input", "br", "rect", "hr"];
    let mut open: Vec<&str> = Vec::new();
    let mut ids = std::collections::HashSet::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').ok_or("a tag is never closed")?;
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or_default();
        if let Some(id) = tag.split(" id=").nth(1) {
            let id = id.trim_start_matches('"').split(['"', ' ']).next().unwrap_or_default();
            if !ids.insert(id) {
                return Err(format!("the id {id} stands twice"));
            }
        }
        if tag.starts_with('/') {
            let expected = open.pop();
            if expected != Some(name) {
                return Err(format!("</{name}> closes {expected:?} before {:.80}", rest));
            }
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("left open: {open:?}")) }
}

#[test]
fn every_template_is_filled_by_its_sample_and_is_well_formed() {
    for (name, text) in pages() {
        check_well_formed(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!text.contains("<script>"), "{name}: names are escaped");
        assert_eq!(text.matches("<h1").count(), 1, "{name} has one main heading");
        for href in text.split(" href=").skip(1).map(|h| h.trim_start_matches('"')) {
            let is_ours = ["/ci/", "#", "https://example.org/"].iter().any(|start| href.starts_with(start));
            assert!(is_ours, "{name}: {href:.60} does not carry the prefix");
        }
    }
}

#[test]
fn the_check_for_well_formedness_finds_what_it_shall_find() {
    for bad in ["<p><b></p></b>", "<p", "<ul><li></ul>", "<i id=a></i><i id=a></i>", "<p>"] {
        assert!(check_well_formed(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_waterfall_tells_state_in_words_and_shapes_and_links_steps_to_their_logs() {
    let text = waterfall(&site_view());
    for expected in [
        "✕ #43</a> <b>failure</b>",
        "✓ #41</a> <time",
        "/team/core/builder/full-2.3/build/40/step/2/log/stdio\">compile</a>",
        "never built",
        "○ offline",
        "AMD64%20Fedora%20Rawhide%20LTO%20%2B%20PGO%203.13",
        "a%7Cb%20%3Cscript%3E",
        "&lt;script&gt;",
        "config.log",
    ] {
        assert!(text.contains(expected), "{expected}");
    }
}

#[test]
fn what_is_inside_a_finished_build_does_not_depend_on_the_axis() {
    let page = site_view();
    let one = ViewPage { columns: vec![page.columns[2].clone()], ..page.clone() };
    let inside = |text: &str| {
        let lists = text.split("<ol class=\"b ").skip(1);
        lists.map(|l| l.split_once("\">").unwrap().1.split("</ol>").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = inside(&waterfall(&page));
    assert!(inside(&waterfall(&one)).iter().all(|build| all.contains(build)));
}

/// Not a test: pages to look at, and the size of large ones.
#[test]
fn pages_can_be_written_to_look_at() {
    let Some(dir) = std::env::var_os("WEIR_PAGES").map(std::path::PathBuf::from) else { return };
    let assets = asset::all();
    let mut all = pages();
    let names = fleet_names();
    all.push(("waterfall-fleet", waterfall(&fleet(&names, 4))));
    all.push(("waterfall-500", waterfall(&fleet(&names[..500], 4))));
    all.push(("waterfall-50", waterfall(&fleet(&names[..50], 4))));
    std::fs::create_dir_all(dir.join("asset")).unwrap();
    for a in [&assets.css, &assets.js, &assets.icon] {
        std::fs::write(dir.join("asset").join(&a.hashed_name), a.text).unwrap();
    }
    let mut told = String::new();
    for (name, text) in all {
        let _ = writeln!(told, "{name}: {} bytes", text.len());
        std::fs::write(dir.join(format!("{name}.html")), text.replace("/ci/asset/", "asset/")).unwrap();
    }
    std::fs::write(dir.join("sizes"), told).unwrap();
}
