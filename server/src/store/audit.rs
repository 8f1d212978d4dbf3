//! Every control action, allowed or refused.

use super::schema::audit::dsl;
use super::{DbConnection, naive};
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// What is recorded of an action.
#[derive(Debug, Clone)]
pub struct NewAudit {
    /// When.
    pub at: Time,
    /// Who.
    pub subject: String,
    /// By which token.
    pub token_id: Option<String>,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
    /// Whether it was done.
    pub allowed: bool,
    /// Why it was refused, or what the person said.
    pub reason: String,
    /// JSON, without secrets.
    pub details: String,
}

/// A stored action.
#[derive(Debug, Clone, Queryable)]
pub struct AuditRow {
    /// Its id.
    pub id: i64,
    /// When.
    pub at: NaiveDateTime,
    /// Who.
    pub subject: String,
    /// By which token.
    pub token_id: Option<String>,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
    /// Whether it was done.
    pub allowed: bool,
    /// Why it was refused, or what the person said.
    pub reason: String,
    /// JSON.
    pub details: String,
}

/// Records an action.
pub fn insert(c: &mut DbConnection, new: &NewAudit) -> QueryResult<()> {
    diesel::insert_into(dsl::audit)
        .values((
            dsl::at.eq(naive(new.at)),
            dsl::subject.eq(&new.subject),
            dsl::token_id.eq(&new.token_id),
            dsl::action.eq(&new.action),
            dsl::object.eq(&new.object),
            dsl::allowed.eq(new.allowed),
            dsl::reason.eq(&new.reason),
            dsl::details.eq(&new.details),
        ))
        .execute(c)
        .map(|_| ())
}

/// The newest actions under `before`, newest first.
pub fn recent(c: &mut DbConnection, before: Option<i64>, limit: i64) -> QueryResult<Vec<AuditRow>> {
    dsl::audit.filter(dsl::id.lt(before.unwrap_or(i64::MAX))).order(dsl::id.desc()).limit(limit).load(c)
}
