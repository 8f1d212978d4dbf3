//! What the engine reports. Everything is durable when the call returns; nobody else calls these.

use super::resource::{Build, BuildRequest, Log, LogLine, Step};
use super::{Result, Status};
use crate::model::id::{BuildId, BuildRequestId, LogId, StepId};
use crate::model::property::Properties;
use crate::model::results::Results;
use serde_json::Value;
use std::sync::Arc;

/// Reports of the engine.
pub struct Update {
    pub(super) status: Status,
}

impl Update {
    /// Ends builds that a dead server left running as `retry` and requests them again (as an exception, and no more, after 3).
    /// Called once at start, before anything runs. Returns the builds it ended.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn recover(&self) -> Result<Vec<Arc<Build>>> {
        todo!()
    }

    /// Requests that wait, in the order in which each team wants them: higher priority first, then older first.
    pub fn pending(&self) -> Vec<Arc<BuildRequest>> {
        todo!()
    }

    /// Builds that run.
    pub fn running(&self) -> Vec<Arc<Build>> {
        todo!()
    }

    /// Running builds that somebody wants stopped, with the reason.
    pub fn stops_wanted(&self) -> Vec<(BuildId, String)> {
        todo!()
    }

    /// Resolves when something was asked for that the engine may act on (a request, a stop); never misses one between calls
    /// when the future is made before looking.
    pub async fn wake(&self) {
        todo!()
    }

    /// Claims a request for a worker by compare-and-set and begins its build; none where somebody else was first. The build's
    /// properties are the builder's, then the request's, then `buildername`, `buildnumber`, `workername`, `branch`, `revision`.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn claim(&self, _request: BuildRequestId, _worker: &str) -> Result<Option<(Arc<Build>, Properties)>> {
        todo!()
    }

    /// Sets a property of a running build; `got_revision` also shows on the build.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn set_property(&self, _build: BuildId, _name: &str, _value: Value, _source: &str) -> Result<()> {
        todo!()
    }

    /// A step begins.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn step_started(&self, _build: BuildId, _name: &str) -> Result<Step> {
        todo!()
    }

    /// A running step's words, or a link of it, changed.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn step_changed(
        &self,
        _build: BuildId,
        _step: StepId,
        _summary: Option<&str>,
        _link: Option<super::resource::Link>,
    ) -> Result<()> {
        todo!()
    }

    /// A step ended; logs of it that are still open are ended with it.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn step_finished(&self, _build: BuildId, _step: StepId, _results: Results, _summary: &str) -> Result<()> {
        todo!()
    }

    /// A step that did not run: recorded as begun and ended at once, skipped.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn step_skipped(&self, _build: BuildId, _name: &str, _summary: &str) -> Result<()> {
        todo!()
    }

    /// A log is opened.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn log_opened(&self, _build: BuildId, _step: StepId, _name: &str) -> Result<Log> {
        todo!()
    }

    /// Lines are stored, as one chunk, numbered from where the log stands; when this returns, viewers may see them.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn log_append(&self, _log: LogId, _lines: Vec<LogLine>) -> Result<()> {
        todo!()
    }

    /// A log ended; its small chunks are joined into larger ones.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn log_finished(&self, _log: LogId) -> Result<()> {
        todo!()
    }

    /// A build ended. As `retry`, its request waits again in the same transaction (an exception, and no more, after 3).
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn build_finished(&self, _build: BuildId, _results: Results, _summary: &str) -> Result<()> {
        todo!()
    }

    /// A worker is ready, or is not.
    pub fn worker_connected(&self, _worker: &str, _connected: bool) {
        todo!()
    }
}
