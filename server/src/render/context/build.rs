//! `.../build/<n>` and `.../step/<s>`.

use super::findings::{ArtifactLine, StatisticLine, TestCounts, TestsSection};
use super::line::{BuildLine, LogLink, StepLine};
use super::said::Said;
use super::{Context, Crumb, Page, Site, field};
use crate::model::time::Time;
use crate::render::links::Links;
use crate::render::log_line;
use crate::render::words::code_html;
use crate::status::control::Offers;
use crate::status::findings::TestPage;
use crate::status::get::BuildPage;
use crate::status::resource::{Build, LogLine, Step, TestTotals};
use serde::Serialize;

/// A build's page.
#[derive(Debug, Serialize)]
pub struct BuildContext {
    /// The build.
    pub build: BuildLine,
    /// The build whose step triggered it, where one did.
    pub triggered_by: Option<Crumb>,
    /// What the request asked for, where the checkout found another revision.
    pub repository: String,
    /// Its steps, in the order they ran.
    pub steps: Vec<StepLine>,
    /// Tests of all its steps, counted.
    pub tests: Option<TestCounts>,
    /// Its first artifacts.
    pub artifacts: Vec<ArtifactLine>,
    /// Where the others are listed, where there are more.
    pub artifacts_more: Option<String>,
    /// Its properties.
    pub properties: Vec<PropertyLine>,
    /// The end of the log that tells most: of the first step that failed, else of the one that runs.
    pub tail: Option<Tail>,
    /// Neighbours.
    pub pager: Pager,
    /// What became of the stop that the asker asked for.
    pub said: Option<Said>,
    /// Somebody wants it stopped.
    pub is_stopping: bool,
    /// Where a button is sent that stops it; none where it does not run, is being stopped, or the asker may not.
    pub stop: Option<String>,
    /// Where a button is sent that has it built once more; none where it runs or the asker may not.
    pub rebuild: Option<String>,
    /// Why what was asked of the build was not done, as HTML.
    pub refused_html: Option<String>,
    /// The reason that was typed with it.
    pub typed_reason: String,
}

/// Something that was asked of a build and not done.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Why, in a sentence.
    pub why: String,
    /// The reason as it was typed.
    pub reason: String,
}

/// What a build's page is made of.
#[derive(Debug, Clone, Copy)]
pub struct BuildParts<'a> {
    /// The build.
    pub page: &'a BuildPage,
    /// The last lines of its [`telling_log`].
    pub tail: &'a [LogLine],
    /// What the asker may do.
    pub offers: Offers,
    /// The asker asked for its stop.
    pub has_asked_stop: bool,
    /// What the asker asked for and was not done.
    pub refused: Option<&'a Refused>,
    /// The team's title.
    pub team_title: &'a str,
}

/// A property.
#[derive(Debug, Serialize)]
pub struct PropertyLine {
    /// Its name.
    pub name: String,
    /// Its value as JSON; texts without quotes.
    pub value: String,
    /// Who set it.
    pub source: String,
}

/// The last lines of a log.
#[derive(Debug, Serialize)]
pub struct Tail {
    /// Its step's name.
    pub step: String,
    /// The log.
    pub log: LogLink,
    /// Its last lines, as HTML.
    pub lines_html: String,
}

/// The builds beside a build.
#[derive(Debug, Serialize)]
pub struct Pager {
    /// The one before.
    pub previous: Option<String>,
    /// The one after.
    pub next: Option<String>,
    /// The newest, where this is not it.
    pub newest: Option<String>,
}

impl Context for BuildContext {
    const TEMPLATE: &'static str = "pages/build";
}

/// The step and the log whose end a build's page shows: of the first step that failed, else of the one that runs.
pub fn telling_log(build: &Build) -> Option<(&Step, &crate::status::resource::Log)> {
    let failed = build.steps.iter().find(|s| s.results.is_some_and(|r| !r.is_good()) && !s.logs.is_empty());
    let step = failed.or_else(|| build.steps.iter().rfind(|s| s.results.is_none()))?;
    step.logs.iter().find(|l| l.n_lines > 0).map(|log| (step, log))
}

