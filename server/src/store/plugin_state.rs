//! What plugins keep from one call to the next. A value that is put is a new row, so its id is the value's version.

use super::schema::plugin_state::dsl;
use super::{DbConnection, naive, optional};
use crate::model::time::Time;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};

/// Which use of a plugin: what no guest says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseKey {
    /// The team.
    pub team: String,
    /// The plugin's name.
    pub plugin: String,
    /// Which of the team's steps or reporters.
    pub used_by: String,
}

/// A stored value.
#[derive(Debug, Clone, Queryable)]
pub struct StateRow {
    /// Its row, which is its version.
    pub id: i64,
    /// What was put.
    pub value: Vec<u8>,
}

/// Rows of one use, and of one key of it.
macro_rules! of {
    ($used:expr) => {
        dsl::plugin_state
            .filter(dsl::team.eq(&$used.team))
            .filter(dsl::plugin.eq(&$used.plugin))
            .filter(dsl::used_by.eq(&$used.used_by))
    };
    ($used:expr, $key:expr) => {
        of!($used).filter(dsl::key.eq($key))
    };
}

/// What stands under a key, or none.
pub fn get(c: &mut DbConnection, used: &UseKey, key: &str) -> QueryResult<Option<StateRow>> {
    optional(of!(used, key).select((dsl::id, dsl::value)).first(c))
}

/// The version of what stands under a key, and how many bytes it takes, or none.
pub fn version(c: &mut DbConnection, used: &UseKey, key: &str) -> QueryResult<Option<(i64, i64)>> {
    optional(of!(used, key).select((dsl::id, dsl::size_bytes)).first(c))
}

/// How many bytes each key of a use takes.
pub fn sizes(c: &mut DbConnection, used: &UseKey) -> QueryResult<Vec<i64>> {
    of!(used).select(dsl::size_bytes).load(c)
}

/// A new value under a key that has none; returns its version. None where somebody else was first.
pub fn insert(c: &mut DbConnection, used: &UseKey, key: &str, value: &[u8], at: Time) -> QueryResult<Option<i64>> {
    let inserted = diesel::insert_into(dsl::plugin_state)
        .values((
            dsl::team.eq(&used.team),
            dsl::plugin.eq(&used.plugin),
            dsl::used_by.eq(&used.used_by),
            dsl::key.eq(key),
            dsl::value.eq(value),
            dsl::size_bytes.eq(size_bytes(key, value)),
            dsl::put_at.eq(naive(at)),
        ))
        .returning(dsl::id)
        .get_result(c);
    match inserted {
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(None),
        inserted => inserted.map(Some),
    }
}

/// What a key and its value take.
pub fn size_bytes(key: &str, value: &[u8]) -> i64 {
    i64::try_from(key.len() + value.len()).unwrap_or(i64::MAX)
}

/// Takes the value of that version away; false where it is not there any more.
pub fn delete_version(c: &mut DbConnection, version: i64) -> QueryResult<bool> {
    Ok(diesel::delete(dsl::plugin_state.find(version)).execute(c)? == 1)
}

/// Takes a key away.
pub fn delete(c: &mut DbConnection, used: &UseKey, key: &str) -> QueryResult<()> {
    diesel::delete(of!(used, key)).execute(c).map(|_| ())
}

/// Keys from `from` on, sorted by their bytes.
pub fn list_keys(c: &mut DbConnection, used: &UseKey, from: &str, limit: i64) -> QueryResult<Vec<String>> {
    of!(used).filter(dsl::key.ge(from)).order(dsl::key.asc()).limit(limit).select(dsl::key).load(c)
}
