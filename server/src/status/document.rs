//! Resources as JSON documents, the same for the JSON API and for plugins: Buildbot's names, times in seconds since 1970, results as numbers
//! (`reference/buildbot-data-api.md`, section 4), with Weir's own keys beside them.

use super::get::{BuildPage, RequestPage};
use super::plugin::PluginFacts;
use super::resource::{Artifact, Build, BuildRequest, BuilderStatus, Log, Step, TestCase};
use super::token::Token;
use super::view::ViewPage;
use crate::model::property::Properties;
use crate::model::results::Results;
use crate::model::scope::Scope;
use crate::model::time::Time;
use serde_json::{Map, Value, json};

/// A collection, or a single resource, which comes as an array of one.
pub fn collection(plural: &str, items: Vec<Value>) -> Value {
    json!({ plural: items, "meta": {} })
}

/// A plugin, with what it wants, what it may, and for whom it is switched off.
pub fn plugin(plugin: &PluginFacts) -> Value {
    let own = plugin.described.as_ref();
    let capabilities = own.into_iter().flat_map(|own| &own.capabilities).map(|capability| {
        let (n_used, n_denied) = plugin.counted(&capability.kind);
        json!({
            "name": capability.kind,
            "reason": capability.reason,
            "granted": capability.is_granted,
            "detail": capability.detail,
            "used": n_used,
            "denied": n_denied,
        })
    });
    let limits = plugin.limits.iter().map(|limit| (limit.key.to_owned(), json!(limit.value)));
    let switched_off = plugin.switched_off.iter().map(
        |off| json!({ "team": off.team, "until": off.until.timestamp(), "because": off.because, "last": off.last }),
    );
    json!({
        "name": plugin.name,
        "own_name": own.map(|own| &own.name),
        "version": own.map(|own| &own.version),
        "kind": own.map(|own| own.kind),
        "summary": own.map(|own| &own.summary),
        "size_bytes": plugin.size_bytes,
        "sha256": plugin.sha256,
        "pinned": plugin.is_pinned,
        "teams": plugin.teams,
        "trouble": plugin.trouble,
        "capabilities": capabilities.collect::<Vec<_>>(),
        "limits": limits.collect::<Map<_, _>>(),
        "switched_off": switched_off.collect::<Vec<_>>(),
    })
}

/// A build without its steps.
pub fn build(build: &Build) -> Value {
    json!({
        "buildid": build.id,
        "number": build.number,
        "builderid": build.builder_id,
        "buildrequestid": build.request_id,
        "team": build.builder.team,
        "builder": build.builder.name,
        "workername": build.worker,
        "reason": build.reason,
        "owner": build.owner,
        "branch": build.source_stamp.branch,
        "revision": build.source_stamp.revision,
        "got_revision": build.got_revision,
        "started_at": build.started_at.timestamp(),
        "complete": build.results.is_some(),
        "complete_at": seconds(build.finished_at),
        "results": number(build.results),
        "state_string": build.summary,
    })
}

/// A build with steps, logs and properties.
pub fn whole_build(whole: &Build, properties: &Properties) -> Value {
    let mut value = build(whole);
    value["properties"] = self::properties(properties);
    value["steps"] = whole.steps.iter().map(step).collect();
    value
}

/// A build as its own page tells of it: with the numbers that its steps measured and its first artifacts.
pub fn build_page(page: &BuildPage) -> Value {
    let mut value = whole_build(&page.build, &page.properties);
    for (index, step) in page.build.steps.iter().enumerate() {
        let own = page.statistics.iter().filter(|(of, _)| *of == step.id);
        let own: Map<_, _> = own.map(|(_, one)| (one.name.clone(), json!(one.value))).collect();
        value["steps"][index]["statistics"] = Value::Object(own);
    }
    value["artifacts"] = page.artifacts.iter().map(artifact).collect();
    value
}

/// A step with its logs.
fn step(step: &Step) -> Value {
    json!({
        "stepid": step.id,
        "number": step.number,
        "name": step.name,
        "started_at": step.started_at.timestamp(),
        "complete": step.results.is_some(),
        "complete_at": seconds(step.finished_at),
        "results": number(step.results),
        "state_string": step.summary,
        "urls": step.urls,
        "tests": step.tests,
        "logs": step.logs.iter().map(log).collect::<Vec<_>>(),
    })
}

