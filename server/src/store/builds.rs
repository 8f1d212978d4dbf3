//! Builds. Their pages are read by builder and number, or by builder and start: both are indexed.

use super::schema::builds::{self, dsl};
use super::schema::{buildsets, source_stamps};
use super::source_stamps::SourceStampRow;
use super::{DbConnection, naive, optional};
use crate::model::id::{BuildId, BuildRequestId, BuilderId, BuildsetId};
use crate::model::results::Results;
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A stored build with its buildset and source stamp.
#[derive(Debug, Clone, Queryable)]
pub struct BuildRow {
    /// Its id.
    pub id: i64,
    /// Its builder.
    pub builder_id: i64,
    /// Counts from 1 for each builder.
    pub number: i64,
    /// The request that it builds.
    pub request_id: i64,
    /// The worker that runs it.
    pub worker: String,
    /// When it began.
    pub started_at: NaiveDateTime,
    /// When it ended.
    pub finished_at: Option<NaiveDateTime>,
    /// How it ended.
    pub results: Option<i32>,
    /// Since when the results are what they are.
    pub results_since: Option<NaiveDateTime>,
    /// A few words.
    pub summary: String,
    /// What the checkout found.
    pub got_revision: Option<String>,
    /// Why somebody wants it stopped.
    pub stop_reason: Option<String>,
    /// Seconds that it is expected to take.
    pub expected_s: Option<f64>,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub owner: Option<String>,
    /// What is built.
    pub stamp: SourceStampRow,
}

type Columns = (
    dsl::id,
    dsl::builder_id,
    dsl::number,
    dsl::request_id,
    dsl::worker,
    dsl::started_at,
    dsl::finished_at,
    dsl::results,
    dsl::results_since,
    dsl::summary,
    dsl::got_revision,
    dsl::stop_reason,
    dsl::expected_s,
    buildsets::reason,
    buildsets::owner,
    super::source_stamps::Columns,
);
const COLUMNS: Columns = (
    dsl::id,
    dsl::builder_id,
    dsl::number,
    dsl::request_id,
    dsl::worker,
    dsl::started_at,
    dsl::finished_at,
    dsl::results,
    dsl::results_since,
    dsl::summary,
    dsl::got_revision,
    dsl::stop_reason,
    dsl::expected_s,
    buildsets::reason,
    buildsets::owner,
    super::source_stamps::COLUMNS,
);

/// What a build begins with.
#[derive(Debug, Clone)]
pub struct NewBuild<'a> {
    /// Its builder.
    pub builder: BuilderId,
    /// Its number.
    pub number: i64,
    /// The request that it builds.
    pub request: BuildRequestId,
    /// That request's buildset.
    pub buildset: BuildsetId,
    /// The worker that runs it.
    pub worker: &'a str,
    /// When it begins.
    pub at: Time,
    /// A few words.
    pub summary: &'a str,
    /// Seconds that it is expected to take.
    pub expected_s: Option<f64>,
}

/// A new build, running.
pub fn insert(c: &mut DbConnection, new: &NewBuild<'_>) -> QueryResult<BuildId> {
    diesel::insert_into(dsl::builds)
        .values((
            dsl::builder_id.eq(new.builder.0),
            dsl::number.eq(new.number),
            dsl::request_id.eq(new.request.0),
            dsl::buildset_id.eq(new.buildset.0),
            dsl::worker.eq(new.worker),
            dsl::started_at.eq(naive(new.at)),
            dsl::summary.eq(new.summary),
            dsl::expected_s.eq(new.expected_s),
        ))
        .returning(dsl::id)
        .get_result(c)
        .map(BuildId)
}

/// A build, or none.
pub fn get(c: &mut DbConnection, id: BuildId) -> QueryResult<Option<BuildRow>> {
    let joined = builds::table.inner_join(buildsets::table.inner_join(source_stamps::table));
    optional(joined.filter(dsl::id.eq(id.0)).select(COLUMNS).first(c))
}

/// Whose build it is.
pub fn builder_of(c: &mut DbConnection, id: BuildId) -> QueryResult<Option<BuilderId>> {
    let builder: Option<i64> = optional(dsl::builds.find(id.0).select(dsl::builder_id).first(c))?;
    Ok(builder.map(BuilderId))
}

/// A builder's build by its number, or none.
pub fn get_by_number(c: &mut DbConnection, builder: BuilderId, number: i64) -> QueryResult<Option<BuildRow>> {
    let joined = builds::table.inner_join(buildsets::table.inner_join(source_stamps::table));
    let found = joined.filter(dsl::builder_id.eq(builder.0)).filter(dsl::number.eq(number));
    optional(found.select(COLUMNS).first(c))
}

/// A builder's builds with a number under `before`, newest first.
pub fn list_before(c: &mut DbConnection, builder: BuilderId, before: i64, limit: i64) -> QueryResult<Vec<BuildRow>> {
    builds::table
        .inner_join(buildsets::table.inner_join(source_stamps::table))
        .filter(dsl::builder_id.eq(builder.0))
        .filter(dsl::number.lt(before))
        .order(dsl::number.desc())
        .limit(limit)
        .select(COLUMNS)
        .load(c)
}

