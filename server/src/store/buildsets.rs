//! Submissions: what was asked for in one go, by whom and why.

use super::schema::buildsets::dsl;
use super::{DbConnection, naive};
use crate::model::id::BuildsetId;
use crate::model::time::Time;
use diesel::prelude::*;

/// A new buildset.
pub fn insert(
    c: &mut DbConnection,
    source_stamp: i64,
    reason: &str,
    owner: Option<&str>,
    at: Time,
) -> QueryResult<BuildsetId> {
    diesel::insert_into(dsl::buildsets)
        .values((
            dsl::source_stamp_id.eq(source_stamp),
            dsl::reason.eq(reason),
            dsl::owner.eq(owner),
            dsl::submitted_at.eq(naive(at)),
        ))
        .returning(dsl::id)
        .get_result(c)
        .map(BuildsetId)
}
