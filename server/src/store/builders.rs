//! Builders and how many builds each has had. A builder that left the configuration keeps its row and its history.

use super::schema::builders::dsl;
use super::{DbConnection, naive};
use crate::model::id::BuilderId;
use crate::model::name::BuilderKey;
use crate::model::time::Time;
use diesel::prelude::*;

/// Every builder that there ever was, with the number of its newest build.
pub fn list(c: &mut DbConnection) -> QueryResult<Vec<(BuilderId, BuilderKey, i64)>> {
    let rows: Vec<(i64, String, String, i64)> =
        dsl::builders.select((dsl::id, dsl::team, dsl::name, dsl::n_builds)).load(c)?;
    Ok(rows.into_iter().map(|(id, team, name, n)| (BuilderId(id), BuilderKey::new(team, name), n)).collect())
}

/// A new builder.
pub fn insert(c: &mut DbConnection, key: &BuilderKey, at: Time) -> QueryResult<BuilderId> {
    diesel::insert_into(dsl::builders)
        .values((dsl::team.eq(&key.team), dsl::name.eq(&key.name), dsl::n_builds.eq(0), dsl::created_at.eq(naive(at))))
        .returning(dsl::id)
        .get_result(c)
        .map(BuilderId)
}

/// The number of the builder's next build, counted.
pub fn count_build(c: &mut DbConnection, builder: BuilderId) -> QueryResult<i64> {
    diesel::update(dsl::builders.find(builder.0))
        .set(dsl::n_builds.eq(dsl::n_builds + 1))
        .returning(dsl::n_builds)
        .get_result(c)
}
