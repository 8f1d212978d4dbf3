//! The step plugin `trigger`: requests builds of the team's other builders and, where asked to, waits for them; the step ends as the
//! worst of them.

/// How long to wait.
mod span;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use span::Span;
use std::collections::BTreeMap;
use weir_plugin_sdk::trigger::{Finished, Order, Results};
use weir_plugin_sdk::{Capability, Context, Error, Level, Outcome, Step};

/// Builders that a summary names.
const NAMED_MAX: usize = 10;

/// What stands under `with`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Builders of the own team.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub builders: Vec<String>,
    /// Branch to build; without it that of this build.
    pub branch: Option<String>,
    /// Revision to build; without it what this build checked out (`got_revision`), or was asked to build.
    pub revision: Option<String>,
    /// Builds the newest of the branch, not what this build built.
    #[serde(default)]
    pub latest: bool,
    /// Properties of the triggered builds: any JSON values.
    #[serde(default)]
    pub properties: BTreeMap<String, Value>,
    /// Properties of this build that the triggered ones get as well; those that it does not have are left out.
    #[serde(default)]
    pub copy_properties: Vec<String>,
    /// Waits until all have ended; the step then ends as the worst of them.
    #[serde(default)]
    pub wait: bool,
    /// Waits no longer than this, such as `90m`; what runs then goes on, and the step fails.
    pub timeout: Option<Span>,
}

/// The step.
pub struct Trigger;

impl Step for Trigger {
    type Settings = Settings;
    const NAME: &'static str = "trigger";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Requests builds of other builders and waits for them";
    const CAPABILITIES: &'static [Capability] =
        &[Capability::trigger("requests builds of the builders that the step names")];
    const SETTINGS_SCHEMA: Option<&'static str> = Some(include_str!("settings.json"));

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        let mut requests = Vec::new();
        let wish = wish(cx, &settings);
        for builder in &settings.builders {
            let order = Order { builder: builder.clone(), ..wish.clone() };
            requests.push(cx.trigger(&order)?);
            cx.log(Level::Info, &format!("requested a build of {builder}"));
        }
        let names = listed(&settings.builders);
        if !settings.wait {
            return Ok(Outcome::success(format!("requested {names}")));
        }
        cx.summary(&format!("waiting for {names}"))?;
        let ended = cx.wait_for(&requests, settings.timeout.map(|timeout| timeout.0))?;
        for build in &ended {
            cx.log(Level::Info, &format!("{}: {} {}", told(build), build.summary, build.url));
        }
        let asked = requests.iter().zip(&settings.builders);
        let open = asked.filter(|(request, _)| ended.iter().all(|build| build.request != **request));
        let open: Vec<_> = open.map(|(_, builder)| builder.clone()).collect();
        if !open.is_empty() {
            return Ok(Outcome::failure(format!("not ended in time: {}", listed(&open))));
        }
        Ok(outcome(&ended))
    }
}

/// What is asked of each builder.
fn wish(cx: &mut Context, settings: &Settings) -> Order {
    let build = cx.build().clone();
    let is_other_branch = settings.branch.is_some() && settings.branch != build.branch;
    let built = cx.property("got_revision").and_then(|revision| revision.as_str().map(str::to_owned));
    // This build's revision is one of its own branch.
    let same = built.or(build.revision).filter(|_| !settings.latest && !is_other_branch);
    let mut properties: BTreeMap<String, Value> = BTreeMap::new();
    for name in &settings.copy_properties {
        match cx.property(name) {
            Some(value) => drop(properties.insert(name.clone(), value)),
            None => cx.log(Level::Info, &format!("this build has no property {name} to hand on")),
        }
    }
    properties.extend(settings.properties.clone());
    // Without a reason the host says which build asked.
    Order {
        branch: settings.branch.clone().or(build.branch),
        revision: settings.revision.clone().or(same),
        properties: properties.into_iter().collect(),
        ..Order::default()
    }
}

/// The worst of all. Exceptions and cancelled builds are failures: only the host may say more.
fn outcome(ended: &[Finished]) -> Outcome {
    let rank = |results: Results| match results {
        Results::Skipped => 0,
        Results::Success => 1,
        Results::Warnings => 2,
        Results::Failure | Results::Exception | Results::Retry | Results::Cancelled => 3,
    };
    let worst = ended.iter().map(|build| rank(build.results)).max().unwrap_or(1);
    let mut ended: Vec<_> = ended.iter().collect();
    // What went wrong first: the summary may be cut.
    ended.sort_by_key(|build| std::cmp::Reverse(rank(build.results)));
    let words = listed(&ended.into_iter().map(told).collect::<Vec<_>>());
    match worst {
        0 => Outcome::skipped(words),
        1 => Outcome::success(words),
        2 => Outcome::warnings(words),
        _ => Outcome::failure(words),
    }
}

/// A build in three words: `linux #3 success`.
fn told(build: &Finished) -> String {
    match build.number {
        Some(number) => format!("{} #{number} {}", build.builder, build.results),
        None => format!("{} {}", build.builder, build.results),
    }
}

/// Names in one line, not too many.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        n_more => format!("{shown} and {n_more} more"),
    }
}

weir_plugin_sdk::export_step!(Trigger);

#[cfg(test)]
mod tests;
