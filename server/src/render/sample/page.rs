//! Every page of the sample, drawn: each is whole and well-formed.
//!
//! `WEIR_PAGES=DIR cargo test -p weir-server --lib render::sample` writes every page to DIR.

use super::forms::{ALL, builder_page, force, refused, site_of_ada};
use super::{fleet, fleet_names, lines, now, site_view, view};
use crate::config::quota::Quota;
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::right::Visibility;
use crate::model::size::Size;
use crate::render::context::about::About;
use crate::render::context::build::{BuildContext, BuildParts, StepContext, telling_log};
use crate::render::context::builder::BuilderContext;
use crate::render::context::error::ErrorContext;
use crate::render::context::front::Front;
use crate::render::context::log::{LINES_MARK, LogContext, LogWindow};
use crate::render::context::login::{Login, Logout};
use crate::render::context::plugins::PluginsContext;
use crate::render::context::team::{TeamContext, tally};
use crate::render::context::waterfall::{WaterfallContext, WaterfallPage};
use crate::render::context::{Anchor, Context, Page, Site, Viewer};
use crate::render::links::Links;
use crate::render::{asset, log_line, template};
use crate::status::findings::TestPage;
use crate::status::get::{BuildPage, LogPage, RequestPage, TeamPage};
use crate::status::quota::MeteredUse;
use crate::status::resource::{
    Artifact, Build, BuilderState, BuilderStatus, LogLine, Statistic, Team, TestCase, View, Worker,
};
use crate::status::usage::TeamUse;
use crate::status::view::ViewPage;
use crate::status::waterfall::{Window, lay_out};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn links() -> Links {
    Links::new(&"https://example.org/ci/".parse().unwrap())
}

pub(super) fn site() -> Site {
    Site::new("Example builds", &links(), now(), None)
}

