//! What several pages show in a line: a build, a step, a log, a view, a request.

use super::findings::TestCounts;
use super::{Anchor, Bubble};
use crate::model::source_stamp::SourceStamp;
use crate::model::time::Time;
use crate::render::links::Links;
use crate::render::look::{self, Look};
use crate::render::words::{self, Moment};
use crate::status::resource::{Build, BuildRequest, Log, Step, View};
use serde::Serialize;

/// A build in a table or a list.
#[derive(Debug, Clone, Serialize)]
pub struct BuildLine {
    /// Its number.
    pub number: i64,
    /// Its builder.
    pub builder: String,
    /// Its page.
    pub href: String,
    /// How it ended, or that it runs.
    pub look: Look,
    /// Its words, such as `failed test`.
    pub summary: String,
    /// When it began.
    pub started: Moment,
    /// When it ended.
    pub finished: Option<Moment>,
    /// How long it took, or takes so far.
    pub took: String,
    /// When it began, for the script, in seconds since 1970; only while it runs.
    pub running_since: Option<i64>,
    /// Its progress; only while it runs and where it can be told.
    pub progress: Option<Progress>,
    /// What is built.
    pub source: Source,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub owner: Option<String>,
    /// The same, where the reason does not say it.
    pub by: Option<String>,
    /// Where it runs.
    pub worker: String,
    /// Where a button is sent that ends it; none where it does not run or the asker may not.
    pub stop: Option<String>,
}

/// How far a running build is.
#[derive(Debug, Clone, Serialize)]
pub struct Progress {
    /// Seconds that it is expected to take.
    pub max: i64,
    /// Seconds that have passed, at most `max`.
    pub value: i64,
    /// `4m 10s left` or `20s over`.
    pub left: String,
    /// When it is expected to end, in seconds since 1970.
    pub ends: i64,
}

/// A source stamp for people.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// The branch, or `default branch`.
    pub branch: String,
    /// The first characters of the revision, if it is known.
    pub revision: Option<String>,
    /// All of it.
    pub revision_full: Option<String>,
}

impl Source {
    /// What `stamp` asks for and what the checkout found.
    pub fn new(stamp: &SourceStamp, got: Option<&str>) -> Self {
        let full = got.or(stamp.revision.as_deref());
        Self {
            branch: stamp.branch.clone().unwrap_or_else(|| "default branch".to_owned()),
            revision: full.map(|r| r.chars().take(10).collect()),
            revision_full: full.map(str::to_owned),
        }
    }
}

impl BuildLine {
    /// The line of `build`.
    pub fn new(build: &Build, links: &Links, now: Time) -> Self {
        let look = look::of(build.results);
        let seconds = (build.finished_at.unwrap_or(now) - build.started_at).num_seconds();
        let is_running = build.finished_at.is_none();
        let expected = build.expected_s.filter(|s| is_running && *s >= 1.0).map(|s| s.round() as i64);
        Self {
            number: build.number,
            builder: build.builder.name.clone(),
            href: links.build(&build.builder, build.number),
            look,
            summary: if build.summary == look.word { String::new() } else { build.summary.clone() },
            started: Moment::new(build.started_at, now),
            finished: build.finished_at.map(|f| Moment::new(f, now)),
            took: words::span(seconds),
            running_since: is_running.then(|| build.started_at.timestamp()),
            progress: expected.map(|max| Progress {
                max,
                value: seconds.clamp(0, max),
                left: if seconds < max {
                    format!("{} left", words::span(max - seconds))
                } else {
                    format!("{} over", words::span(seconds - max))
                },
                ends: build.started_at.timestamp() + max,
            }),
            source: Source::new(&build.source_stamp, build.got_revision.as_deref()),
            reason: build.reason.clone(),
            owner: build.owner.clone(),
            by: by(&build.reason, build.owner.as_deref()),
            worker: build.worker.clone(),
            stop: None,
        }
    }

    /// With a button that stops it.
    #[must_use]
    pub fn stoppable(self, build: &Build, links: &Links) -> Self {
        let stop = build.finished_at.is_none().then(|| links.stop(&build.builder, build.number));
        Self { stop, ..self }
    }
}

/// A step of a build.
#[derive(Debug, Clone, Serialize)]
pub struct StepLine {
    /// From 0.
    pub number: i32,
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// How it ended, or that it runs.
    pub look: Look,
    /// Its words, where they say more than its name.
    pub summary: String,
    /// When it began.
    pub started: Moment,
    /// How long it took, or takes so far.
    pub took: String,
    /// Share of the build's time, in percent, from its start.
    pub bar_from: i64,
    /// Share of the build's time, in percent.
    pub bar_width: i64,
    /// When it began, for the script; only while it runs.
    pub running_since: Option<i64>,
    /// Its logs.
    pub logs: Vec<LogLink>,
    /// Links that its plugin added.
    pub urls: Vec<Anchor>,
    /// Its tests counted; none where it has none.
    pub tests: Option<TestCounts>,
}

