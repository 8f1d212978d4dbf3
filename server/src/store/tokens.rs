//! Tokens that were issued: never the token itself, only what it is good for.

use super::schema::tokens::dsl;
use super::{DbConnection, naive, optional};
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A stored token.
#[derive(Debug, Clone, Queryable, Insertable)]
#[diesel(table_name = super::schema::tokens)]
pub struct TokenRow {
    /// Its id, as the token's `jti`.
    pub jti: String,
    /// For whom.
    pub subject: String,
    /// In which team; none is an owner's.
    pub team: Option<String>,
    /// JSON: role, builders, actions.
    pub details: String,
    /// By whom.
    pub issued_by: String,
    /// When.
    pub issued_at: NaiveDateTime,
    /// Until when.
    pub expires_at: NaiveDateTime,
    /// Since when it counts no more.
    pub revoked_at: Option<NaiveDateTime>,
    /// Control actions that it was used for.
    pub n_used: i64,
    /// The name of the key that signed it; empty where that was not recorded.
    pub kid: String,
}

/// A new token.
pub fn insert(c: &mut DbConnection, row: &TokenRow) -> QueryResult<()> {
    diesel::insert_into(dsl::tokens).values(row.clone()).execute(c).map(|_| ())
}

/// A token, or none where it was never recorded.
pub fn get(c: &mut DbConnection, jti: &str) -> QueryResult<Option<TokenRow>> {
    optional(dsl::tokens.find(jti).first(c))
}

/// Tokens of a team, or every token, newest first; only those that are good at `live_at`, where that is given.
pub fn list(c: &mut DbConnection, team: Option<&str>, live_at: Option<Time>, limit: i64) -> QueryResult<Vec<TokenRow>> {
    let mut query = dsl::tokens.order((dsl::issued_at.desc(), dsl::jti)).limit(limit).into_boxed();
    if let Some(team) = team {
        query = query.filter(dsl::team.eq(team.to_owned()));
    }
    if let Some(at) = live_at {
        query = query.filter(dsl::revoked_at.is_null()).filter(dsl::expires_at.gt(naive(at)));
    }
    query.load(c)
}

/// A token counts no more; the first moment stays.
pub fn revoke(c: &mut DbConnection, jti: &str, at: Time) -> QueryResult<()> {
    diesel::update(dsl::tokens.find(jti).filter(dsl::revoked_at.is_null()))
        .set(dsl::revoked_at.eq(naive(at)))
        .execute(c)
        .map(|_| ())
}

/// Counts one use of a token that is good for `max`; false where it is used up.
pub fn count_use(c: &mut DbConnection, jti: &str, max: i64) -> QueryResult<bool> {
    let n = diesel::update(dsl::tokens.find(jti).filter(dsl::n_used.lt(max)))
        .set(dsl::n_used.eq(dsl::n_used + 1))
        .execute(c)?;
    Ok(n == 1)
}
