//! Steps of builds.

use super::schema::steps::dsl;
use super::{DbConnection, naive, optional};
use crate::model::id::{BuildId, StepId};
use crate::model::results::Results;
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Ids asked for in one query at most: SQLite bounds the parameters of a statement.
const IDS_AT_ONCE: usize = 5000;

/// A stored step.
#[derive(Debug, Clone, Queryable)]
pub struct StepRow {
    /// Its id.
    pub id: i64,
    /// Its build.
    pub build_id: i64,
    /// Counts from 0 in its build.
    pub number: i32,
    /// Unique in its build.
    pub name: String,
    /// When it began.
    pub started_at: NaiveDateTime,
    /// When it ended.
    pub finished_at: Option<NaiveDateTime>,
    /// How it ended.
    pub results: Option<i32>,
    /// A few words.
    pub summary: String,
    /// JSON: a list of name and url.
    pub urls: String,
    /// Tests that failed.
    pub n_failed: i32,
    /// Tests that broke.
    pub n_errored: i32,
    /// Tests that did not run.
    pub n_skipped: i32,
    /// Tests that passed.
    pub n_passed: i32,
}

/// A new step, numbered after those that are there; returns its id and number.
pub fn insert(c: &mut DbConnection, build: BuildId, name: &str, summary: &str, at: Time) -> QueryResult<(StepId, i32)> {
    let newest: Option<i32> =
        optional(dsl::steps.filter(dsl::build_id.eq(build.0)).order(dsl::number.desc()).select(dsl::number).first(c))?;
    let number = newest.map_or(0, |n| n + 1);
    let id: i64 = diesel::insert_into(dsl::steps)
        .values((
            dsl::build_id.eq(build.0),
            dsl::number.eq(number),
            dsl::name.eq(name),
            dsl::started_at.eq(naive(at)),
            dsl::summary.eq(summary),
            dsl::urls.eq("[]"),
        ))
        .returning(dsl::id)
        .get_result(c)?;
    Ok((StepId(id), number))
}

/// A step of that build, or none.
pub fn get(c: &mut DbConnection, build: BuildId, id: StepId) -> QueryResult<Option<StepRow>> {
    optional(dsl::steps.find(id.0).filter(dsl::build_id.eq(build.0)).first(c))
}

/// Steps of these builds, by build and number.
pub fn list(c: &mut DbConnection, builds: &[i64]) -> QueryResult<Vec<StepRow>> {
    let mut rows = Vec::new();
    for some in builds.chunks(IDS_AT_ONCE) {
        let found = dsl::steps.filter(dsl::build_id.eq_any(some)).order((dsl::build_id, dsl::number));
        rows.extend(found.load::<StepRow>(c)?);
    }
    Ok(rows)
}

/// A step's words change.
pub fn set_summary(c: &mut DbConnection, id: StepId, summary: &str) -> QueryResult<()> {
    diesel::update(dsl::steps.find(id.0)).set(dsl::summary.eq(summary)).execute(c).map(|_| ())
}

/// A step's links change.
pub fn set_urls(c: &mut DbConnection, id: StepId, urls: &str) -> QueryResult<()> {
    diesel::update(dsl::steps.find(id.0)).set(dsl::urls.eq(urls)).execute(c).map(|_| ())
}

/// How many test results a step has of each outcome: failed, errored, skipped, passed.
pub fn set_tests(c: &mut DbConnection, id: StepId, n: [i32; 4]) -> QueryResult<()> {
    let [failed, errored, skipped, passed] = n;
    diesel::update(dsl::steps.find(id.0))
        .set((
            dsl::n_failed.eq(failed),
            dsl::n_errored.eq(errored),
            dsl::n_skipped.eq(skipped),
            dsl::n_passed.eq(passed),
        ))
        .execute(c)
        .map(|_| ())
}

/// A running step ends.
pub fn finish(c: &mut DbConnection, id: StepId, results: Results, summary: &str, at: Time) -> QueryResult<()> {
    diesel::update(dsl::steps.find(id.0).filter(dsl::finished_at.is_null()))
        .set((dsl::finished_at.eq(naive(at)), dsl::results.eq(results.number()), dsl::summary.eq(summary)))
        .execute(c)
        .map(|_| ())
}
