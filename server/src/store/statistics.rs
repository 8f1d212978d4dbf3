//! Numbers that steps measured.

use super::DbConnection;
use super::schema::step_statistics::dsl;
use super::schema::{step_statistics, steps};
use crate::model::id::{BuildId, StepId};
use diesel::prelude::*;

/// Sets a number of a step, whatever was there.
pub fn set(c: &mut DbConnection, step: StepId, name: &str, value: f64) -> QueryResult<()> {
    let n = diesel::update(dsl::step_statistics.find((step.0, name))).set(dsl::value.eq(value)).execute(c)?;
    if n > 0 {
        return Ok(());
    }
    diesel::insert_into(dsl::step_statistics)
        .values((dsl::step_id.eq(step.0), dsl::name.eq(name), dsl::value.eq(value)))
        .execute(c)
        .map(|_| ())
}

/// The numbers of a build's steps: the step's row, name and value, by step and name.
pub fn list_of_build(c: &mut DbConnection, build: BuildId) -> QueryResult<Vec<(StepId, String, f64)>> {
    let rows: Vec<(i64, String, f64)> = step_statistics::table
        .inner_join(steps::table)
        .filter(steps::build_id.eq(build.0))
        .order((dsl::step_id, dsl::name))
        .select((dsl::step_id, dsl::name, dsl::value))
        .load(c)?;
    Ok(rows.into_iter().map(|(step, name, value)| (StepId(step), name, value)).collect())
}