/// A builder's newest finished builds, highest number first.
pub fn list_finished(c: &mut DbConnection, builder: BuilderId, limit: i64) -> QueryResult<Vec<BuildRow>> {
    builds::table
        .inner_join(buildsets::table.inner_join(source_stamps::table))
        .filter(dsl::builder_id.eq(builder.0))
        .filter(dsl::finished_at.is_not_null())
        .order(dsl::number.desc())
        .limit(limit)
        .select(COLUMNS)
        .load(c)
}

/// A builder's builds that began in `from..=to` and have a number under `before`, newest start first.
pub fn list_started(
    c: &mut DbConnection,
    builder: BuilderId,
    from: Option<Time>,
    to: Time,
    before: i64,
    limit: i64,
) -> QueryResult<Vec<BuildRow>> {
    let from = from.map_or(chrono::DateTime::UNIX_EPOCH.naive_utc(), naive);
    builds::table
        .inner_join(buildsets::table.inner_join(source_stamps::table))
        .filter(dsl::builder_id.eq(builder.0))
        .filter(dsl::started_at.between(from, naive(to)))
        .filter(dsl::number.lt(before))
        .order((dsl::started_at.desc(), dsl::number.desc()))
        .limit(limit)
        .select(COLUMNS)
        .load(c)
}

/// Every build that has not ended, oldest first.
pub fn list_running(c: &mut DbConnection) -> QueryResult<Vec<BuildRow>> {
    builds::table
        .inner_join(buildsets::table.inner_join(source_stamps::table))
        .filter(dsl::finished_at.is_null())
        .order(dsl::id)
        .select(COLUMNS)
        .load(c)
}

/// Builds of a request, oldest first.
pub fn list_of_request(c: &mut DbConnection, request: BuildRequestId) -> QueryResult<Vec<BuildRow>> {
    builds::table
        .inner_join(buildsets::table.inner_join(source_stamps::table))
        .filter(dsl::request_id.eq(request.0))
        .order(dsl::id)
        .select(COLUMNS)
        .load(c)
}

/// Numbers of the builder's builds next to `number`: the one before and the one after, where there are some.
pub fn neighbours(c: &mut DbConnection, builder: BuilderId, number: i64) -> QueryResult<(Option<i64>, Option<i64>)> {
    let own = || dsl::builds.filter(dsl::builder_id.eq(builder.0)).select(dsl::number);
    let previous = optional(own().filter(dsl::number.lt(number)).order(dsl::number.desc()).first(c))?;
    let next = optional(own().filter(dsl::number.gt(number)).order(dsl::number.asc()).first(c))?;
    Ok((previous, next))
}

/// The builder's finished build with the highest number: its number, results and since when they are what they are.
pub fn last_finished(c: &mut DbConnection, builder: BuilderId) -> QueryResult<Option<(i64, i32, Time)>> {
    let found: Option<(i64, Option<i32>, Option<NaiveDateTime>)> = optional(
        dsl::builds
            .filter(dsl::builder_id.eq(builder.0))
            .filter(dsl::finished_at.is_not_null())
            .order(dsl::number.desc())
            .select((dsl::number, dsl::results, dsl::results_since))
            .first(c),
    )?;
    Ok(found.and_then(|(number, results, since)| Some((number, results?, since?.and_utc()))))
}

/// A running build ends; false where it had ended already.
pub fn finish(
    c: &mut DbConnection,
    id: BuildId,
    results: Results,
    since: Time,
    summary: &str,
    at: Time,
) -> QueryResult<bool> {
    let n = diesel::update(dsl::builds.find(id.0).filter(dsl::finished_at.is_null()))
        .set((
            dsl::finished_at.eq(naive(at)),
            dsl::results.eq(results.number()),
            dsl::results_since.eq(naive(since)),
            dsl::summary.eq(summary),
        ))
        .execute(c)?;
    Ok(n == 1)
}

/// What the checkout found.
pub fn set_got_revision(c: &mut DbConnection, id: BuildId, revision: &str) -> QueryResult<()> {
    diesel::update(dsl::builds.find(id.0)).set(dsl::got_revision.eq(revision)).execute(c).map(|_| ())
}

/// What a running build does now; false where it does not run, or somebody wants it stopped and its words say that.
pub fn set_summary(c: &mut DbConnection, id: BuildId, summary: &str) -> QueryResult<bool> {
    let running = dsl::builds.find(id.0).filter(dsl::finished_at.is_null()).filter(dsl::stop_reason.is_null());
    Ok(diesel::update(running).set(dsl::summary.eq(summary)).execute(c)? == 1)
}

/// Somebody wants a running build stopped; false where it does not run.
pub fn want_stop(c: &mut DbConnection, id: BuildId, reason: &str, summary: &str) -> QueryResult<bool> {
    let n = diesel::update(dsl::builds.find(id.0).filter(dsl::finished_at.is_null()))
        .set((dsl::stop_reason.eq(reason), dsl::summary.eq(summary)))
        .execute(c)?;
    Ok(n == 1)
}
