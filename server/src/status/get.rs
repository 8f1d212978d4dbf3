//! What is: snapshot questions. A page costs what it shows, never what history holds.

use super::board::Entry;
use super::in_force::InForce;
use super::query::Narrowing;
use super::registry::Slot;
use super::resource::{
    Artifact, Build, BuildRequest, BuilderStatus, Log, LogLine, Statistic, Step, Tally, Team, View, Worker,
};
use super::select::Selection;
use super::view::ViewPage;
use super::window::{self, Frame};
use super::{Error, Result, Status, findings, load};
use crate::config::builder::Force;
use crate::config::{self, Config};
use crate::model::id::{BuildRequestId, BuilderId, LogId, StepId};
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::results::Results;
use crate::model::right::Visibility;
use crate::model::scope::Scope;
use crate::store::{DbConnection, build_requests, builds, buildsets, log_chunks, logs, properties, statistics};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Questions of one asker.
pub struct Get {
    pub(super) status: Status,
    pub(super) scope: Scope,
}

/// A team's page.
#[derive(Debug, Clone)]
pub struct TeamPage {
    /// The team.
    pub team: Team,
    /// Its own views, and those of the instance that hold a builder of it, that may be seen.
    pub views: Vec<View>,
    /// Its builders, in natural order.
    pub builders: Vec<BuilderStatus>,
    /// Those that its configuration declared once, and that have builds.
    pub retired: Vec<BuilderStatus>,
    /// Workers that run its builds.
    pub workers: Vec<Worker>,
    /// What is wrong with its own files, as it is printed; only for its members.
    pub problems: Vec<String>,
    /// Because of that it is what its files said when they were last good; without such a text it has no builders.
    pub is_kept: bool,
    /// The asker may read its audit.
    pub is_administered: bool,
}

/// A build with what only its own page shows.
#[derive(Debug, Clone)]
pub struct BuildPage {
    /// The build, with steps and logs.
    pub build: Arc<Build>,
    /// Its properties.
    pub properties: Properties,
    /// The build whose step triggered it, where one did and is kept.
    pub triggered_by: Option<(BuilderKey, i64)>,
    /// The builder's other builds beside it, where there are some.
    pub previous: Option<i64>,
    /// The next one.
    pub next: Option<i64>,
    /// The newest build of the builder.
    pub newest: i64,
    /// Its first artifacts, by name.
    pub artifacts: Vec<Artifact>,
    /// It has more of them.
    pub has_more_artifacts: bool,
    /// Numbers that its steps measured, by step.
    pub statistics: Vec<(StepId, Statistic)>,
    /// It runs, and somebody wants it stopped.
    pub is_stopping: bool,
}

/// A log found by its place.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// Its build.
    pub build: Arc<Build>,
    /// Its step.
    pub step: Step,
    /// The log.
    pub log: Log,
}

/// How far a log has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogProgress {
    /// Lines that are stored.
    pub n_lines: i64,
    /// Nothing more will come.
    pub complete: bool,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct RequestPage {
    /// The request.
    pub request: BuildRequest,
    /// Builds of it, oldest first; more than one where some ended as `retry`.
    pub builds: Vec<Arc<Build>>,
    /// It waits no more and no build of it runs or will run.
    pub complete: bool,
}

/// Builds that one answer holds at most.
const BUILDS_MAX: usize = 1000;
/// Test results, or artifacts, that one answer holds at most.
pub(super) const MAX_ROWS: usize = 1000;
/// Artifacts that a build's page lists; the others have a list of their own.
const ARTIFACTS_LISTED: usize = 100;

impl Get {
    /// Teams that may be seen, by name.
    pub fn teams(&self) -> Vec<Team> {
        teams_in(&self.status.0.in_force().config, &self.scope)
    }