/// What one test said.
pub fn test_case(case: &TestCase) -> Value {
    json!({
        "suite": case.suite,
        "name": case.name,
        "outcome": case.outcome,
        "duration_ms": case.duration_ms,
        "message": case.message,
    })
}

/// A file that outlives its build.
pub fn artifact(artifact: &Artifact) -> Value {
    json!({
        "name": artifact.name,
        "step": artifact.step,
        "size_bytes": artifact.size_bytes,
        "sha256": artifact.sha256,
        "created_at": artifact.created_at.timestamp(),
    })
}

/// A log without its lines.
fn log(log: &Log) -> Value {
    json!({
        "logid": log.id,
        "name": log.name,
        "slug": log.slug,
        "num_lines": log.n_lines,
        "complete": log.complete,
        "type": "s",
    })
}

/// A builder with what it does.
pub fn builder(status: &BuilderStatus) -> Value {
    let key = &status.builder.key;
    json!({
        "name": key.to_string(),
        "builderid": status.builder.id,
        "team": key.team,
        "builder": key.name,
        "description": status.builder.description,
        "categories": status.builder.categories,
        "state": status.state,
        "last": status.last.as_deref().map(build),
        "last_since": seconds(status.last_since),
        "running": status.running.iter().map(|running| build(running)).collect::<Vec<_>>(),
        "pending": status.pending.iter().map(|waiting| request(waiting)).collect::<Vec<_>>(),
        "n_pending": status.n_pending,
        "next": seconds(status.next),
    })
}

/// A view with its builders.
pub fn view(page: &ViewPage) -> Value {
    let builders: Vec<_> = page.columns.iter().map(|column| builder(&column.status)).collect();
    let view = json!({ "name": page.name, "title": page.title, "team": page.team, "event": page.as_of });
    json!({ "view": view, "builders": builders })
}

/// A request that waits.
fn request(request: &BuildRequest) -> Value {
    json!({
        "buildrequestid": request.id,
        "buildsetid": request.buildset_id,
        "builderid": request.builder_id,
        "team": request.builder.team,
        "builder": request.builder.name,
        "priority": request.priority,
        "submitted_at": request.submitted_at.timestamp(),
        "reason": request.reason,
        "owner": request.owner,
        "branch": request.source_stamp.branch,
        "revision": request.source_stamp.revision,
        "waited_for": false,
        "properties": properties(&request.properties),
    })
}

/// A request with what became of it.
pub fn whole_request(page: &RequestPage) -> Value {
    let mut value = request(&page.request);
    let last = page.builds.last();
    // A request that is complete without a build that ended for good was cancelled.
    let ended = last.and_then(|build| build.results).filter(|results| *results != Results::Retry);
    let end = page.complete.then(|| ended.unwrap_or(Results::Cancelled));
    value["claimed"] = json!(last.is_some());
    value["claimed_at"] = json!(page.builds.first().map(|build| build.started_at.timestamp()));
    value["complete"] = json!(page.complete);
    value["complete_at"] = seconds(last.and_then(|build| build.finished_at).filter(|_| page.complete));
    value["results"] = number(end);
    value["builds"] = page.builds.iter().map(|b| build(b)).collect();
    value
}

/// Properties as Buildbot writes them: name to value and source.
fn properties(properties: &Properties) -> Value {
    let pairs = properties.0.iter().map(|(name, p)| (name.clone(), json!([p.value, p.source])));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// Seconds since 1970, or null.
fn seconds(time: Option<Time>) -> Value {
    json!(time.map(|time| time.timestamp()))
}

/// Buildbot's number, or null.
fn number(results: Option<Results>) -> Value {
    json!(results.map(Results::number))
}

/// A token that was issued; never the token itself.
pub fn token(token: &Token) -> Value {
    json!(token)
}

/// Who somebody is, as the server takes them.
pub fn scope(scope: &Scope) -> Value {
    let narrowed = scope.narrowed();
    json!({
        "subject": scope.subject,
        "signed_in": scope.is_signed_in(),
        "owner": scope.is_owner(),
        "teams": scope.roles(),
        "token": scope.token_id,
        "until": scope.ends(),
        "builders": narrowed.builders,
        "actions": narrowed.actions,
        "uses": narrowed.uses,
        "feed_only": narrowed.feed_only,
    })
}
