//! What is kept no longer: found by index, dropped in slices of which each is one short write.

use super::schema::{
    artifacts, build_requests, builds, buildsets, log_chunks, logs, source_stamps, steps, test_results,
};
use super::usage::Stored;
use super::{DbConnection, naive, optional};
use crate::model::id::{BuildId, BuildRequestId, BuilderId};
use crate::model::time::Time;
use diesel::prelude::*;

/// A request that was cancelled, as its column `state` says it.
const CANCELLED: i32 = 3;

/// The buildset of a build, where one of the builds `$running` triggered it. A macro because the type has no name worth writing.
macro_rules! triggered {
    ($running:expr) => {
        buildsets::table
            .filter(buildsets::id.eq(builds::buildset_id))
            .filter(buildsets::parent_build_id.eq_any($running))
            .select(buildsets::id)
    };
}

/// A build that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Its builder.
    pub builder: BuilderId,
    /// Its number.
    pub number: i64,
    /// What it had stored.
    pub stored: Stored,
}

/// The number of the builder's last finished build, which is always kept; 0 where there is none.
fn last(c: &mut DbConnection, builder: BuilderId) -> QueryResult<i64> {
    let own = builds::table.filter(builds::builder_id.eq(builder.0)).filter(builds::finished_at.is_not_null());
    Ok(optional(own.order(builds::number.desc()).select(builds::number).first(c))?.unwrap_or(0))
}

/// Builds that run now: as many as there are slots.
fn running(c: &mut DbConnection) -> QueryResult<Vec<i64>> {
    builds::table.filter(builds::finished_at.is_null()).select(builds::id).load(c)
}

/// Builds of a builder that ended before `before`, without the last one and without those that a running build triggered, oldest first.
pub fn list_older(c: &mut DbConnection, builder: BuilderId, before: Time, limit: i64) -> QueryResult<Vec<BuildId>> {
    let last = last(c, builder)?;
    let triggered = triggered!(running(c)?);
    let ids: Vec<i64> = builds::table
        .filter(builds::builder_id.eq(builder.0))
        // Whatever ended before began before: so the index by start finds it.
        .filter(builds::started_at.lt(naive(before)))
        .filter(builds::finished_at.lt(naive(before)))
        .filter(builds::number.lt(last))
        .filter(diesel::dsl::not(diesel::dsl::exists(triggered)))
        .order(builds::started_at)
        .limit(limit)
        .select(builds::id)
        .load(c)?;
    Ok(ids.into_iter().map(BuildId).collect())
}

/// Builds of a builder beyond the newest `n_kept` finished ones that ended before `before`, without those that a running build triggered,
/// oldest first.
pub fn list_beyond(
    c: &mut DbConnection,
    builder: BuilderId,
    n_kept: u32,
    before: Time,
    limit: i64,
) -> QueryResult<Vec<BuildId>> {
    let own = || builds::table.filter(builds::builder_id.eq(builder.0)).filter(builds::finished_at.is_not_null());
    let kept = own().order(builds::number.desc()).offset(i64::from(n_kept.max(1)) - 1).select(builds::number);
    let Some(oldest_kept) = optional(kept.first::<i64>(c))? else { return Ok(Vec::new()) };
    let triggered = triggered!(running(c)?);
    let beyond = own()
        .filter(builds::number.lt(oldest_kept))
        .filter(builds::finished_at.lt(naive(before)))
        .filter(diesel::dsl::not(diesel::dsl::exists(triggered)))
        .order(builds::number);
    let ids: Vec<i64> = beyond.limit(limit).select(builds::id).load(c)?;
    Ok(ids.into_iter().map(BuildId).collect())
}

/// Requests of a builder that were cancelled before `before` and of which no build was kept.
pub fn list_cancelled(
    c: &mut DbConnection,
    builder: BuilderId,
    before: Time,
    limit: i64,
) -> QueryResult<Vec<BuildRequestId>> {
    let built = builds::table.filter(builds::request_id.eq(build_requests::id)).select(builds::id);
    let ids: Vec<i64> = build_requests::table
        .filter(build_requests::builder_id.eq(builder.0))
        .filter(build_requests::state.eq(CANCELLED))
        .filter(build_requests::completed_at.lt(naive(before)))
        .filter(diesel::dsl::not(diesel::dsl::exists(built)))
        .limit(limit)
        .select(build_requests::id)
        .load(c)?;
    Ok(ids.into_iter().map(BuildRequestId).collect())
}

