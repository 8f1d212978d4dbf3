//! What is: snapshot questions. A page costs what it shows, never what history holds.

use super::query::Narrowing;
use super::resource::{Build, BuildRequest, BuilderStatus, Log, LogLine, Step, Team, View, Worker};
use super::view::ViewPage;
use super::{Result, Status};
use crate::config::builder::Parameter;
use crate::config::team::Quota;
use crate::model::id::{BuildRequestId, LogId};
use crate::model::property::Properties;
use crate::model::scope::Scope;
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
    /// Workers that run its builds.
    pub workers: Vec<Worker>,
    /// What it may use.
    pub quota: Quota,
    /// Builds that run now.
    pub n_running: usize,
}

/// A build with what only its own page shows.
#[derive(Debug, Clone)]
pub struct BuildPage {
    /// The build, with steps and logs.
    pub build: Arc<Build>,
    /// Its properties.
    pub properties: Properties,
    /// The builder's other builds beside it, where there are some.
    pub previous: Option<i64>,
    /// The next one.
    pub next: Option<i64>,
    /// The newest build of the builder.
    pub newest: i64,
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

impl Get {
    /// Teams that may be seen, by name.
    pub fn teams(&self) -> Vec<Team> {
        todo!()
    }

    /// A team's page.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn team(&self, _name: &str) -> Result<TeamPage> {
        todo!()
    }

    /// Views that may be seen, with their tallies: the instance's, then by team and name.
    pub fn views(&self) -> Vec<View> {
        todo!()
    }

    /// A view's Waterfall.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn view(&self, _name: &str, _narrowing: &Narrowing) -> Result<ViewPage> {
        todo!()
    }

    /// The Waterfall of all builders that may be seen.
    ///
    /// # Errors
    /// Where older builds cannot be read.
    pub async fn waterfall(&self, _narrowing: &Narrowing) -> Result<ViewPage> {
        todo!()
    }

    /// A builder.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn builder(&self, _team: &str, _name: &str) -> Result<BuilderStatus> {
        todo!()
    }

    /// How a builder may be forced: its parameters, or none where it may not be forced at all.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn force_form(&self, _team: &str, _name: &str) -> Result<Option<Vec<Parameter>>> {
        todo!()
    }

    /// A builder's builds with steps, newest first, those with a number under `before` where it is given, at most `limit`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn builds(
        &self,
        _team: &str,
        _name: &str,
        _before: Option<i64>,
        _limit: usize,
    ) -> Result<Vec<Arc<Build>>> {
        todo!()
    }

    /// One build.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn build(&self, _team: &str, _name: &str, _number: i64) -> Result<BuildPage> {
        todo!()
    }

    /// A log by its place; `step` is its number from 0 or its name.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn log(&self, _team: &str, _name: &str, _number: i64, _step: &str, _slug: &str) -> Result<LogPage> {
        todo!()
    }

    /// Lines of a log from line `first`, at most `max`; fewer where fewer are stored.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn log_lines(&self, _log: LogId, _first: i64, _max: usize) -> Result<Vec<LogLine>> {
        todo!()
    }

    /// How far a log has come, changing as lines are stored. The sender goes away with the log's end.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn follow_log(&self, _log: LogId) -> Result<watch::Receiver<LogProgress>> {
        todo!()
    }

    /// What became of a request.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn request(&self, _id: BuildRequestId) -> Result<RequestPage> {
        todo!()
    }
}
