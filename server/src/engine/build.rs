//! Runs one build: its steps in order, their results, its end.

use super::course::{Course, Next, Stop};
use super::lending::Lending;
use super::step::{StepCall, StepEnd, StepRunner};
use super::step_host::{BuildHost, HostPlace};
use super::stop::StopSwitch;
use super::trigger::Triggers;
use crate::config;
use crate::config::vault::Vault;
use crate::model::property::Properties;
use crate::model::results::Results;
use crate::model::size::Size;
use crate::status::resource::Build;
use crate::status::{self, Result, Status};
use crate::worker::Worker;
use futures::FutureExt;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A command that prints nothing for so long is ended, where its step says nothing else.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20 * 60);
/// A step that was told to end and does not is left behind after so long.
const ABANDON_AFTER: Duration = Duration::from_secs(60);
/// Steps that always run have so long after somebody stopped the build.
const AFTER_STOP: Duration = Duration::from_secs(600);
/// Between tries to record the end of a build, while the database cannot be written.
const RECORD_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A build that runs.
pub struct RunningBuild {
    /// Where it reports.
    pub status: Status,
    /// Runs its steps.
    pub runner: Arc<dyn StepRunner>,
    /// Where its commands run.
    pub worker: Arc<dyn Worker>,
    /// What it does.
    pub builder: Arc<config::builder::Builder>,
    /// The limit of each of its logs; none is the default.
    pub log_bytes: Size,
    /// The build.
    pub build: Arc<Build>,
    /// Its properties, which its steps add to.
    pub properties: Arc<Mutex<Properties>>,
    /// How it is told to end.
    pub switch: Arc<StopSwitch>,
    /// Where it lends its slot while it waits for other builds.
    pub lending: Arc<Lending>,
    /// Where the writers of its logs run.
    pub tasks: TaskTracker,
    /// Where output becomes stored lines.
    pub log_threads: Handle,
    /// Its team's secrets.
    pub vault: Arc<Vault>,
}