    /// Teams that may be seen, by name, with their builders counted.
    pub fn team_tallies(&self) -> Vec<(Team, Tally)> {
        let now = self.status.0.in_force();
        let board = now.board.look();
        let mut entries: HashMap<&str, Vec<&Entry>> = HashMap::new();
        for (entry, declared) in board.entries.iter().zip(now.registry.live()) {
            entries.entry(declared.builder.key.team.as_str()).or_default().push(entry);
        }
        let of = |team: &Team| tally(entries.get(team.name.as_str()).into_iter().flatten().copied());
        teams_in(&now.config, &self.scope)
            .into_iter()
            .map(|team| (of(&team), team))
            .map(|(tally, team)| (team, tally))
            .collect()
    }

    /// A team's page.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn team(&self, name: &str) -> Result<TeamPage> {
        let now = self.status.0.in_force();
        let team = now.config.teams.get(name).filter(|team| self.scope.may_read(name, team.visibility));
        let team = team.ok_or_else(|| Error::not_found("team", name))?;
        let is_own = |slot: &Slot| now.registry.declared[*slot].builder.key.team == name;
        let own = |slots: std::ops::Range<Slot>| slots.filter(is_own).map(|slot| status_of(&now, slot)).collect();
        let n_live = now.registry.live().len();
        let builders: Vec<BuilderStatus> = own(0..n_live);
        let mut retired: Vec<BuilderStatus> = own(n_live..now.registry.declared.len());
        // Of one that never built there is nothing to see.
        retired.retain(|status| status.last.is_some() || !status.running.is_empty());
        let views = self.readable_views(&now).filter(|view| match &view.team {
            Some(owner) => owner == name,
            None => now.selections[&view.name].chosen.iter().any(|chosen| is_own(&chosen.slot)),
        });
        let views = views.map(|view| self.view_of(&now, view)).collect();
        let serving = now.config.workers.values().filter(|worker| worker.serves(name));
        // They show what stands in its files: not for those who only see a public team.
        let is_member = self.scope.may_read(name, Visibility::Private);
        let problems = now.config.broken_teams.get(name).filter(|_| is_member).into_iter().flatten();
        Ok(TeamPage {
            problems: problems.map(ToString::to_string).collect(),
            is_kept: now.config.kept_teams.contains(name),
            is_administered: self.administers(name),
            team: team_of(team),
            views,
            workers: serving.map(|worker| self.worker_of(&now, worker)).collect(),
            builders,
            retired,
        })
    }

    /// Views that may be seen, with their tallies: the instance's, then by team and name.
    pub fn views(&self) -> Vec<View> {
        let now = self.status.0.in_force();
        let mut views: Vec<&Arc<config::view::View>> = self.readable_views(&now).collect();
        views.sort_by(|a, b| a.team.cmp(&b.team).then_with(|| alphanumeric_sort::compare_str(&a.name, &b.name)));
        views.into_iter().map(|view| self.view_of(&now, view)).collect()
    }

    /// A view's Waterfall.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn view(&self, name: &str, narrowing: &Narrowing) -> Result<ViewPage> {
        let now = self.status.0.in_force();
        let view = self.readable_views(&now).find(|view| view.name == name);
        let view = view.ok_or_else(|| Error::not_found("view", name))?;
        let frame = Frame {
            name: Some(view.name.clone()),
            title: view.title.clone(),
            team: view.team.clone(),
            is_grouped: view.group_by.is_some(),
            window: view.window,
        };
        window::page(&self.status, &now, &self.scope, frame, &now.selections[name], narrowing).await
    }

    /// The Waterfall of all builders that may be seen.
    ///
    /// # Errors
    /// Where older builds cannot be read.
    pub async fn waterfall(&self, narrowing: &Narrowing) -> Result<ViewPage> {
        let now = self.status.0.in_force();
        let title = now.config.server.title.clone();
        let frame = Frame { name: None, title, team: None, is_grouped: false, window: None };
        let everything = Selection::everything(&now.registry);
        window::page(&self.status, &now, &self.scope, frame, &everything, narrowing).await
    }

    /// A builder.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn builder(&self, team: &str, name: &str) -> Result<BuilderStatus> {
        let now = self.status.0.in_force();
        Ok(status_of(&now, self.slot(&now, team, name)?))
    }

    /// How a builder may be forced: what it takes, or none where it may not be forced at all.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn force_form(&self, team: &str, name: &str) -> Result<Option<Arc<Force>>> {
        let now = self.status.0.in_force();
        let force = &now.registry.declared[self.slot(&now, team, name)?].config.force;
        Ok(force.enabled.then(|| Arc::clone(force)))
    }

    /// A builder's builds with steps, newest first, those with a number under `before` where it is given, at most `limit`
    /// (and never more than 1000).
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn builds(&self, team: &str, name: &str, before: Option<i64>, limit: usize) -> Result<Vec<Arc<Build>>> {
        let now = self.status.0.in_force();
        let slot = self.slot(&now, team, name)?;
        let limit = limit.min(BUILDS_MAX);
        let before = before.unwrap_or(i64::MAX);
        let entry = now.board.entry(slot);
        let horizon = entry.horizon();
        let mut held = entry.builds();
        // What is held has no gap from its newest finished build down to its oldest; a running one far below leaves some.
        held.retain(|build| build.number < before);
        held.truncate(limit);
        let is_whole = held.windows(2).all(|pair| pair[0].number == pair[1].number + 1)
            && held.first().is_none_or(|newest| newest.number + 1 == before.min(entry.newest + 1));
        if is_whole && (held.len() == limit || horizon.is_none()) {
            return Ok(held);
        }
        let (registry, id) = (now.registry.clone(), now.registry.declared[slot].builder.id);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = move |c: &mut DbConnection| {
            let rows = builds::list_before(c, id, before, limit)?;
            load::builds(c, &registry, rows)
        };
        Ok(self.status.0.store.read(read).await?.into_iter().map(Arc::new).collect())
    }

    /// One build.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn build(&self, team: &str, name: &str, number: i64) -> Result<BuildPage> {
        let now = self.status.0.in_force();
        let slot = self.slot(&now, team, name)?;
        let entry = now.board.entry(slot);
        let held = entry.build(number).cloned();
        let is_stopping = held.as_ref().is_some_and(|build| now.board.look().stops.contains_key(&build.id));
        let (registry, id) = (now.registry.clone(), now.registry.declared[slot].builder.id);
        let missing = Error::not_found("build", format!("{team}/{name}/{number}"));
        let read = move |c: &mut DbConnection| {
            let build = match held {
                Some(held) => held,
                None => Arc::new(load::build_by_number(c, &registry, id, number)?.ok_or(missing)?),
            };
            let properties = properties::list_of_build(c, build.id)?;
            let parent = buildsets::parent_of_build(c, build.id)?;
            let triggered_by = parent.map(|(builder, number)| (registry.key(builder), number));
            let (previous, next) = builds::neighbours(c, id, number)?;
            let mut artifacts = findings::list_artifacts(c, build.id, "", ARTIFACTS_LISTED + 1)?;
            let has_more_artifacts = artifacts.len() > ARTIFACTS_LISTED;
            artifacts.truncate(ARTIFACTS_LISTED);
            let statistics = statistics::list_of_build(c, build.id)?.into_iter();
            Ok::<_, Error>(BuildPage {
                build,
                properties,
                triggered_by,
                previous,
                next,
                newest: entry.newest.max(number),
                artifacts,
                has_more_artifacts,
                statistics: statistics.map(|(step, name, value)| (step, Statistic { name, value })).collect(),
                is_stopping,
            })
        };
        self.status.0.store.read(read).await
    }

    /// One build, without what only its own page shows.
    pub(super) async fn build_alone(&self, team: &str, name: &str, number: i64) -> Result<Arc<Build>> {
        let now = self.status.0.in_force();
        let slot = self.slot(&now, team, name)?;
        if let Some(held) = now.board.entry(slot).build(number) {
            return Ok(held.clone());
        }
        let (registry, id) = (now.registry.clone(), now.registry.declared[slot].builder.id);
        let read = move |c: &mut DbConnection| load::build_by_number(c, &registry, id, number);
        let found = self.status.0.store.read(read).await?;
        found.map(Arc::new).ok_or_else(|| Error::not_found("build", format!("{team}/{name}/{number}")))
    }

    /// A log by its place; `step` is its number from 0 or its name.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn log(&self, team: &str, name: &str, number: i64, step: &str, slug: &str) -> Result<LogPage> {
        let missing = || Error::not_found("log", format!("{team}/{name}/{number}/{step}/{slug}"));
        let build = match self.build_alone(team, name, number).await {
            Err(Error::NotFound { what: "build", .. }) => return Err(missing()),
            found => found?,
        };
        let found = build.step(step).ok_or_else(missing)?.clone();
        let log = found.logs.iter().find(|log| log.slug == slug).ok_or_else(missing)?.clone();
        Ok(LogPage { build, step: found, log })
    }

    /// Lines of a log from line `first`, at most `max`; fewer where fewer are stored, or where they are long: what one answer
    /// holds is bounded in bytes too, and a caller goes on after the last line that it got.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn log_lines(&self, log: LogId, first: i64, max: usize) -> Result<Vec<LogLine>> {
        self.status.0.store.read(self.reading_lines(log, first, max)).await
    }

    /// The same, for an answer that reads on and on: it holds up none that reads once.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn more_log_lines(&self, log: LogId, first: i64, max: usize) -> Result<Vec<LogLine>> {
        self.status.0.store.read_aside(self.reading_lines(log, first, max)).await
    }

    fn reading_lines(
        &self,
        log: LogId,
        first: i64,
        max: usize,
    ) -> impl FnOnce(&mut DbConnection) -> Result<Vec<LogLine>> + use<> {
        let (scope, registry) = (self.scope.clone(), self.status.0.in_force().registry.clone());
        move |c| {
            let (builder, ..) = logs::place(c, log)?.ok_or_else(|| missing_log(log))?;
            if !registry.is_readable(&scope, builder) {
                return Err(missing_log(log));
            }
            read_lines(c, log, first.max(0), max)
        }
    }

    /// How far a log has come, changing as lines are stored. The sender goes away with the log's end.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn follow_log(&self, log: LogId) -> Result<watch::Receiver<LogProgress>> {
        // Followed before it is read, so that an end in between is not missed.
        let live = self.status.0.live.follow(log);
        let (scope, registry) = (self.scope.clone(), self.status.0.in_force().registry.clone());
        let read = move |c: &mut DbConnection| {
            let (builder, ..) = logs::place(c, log)?.ok_or_else(|| missing_log(log))?;
            if !registry.is_readable(&scope, builder) {
                return Err(missing_log(log));
            }
            logs::get(c, log)?.ok_or_else(|| missing_log(log))
        };
        let row = self.status.0.store.read(read).await?;
        // One that was opened just now may be stored already and not yet followed.
        let live = live.or_else(|| if row.complete { None } else { self.status.0.live.follow(log) });
        Ok(live.unwrap_or_else(|| watch::channel(LogProgress { n_lines: row.n_lines, complete: row.complete }).1))
    }

    /// What became of a request.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn request(&self, id: BuildRequestId) -> Result<RequestPage> {
        let (scope, registry) = (self.scope.clone(), self.status.0.in_force().registry.clone());
        let missing = move || Error::not_found("build request", id.to_string());
        let read = move |c: &mut DbConnection| {
            let row = build_requests::get(c, id)?.ok_or_else(missing)?;
            if !registry.is_request_readable(&scope, BuilderId(row.builder_id)) {
                return Err(missing());
            }
            let complete = row.is_complete();
            let rows = builds::list_of_request(c, id)?;
            let builds = load::builds(c, &registry, rows)?.into_iter().map(Arc::new).collect();
            Ok(RequestPage { request: load::request(c, &registry, row)?, builds, complete })
        };
        self.status.0.store.read(read).await
    }

    /// The place of a builder that may be seen.
    fn slot(&self, now: &InForce, team: &str, name: &str) -> Result<Slot> {
        let registry = &now.registry;
        let slot = registry.slot(team, name).filter(|slot| registry.declared[*slot].is_readable(&self.scope));
        slot.ok_or_else(|| Error::not_found("builder", format!("{team}/{name}")))
    }

    fn readable_views<'a>(&self, now: &'a InForce) -> impl Iterator<Item = &'a Arc<config::view::View>> {
        now.config.views.values().filter(|view| match &view.team {
            Some(team) => self.scope.may_read(team, view.visibility),
            None => self.scope.may_read_instance(view.visibility),
        })
    }

    fn view_of(&self, now: &InForce, view: &config::view::View) -> View {
        let chosen = now.selections[&view.name].chosen.iter();
        let readable = chosen.filter(|chosen| now.registry.declared[chosen.slot].is_readable(&self.scope));
        let board = now.board.look();
        let tally = tally(readable.map(|chosen| board.entries[chosen.slot].as_ref()));
        View { name: view.name.clone(), title: view.title.clone(), team: view.team.clone(), tally }
    }

    fn worker_of(&self, now: &InForce, worker: &config::worker::Worker) -> Worker {
        let board = now.board.look();
        let readable = board.entries.iter().zip(&now.registry.declared).filter(|(_, d)| d.is_readable(&self.scope));
        let running = readable.flat_map(|(entry, _)| entry.running.iter().filter(|b| b.worker == worker.name).cloned());
        Worker {
            name: worker.name.clone(),
            labels: worker.labels.clone(),
            slots: worker.slots,
            connected: board.connected.contains(&worker.name),
            running: running.collect(),
        }
    }
}

