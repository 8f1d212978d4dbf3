//! What happened, in order. Kept for those who fell behind; the oldest are dropped.

use super::schema::events::dsl;
use super::{DbConnection, naive, optional};
use crate::model::id::{BuilderId, EventId};
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Events that are kept at least.
pub const KEPT: i64 = 50_000;
/// How many events come between two looks for what to drop.
const DROP_EVERY: i64 = 1_000;

/// A stored event.
#[derive(Debug, Clone, Queryable)]
pub struct EventRow {
    /// Its place in the order.
    pub id: i64,
    /// When.
    pub at: NaiveDateTime,
    /// The builder that it is about.
    pub builder_id: i64,
    /// JSON of what happened.
    pub what: String,
}

/// A new event; now and then drops those that are too old.
pub fn insert(c: &mut DbConnection, builder: BuilderId, at: Time, what: &str) -> QueryResult<EventId> {
    let id: i64 = diesel::insert_into(dsl::events)
        .values((dsl::at.eq(naive(at)), dsl::builder_id.eq(builder.0), dsl::what.eq(what)))
        .returning(dsl::id)
        .get_result(c)?;
    if id % DROP_EVERY == 0 {
        diesel::delete(dsl::events.filter(dsl::id.le(id - KEPT))).execute(c)?;
    }
    Ok(EventId(id))
}

/// Events after `after`, oldest first.
pub fn list_after(c: &mut DbConnection, after: EventId, limit: i64) -> QueryResult<Vec<EventRow>> {
    dsl::events.filter(dsl::id.gt(after.0)).order(dsl::id.asc()).limit(limit).load(c)
}

/// The oldest event that is kept.
pub fn oldest(c: &mut DbConnection) -> QueryResult<Option<EventId>> {
    let id: Option<i64> = optional(dsl::events.order(dsl::id.asc()).select(dsl::id).first(c))?;
    Ok(id.map(EventId))
}

/// The newest event; 0 where nothing ever happened.
pub fn newest(c: &mut DbConnection) -> QueryResult<EventId> {
    let id: Option<i64> = optional(dsl::events.order(dsl::id.desc()).select(dsl::id).first(c))?;
    Ok(EventId(id.unwrap_or(0)))
}
