//! A guest as a step of a build.

use super::bindings::step_handler::{Outcome, Verdict};
use super::error::{Error, Kind};
use super::instance::{StepRun, run_step};
use super::load::Loaded;
use super::power::Powers;
use super::schema;
use super::{Plugins, not_lent};
use crate::config::plugin::Plugin;
use crate::engine::step::{StepCall, StepEnd, StepHost, StepRunner};
use crate::model::results::Results;
use async_trait::async_trait;
use std::sync::Arc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

#[async_trait]
impl StepRunner for Plugins {
    async fn run(&self, step: StepCall, host: Arc<dyn StepHost>) -> StepEnd {
        let stop = step.stop.clone();
        match self.run_guest(step, host).await {
            // Whatever a stopped step says of itself, it was stopped.
            Ok(_) | Err(Error { kind: Kind::Guest | Kind::Retryable, .. }) if stop.is_cancelled() => {
                StepEnd { results: Results::Cancelled, summary: "stopped".to_owned() }
            }
            Ok(outcome) => step_end(outcome),
            Err(error) => {
                let results = match error.kind {
                    Kind::Retryable => Results::Retry,
                    Kind::Cancelled => Results::Cancelled,
                    _ => Results::Exception,
                };
                StepEnd { results, summary: cut(&error.to_string()) }
            }
        }
    }
}

impl Plugins {
    async fn run_guest(&self, step: StepCall, host: Arc<dyn StepHost>) -> Result<Outcome, Error> {
        let (loaded, table) = self.loaded(&step.plugin).await?;
        self.check_cpu(&step.builder.team, &step.plugin)?;
        let pass = self.breakers.enter(&step.builder.team, &step.plugin, &loaded.prepared.sha256)?;
        let (team, name) = (step.builder.team.clone(), step.plugin.clone());
        let end = self.run_loaded(&loaded, &table, step, host).await;
        self.count_cpu(&team, &name);
        pass.end(&end);
        end
    }

    async fn run_loaded(
        &self,
        loaded: &Loaded,
        table: &Plugin,
        mut step: StepCall,
        host: Arc<dyn StepHost>,
    ) -> Result<Outcome, Error> {
        let name = step.plugin.clone();
        step.settings = settings(loaded, table, &step, &*host)?;

        let commands = TaskTracker::new();
        // Ends the commands when the call ends, in whatever way: with the step goes what it has started.
        let call_stop = step.stop.child_token();
        let ends_with_us = call_stop.clone().drop_guard();
        step.stop = call_stop;
        let run = StepRun {
            limits: table.limits,
            stop_grace: self.stop_grace,
            powers: Powers::of(loaded, table),
            tally: self.tallies.of(&step.builder.team, &name),
            room: Arc::clone(&self.room),
            clock: Arc::clone(&self.clock),
            gates: Arc::clone(&self.gates),
            commands: commands.clone(),
            main: tokio::runtime::Handle::current(),
            status: self.status.clone(),
            call: step,
            host,
        };
        let task = self.runtime.handle().spawn(run_step(Arc::clone(&loaded.prepared), run));
        let end = AbortOnDropHandle::new(task).await;
        drop(ends_with_us);
        commands.close();
        commands.wait().await;
        end.unwrap_or_else(|error| {
            Err(Error::new(&name, Kind::Host, format!("the server broke while it ran: {error}")))
        })
    }
}

/// Checks who asks and fills the settings: only the schema tells which of them are lines for the shell.
fn settings(loaded: &Loaded, table: &Plugin, step: &StepCall, host: &dyn StepHost) -> Result<serde_json::Value, Error> {
    let name = &step.plugin;
    if let Some(error) = not_lent(name, table, &step.builder.team) {
        return Err(error);
    }
    if !loaded.descriptor.is_step {
        return Err(Error::new(name, Kind::Settings, "is a reporter and runs no steps"));
    }
    let schema = &loaded.descriptor.settings_schema;
    let filled = host
        .fill(&step.settings, &|pointer| schema::has_format(schema, pointer, "shell"))
        .map_err(|why| Error::new(name, Kind::Settings, why))?;
    match schema::misfit(&loaded.validator, &filled) {
        Some(why) => Err(Error::new(name, Kind::Settings, format!("its settings do not fit: {why}"))),
        None => Ok(filled),
    }
}

fn step_end(outcome: Outcome) -> StepEnd {
    match outcome {
        Outcome::Finished(finished) => {
            let results = match finished.verdict {
                Verdict::Success => Results::Success,
                Verdict::Warnings => Results::Warnings,
                Verdict::Failure => Results::Failure,
                Verdict::Skipped => Results::Skipped,
            };
            StepEnd { results, summary: cut(&finished.summary) }
        }
        Outcome::Parked(_) => {
            let summary = "the plugin wants to be called again later, which is not supported by this server yet";
            StepEnd { results: Results::Exception, summary: summary.to_owned() }
        }
    }
}

/// A summary has an end.
pub(super) fn cut(text: &str) -> String {
    const MAX: usize = super::capability::progress::SUMMARY_BYTES_MAX;
    if text.len() <= MAX {
        return text.to_owned();
    }
    let end = (0..=MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}
