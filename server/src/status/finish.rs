//! How steps, logs and builds end, and what a crash leaves to be ended.

use super::commit::{Effect, Tx};
use super::event::What;
use super::get::LogProgress;
use super::registry::Registry;
use super::resource::{Build, BuildRequest, Log, Step};
use super::{Error, Result, Status, load};
use crate::model::id::{BuildId, BuildRequestId, LogId, StepId};
use crate::model::name::BuilderKey;
use crate::model::results::Results;
use crate::model::right::Right;
use crate::model::text::one_line;
use crate::model::time::Time;
use crate::store::audit::{self, NewAudit};
use crate::store::log_chunks::{self, Line};
use crate::store::{DbConnection, build_requests, builds, logs, steps};
use std::sync::Arc;

/// How often a request is built when its builds end as `retry`; the last of them is an exception.
const TRIES: i32 = 3;
/// Smaller chunks are joined with their neighbours.
const JOIN_UNDER: i64 = 48 << 10;
/// A joined chunk holds about so much, uncompressed.
const JOIN_TO: i64 = 128 << 10;
/// Chunks that are joined in one write at most.
const JOIN_CHUNKS: i64 = 1024;
/// Lines of one chunk at most.
const LINES_MAX: i64 = log_chunks::LINES_MAX as i64;
/// zstd's level for joined chunks.
const LEVEL: i32 = 3;

/// How a build ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With these results; as `retry` it counts towards `TRIES`.
    With(Results),
    /// The server was stopped in good order: a `retry` that is nobody's fault and counts towards nothing, or a long build would
    /// not outlive a few restarts.
    Interrupted,
}

/// A step that the engine says is there.
pub(super) fn step_of(tx: &mut Tx<'_>, build: BuildId, id: StepId) -> Result<Step> {
    load::step(tx.c, build, id)?.ok_or_else(|| Error::not_found("step", id.to_string()))
}

/// What those who follow a log are told.
pub(super) fn progress_of(build: BuildId, step: i32, log: &Log) -> Effect {
    let progress = LogProgress { n_lines: log.n_lines, complete: log.complete };
    Effect::Log { log: log.id, build, step, progress, size_bytes: log.size_bytes }
}

/// Ends the logs of a step that are still open; returns them.
pub(super) fn end_logs(tx: &mut Tx<'_>, build: BuildId, step: &mut Step) -> Result<Vec<LogId>> {
    let mut ended = Vec::new();
    for log in step.logs.iter_mut().filter(|log| !log.complete) {
        logs::finish(tx.c, log.id)?;
        log.complete = true;
        tx.then(progress_of(build, step.number, log));
        ended.push(log.id);
    }
    Ok(ended)
}

/// Ends a build, with what is still open in it; as `retry` its request waits again. Returns it and the logs that ended.
pub(super) fn build(
    tx: &mut Tx<'_>,
    registry: &Registry,
    id: BuildId,
    end: End,
    summary: &str,
) -> Result<(Arc<Build>, Vec<LogId>)> {
    let mut build = load::build_by_id(tx.c, registry, id)?.ok_or_else(|| Error::not_found("build", id.to_string()))?;
    let request = build_requests::get(tx.c, build.request_id)?
        .ok_or_else(|| Error::not_found("build request", build.request_id.to_string()))?;
    let is_last_try = request.n_retries + 1 >= TRIES;
    let (results, summary) = match end {
        End::With(Results::Retry) if is_last_try => {
            (Results::Exception, format!("{summary} (given up after {TRIES} tries)"))
        }
        End::With(results) => (results, summary.to_owned()),
        End::Interrupted => (Results::Retry, summary.to_owned()),
    };
    let summary = one_line(&summary).into_owned();
    let mut ended = Vec::new();
    for step in build.steps.iter_mut().filter(|step| step.finished_at.is_none()) {
        steps::finish(tx.c, step.id, results, &step.summary, tx.at)?;
        (step.finished_at, step.results) = (Some(tx.at), Some(results));
    }
    for step in &mut build.steps {
        ended.extend(end_logs(tx, id, step)?);
    }
    let since = match builds::last_finished(tx.c, build.builder_id)? {
        Some((_, last, since)) if last == results.number() => since,
        _ => tx.at,
    };
    if !builds::finish(tx.c, id, results, since, &summary, tx.at)? {
        return Err(Error::Conflict(format!("build {} of {} has ended already", build.number, build.builder)));
    }
    (build.finished_at, build.results, build.summary) = (Some(tx.at), Some(results), summary);
    tx.tell(build.builder_id, build.builder.clone(), What::BuildFinished { build: build.clone() })?;
    // Nothing runs any more for a builder that left: its request is done with.
    if results == Results::Retry && !registry.has_left(build.builder_id) {
        let n_retries = request.n_retries + i32::from(end != End::Interrupted);
        build_requests::requeue(tx.c, build.request_id, n_retries)?;
        let again = BuildRequest { n_retries, ..load::request(tx.c, registry, request)? };
        tx.tell(build.builder_id, build.builder.clone(), What::RequestAdded { request: again })?;
    } else {
        build_requests::finish(tx.c, build.request_id, tx.at)?;
    }
    Ok((Arc::new(build), ended))
}

/// Ends every build that a dead server left running.
pub(super) async fn recover(status: &Status) -> Result<Vec<Arc<Build>>> {
    let rows = status.0.store.read(|c| Ok::<_, Error>(builds::list_running(c)?)).await?;
    let mut recovered = Vec::with_capacity(rows.len());
    for row in rows {
        let registry = status.0.in_force().registry.clone();
        let (ended, logs) = status
            .commit(move |tx| {
                let (results, summary) = match &row.stop_reason {
                    Some(reason) => (Results::Cancelled, format!("stopped {reason}")),
                    None => (Results::Retry, "interrupted: the server stopped".to_owned()),
                };
                build(tx, &registry, BuildId(row.id), End::With(results), &summary)
            })
            .await?;
        recovered.push(ended);
        join_chunks_of(status, logs).await;
    }
    cancel_left(status).await?;
    Ok(recovered)
}

