//! A guest as a reporter of a team.

use super::Plugins;
use super::bindings::reporter_handler::{Context, Delivery, Event};
use super::error::{Error, Kind};
use super::instance::{ReportRun, run_report};
use super::load::Loaded;
use super::power::Powers;
use super::usage::{Use, User};
use crate::config::plugin::Plugin;
use crate::delivery::reporter::{ReportCall, ReportEvent, ReporterRunner, Told};
use crate::model::mask::Mask;
use crate::model::text::one_line;
use async_trait::async_trait;
use chrono::TimeDelta;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// A plugin that cannot be called is asked again after so long.
const PAUSE: TimeDelta = TimeDelta::minutes(1);

#[async_trait]
impl ReporterRunner for Plugins {
    async fn report(&self, call: ReportCall) -> Told {
        match self.report_by_guest(call).await {
            Ok(told) => told,
            Err(error) => match error.kind {
                // A setting that makes no sense now makes none later.
                Kind::Settings => Told::Failed(error.to_string()),
                // Nothing was told, and the receiver has no part in it.
                Kind::SwitchedOff | Kind::Unknown | Kind::Load | Kind::Incompatible | Kind::Compile | Kind::Host => {
                    let until = error.until.unwrap_or_else(|| self.clock.now() + PAUSE);
                    Told::NotNow { reason: error.to_string(), until }
                }
                // Everything else may be mended while it waits: the plugin, its grant, a limit.
                _ => Told::Later { reason: error.to_string(), after: None },
            },
        }
    }
}

impl Plugins {
    async fn report_by_guest(&self, call: ReportCall) -> Result<Told, Error> {
        let (loaded, table) = self.loaded(&call.plugin).await?;
        self.check_cpu(&call.team, &call.plugin)?;
        let pass = self.breakers.enter(&call.team, &call.plugin, &loaded.prepared.sha256)?;
        let (team, name) = (call.team.clone(), call.plugin.clone());
        let end = self.report_loaded(&loaded, &table, call).await;
        self.count_cpu(&team, &name);
        pass.end(&end);
        end
    }

    async fn report_loaded(&self, loaded: &Loaded, table: &Plugin, call: ReportCall) -> Result<Told, Error> {
        check(loaded, table, &call)?;
        let vault = self.vault(&call.team).await;
        let id = call.event.id.clone();
        let context = Context { settings: call.settings.to_string(), target: call.reporter.clone(), extra: Vec::new() };
        let tally = self.tallies.of(&call.team, &call.plugin);
        let run = ReportRun {
            usage: Use {
                team: call.team,
                plugin: call.plugin.clone(),
                by: User::Reporter { name: call.reporter },
                settings: Arc::new(call.settings),
                vault: Arc::clone(&vault),
                gates: Arc::clone(&self.gates),
                stop: call.stop,
                main: tokio::runtime::Handle::current(),
            },
            context,
            events: vec![event(call.event)],
            limits: table.limits,
            stop_grace: self.stop_grace,
            powers: Powers::of(loaded, table),
            tally,
            room: Arc::clone(&self.room),
            clock: Arc::clone(&self.clock),
        };
        let task = self.runtime.handle().spawn(run_report(Arc::clone(&loaded.prepared), run));
        let deliveries = AbortOnDropHandle::new(task).await.unwrap_or_else(|error| {
            Err(Error::new(&call.plugin, Kind::Host, format!("the server broke while it ran: {error}")))
        })?;
        Ok(told(deliveries, &id, &vault.mask()))
    }
}

/// Checks who asks, and that the settings fit the plugin that is there now.
fn check(loaded: &Loaded, table: &Plugin, call: &ReportCall) -> Result<(), Error> {
    let (name, team) = (&call.plugin, &call.team);
    if let Some(error) = super::not_lent(name, table, team) {
        return Err(error);
    }
    if loaded.descriptor.is_step {
        return Err(Error::new(name, Kind::Settings, "runs steps and is no reporter"));
    }
    match super::schema::misfit(&loaded.validator, &call.settings) {
        Some(why) => Err(Error::new(name, Kind::Settings, format!("its settings do not fit: {why}"))),
        None => Ok(()),
    }
}

fn event(event: ReportEvent) -> Event {
    Event {
        id: event.id,
        kind: event.kind,
        at: event.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        payload: event.payload.to_string(),
    }
}

/// What the guest says of the event that it was handed. Its words are stored and logged, so they are covered and cut.
fn told(deliveries: Vec<Delivery>, event: &str, mask: &Mask) -> Told {
    use super::bindings::types::PluginError;
    let said = |words: &str| super::as_step::cut(&one_line(&mask.text(words)));
    let Some(delivery) = deliveries.into_iter().find(|delivery| delivery.event == event) else {
        return Told::Failed("the plugin did not say what became of the event".to_owned());
    };
    match delivery.outcome {
        Ok(words) => Told::Delivered(words.map(|words| said(&words))),
        Err(PluginError::Retryable(retry)) => Told::Later {
            reason: said(&retry.reason),
            after: retry.after.map(|millis| Duration::from_millis(millis.into())),
        },
        Err(PluginError::Failed(why)) => Told::Failed(said(&why)),
        Err(PluginError::InvalidSettings(issues)) => {
            let issues: Vec<String> =
                issues.into_iter().take(10).map(|i| format!("{}: {}", i.path, i.message)).collect();
            Told::Failed(said(&format!("its settings make no sense: {}", issues.join("; "))))
        }
    }
}
