//! What tests said. Results of one outcome count from 0 in their step, so a page of them is a range of the key.

use super::DbConnection;
use super::schema::test_results::dsl;
use crate::model::id::StepId;
use crate::model::test_outcome::TestOutcome;
use diesel::prelude::*;

/// Rows of one statement: SQLite bounds its parameters.
const ROWS_AT_ONCE: usize = 500;

/// A stored result.
#[derive(Debug, Clone, Queryable, Insertable)]
#[diesel(table_name = super::schema::test_results)]
pub struct TestRow {
    /// Its step.
    pub step_id: i64,
    /// See [`TestOutcome`].
    pub outcome: i32,
    /// Counts from 0 among those of the step with this outcome.
    pub number: i32,
    /// A suite, a class, a file; may be empty.
    pub suite: String,
    /// The test.
    pub name: String,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// Why it failed or was skipped.
    pub message: Option<String>,
}

/// New results.
pub fn insert(c: &mut DbConnection, rows: &[TestRow]) -> QueryResult<()> {
    for some in rows.chunks(ROWS_AT_ONCE) {
        let into = diesel::insert_into(dsl::test_results);
        // The connection of both has no insert of many rows; each of the two has.
        match c {
            DbConnection::Sqlite(c) => into.values(some).execute(c)?,
            DbConnection::Postgres(c) => into.values(some).execute(c)?,
        };
    }
    Ok(())
}

/// A step's results of one outcome from `first` on, in the order they came.
pub fn list(
    c: &mut DbConnection,
    step: StepId,
    outcome: TestOutcome,
    first: i32,
    limit: i64,
) -> QueryResult<Vec<TestRow>> {
    dsl::test_results
        .filter(dsl::step_id.eq(step.0))
        .filter(dsl::outcome.eq(outcome.number()))
        .filter(dsl::number.ge(first))
        .order(dsl::number)
        .limit(limit)
        .load(c)
}
