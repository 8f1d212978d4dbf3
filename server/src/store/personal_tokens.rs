//! Tokens that people make for their own scripts. Never the secret, only its hash.

use super::schema::personal_tokens::dsl;
use super::{DbConnection, naive, optional};
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A stored token.
#[derive(Debug, Clone, Queryable, Insertable)]
#[diesel(table_name = super::schema::personal_tokens)]
pub struct PersonalTokenRow {
    /// Names it; no secret.
    pub id: String,
    /// SHA-256 of the secret, in hex.
    pub secret_hash: String,
    /// Whose it is, in a form that stays the same for ever.
    pub person: String,
    /// JSON: who that was when they were last proved.
    pub identity: String,
    /// What its person calls it.
    pub name: String,
    /// The team that it reaches; none is every team of the person.
    pub team: Option<String>,
    /// The role that it has at most; none is as much as the person.
    pub role: Option<String>,
    /// When it was made.
    pub created_at: NaiveDateTime,
    /// Until when it counts.
    pub expires_at: NaiveDateTime,
    /// When it was used last, to about a minute.
    pub last_used_at: Option<NaiveDateTime>,
}

/// A new token.
pub fn insert(c: &mut DbConnection, row: &PersonalTokenRow) -> QueryResult<()> {
    diesel::insert_into(dsl::personal_tokens).values(row.clone()).execute(c).map(|_| ())
}

/// The token whose secret has this hash.
pub fn get(c: &mut DbConnection, secret_hash: &str) -> QueryResult<Option<PersonalTokenRow>> {
    optional(dsl::personal_tokens.filter(dsl::secret_hash.eq(secret_hash)).first(c))
}

/// A person's tokens, the newest first; what has expired is among them.
pub fn list(c: &mut DbConnection, person: &str) -> QueryResult<Vec<PersonalTokenRow>> {
    dsl::personal_tokens.filter(dsl::person.eq(person)).order((dsl::created_at.desc(), dsl::id)).load(c)
}

/// It was used at `at`.
pub fn touch(c: &mut DbConnection, id: &str, at: Time) -> QueryResult<()> {
    diesel::update(dsl::personal_tokens.find(id)).set(dsl::last_used_at.eq(naive(at))).execute(c).map(|_| ())
}

/// The person was proved anew: what they are now counts for their tokens too.
pub fn renew(c: &mut DbConnection, person: &str, identity: &str) -> QueryResult<()> {
    let of = dsl::personal_tokens.filter(dsl::person.eq(person));
    diesel::update(of).set(dsl::identity.eq(identity)).execute(c).map(|_| ())
}

/// Ends a token of a person; false where they have none of that id.
pub fn delete(c: &mut DbConnection, person: &str, id: &str) -> QueryResult<bool> {
    let which = dsl::personal_tokens.filter(dsl::person.eq(person)).filter(dsl::id.eq(id));
    diesel::delete(which).execute(c).map(|n| n > 0)
}

/// Drops tokens that expired before `before`.
pub fn delete_expired(c: &mut DbConnection, before: Time) -> QueryResult<usize> {
    diesel::delete(dsl::personal_tokens.filter(dsl::expires_at.le(naive(before)))).execute(c)
}
