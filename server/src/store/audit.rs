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
    /// Whose thing it was about; none is the instance's, and what was about no team that there is.
    pub team: Option<String>,
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
    /// Whose thing it was about; none is the instance's.
    pub team: Option<String>,
}

/// Which actions; an empty one is all of them.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// About things of these teams only; none is of every team, and of none.
    pub teams: Option<Vec<String>>,
    /// By this subject.
    pub subject: Option<String>,
    /// Of this kind.
    pub action: Option<String>,
    /// Of exactly this object.
    pub object: Option<String>,
    /// Done, or refused.
    pub allowed: Option<bool>,
    /// At this time or later.
    pub since: Option<Time>,
    /// Before this time.
    pub until: Option<Time>,
    /// With an id under this.
    pub before: Option<i64>,
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
            dsl::team.eq(&new.team),
        ))
        .execute(c)
        .map(|_| ())
}

/// The newest actions that fit, newest first.
pub fn list(c: &mut DbConnection, wanted: &AuditFilter, limit: i64) -> QueryResult<Vec<AuditRow>> {
    let newest_first = dsl::audit.filter(dsl::id.lt(wanted.before.unwrap_or(i64::MAX))).order(dsl::id.desc());
    let mut query = newest_first.limit(limit).into_boxed();
    if let Some(teams) = &wanted.teams {
        query = query.filter(dsl::team.eq_any(teams));
    }
    if let Some(subject) = &wanted.subject {
        query = query.filter(dsl::subject.eq(subject));
    }
    if let Some(action) = &wanted.action {
        query = query.filter(dsl::action.eq(action));
    }
    if let Some(object) = &wanted.object {
        query = query.filter(dsl::object.eq(object));
    }
    if let Some(allowed) = wanted.allowed {
        query = query.filter(dsl::allowed.eq(allowed));
    }
    if let Some(since) = wanted.since {
        query = query.filter(dsl::at.ge(naive(since)));
    }
    if let Some(until) = wanted.until {
        query = query.filter(dsl::at.lt(naive(until)));
    }
    query.load(c)
}

/// Drops up to `limit` actions from before `before`, the oldest first; returns how many. The newest action of all always stays, so that no
/// id is given twice.
pub fn delete_older(c: &mut DbConnection, before: Time, limit: i64) -> QueryResult<usize> {
    let newest: Option<i64> = dsl::audit.select(diesel::dsl::max(dsl::id)).first(c)?;
    let old = dsl::audit.filter(dsl::at.lt(naive(before))).filter(dsl::id.lt(newest.unwrap_or_default()));
    let old: Vec<i64> = old.order(dsl::at).limit(limit).select(dsl::id).load(c)?;
    diesel::delete(dsl::audit.filter(dsl::id.eq_any(old))).execute(c)
}

/// The newest actions under `before`, newest first.
pub fn recent(c: &mut DbConnection, before: Option<i64>, limit: i64) -> QueryResult<Vec<AuditRow>> {
    list(c, &AuditFilter { before, ..AuditFilter::default() }, limit)
}