fn status_of(now: &InForce, slot: Slot) -> BuilderStatus {
    now.board.entry(slot).status(&now.registry.declared[slot])
}

/// Teams that `scope` may see, by name.
fn teams_in(config: &Config, scope: &Scope) -> Vec<Team> {
    config.teams.values().filter(|t| scope.may_read(&t.name, t.visibility)).map(|t| team_of(t)).collect()
}

fn team_of(team: &config::team::Team) -> Team {
    Team { name: team.name.clone(), title: team.title.clone(), visibility: team.visibility }
}

fn missing_log(log: LogId) -> Error {
    Error::not_found("log", log.to_string())
}

/// Builders counted by what one sees first.
fn tally<'a>(entries: impl Iterator<Item = &'a Entry>) -> Tally {
    let mut tally = Tally::default();
    for entry in entries {
        tally.builders += 1;
        tally.building += usize::from(!entry.running.is_empty());
        tally.pending += usize::from(!entry.pending.is_empty());
        match entry.last.as_ref().and_then(|build| build.results) {
            Some(Results::Success | Results::Skipped) => tally.success += 1,
            Some(Results::Warnings) => tally.warnings += 1,
            Some(Results::Failure) => tally.failure += 1,
            Some(Results::Exception | Results::Retry | Results::Cancelled) => tally.exception += 1,
            None => tally.none += 1,
        }
    }
    tally
}

/// Bytes of lines in one answer, give or take a chunk: a line may have 64 KiB, so a bound on lines alone bounds little.
const ANSWER_BYTES: usize = 1 << 20;

/// Reads lines; touches only the chunks that hold them.
fn read_lines(c: &mut DbConnection, log: LogId, first: i64, max: usize) -> Result<Vec<LogLine>> {
    let mut lines: Vec<LogLine> = Vec::new();
    let mut next = first;
    let mut n_bytes = 0;
    while lines.len() < max && n_bytes < ANSWER_BYTES {
        let Some(chunk) = log_chunks::get_at(c, log, next)? else { break };
        let skip = usize::try_from(next - chunk.first_line).unwrap_or(0);
        let from = chunk.first_line + skip as i64;
        let some = log_chunks::decode(&chunk, skip, max - lines.len())?;
        n_bytes += some.iter().map(|line| line.bytes.len()).sum::<usize>();
        lines.extend((from..).zip(some).map(|(number, line)| load::from_stored(line, number)));
        next = chunk.first_line + chunk.n_lines;
    }
    Ok(lines)
}