impl BuildContext {
    /// The page of one build.
    pub fn page(site: Site, parts: BuildParts<'_>, links: &Links, now: Time) -> Page<Self> {
        let BuildParts { page, tail, team_title, .. } = parts;
        let offers = if site.has_forms() { parts.offers } else { Offers::default() };
        let build = &*page.build;
        let is_running = build.finished_at.is_none();
        let key = &build.builder;
        let tail = telling_log(build).filter(|_| !tail.is_empty()).map(|(step, log)| {
            let mut lines_html = String::new();
            tail.iter().for_each(|line| log_line::write(&mut lines_html, line));
            Tail { step: step.name.clone(), log: LogLink::new(build, step, log, links), lines_html }
        });
        let properties = page.properties.0.iter().map(|(name, p)| PropertyLine {
            name: name.clone(),
            value: p.value.as_str().map_or_else(|| p.value.to_string(), str::to_owned),
            source: p.source.clone(),
        });
        let to = |n: i64| links.build(key, n);
        let own = Self {
            build: BuildLine::new(build, links, now),
            triggered_by: page
                .triggered_by
                .as_ref()
                .map(|(by, number)| Crumb::to(format!("{} #{number}", by.name), links.build(by, *number))),
            repository: build.source_stamp.repository.clone(),
            steps: build.steps.iter().map(|s| StepLine::new(build, s, links, now)).collect(),
            tests: TestCounts::new(&build.steps.iter().fold(TestTotals::default(), |sum, step| sum.with(step.tests))),
            artifacts: page.artifacts.iter().map(|a| ArtifactLine::new(build, a, links, now)).collect(),
            artifacts_more: page.has_more_artifacts.then(|| links.artifacts_json(key, build.number)),
            properties: properties.collect(),
            tail,
            pager: Pager {
                previous: page.previous.map(to),
                next: page.next.map(to),
                newest: Some(page.newest).filter(|n| *n != build.number).map(to),
            },
            said: parts.has_asked_stop.then(|| Said::of_stop(page)).flatten(),
            is_stopping: page.is_stopping,
            stop: (is_running && !page.is_stopping && offers.stop).then(|| links.stop(key, build.number)),
            rebuild: (!is_running && offers.rebuild).then(|| links.rebuild(key, build.number)),
            refused_html: parts.refused.map(|refused| code_html(&refused.why)),
            typed_reason: parts.refused.map(|refused| refused.reason.clone()).unwrap_or_default(),
        };
        let events = is_running.then(|| links.events(&own.build.href));
        let title = format!("{} {} #{}: {}", own.build.look.sign, key.name, build.number, own.build.look.word);
        let title = field::title(title, own.refused_html.is_some());
        let mut crumbs = crumbs(build, team_title, links);
        crumbs.push(Crumb::here(format!("#{}", build.number)));
        Page { title, crumbs, reload_s: None, events, kind: "build", site, own }
    }
}

/// The way to a build, without it.
pub fn crumbs(build: &Build, team_title: &str, links: &Links) -> Vec<Crumb> {
    let key = &build.builder;
    vec![Crumb::to(team_title, links.team(&key.team)), Crumb::to(key.name.as_str(), links.builder(key))]
}

/// A step's page.
#[derive(Debug, Serialize)]
pub struct StepContext {
    /// Its build.
    pub build: BuildLine,
    /// The step.
    pub step: StepLine,
    /// What its tests said; none where it has none.
    pub tests: Option<TestsSection>,
    /// Numbers that it measured.
    pub statistics: Vec<StatisticLine>,
    /// The step before.
    pub previous: Option<String>,
    /// The step after.
    pub next: Option<String>,
}

impl Context for StepContext {
    const TEMPLATE: &'static str = "pages/step";
}

impl StepContext {
    /// The page of the step with index `index`, with a page of its test results where it has some.
    pub fn page(
        site: Site,
        page: &BuildPage,
        index: usize,
        tests: Option<&TestPage>,
        team_title: &str,
        (links, now): (&Links, Time),
    ) -> Page<Self> {
        let build = &*page.build;
        let id = build.steps[index].id;
        let beside = |i: Option<usize>| {
            let step = i.and_then(|i| build.steps.get(i));
            step.map(|s| links.step(&build.builder, build.number, s.number))
        };
        let own = Self {
            build: BuildLine::new(build, links, now),
            step: StepLine::new(build, &build.steps[index], links, now),
            tests: tests.and_then(|page| TestsSection::new(page, links)),
            statistics: page
                .statistics
                .iter()
                .filter(|(of, _)| *of == id)
                .map(|(_, s)| StatisticLine::new(s))
                .collect(),
            previous: beside(index.checked_sub(1)),
            next: beside(Some(index + 1)),
        };
        let events = own.step.running_since.map(|_| links.events(&own.build.href));
        let title = format!(
            "{} {}: {} of {} #{}",
            own.step.look.sign, own.step.name, own.step.look.word, build.builder.name, build.number
        );
        let mut crumbs = crumbs(build, team_title, links);
        crumbs.push(Crumb::to(format!("#{}", build.number), links.build(&build.builder, build.number)));
        crumbs.push(Crumb::here(own.step.name.as_str()));
        Page { title, crumbs, reload_s: None, events, kind: "step", site, own }
    }
}