/// Why a request of a builder that is not declared any more is dropped.
const LEFT: &str = "its builder left the configuration";

/// Cancels what waits for builders that left the configuration: nobody would see it, and it would start whenever they come back.
/// Where a team's file is broken its builders have not left, and their requests wait until it is mended.
pub(super) async fn cancel_left(status: &Status) -> Result<()> {
    let now = status.0.in_force();
    let registry = now.registry.clone();
    let cancelled = status
        .commit(move |tx| {
            let mut cancelled = Vec::new();
            for (id, builder) in build_requests::list_pending_ids(tx.c)? {
                let key = registry.key(builder);
                if !registry.has_left(builder) {
                    continue;
                }
                if build_requests::cancel(tx.c, id, tx.at)? {
                    tx.tell(builder, key.clone(), What::RequestCancelled { request_id: id })?;
                    audit::insert(tx.c, &left(tx.at, id, &key))?;
                    cancelled.push((id, key));
                }
            }
            Ok(cancelled)
        })
        .await?;
    for (id, builder) in cancelled {
        tracing::warn!(request = id.0, %builder, "a waiting request was cancelled: {LEFT}");
    }
    Ok(())
}

/// What the audit keeps of it.
fn left(at: Time, id: BuildRequestId, builder: &BuilderKey) -> NewAudit {
    NewAudit {
        at,
        subject: "system".to_owned(),
        token_id: None,
        team: Some(builder.team.clone()),
        action: Right::Cancel.word().to_owned(),
        object: format!("build request {id}"),
        allowed: true,
        reason: LEFT.to_owned(),
        details: serde_json::json!({ "builder": builder.to_string() }).to_string(),
    }
}

/// Joins the small chunks of logs that have ended. Where it cannot, they stay small, which costs room and nothing else: the end
/// that was recorded before stands, so the failure is logged and is nobody's error.
pub(super) async fn join_chunks_of(status: &Status, logs: Vec<LogId>) {
    for log in logs {
        if let Err(error) = join_chunks(status, log).await {
            tracing::warn!(%log, error = format!("{:#}", anyhow::Error::new(error)), "the chunks of a log stay small");
        }
    }
}

async fn join_chunks(status: &Status, log: LogId) -> Result<()> {
    let mut line = Some(0);
    while let Some(from) = line {
        let joins = status.0.store.read(move |c| plan_joins(c, log, from)).await?;
        line = joins.next;
        if !joins.joined.is_empty() {
            status.0.store.write(move |c| store_joins(c, log, &joins.joined)).await?;
        }
    }
    Ok(())
}

/// What one write joins.
struct Joins {
    joined: Vec<Joined>,
    /// Where to go on.
    next: Option<i64>,
}

/// Chunks that become one.
struct Joined {
    ids: Vec<i64>,
    first_line: i64,
    n_lines: i64,
    size_bytes: i64,
    content: Vec<u8>,
}

/// Finds neighbours that are small and joins them. The log has ended, so nobody else changes its chunks.
fn plan_joins(c: &mut DbConnection, log: LogId, from: i64) -> Result<Joins> {
    let heads = log_chunks::list_heads(c, log, from, JOIN_CHUNKS)?;
    let next = (heads.len() as i64 == JOIN_CHUNKS).then(|| heads.last().map_or(from, |head| head.1 + head.2));
    let mut joined = Vec::new();
    let mut run: Vec<i64> = Vec::new();
    let (mut bytes, mut lines) = (0, 0);
    for (id, _, n_lines, size_bytes) in heads {
        let is_small = size_bytes < JOIN_UNDER && n_lines < LINES_MAX;
        if !is_small || bytes + size_bytes > JOIN_TO || lines + n_lines > LINES_MAX {
            joined.extend(join(c, &run)?);
            run.clear();
            (bytes, lines) = (0, 0);
        }
        if is_small {
            run.push(id);
            (bytes, lines) = (bytes + size_bytes, lines + n_lines);
        }
    }
    joined.extend(join(c, &run)?);
    Ok(Joins { joined, next })
}

fn join(c: &mut DbConnection, run: &[i64]) -> Result<Option<Joined>> {
    if run.len() < 2 {
        return Ok(None);
    }
    let mut lines: Vec<Line> = Vec::new();
    let mut first_line = None;
    for id in run {
        let chunk = log_chunks::get(c, *id)?.ok_or_else(|| Error::Conflict(format!("log chunk {id} has gone")))?;
        first_line.get_or_insert(chunk.first_line);
        lines.extend(log_chunks::decode(&chunk, 0, usize::MAX)?);
    }
    let content = log_chunks::encode(&lines, LEVEL).map_err(|e| Error::Internal(e.into()))?;
    Ok(Some(Joined {
        ids: run.to_vec(),
        first_line: first_line.unwrap_or(0),
        n_lines: lines.len() as i64,
        size_bytes: lines.iter().map(|line| line.bytes.len() as i64).sum(),
        content,
    }))
}

fn store_joins(c: &mut DbConnection, log: LogId, joined: &[Joined]) -> Result<()> {
    for join in joined {
        for id in &join.ids {
            if !log_chunks::delete(c, *id)? {
                return Err(Error::Conflict(format!("log chunk {id} has gone")));
            }
        }
        log_chunks::insert(c, log, join.first_line, join.n_lines, join.size_bytes, &join.content)?;
    }
    Ok(())
}
