//! Sign-ins, each in one browser. Never the secret that stands in the cookie, only its hash.

use super::schema::sessions::dsl;
use super::{DbConnection, naive, optional};
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A stored session.
#[derive(Debug, Clone, Queryable, Insertable)]
#[diesel(table_name = super::schema::sessions)]
pub struct SessionRow {
    /// Names it; no secret.
    pub id: String,
    /// SHA-256 of the cookie's secret, in hex.
    pub secret_hash: String,
    /// Whose it is, in a form that stays the same for ever.
    pub person: String,
    /// JSON: who was proved.
    pub identity: String,
    /// Of the password that was used.
    pub stamp: String,
    /// What the browser called itself.
    pub user_agent: String,
    /// Where the browser was.
    pub address: String,
    /// When it began.
    pub created_at: NaiveDateTime,
    /// When it was used last, to about a minute.
    pub last_used_at: NaiveDateTime,
    /// When it ends at the latest.
    pub expires_at: NaiveDateTime,
    /// What the provider of the sign-in is asked with again, sealed with the cookie's secret.
    pub provider: Option<String>,
    /// When it is asked again.
    pub refresh_at: Option<NaiveDateTime>,
}

/// A new session.
pub fn insert(c: &mut DbConnection, row: &SessionRow) -> QueryResult<()> {
    diesel::insert_into(dsl::sessions).values(row.clone()).execute(c).map(|_| ())
}

/// The session whose secret has this hash.
pub fn get(c: &mut DbConnection, secret_hash: &str) -> QueryResult<Option<SessionRow>> {
    optional(dsl::sessions.filter(dsl::secret_hash.eq(secret_hash)).first(c))
}

/// The session of that id.
pub fn get_by_id(c: &mut DbConnection, id: &str) -> QueryResult<Option<SessionRow>> {
    optional(dsl::sessions.find(id).first(c))
}

/// A person's sessions, the last used first.
pub fn list(c: &mut DbConnection, person: &str, limit: i64) -> QueryResult<Vec<SessionRow>> {
    let of = dsl::sessions.filter(dsl::person.eq(person));
    of.order((dsl::last_used_at.desc(), dsl::id)).limit(limit).load(c)
}

/// It was used at `at`; false where it was not there. Nobody else ends it before the transaction is over.
pub fn touch(c: &mut DbConnection, id: &str, at: Time) -> QueryResult<bool> {
    diesel::update(dsl::sessions.find(id)).set(dsl::last_used_at.eq(naive(at))).execute(c).map(|n| n > 0)
}

/// Ends one session; false where it was not there.
pub fn delete(c: &mut DbConnection, id: &str) -> QueryResult<bool> {
    diesel::delete(dsl::sessions.find(id)).execute(c).map(|n| n > 0)
}

/// Ends every session of a person and says how many.
pub fn delete_of(c: &mut DbConnection, person: &str) -> QueryResult<usize> {
    diesel::delete(dsl::sessions.filter(dsl::person.eq(person))).execute(c)
}

/// Who of those whose names as persons begin with `prefix` is signed in, with what was said of them.
pub fn people(c: &mut DbConnection, prefix: &str) -> QueryResult<Vec<(String, String)>> {
    let like = dsl::person.like(format!("{prefix}%"));
    dsl::sessions.filter(like).select((dsl::person, dsl::identity)).distinct().load(c)
}

/// Drops what has ended by itself: sessions past their end.
pub fn delete_expired(c: &mut DbConnection, now: Time) -> QueryResult<usize> {
    diesel::delete(dsl::sessions.filter(dsl::expires_at.le(naive(now)))).execute(c)
}

/// The provider is asked again at `to` and no more at `from`; false where it was not to be asked then.
pub fn move_refresh(c: &mut DbConnection, id: &str, from: Option<Time>, to: Option<Time>) -> QueryResult<bool> {
    let due = dsl::sessions.find(id).filter(dsl::refresh_at.eq(from.map(naive)));
    diesel::update(due).set(dsl::refresh_at.eq(to.map(naive))).execute(c).map(|n| n > 0)
}

/// The provider was asked again: who it says is there, what it is asked with next time, and when.
pub fn renew(
    c: &mut DbConnection,
    id: &str,
    identity: &str,
    provider: Option<&str>,
    refresh_at: Option<Time>,
) -> QueryResult<bool> {
    let set = (dsl::identity.eq(identity), dsl::provider.eq(provider), dsl::refresh_at.eq(refresh_at.map(naive)));
    diesel::update(dsl::sessions.find(id)).set(set).execute(c).map(|n| n > 0)
}
