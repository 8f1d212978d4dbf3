//! Submissions: what was asked for in one go, by whom and why.

use super::schema::buildsets::dsl;
use super::schema::{builds, buildsets};
use super::{DbConnection, naive, optional};
use crate::model::id::{BuildId, BuilderId, BuildsetId};
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

/// Which build a buildset was triggered by, and how far down a chain of such builds that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The build whose step asked.
    pub build: BuildId,
    /// Builds above it in the chain; at least 1.
    pub depth: i32,
}

/// Records what triggered a new buildset.
pub fn set_parent(c: &mut DbConnection, buildset: BuildsetId, parent: Parent) -> QueryResult<()> {
    diesel::update(dsl::buildsets.find(buildset.0))
        .set((dsl::parent_build_id.eq(parent.build.0), dsl::depth.eq(parent.depth)))
        .execute(c)
        .map(|_| ())
}

/// How many builds stand above a build in its chain: 0 where nothing triggered it. None where there is no such build.
pub fn depth_of_build(c: &mut DbConnection, build: BuildId) -> QueryResult<Option<i32>> {
    let joined = builds::table.inner_join(buildsets::table).filter(builds::id.eq(build.0));
    optional(joined.select(buildsets::depth).first(c))
}

/// The build that triggered a build, as its builder's row and its number; none where nothing did, or it is not kept any more.
pub fn parent_of_build(c: &mut DbConnection, build: BuildId) -> QueryResult<Option<(BuilderId, i64)>> {
    let joined = builds::table.inner_join(buildsets::table).filter(builds::id.eq(build.0));
    let parent: Option<Option<i64>> = optional(joined.select(buildsets::parent_build_id).first(c))?;
    let Some(parent) = parent.flatten() else { return Ok(None) };
    let found: Option<(i64, i64)> =
        optional(builds::table.find(parent).select((builds::builder_id, builds::number)).first(c))?;
    Ok(found.map(|(builder, number)| (BuilderId(builder), number)))
}
