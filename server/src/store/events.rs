//! What happened, in order. Kept for those who fell behind; the oldest are dropped.

use super::schema::events::dsl;
use super::{DbConnection, naive, optional, reporters};
use crate::model::id::{BuilderId, EventId};
use crate::model::time::Time;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

/// Events that are kept at least.
pub const KEPT: i64 = 50_000;
/// More are kept for reporters that are behind, and never more than so many.
const KEPT_MAX: i64 = 500_000;
/// A reporter of which nothing was heard for so long holds nothing back: every try and every thousand events write of it.
const HELD_FOR: TimeDelta = TimeDelta::days(2);
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

/// A new event; now and then drops those that are too old and that no reporter waits for.
pub fn insert(c: &mut DbConnection, builder: BuilderId, at: Time, what: &str) -> QueryResult<EventId> {
    let id: i64 = diesel::insert_into(dsl::events)
        .values((dsl::at.eq(naive(at)), dsl::builder_id.eq(builder.0), dsl::what.eq(what)))
        .returning(dsl::id)
        .get_result(c)?;
    if id % DROP_EVERY == 0 {
        let told = reporters::lowest_position(c, at - HELD_FOR)?.map_or(id, |position| position.0);
        let droppable = told.min(id - KEPT).max(id - KEPT_MAX);
        diesel::delete(dsl::events.filter(dsl::id.le(droppable))).execute(c)?;
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

#[cfg(test)]
mod tests {
    use super::super::{Store, builders, writer};
    use super::{DbConnection, KEPT, KEPT_MAX, Time, dsl, insert, naive, oldest, reporters};
    use crate::model::id::{BuilderId, EventId};
    use crate::model::name::BuilderKey;
    use chrono::TimeDelta;
    use diesel::prelude::*;

    /// Events 1, 100 and 5 000, and the one of `id` that looks what to drop; returns the oldest that is left.
    fn oldest_after(c: &mut DbConnection, builder: BuilderId, id: i64, at: Time) -> QueryResult<Option<EventId>> {
        diesel::delete(dsl::events).execute(c)?;
        for id in [1, 100, 5_000, id - 1] {
            diesel::insert_into(dsl::events)
                .values((dsl::id.eq(id), dsl::at.eq(naive(at)), dsl::builder_id.eq(builder.0), dsl::what.eq("{}")))
                .execute(c)?;
        }
        insert(c, builder, at, "{}")?;
        oldest(c)
    }

    #[tokio::test]
    async fn events_that_a_reporter_waits_for_are_kept_up_to_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("weir.db").display())).unwrap();
        let write = |c: &mut DbConnection| {
            let at = Time::UNIX_EPOCH + TimeDelta::days(10);
            let builder = builders::insert(c, &BuilderKey::new("t", "b"), at)?;
            let mut left = vec![oldest_after(c, builder, KEPT + 10_000, at)?];
            reporters::insert(c, "t", "ahead", EventId(9_000), at)?;
            reporters::insert(c, "t", "gone", EventId(0), at - TimeDelta::days(3))?;
            left.push(oldest_after(c, builder, KEPT + 11_000, at)?);
            reporters::insert(c, "t", "behind", EventId(100), at)?;
            left.push(oldest_after(c, builder, KEPT + 12_000, at)?);
            left.push(oldest_after(c, builder, KEPT_MAX + 1_000, at)?);
            left.push(oldest_after(c, builder, KEPT_MAX + 10_000, at)?);
            Ok::<_, writer::Error>(left)
        };
        let left: Vec<i64> = store.write(write).await.unwrap().into_iter().map(|id| id.unwrap().0).collect();
        assert_eq!(left, [KEPT + 9_999, KEPT + 10_999, 5_000, 5_000, KEPT_MAX + 9_999]);
    }
}