/// Drops up to `limit` chunks of a build's logs; returns how many.
pub fn drop_chunks(c: &mut DbConnection, build: BuildId, limit: i64) -> QueryResult<usize> {
    let own = logs::table.inner_join(steps::table).filter(steps::build_id.eq(build.0));
    let own: Vec<i64> = own.select(logs::id).load(c)?;
    let some = log_chunks::table.filter(log_chunks::log_id.eq_any(own)).limit(limit).select(log_chunks::id);
    let some: Vec<i64> = some.load(c)?;
    diesel::delete(log_chunks::table.filter(log_chunks::id.eq_any(some))).execute(c)
}

/// Drops up to `limit` of what tests said in a build; returns how many.
pub fn drop_tests(c: &mut DbConnection, build: BuildId, limit: i32) -> QueryResult<usize> {
    let own: Vec<i64> = steps::table.filter(steps::build_id.eq(build.0)).select(steps::id).load(c)?;
    let newest: Option<(i64, i32, i32)> = optional(
        test_results::table
            .filter(test_results::step_id.eq_any(own))
            .order((test_results::step_id.desc(), test_results::outcome.desc(), test_results::number.desc()))
            .select((test_results::step_id, test_results::outcome, test_results::number))
            .first(c),
    )?;
    let Some((step, outcome, number)) = newest else { return Ok(0) };
    let some = test_results::table
        .filter(test_results::step_id.eq(step))
        .filter(test_results::outcome.eq(outcome))
        .filter(test_results::number.gt(number - limit));
    diesel::delete(some).execute(c)
}

/// Where the content of a build's artifacts lies.
pub fn list_files(c: &mut DbConnection, build: BuildId) -> QueryResult<Vec<String>> {
    artifacts::table.filter(artifacts::build_id.eq(build.0)).select(artifacts::file).load(c)
}

/// Drops a build with all that is left of it, and the request, buildset and source stamp that nothing else needs. None where it has not
/// ended, is the last of its builder or is gone.
pub fn drop_build(c: &mut DbConnection, build: BuildId) -> QueryResult<Option<Dropped>> {
    let row = builds::table.find(build.0).filter(builds::finished_at.is_not_null());
    let row: Option<(i64, i64, i64)> =
        optional(row.select((builds::builder_id, builds::number, builds::request_id)).first(c))?;
    let Some((builder, number, request)) = row else { return Ok(None) };
    if number >= last(c, BuilderId(builder))? {
        return Ok(None);
    }
    let own = logs::table.inner_join(steps::table).filter(steps::build_id.eq(build.0));
    let of_logs: Vec<i64> = own.select(logs::size_bytes).load(c)?;
    let own = artifacts::table.filter(artifacts::build_id.eq(build.0));
    let of_artifacts: Vec<i64> = own.select(artifacts::size_bytes).load(c)?;
    if diesel::delete(builds::table.find(build.0)).execute(c)? == 0 {
        // Another replica was first, and has taken its bytes off what the team stores.
        return Ok(None);
    }
    drop_request(c, BuildRequestId(request))?;
    let stored = Stored { log_bytes: of_logs.iter().sum(), artifact_bytes: of_artifacts.iter().sum() };
    Ok(Some(Dropped { builder: BuilderId(builder), number, stored }))
}

/// Drops a request that is complete and has no build, and then the buildset and the source stamp that nothing else needs.
pub fn drop_request(c: &mut DbConnection, request: BuildRequestId) -> QueryResult<()> {
    let built = builds::table.filter(builds::request_id.eq(request.0)).select(builds::id);
    if optional(built.first::<i64>(c))?.is_some() {
        return Ok(());
    }
    let complete = build_requests::table.find(request.0).filter(build_requests::completed_at.is_not_null());
    let Some(buildset) = optional(complete.select(build_requests::buildset_id).first::<i64>(c))? else {
        return Ok(());
    };
    diesel::delete(build_requests::table.find(request.0)).execute(c)?;
    let asked = build_requests::table.filter(build_requests::buildset_id.eq(buildset)).select(build_requests::id);
    let built = builds::table.filter(builds::buildset_id.eq(buildset)).select(builds::id);
    if optional(asked.first::<i64>(c))?.is_some() || optional(built.first::<i64>(c))?.is_some() {
        return Ok(());
    }
    let stamp: i64 = buildsets::table.find(buildset).select(buildsets::source_stamp_id).first(c)?;
    diesel::delete(buildsets::table.find(buildset)).execute(c)?;
    let others = buildsets::table.filter(buildsets::source_stamp_id.eq(stamp)).select(buildsets::id);
    if optional(others.first::<i64>(c))?.is_none() {
        diesel::delete(source_stamps::table.find(stamp)).execute(c)?;
    }
    Ok(())
}
