//! Requests for builds: claimed once, by compare-and-set.

use super::schema::build_requests::{self, dsl};
use super::schema::{builders, buildsets, source_stamps};
use super::source_stamps::SourceStampRow;
use super::{DbConnection, naive, optional};
use crate::model::id::{BuildRequestId, BuilderId, BuildsetId};
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Where a request is; the numbers stand in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// It waits.
    Pending = 0,
    /// A build of it runs.
    Claimed = 1,
    /// It was built.
    Built = 2,
    /// It was dropped.
    Cancelled = 3,
}

/// A stored request with its buildset and source stamp.
#[derive(Debug, Clone, Queryable)]
pub struct RequestRow {
    /// Its id.
    pub id: i64,
    /// Its buildset.
    pub buildset_id: i64,
    /// Its builder.
    pub builder_id: i64,
    /// Higher first.
    pub priority: i32,
    /// When it was accepted.
    pub submitted_at: NaiveDateTime,
    /// See [`RequestState`].
    pub state: i32,
    /// How many builds of it ended as `retry`; those that the server interrupted when it was stopped in good order do not count.
    pub n_retries: i32,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub owner: Option<String>,
    /// What to build.
    pub stamp: SourceStampRow,
}

impl RequestRow {
    /// It waits no more and no build of it runs.
    pub fn is_complete(&self) -> bool {
        self.state == RequestState::Built as i32 || self.state == RequestState::Cancelled as i32
    }
}

type Columns = (
    dsl::id,
    dsl::buildset_id,
    dsl::builder_id,
    dsl::priority,
    dsl::submitted_at,
    dsl::state,
    dsl::n_retries,
    buildsets::reason,
    buildsets::owner,
    super::source_stamps::Columns,
);
const COLUMNS: Columns = (
    dsl::id,
    dsl::buildset_id,
    dsl::builder_id,
    dsl::priority,
    dsl::submitted_at,
    dsl::state,
    dsl::n_retries,
    buildsets::reason,
    buildsets::owner,
    super::source_stamps::COLUMNS,
);

/// A new request, waiting.
pub fn insert(
    c: &mut DbConnection,
    buildset: BuildsetId,
    builder: BuilderId,
    priority: i32,
    at: Time,
) -> QueryResult<BuildRequestId> {
    diesel::insert_into(dsl::build_requests)
        .values((
            dsl::buildset_id.eq(buildset.0),
            dsl::builder_id.eq(builder.0),
            dsl::priority.eq(priority),
            dsl::submitted_at.eq(naive(at)),
            dsl::state.eq(RequestState::Pending as i32),
            dsl::n_retries.eq(0),
        ))
        .returning(dsl::id)
        .get_result(c)
        .map(BuildRequestId)
}

/// A request, or none.
pub fn get(c: &mut DbConnection, id: BuildRequestId) -> QueryResult<Option<RequestRow>> {
    let joined = build_requests::table.inner_join(buildsets::table.inner_join(source_stamps::table));
    optional(joined.filter(dsl::id.eq(id.0)).select(COLUMNS).first(c))
}

/// Every request that waits, oldest first.
pub fn list_pending(c: &mut DbConnection) -> QueryResult<Vec<RequestRow>> {
    build_requests::table
        .inner_join(buildsets::table.inner_join(source_stamps::table))
        .filter(dsl::completed_at.is_null())
        .filter(dsl::state.eq(RequestState::Pending as i32))
        .order(dsl::id)
        .select(COLUMNS)
        .load(c)
}

/// Every request that waits, oldest first, with its builder.
pub fn list_pending_ids(c: &mut DbConnection) -> QueryResult<Vec<(BuildRequestId, BuilderId)>> {
    let rows: Vec<(i64, i64)> = dsl::build_requests
        .filter(dsl::completed_at.is_null())
        .filter(dsl::state.eq(RequestState::Pending as i32))
        .order(dsl::id)
        .select((dsl::id, dsl::builder_id))
        .load(c)?;
    Ok(rows.into_iter().map(|(id, builder)| (BuildRequestId(id), BuilderId(builder))).collect())
}

/// How many requests of a team's builders wait.
pub fn count_pending(c: &mut DbConnection, team: &str) -> QueryResult<i64> {
    let of_team = builders::table.filter(builders::team.eq(team)).select(builders::id);
    dsl::build_requests
        .filter(dsl::completed_at.is_null())
        .filter(dsl::state.eq(RequestState::Pending as i32))
        .filter(dsl::builder_id.eq_any(of_team))
        .count()
        .get_result(c)
}

/// Moves a request from `from` to `to`; false where it was not there any more.
fn move_state(c: &mut DbConnection, id: BuildRequestId, from: RequestState, to: RequestState) -> QueryResult<bool> {
    let n = diesel::update(dsl::build_requests.find(id.0).filter(dsl::state.eq(from as i32)))
        .set(dsl::state.eq(to as i32))
        .execute(c)?;
    Ok(n == 1)
}

/// Claims a waiting request by compare-and-set; false where somebody else was first.
pub fn claim(c: &mut DbConnection, id: BuildRequestId) -> QueryResult<bool> {
    move_state(c, id, RequestState::Pending, RequestState::Claimed)
}

/// Lets a claimed request wait again, tried so often by now.
pub fn requeue(c: &mut DbConnection, id: BuildRequestId, n_retries: i32) -> QueryResult<()> {
    diesel::update(dsl::build_requests.find(id.0))
        .set((dsl::state.eq(RequestState::Pending as i32), dsl::n_retries.eq(n_retries)))
        .execute(c)
        .map(|_| ())
}

/// A claimed request was built.
pub fn finish(c: &mut DbConnection, id: BuildRequestId, at: Time) -> QueryResult<()> {
    diesel::update(dsl::build_requests.find(id.0))
        .set((dsl::state.eq(RequestState::Built as i32), dsl::completed_at.eq(naive(at))))
        .execute(c)
        .map(|_| ())
}

/// Drops a waiting request; false where it does not wait any more.
pub fn cancel(c: &mut DbConnection, id: BuildRequestId, at: Time) -> QueryResult<bool> {
    let waiting = dsl::build_requests.find(id.0).filter(dsl::state.eq(RequestState::Pending as i32));
    let n = diesel::update(waiting)
        .set((dsl::state.eq(RequestState::Cancelled as i32), dsl::completed_at.eq(naive(at))))
        .execute(c)?;
    Ok(n == 1)
}