impl RunningBuild {
    /// Runs the build to its end and records that.
    pub async fn run(self) {
        let mut course = Course::default();
        let steps = AssertUnwindSafe(self.steps(&mut course)).catch_unwind().await;
        match steps {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let builder = &self.build.builder;
                tracing::error!(%builder, number = self.build.number, error = format!("{:#}", anyhow::Error::new(error)), "a build could not report");
                course.broke("exception: the build could not be recorded".to_owned());
            }
            Err(_) => course.broke("exception: the server's own code broke; see its log".to_owned()),
        }
        self.record_end(&course).await;
    }

    async fn steps(&self, course: &mut Course) -> Result<()> {
        let declared = Arc::new(declared_names(&self.builder));
        for step in self.builder.steps.iter() {
            self.look(course);
            match course.next(step) {
                Next::Run => {
                    let results = self.step(step, &declared).await?;
                    course.take(step, results);
                    if !results.is_good() {
                        self.look(course);
                    }
                }
                Next::Skip(why) => self.status.update().step_skipped(self.build.id, &step.name, &why).await?,
                Next::Pass => {}
            }
        }
        Ok(())
    }

    /// Takes in that the build shall end, where it shall.
    fn look(&self, course: &mut Course) {
        if let Some(stop) = self.switch.why() {
            course.stop(stop);
        }
    }

    async fn step(&self, step: &config::builder::Step, declared: &Arc<BTreeSet<String>>) -> Result<Results> {
        let update = self.status.update();
        let row = update.step_started(self.build.id, &step.name).await?;
        let is_after_stop = self.switch.is_asked();
        let stop = self.switch.token();
        if let Some(why) = self.look_at_secrets().await {
            let end = exception(why);
            update.step_finished(self.build.id, row.id, end.results, &end.summary).await?;
            return Ok(end.results);
        }
        let host = Arc::new(BuildHost::new(HostPlace {
            status: self.status.clone(),
            build: self.build.id,
            step: row.id,
            name: step.name.clone(),
            builder: self.build.builder.clone(),
            number: self.build.number,
            properties: self.properties.clone(),
            declared: declared.clone(),
            log_limit: self.log_bytes,
            stop: stop.clone(),
            tasks: self.tasks.clone(),
            log_threads: self.log_threads.clone(),
            vault: self.vault.clone(),
            triggers: Triggers::new(self.status.clone(), self.build.clone(), &row, self.lending.clone(), stop.clone()),
        }));
        let call = self.call(step, stop.clone());
        let run = AssertUnwindSafe(self.runner.run(call, host.clone())).catch_unwind();
        let mut end = tokio::select! {
            end = run => end.unwrap_or_else(|_| exception("the server's own code broke while it ran; see its log".to_owned())),
            () = overdue(&stop, is_after_stop) => {
                exception(format!("it was told to end and did not within {} seconds", ABANDON_AFTER.as_secs()))
            }
        };
        if let Err(why) = host.finish().await {
            end = exception(why);
        } else if stop.is_cancelled() && !end.results.is_good() {
            end = self.interrupted(end);
        }
        let summary = self.vault.mask().text(&end.summary).into_owned();
        update.step_finished(self.build.id, row.id, end.results, &summary).await?;
        Ok(end.results)
    }

    /// Reads the team's secrets, so that nothing the step prints shows one; for each step again, because they may change. Returns why
    /// the step must not start, if that.
    async fn look_at_secrets(&self) -> Option<String> {
        let vault = self.vault.clone();
        match tokio::task::spawn_blocking(move || vault.look()).await {
            Ok(looked) => looked.err().map(|why| why.to_string()),
            Err(panic) => {
                tracing::error!(error = %panic, "a team's secrets could not be looked at");
                Some("the team's secrets could not be looked at; see the server's log".to_owned())
            }
        }
    }

    fn call(&self, step: &config::builder::Step, stop: CancellationToken) -> StepCall {
        StepCall {
            plugin: step.plugin.clone(),
            name: step.name.clone(),
            settings: step.settings.clone(),
            builder: self.build.builder.clone(),
            number: self.build.number,
            source_stamp: self.build.source_stamp.clone(),
            env: self.builder.env.clone(),
            worker: self.worker.clone(),
            timeout: step.timeout,
            idle_timeout: Some(step.idle_timeout.unwrap_or(IDLE_TIMEOUT)),
            stop,
        }
    }

    /// A step that was ended from outside did not fail by itself.
    fn interrupted(&self, end: StepEnd) -> StepEnd {
        match self.switch.why() {
            Some(Stop::Shutdown) => {
                StepEnd { results: Results::Retry, summary: "interrupted: the server was stopped".to_owned() }
            }
            Some(Stop::Asked(words)) => StepEnd { results: Results::Cancelled, summary: format!("stopped {words}") },
            None => end,
        }
    }

    async fn report_end(&self, course: &Course, summary: &str) -> Result<()> {
        let update = self.status.update();
        if course.is_interrupted() {
            update.build_interrupted(self.build.id, summary).await
        } else {
            update.build_finished(self.build.id, course.results(), summary).await
        }
    }

    /// Records the end, trying again until it can be or the server shuts down; then the next start finds it running and requests it
    /// again.
    async fn record_end(&self, course: &Course) {
        let (results, summary) = (course.results(), course.summary());
        while let Err(error) = self.report_end(course, &summary).await {
            let builder = &self.build.builder;
            if matches!(error, status::Error::Conflict(_) | status::Error::NotFound { .. }) {
                tracing::warn!(%builder, number = self.build.number, %error, "the end of a build is recorded already");
                return;
            }
            tracing::error!(%builder, number = self.build.number, error = format!("{:#}", anyhow::Error::new(error)), "the end of a build could not be recorded");
            if self.switch.is_shutdown() {
                return;
            }
            tokio::time::sleep(RECORD_AGAIN_AFTER).await;
        }
        tracing::info!(builder = %self.build.builder, number = self.build.number, %results, summary, "build finished");
    }
}

/// Resolves when a step that was told to end has had time enough. After a stop, the time of what always runs is bounded too.
async fn overdue(stop: &CancellationToken, is_after_stop: bool) {
    if is_after_stop {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(AFTER_STOP) => stop.cancel(),
        }
    } else {
        stop.cancelled().await;
    }
    tokio::time::sleep(ABANDON_AFTER).await;
}

fn exception(summary: String) -> StepEnd {
    StepEnd { results: Results::Exception, summary }
}

/// Names that may be used in settings though nobody gave a value: force parameters and free properties.
fn declared_names(builder: &config::builder::Builder) -> BTreeSet<String> {
    let parameters = builder.force.parameters.iter().map(|p| p.name.clone());
    parameters.chain(builder.force.properties.iter().cloned()).collect()
}
