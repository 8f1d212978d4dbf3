//! Rows to resources: builds with their steps and logs, requests with their properties.

use super::Result;
use super::registry::Registry;
use super::resource::{Artifact, Build, BuildRequest, Link, Log, LogChannel, LogLine, Step, TestCase, TestTotals};
use crate::model::id::{BuildId, BuildRequestId, BuilderId, BuildsetId, LogId, StepId};
use crate::model::results::Results;
use crate::model::test_outcome::TestOutcome;
use crate::store::artifacts::ArtifactRow;
use crate::store::build_requests::RequestRow;
use crate::store::builds::BuildRow;
use crate::store::log_chunks::Line;
use crate::store::logs::LogRow;
use crate::store::steps::StepRow;
use crate::store::test_results::TestRow;
use crate::store::{DbConnection, builds, logs, properties, steps};
use std::collections::HashMap;

/// Builds with their steps and logs, in the order of `rows`.
pub(super) fn builds(c: &mut DbConnection, registry: &Registry, rows: Vec<BuildRow>) -> Result<Vec<Build>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut steps = steps_of(c, &ids)?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let steps = steps.remove(&row.id).unwrap_or_default();
            build(registry, row, steps)
        })
        .collect())
}

/// One build with its steps and logs, or none.
pub(super) fn build_by_id(c: &mut DbConnection, registry: &Registry, id: BuildId) -> Result<Option<Build>> {
    let row = builds::get(c, id)?;
    Ok(builds(c, registry, row.into_iter().collect())?.pop())
}

/// A builder's build by its number, with its steps and logs, or none.
pub(super) fn build_by_number(
    c: &mut DbConnection,
    registry: &Registry,
    builder: BuilderId,
    number: i64,
) -> Result<Option<Build>> {
    let row = builds::get_by_number(c, builder, number)?;
    Ok(builds(c, registry, row.into_iter().collect())?.pop())
}

/// One step of a build with its logs, or none.
pub(super) fn step(c: &mut DbConnection, build: BuildId, id: StepId) -> Result<Option<Step>> {
    let Some(row) = steps::get(c, build, id)? else { return Ok(None) };
    let logs = logs::list(c, &[row.id])?;
    Ok(Some(step_of(row, logs.into_iter().map(log).collect())?))
}

/// Steps with their logs, by their build's row.
fn steps_of(c: &mut DbConnection, builds: &[i64]) -> Result<HashMap<i64, Vec<Step>>> {
    let rows = steps::list(c, builds)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut logs_by_step: HashMap<i64, Vec<Log>> = HashMap::with_capacity(ids.len());
    for row in logs::list(c, &ids)? {
        logs_by_step.entry(row.step_id).or_default().push(log(row));
    }
    let mut steps: HashMap<i64, Vec<Step>> = HashMap::with_capacity(builds.len());
    for row in rows {
        let logs = logs_by_step.remove(&row.id).unwrap_or_default();
        steps.entry(row.build_id).or_default().push(step_of(row, logs)?);
    }
    Ok(steps)
}

fn build(registry: &Registry, row: BuildRow, steps: Vec<Step>) -> Build {
    let builder_id = BuilderId(row.builder_id);
    Build {
        id: BuildId(row.id),
        builder_id,
        builder: registry.key(builder_id),
        number: row.number,
        request_id: BuildRequestId(row.request_id),
        worker: row.worker,
        reason: row.reason,
        owner: row.owner,
        source_stamp: row.stamp.into(),
        got_revision: row.got_revision,
        started_at: row.started_at.and_utc(),
        finished_at: row.finished_at.map(|at| at.and_utc()),
        results: row.results.and_then(Results::from_number),
        summary: row.summary,
        expected_s: row.expected_s,
        steps,
    }
}

fn step_of(row: StepRow, logs: Vec<Log>) -> Result<Step> {
    Ok(Step {
        id: StepId(row.id),
        number: row.number,
        name: row.name,
        started_at: row.started_at.and_utc(),
        finished_at: row.finished_at.map(|at| at.and_utc()),
        results: row.results.and_then(Results::from_number),
        summary: row.summary,
        urls: links(&row.urls)?,
        tests: TestTotals {
            failed: row.n_failed,
            errored: row.n_errored,
            skipped: row.n_skipped,
            passed: row.n_passed,
        },
        logs,
    })
}

/// The links of a step's row.
pub(super) fn links(json: &str) -> Result<Vec<Link>> {
    if json == "[]" {
        return Ok(Vec::new());
    }
    serde_json::from_str(json).map_err(|e| super::Error::Internal(e.into()))
}

/// An artifact's row as an artifact.
pub(super) fn artifact(row: ArtifactRow) -> Artifact {
    Artifact {
        step: row.step,
        name: row.name,
        size_bytes: row.size_bytes,
        sha256: row.sha256,
        created_at: row.created_at.and_utc(),
    }
}

/// A test result's row as a test result. An outcome that this version does not know is one that went wrong.
pub(super) fn test_case(row: TestRow) -> TestCase {
    TestCase {
        suite: row.suite,
        name: row.name,
        outcome: TestOutcome::from_number(row.outcome).unwrap_or(TestOutcome::Errored),
        duration_ms: row.duration_ms,
        message: row.message,
    }
}

/// A log's row as a log.
pub(super) fn log(row: LogRow) -> Log {
    Log {
        id: LogId(row.id),
        name: row.name,
        slug: row.slug,
        n_lines: row.n_lines,
        size_bytes: row.size_bytes,
        complete: row.complete,
    }
}

/// A request's row as a request, with its properties.
pub(super) fn request(c: &mut DbConnection, registry: &Registry, row: RequestRow) -> Result<BuildRequest> {
    let (builder_id, buildset_id) = (BuilderId(row.builder_id), BuildsetId(row.buildset_id));
    Ok(BuildRequest {
        id: BuildRequestId(row.id),
        buildset_id,
        builder_id,
        builder: registry.key(builder_id),
        priority: row.priority,
        submitted_at: row.submitted_at.and_utc(),
        reason: row.reason,
        owner: row.owner,
        source_stamp: row.stamp.into(),
        properties: properties::list_of_buildset(c, buildset_id)?,
        n_retries: row.n_retries,
    })
}

/// A line as it is stored.
pub(super) fn to_stored(line: LogLine) -> Line {
    let channel = match line.channel {
        LogChannel::Stdout => 0,
        LogChannel::Stderr => 1,
        LogChannel::Header => 2,
    };
    Line { channel, continues: line.continues, at: line.at, bytes: line.bytes }
}

/// A stored line, which is the log's line `number`.
pub(super) fn from_stored(line: Line, number: i64) -> LogLine {
    let channel = match line.channel {
        0 => LogChannel::Stdout,
        1 => LogChannel::Stderr,
        _ => LogChannel::Header,
    };
    LogLine { number, channel, at: line.at, bytes: line.bytes, continues: line.continues }
}
