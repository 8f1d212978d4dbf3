//! What no token is believed for any more: single tokens, everything of a subject, everything that a key signed.

use super::schema::revocations::dsl;
use super::{DbConnection, naive};
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A stored revocation.
#[derive(Debug, Clone, Queryable)]
pub struct RevocationRow {
    /// Its id: grows, and is never used twice.
    pub id: i64,
    /// `token`, `subject` or `key`.
    pub kind: String,
    /// A foreign issuer's name; empty for our own tokens.
    pub issuer: String,
    /// The `jti`, the `sub` or the `kid`.
    pub value: String,
    /// By whom.
    pub revoked_by: String,
    /// When.
    pub at: NaiveDateTime,
    /// When it may be forgotten; none is never.
    pub expires_at: Option<NaiveDateTime>,
}

/// A new revocation.
#[derive(Debug, Clone)]
pub struct NewRevocation {
    /// `token`, `subject` or `key`.
    pub kind: &'static str,
    /// A foreign issuer's name; empty for our own tokens.
    pub issuer: String,
    /// The `jti`, the `sub` or the `kid`.
    pub value: String,
    /// By whom.
    pub revoked_by: String,
    /// When.
    pub at: Time,
    /// When it may be forgotten; none is never.
    pub expires_at: Option<Time>,
}

/// Rows that one new one drops at most: the table shrinks all the same.
const DROPPED_MAX: i64 = 1_000;

/// Records a revocation, and drops what may be forgotten.
pub fn insert(c: &mut DbConnection, new: &NewRevocation) -> QueryResult<()> {
    let old = dsl::revocations.filter(dsl::expires_at.lt(naive(new.at))).select(dsl::id).limit(DROPPED_MAX);
    let old: Vec<i64> = old.load(c)?;
    if !old.is_empty() {
        diesel::delete(dsl::revocations.filter(dsl::id.eq_any(old))).execute(c)?;
    }
    diesel::insert_into(dsl::revocations)
        .values((
            dsl::kind.eq(new.kind),
            dsl::issuer.eq(&new.issuer),
            dsl::value.eq(&new.value),
            dsl::revoked_by.eq(&new.revoked_by),
            dsl::at.eq(naive(new.at)),
            dsl::expires_at.eq(new.expires_at.map(naive)),
        ))
        .execute(c)
        .map(|_| ())
}

/// Revocations with an id over `after`, oldest first.
pub fn list_after(c: &mut DbConnection, after: i64) -> QueryResult<Vec<RevocationRow>> {
    dsl::revocations.filter(dsl::id.gt(after)).order(dsl::id).load(c)
}
