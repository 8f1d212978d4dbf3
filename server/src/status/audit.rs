//! The audit, for those who may read it: a team's admins what was about their team, an owner everything.

use super::get::Get;
use super::{Error, Result};
use crate::model::right::{Right, Visibility};
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::store::audit::{self, AuditFilter, AuditRow};
use serde::Serialize;
use serde_json::Value;

/// Entries that one answer holds at most.
pub const ENTRIES_MAX: usize = 1_000;

/// Which entries; an empty wish is all that one may read.
#[derive(Debug, Clone, Default)]
pub struct AuditWish {
    /// About things of this team.
    pub team: Option<String>,
    /// By this subject.
    pub subject: Option<String>,
    /// Of this kind: `force`, `stop`, `sign-in` and so on.
    pub action: Option<String>,
    /// Of exactly this object.
    pub object: Option<String>,
    /// Done, or refused.
    pub allowed: Option<bool>,
    /// At this time or later.
    pub since: Option<Time>,
    /// Before this time.
    pub until: Option<Time>,
    /// Older than the entry of this id.
    pub before: Option<i64>,
    /// At most so many, and never more than [`ENTRIES_MAX`].
    pub limit: usize,
}

/// What somebody did, or was refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Its id.
    #[serde(rename = "auditid")]
    pub id: i64,
    /// When.
    pub at: Time,
    /// Who.
    pub subject: String,
    /// By which token or session.
    pub by: Option<String>,
    /// Whose thing it was about; none is the instance's.
    pub team: Option<String>,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
    /// Whether it was done.
    pub allowed: bool,
    /// Why it was refused, or what the person said.
    pub reason: String,
    /// More, by kind of action. Never a secret.
    pub details: Value,
}

/// Some entries.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// There are older ones: ask for those before this id.
    pub older: Option<i64>,
    /// The asker may read all of the audit and not only that of teams.
    pub is_whole: bool,
}

impl Get {
    /// The audit, as far as the asker may read it: of the teams that they administer, or all of it for an owner.
    ///
    /// # Errors
    /// `NotFound` where they may read nothing of it, or nothing of the team that they ask for.
    pub async fn audit(&self, wish: AuditWish) -> Result<AuditPage> {
        let now = self.status.0.in_force();
        let is_whole = administers_instance(&self.scope);
        let theirs = |team: &str| self.scope.may(Right::Administer, team, "");
        let teams = match &wish.team {
            // An owner also asks for a team that left the configuration.
            Some(team) if is_whole || (now.config.teams.contains_key(team) && theirs(team)) => Some(vec![team.clone()]),
            Some(team) => return Err(Error::not_found("audit of the team", team)),
            None if is_whole => None,
            None => Some(now.config.teams.keys().filter(|team| theirs(team)).cloned().collect::<Vec<_>>()),
        };
        if teams.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::not_found("page", "audit"));
        }
        let limit = wish.limit.clamp(1, ENTRIES_MAX);
        let filter = AuditFilter {
            teams,
            subject: wish.subject,
            action: wish.action,
            object: wish.object,
            allowed: wish.allowed,
            since: wish.since,
            until: wish.until,
            before: wish.before,
        };
        let read = move |c: &mut _| Ok::<_, Error>(audit::list(c, &filter, limit as i64 + 1)?);
        let mut entries: Vec<AuditEntry> = self.status.0.store.read(read).await?.into_iter().map(entry).collect();
        let has_older = entries.len() > limit;
        entries.truncate(limit);
        Ok(AuditPage { older: entries.last().filter(|_| has_older).map(|entry| entry.id), entries, is_whole })
    }

    /// Whether the asker may read a team's audit and ask who may do what in it.
    pub fn administers(&self, team: &str) -> bool {
        self.status.0.in_force().config.teams.contains_key(team) && self.scope.may(Right::Administer, team, "")
    }
}

/// The details of an entry with the person who acted, where one is known: two people may have one name, and no two are one person.
pub(super) fn of_person(person: Option<&str>, mut details: Value) -> String {
    if let (Some(person), Some(fields)) = (person, details.as_object_mut()) {
        fields.insert("person".to_owned(), person.into());
    }
    details.to_string()
}

/// Whether `scope` is an owner's and narrowed to nothing.
pub(super) fn administers_instance(scope: &Scope) -> bool {
    scope.may_read_instance(Visibility::Private) && scope.may(Right::Administer, "", "")
}

fn entry(row: AuditRow) -> AuditEntry {
    AuditEntry {
        id: row.id,
        at: row.at.and_utc(),
        subject: row.subject,
        by: row.token_id,
        team: row.team,
        action: row.action,
        object: row.object,
        allowed: row.allowed,
        reason: row.reason,
        details: serde_json::from_str(&row.details).unwrap_or(Value::Null),
    }
}