/// A log of a step.
#[derive(Debug, Clone, Serialize)]
pub struct LogLink {
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// The log as a file.
    pub raw_href: String,
    /// `1,234 lines`.
    pub lines: String,
    /// `33 MiB`.
    pub size: String,
    /// It is still written.
    pub is_open: bool,
}

impl LogLink {
    /// The link of `log`.
    pub fn new(build: &Build, step: &Step, log: &Log, links: &Links) -> Self {
        Self {
            name: log.name.clone(),
            href: links.log(&build.builder, build.number, step.number, &log.slug),
            raw_href: links.log_raw(&build.builder, build.number, step.number, &log.slug),
            lines: words::count(log.n_lines as usize, "line"),
            size: words::bytes(log.size_bytes),
            is_open: !log.complete,
        }
    }
}

impl StepLine {
    /// The line of `step`.
    pub fn new(build: &Build, step: &Step, links: &Links, now: Time) -> Self {
        let look = look::of(step.results);
        let end = step.finished_at.unwrap_or(now);
        let whole = (build.finished_at.unwrap_or(now) - build.started_at).num_milliseconds().max(1);
        let percent = |ms: i64| (ms * 100 / whole).clamp(0, 100);
        let bar_from = percent((step.started_at - build.started_at).num_milliseconds());
        let summary = step.summary.strip_prefix(&step.name).unwrap_or(&step.summary).trim();
        Self {
            number: step.number,
            name: step.name.clone(),
            href: links.step(&build.builder, build.number, step.number),
            look,
            summary: if summary == look.word { String::new() } else { summary.to_owned() },
            started: Moment::new(step.started_at, now),
            took: if look.class == "s" { String::new() } else { words::span((end - step.started_at).num_seconds()) },
            bar_from,
            bar_width: percent((end - step.started_at).num_milliseconds()).clamp(1, (100 - bar_from).max(1)),
            running_since: step.finished_at.is_none().then(|| step.started_at.timestamp()),
            tests: TestCounts::new(&step.tests),
            logs: step.logs.iter().map(|log| LogLink::new(build, step, log, links)).collect(),
            urls: step
                .urls
                .iter()
                .filter(|u| crate::render::waterfall::build::is_web(&u.url))
                .map(|u| Anchor { text: u.name.clone(), href: u.url.clone(), is_current: false })
                .collect(),
        }
    }
}

/// A request that waits.
#[derive(Debug, Clone, Serialize)]
pub struct RequestLine {
    /// Its id.
    pub id: i64,
    /// When it was accepted.
    pub submitted: Moment,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub owner: Option<String>,
    /// The same, where the reason does not say it.
    pub by: Option<String>,
    /// What to build.
    pub source: Source,
    /// How many builds of it were interrupted.
    pub n_retries: i32,
    /// Where a button is sent that drops it; none where the asker may not.
    pub cancel: Option<String>,
}

impl RequestLine {
    /// The line of `request`.
    pub fn new(request: &BuildRequest, now: Time) -> Self {
        Self {
            id: request.id.0,
            submitted: Moment::new(request.submitted_at, now),
            reason: request.reason.clone(),
            owner: request.owner.clone(),
            by: by(&request.reason, request.owner.as_deref()),
            source: Source::new(&request.source_stamp, None),
            n_retries: request.n_retries,
            cancel: None,
        }
    }

    /// With a button that cancels it.
    #[must_use]
    pub fn cancellable(self, request: &BuildRequest, links: &Links) -> Self {
        Self { cancel: Some(links.cancel(&request.builder, request.id)), ..self }
    }
}

/// Who asked, but for where the reason says so.
fn by(reason: &str, owner: Option<&str>) -> Option<String> {
    owner.filter(|owner| !reason.ends_with(&format!("by {owner}"))).map(str::to_owned)
}

/// A view with its summary bubble.
#[derive(Debug, Clone, Serialize)]
pub struct ViewLine {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its Waterfall.
    pub href: String,
    /// Its builders counted.
    pub bubble: Bubble,
}

impl ViewLine {
    /// The line of `view`.
    pub fn new(view: &View, links: &Links) -> Self {
        Self {
            name: view.name.clone(),
            title: view.title.clone(),
            href: links.view(&view.name),
            bubble: Bubble::new(&view.tally),
        }
    }
}
