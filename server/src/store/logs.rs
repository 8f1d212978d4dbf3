//! Logs, without their lines: those are in `log_chunks`.

use super::schema::logs::dsl;
use super::schema::{builds, logs, steps};
use super::{DbConnection, optional};
use crate::model::id::{BuildId, BuilderId, LogId, StepId};
use diesel::prelude::*;

/// Ids asked for in one query at most: SQLite bounds the parameters of a statement.
const IDS_AT_ONCE: usize = 5000;

/// A stored log.
#[derive(Debug, Clone, Queryable)]
pub struct LogRow {
    /// Its id.
    pub id: i64,
    /// Its step.
    pub step_id: i64,
    /// For people.
    pub name: String,
    /// Unique in its step.
    pub slug: String,
    /// Lines that are stored.
    pub n_lines: i64,
    /// Bytes that are stored, uncompressed.
    pub size_bytes: i64,
    /// Nothing more will come.
    pub complete: bool,
}

/// A new log, open.
pub fn insert(c: &mut DbConnection, step: StepId, name: &str, slug: &str) -> QueryResult<LogId> {
    diesel::insert_into(dsl::logs)
        .values((
            dsl::step_id.eq(step.0),
            dsl::name.eq(name),
            dsl::slug.eq(slug),
            dsl::n_lines.eq(0),
            dsl::size_bytes.eq(0),
            dsl::complete.eq(false),
        ))
        .returning(dsl::id)
        .get_result(c)
        .map(LogId)
}

/// A log, or none.
pub fn get(c: &mut DbConnection, id: LogId) -> QueryResult<Option<LogRow>> {
    optional(dsl::logs.find(id.0).first(c))
}

/// Logs of these steps, in the order they were opened.
pub fn list(c: &mut DbConnection, steps: &[i64]) -> QueryResult<Vec<LogRow>> {
    let mut rows = Vec::new();
    for some in steps.chunks(IDS_AT_ONCE) {
        rows.extend(dsl::logs.filter(dsl::step_id.eq_any(some)).order(dsl::id).load::<LogRow>(c)?);
    }
    Ok(rows)
}

/// Where a log is: its builder, its build and its step's number.
pub fn place(c: &mut DbConnection, id: LogId) -> QueryResult<Option<(BuilderId, BuildId, i32)>> {
    let joined = logs::table.inner_join(steps::table.inner_join(builds::table));
    let found: Option<(i64, i64, i32)> =
        optional(joined.filter(dsl::id.eq(id.0)).select((builds::builder_id, builds::id, steps::number)).first(c))?;
    Ok(found.map(|(builder, build, step)| (BuilderId(builder), BuildId(build), step)))
}

/// An open log grows; returns the number of its first new line and its size, or none where it has ended.
pub fn grow(c: &mut DbConnection, id: LogId, n_lines: i64, size_bytes: i64) -> QueryResult<Option<(i64, i64)>> {
    let grown: Option<(i64, i64)> = optional(
        diesel::update(dsl::logs.find(id.0).filter(dsl::complete.eq(false)))
            .set((dsl::n_lines.eq(dsl::n_lines + n_lines), dsl::size_bytes.eq(dsl::size_bytes + size_bytes)))
            .returning((dsl::n_lines, dsl::size_bytes))
            .get_result(c),
    )?;
    Ok(grown.map(|(now, size)| (now - n_lines, size)))
}

/// A log ends; false where it had ended already.
pub fn finish(c: &mut DbConnection, id: LogId) -> QueryResult<bool> {
    let open = dsl::logs.find(id.0).filter(dsl::complete.eq(false));
    Ok(diesel::update(open).set(dsl::complete.eq(true)).execute(c)? == 1)
}
