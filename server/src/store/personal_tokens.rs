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
    /// Of the password that its person had.
    pub stamp: String,
    /// When the person was last proved; none where they are proved no more.
    pub proved_at: Option<NaiveDateTime>,
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

/// The person was proved anew: what they are now counts for their tokens too. Says how many tokens were somebody else's in a way, by other
/// claims.
pub fn renew(c: &mut DbConnection, person: &str, identity: &str, at: Time) -> QueryResult<i64> {
    let of = dsl::personal_tokens.filter(dsl::person.eq(person));
    let n_other = of.filter(dsl::identity.ne(identity)).count().get_result(c)?;
    let set = (dsl::identity.eq(identity), dsl::proved_at.eq(Some(naive(at))));
    diesel::update(of).set(set).execute(c).map(|_| n_other)
}

/// The person is proved no more; says how many tokens they have.
pub fn unprove(c: &mut DbConnection, person: &str) -> QueryResult<usize> {
    let of = dsl::personal_tokens.filter(dsl::person.eq(person));
    diesel::update(of).set(dsl::proved_at.eq(None::<NaiveDateTime>)).execute(c)
}

/// Drops a person's tokens that were made under another password.
pub fn delete_other(c: &mut DbConnection, person: &str, stamp: &str) -> QueryResult<usize> {
    let of = dsl::personal_tokens.filter(dsl::person.eq(person)).filter(dsl::stamp.ne(stamp));
    diesel::delete(of).execute(c)
}

/// The token of that id.
pub fn get_by_id(c: &mut DbConnection, id: &str) -> QueryResult<Option<PersonalTokenRow>> {
    optional(dsl::personal_tokens.find(id).first(c))
}

/// Ends every token of a person and says how many.
pub fn delete_of(c: &mut DbConnection, person: &str) -> QueryResult<usize> {
    diesel::delete(dsl::personal_tokens.filter(dsl::person.eq(person))).execute(c)
}

/// Who of those whose names as persons begin with `prefix` has tokens, with what was said of them.
pub fn people(c: &mut DbConnection, prefix: &str) -> QueryResult<Vec<(String, String)>> {
    let like = dsl::person.like(format!("{prefix}%"));
    dsl::personal_tokens.filter(like).select((dsl::person, dsl::identity)).distinct().load(c)
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
