//! Other builders of the own team.

use crate::engine::step::{TriggerError as Refused, Triggered};
use crate::model::id::BuildRequestId;
use crate::model::results::Results;
use crate::plugins::bindings::trigger::{Finished, Host, Order as GuestOrder, Results as GuestResults, TriggerError};
use crate::plugins::instance::Guest;
use crate::plugins::power;
use crate::plugins::tally::Gated;
use crate::status::trigger::TriggerWish;
use std::collections::BTreeMap;
use std::time::Duration;

impl Guest {
    fn trigger_denied(&self) -> Option<TriggerError> {
        let denied = || TriggerError::Denied(power::denied(&self.name, "trigger other builders", "trigger = true"));
        self.tally(Gated::Trigger, !self.powers.trigger);
        (!self.powers.trigger).then(denied)
    }
}

/// An order as the engine takes it.
fn order(wanted: GuestOrder) -> Result<TriggerWish, TriggerError> {
    let mut properties = BTreeMap::new();
    for entry in wanted.properties {
        let value = serde_json::from_str(&entry.value).map_err(|error| {
            TriggerError::Invalid(format!("the value of the property `{}` is no JSON: {error}", entry.key))
        })?;
        properties.insert(entry.key, value);
    }
    let GuestOrder { builder, branch, revision, reason, .. } = wanted;
    Ok(TriggerWish { builder, branch, revision, reason, properties })
}

/// What `start` returned, as a row again.
fn request(name: &str) -> Result<BuildRequestId, TriggerError> {
    let missing = || TriggerError::NotFound(format!("there is no build request `{name}`"));
    name.parse().map(BuildRequestId).map_err(|_| missing())
}

fn refused(why: Refused) -> TriggerError {
    match why {
        Refused::NotFound(why) => TriggerError::NotFound(why),
        Refused::Invalid(why) => TriggerError::Invalid(why),
        Refused::Limit(why) => TriggerError::Limit(why),
        Refused::Failed(why) => TriggerError::Failed(why),
        Refused::Cancelled => TriggerError::Cancelled,
    }
}

fn finished(triggered: Triggered) -> Finished {
    Finished {
        request: triggered.request.to_string(),
        builder: triggered.builder.name,
        number: triggered.number.map(|number| u32::try_from(number).unwrap_or(u32::MAX)),
        results: match triggered.results {
            Results::Success => GuestResults::Success,
            Results::Warnings => GuestResults::Warnings,
            Results::Failure => GuestResults::Failure,
            Results::Skipped => GuestResults::Skipped,
            Results::Exception => GuestResults::Exception,
            Results::Retry => GuestResults::Retry,
            Results::Cancelled => GuestResults::Cancelled,
        },
        summary: triggered.summary,
        url: triggered.url,
    }
}

impl Host for Guest {
    async fn start(&mut self, wanted: GuestOrder) -> wasmtime::Result<Result<String, TriggerError>> {
        let host = self.step()?.host.clone();
        if let Some(denied) = self.trigger_denied() {
            return Ok(Err(denied));
        }
        let order = match order(wanted) {
            Ok(order) => order,
            Err(error) => return Ok(Err(error)),
        };
        Ok(host.trigger(order).await.map(|request| request.to_string()).map_err(refused))
    }

    async fn wait_for(
        &mut self,
        requests: Vec<String>,
        timeout_ms: Option<u32>,
    ) -> wasmtime::Result<Result<Vec<Finished>, TriggerError>> {
        let step = self.step()?;
        let (host, commands) = (step.host.clone(), step.commands.clone());
        if let Some(denied) = self.trigger_denied() {
            return Ok(Err(denied));
        }
        let requests = match requests.iter().map(|name| request(name)).collect() {
            Ok(requests) => requests,
            Err(error) => return Ok(Err(error)),
        };
        let _waiting = self.stopwatch.pause();
        let timeout = timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        let ended = host.wait_for(requests, timeout, &commands).await;
        Ok(ended.map(|ended| ended.into_iter().map(finished).collect()).map_err(refused))
    }
}
