//! Where each reporter of a team goes on, and how it fares.

use super::schema::reporters::dsl;
use super::{DbConnection, naive, optional};
use crate::model::id::EventId;
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A stored reporter.
#[derive(Debug, Clone, Queryable)]
pub struct ReporterRow {
    /// Whose.
    pub team: String,
    /// Its name in its team.
    pub name: String,
    /// The newest event that was told, given up or passed over.
    pub position: i64,
    /// Events that arrived.
    pub n_delivered: i64,
    /// Events that never will.
    pub n_given_up: i64,
    /// Why the last event did not arrive; none where it did.
    pub problem: Option<String>,
    /// When any of this changed.
    pub changed_at: NaiveDateTime,
}

/// A reporter that is new: it begins after `position`.
pub fn insert(c: &mut DbConnection, team: &str, name: &str, position: EventId, at: Time) -> QueryResult<()> {
    let row = (
        dsl::team.eq(team),
        dsl::name.eq(name),
        dsl::position.eq(position.0),
        dsl::n_delivered.eq(0_i64),
        dsl::n_given_up.eq(0_i64),
        dsl::changed_at.eq(naive(at)),
    );
    diesel::insert_into(dsl::reporters).values(row).execute(c).map(|_| ())
}

/// A reporter, or none where it is new.
pub fn get(c: &mut DbConnection, team: &str, name: &str) -> QueryResult<Option<ReporterRow>> {
    optional(dsl::reporters.find((team, name)).first(c))
}

/// The place of whoever is furthest behind of those that were heard of since `since`: others left the configuration.
pub fn lowest_position(c: &mut DbConnection, since: Time) -> QueryResult<Option<EventId>> {
    let live = dsl::reporters.filter(dsl::changed_at.ge(naive(since)));
    let lowest: Option<i64> = live.select(diesel::dsl::min(dsl::position)).first(c)?;
    Ok(lowest.map(EventId))
}

/// It goes on after `position`; `n_delivered` events more arrived and `n_given_up` more never will.
pub fn advance(
    c: &mut DbConnection,
    (team, name): (&str, &str),
    position: EventId,
    n_delivered: i64,
    n_given_up: i64,
    at: Time,
) -> QueryResult<()> {
    diesel::update(dsl::reporters.find((team, name)))
        .set((
            dsl::position.eq(position.0),
            dsl::n_delivered.eq(dsl::n_delivered + n_delivered),
            dsl::n_given_up.eq(dsl::n_given_up + n_given_up),
            dsl::changed_at.eq(naive(at)),
        ))
        .execute(c)
        .map(|_| ())
}

/// Why the last event did not arrive; none where it did.
pub fn set_problem(
    c: &mut DbConnection,
    (team, name): (&str, &str),
    problem: Option<&str>,
    at: Time,
) -> QueryResult<()> {
    diesel::update(dsl::reporters.find((team, name)))
        .set((dsl::problem.eq(problem), dsl::changed_at.eq(naive(at))))
        .execute(c)
        .map(|_| ())
}