/// As somebody who is signed in sees it.
fn signed_in() -> Site {
    let viewer = Viewer { name: "ada".to_owned(), csrf: "x".to_owned() };
    Site::new("Example builds", &links(), now(), Some(viewer))
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

/// What a build left, with names that are hard to write.
fn artifacts() -> Vec<Artifact> {
    let artifact = |step, name: &str, size_bytes| Artifact {
        step,
        name: name.into(),
        size_bytes,
        sha256: blake3::hash(name.as_bytes()).to_hex().to_string(),
        created_at: now(),
    };
    vec![
        artifact(2, "dist/weir-0.1.0-x86_64-unknown-linux-gnu.tar.gz", 48_300_000),
        artifact(2, "dist/sub/<b>50% & more</b>?#.txt", 12),
        artifact(4, "report.html", 81_920),
    ]
}

/// A page of test results, with all that may stand in one.
fn test_page(build: &Arc<Build>, index: usize) -> TestPage {
    use crate::model::test_outcome::TestOutcome::{Errored, Failed, Skipped};
    let case = |outcome, name: &str, message: Option<String>| TestCase {
        suite: "tests.test_asyncio.test_events".into(),
        name: name.into(),
        outcome,
        duration_ms: Some(1_234),
        message,
    };
    let trace = "Traceback (most recent call last):\n  File \"<a>.py\", line 7\nAssertionError: 1 != 2".to_owned();
    let cases = match build.steps[index].tests.all() {
        0 => vec![],
        _ => vec![
            case(Failed, "test_<script>alert(1)</script>", Some(trace)),
            case(Failed, &"a_long_name_".repeat(20), Some("x".repeat(9_000))),
            case(Errored, "test_setup", None),
            case(Skipped, "test_windows", Some("only on Windows".into())),
        ],
    };
    TestPage { build: build.clone(), step: build.steps[index].clone(), outcome: None, offset: 0, cases }
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
    let tallied = teams.clone().map(|team| (team, tally(&statuses)));
    let mut retired = statuses[2].clone();
    retired.state = BuilderState::Retired;
    let team_page = TeamPage {
        team: teams[0].clone(),
        views: views[..2].to_vec(),
        builders: statuses.clone(),
        retired: vec![retired],
        workers: vec![Worker {
            name: "local".into(),
            labels: vec!["linux".into(), "x86_64".into()],
            slots: 2,
            connected: true,
            running: statuses[0].running.clone(),
        }],
        problems: vec![
            "teams/core.toml:2:1: unknown key `titel` [unknown-key]\n  key: team.core.titel\n     2 | titel = ...\n       | ^^^^^\n  did you mean `title`?\n"
                .to_owned(),
        ],
        is_kept: true,
        is_administered: true,
    };
    let team_use = TeamUse {
        quota: Quota { builds: Some(4), queued: 20, artifact_bytes: Some(Size(1 << 30)), ..Quota::default() },
        n_running: 2,
        n_queued: 20,
        metered: MeteredUse { forces: 490, calls: 4, calls_max: 200, plugin_cpu: Duration::from_secs(12) },
        ..TeamUse::default()
    };
    let (force, refused) = (force(), refused());
    let builder = |status: &BuilderStatus, builds: &[Arc<Build>], force| {
        html(&BuilderContext::page(site(), builder_page(status, builds, force, None, None), &links, now()))
    };
    let forms = |n: usize, refused, request| {
        let page = builder_page(&statuses[n], &page.columns[n].builds, Some(&force), refused, request);
        html(&BuilderContext::page(site_of_ada(), page, &links, now()))
    };
    let request = |builds: &[Arc<Build>]| RequestPage {
        request: (*statuses.iter().flat_map(|s| &s.pending).next().expect("something waits in the sample"))
            .as_ref()
            .clone(),
        builds: builds.to_vec(),
        complete: false,
    };
    let mut properties = Properties::default();
    properties.set("branch", "main", "Builder");
    properties.set("got_revision", "9f3c1e07ab52d9e0c4b1", "Step: git");
    properties.set("<b>", serde_json::json!({"a": [1, "<i>"]}), "Force");
    let build_page = |build: &Arc<Build>| BuildPage {
        build: build.clone(),
        properties: properties.clone(),
        triggered_by: Some((BuilderKey::new("core", "release"), 7)),
        previous: Some(42),
        next: None,
        newest: 44,
        artifacts: artifacts(),
        has_more_artifacts: true,
        statistics: build
            .steps
            .iter()
            .map(|s| (s.id, Statistic { name: "coverage <%>".into(), value: 87.125 }))
            .collect(),
        is_stopping: false,
    };
    let build_html = |site, page: &BuildPage, tail: &[LogLine], has_asked_stop| {
        let parts =
            BuildParts { page, tail, offers: ALL, has_asked_stop, refused: None, team_title: "Core developers" };
        html(&BuildContext::page(site, parts, &links, now()))
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
    let step_page = |build: &Arc<Build>, index: usize| {
        let tests = test_page(build, index);
        let page = build_page(build);
        html(&StepContext::page(site(), &page, index, Some(&tests), "Core developers", (&links, now())))
    };
    let errors = |status, sentence: &str, fields: &[(&str, &str)]| {
        let own = ErrorContext {
            status,
            sentence: sentence.into(),
            code: "not_found".into(),
            request_id: "f00".into(),
            fields: fields.iter().map(|(field, why)| ((*field).to_owned(), (*why).to_owned())).collect(),
            sign_in: matches!(status, 401 | 404).then(|| links.login_to("/ci/team/core")),
            was_sent: status == 401,
            ..ErrorContext::default()
        };
        html(&ErrorContext::page(site(), own))
    };
    let error = |status, sentence: &str| errors(status, sentence, &[]);
    let [audit, no_audit] = super::audit::audit(&site(), &links);
    let [can, can_yes, can_no, can_wrong] = super::audit::can(&site(), &links);
    let anchor = |text: &str| Anchor { text: text.to_owned(), href: "#".to_owned(), is_current: false };
    let login = |problem: Option<&str>, left: Option<Anchor>| {
        let own = Login {
            action: links.login(),
            csrf: "x".to_owned(),
            to: "/ci/team/core".to_owned(),
            name: problem.map(|_| "ada").unwrap_or_default().to_owned(),
            problem: problem.map(str::to_owned),
            has_passwords: true,
            left,
            providers: vec![anchor("Sign in with Forge")],
        };
        html(&Login::page(site(), own))
    };
    let logout = Logout { action: links.logout(), csrf: "x".to_owned() };
    let running = &page.columns[0].builds[0];
    let never = view("empty", vec![page.columns[7].clone()], false, 200);
    let mut pages = vec![
        ("front", html(&Front::page(site(), &tallied, &views, false, &links))),
        ("front-empty", html(&Front::page(site(), &[], &[], false, &links))),
        ("waterfall", waterfall(&page)),
        ("waterfall-never", waterfall(&never)),
        ("waterfall-empty", waterfall(&view("empty", vec![], false, 200))),
        ("team", html(&TeamContext::page(site(), &team_page, &team_use, &links, now()))),
        ("builder", builder(&statuses[1], &page.columns[1].builds, Some(&force))),
        ("builder-forms", forms(0, None, Some(&request(&page.columns[0].builds[..1])))),
        ("builder-refused", forms(1, Some(&refused), Some(&request(&[])))),
        ("builder-retired", builder(&team_page.retired[0], &page.columns[2].builds, None)),
        ("builder-odd", builder(&statuses[4], &page.columns[4].builds, None)),
        ("build", build_html(site(), &build_page(&failed), &tail, false)),
        ("build-running", build_html(site(), &build_page(running), &lines(0, 12), false)),
        ("build-forms", build_html(site_of_ada(), &build_page(&failed), &tail, true)),
        ("build-running-forms", build_html(site_of_ada(), &build_page(running), &lines(0, 12), false)),
        (
            "build-stopping",
            build_html(site_of_ada(), &BuildPage { is_stopping: true, ..build_page(running) }, &[], true),
        ),
        ("step", step_page(&failed, 1)),
        ("step-tests", step_page(&failed, 2)),
        ("log", log_page(&failed, 2, None)),
        ("log-running", log_page(running, 4, None)),
        ("about", html(&About::page(site()))),
        ("plugins", html(&PluginsContext::page(site(), super::plugins::plugins(), now()))),
        ("plugins-empty", html(&PluginsContext::page(site(), Vec::new(), now()))),
        ("audit", html(&audit)),
        ("audit-empty", html(&no_audit)),
        ("can", html(&can)),
        ("can-yes", html(&can_yes)),
        ("can-no", html(&can_no)),
        ("can-wrong", html(&can_wrong)),
        ("login", login(None, None)),
        ("login-left", login(None, Some(anchor("Forge <ID>")))),
        (
            "login-wrong",
            login(Some("This name and this password do not belong together. Check both and try again."), None),
        ),
        ("login-nobody", html(&Login::page(site(), Login::default()))),
        ("logout-nobody", html(&Logout::page(site(), Logout::default()))),
        ("token-made", html(&super::account::token_made())),
        ("logout", html(&Logout::page(signed_in(), logout))),
        ("error-404", error(404, "There is no view `nope`.")),
        ("error-400", errors(400, "", &[("num_events", "`x` is no whole number")])),
        ("error-401", error(401, "This session has ended.")),
        ("error-403", error(403, "You may not force here.")),
        ("error-429", error(429, "This address: the limit is 20 in a second (`requests_per_s`); try again in 3s.")),
        ("error-500", error(500, "An internal error.")),
    ];
    pages.extend(super::account::accounts().iter().map(|(name, page)| (*name, html(page))));
    pages
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
fn a_form_that_was_not_taken_says_so_in_its_title_and_its_summary_leads_to_each_wrong_field() {
    let pages = pages();
    let page = |name: &str| &pages.iter().find(|(known, _)| *known == name).expect("the sample has the page").1;
    for (name, n_wrong) in [("builder-refused", 2), ("account-refused", 2), ("account-full", 0), ("login-wrong", 2)] {
        let text = page(name);
        assert!(text.contains("<title>Not taken: "), "{name}");
        assert_eq!(text.matches(" aria-invalid=\"true\"").count(), n_wrong, "{name}");
        assert_eq!(text.matches(" autofocus>").count(), usize::from(n_wrong > 0), "{name}");
        let summary = text.split("role=\"alert\"").nth(1).expect("a summary").split("<form").next().unwrap();
        let links = summary.split(" href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
        for link in links.filter(|link| !link.is_empty()) {
            assert!(text.contains(&format!(" id=\"{link}\"")), "{name}: {link}");
        }
    }
    for name in ["account", "builder-forms", "can", "login"] {
        assert!(!page(name).contains("Not taken"), "{name}");
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
        "✓ #41</a> <b>success</b> <time",
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
