//! `GET /api/v2/audit`: who did what, for those who may read it.

use crate::model::time::Time;
use crate::status::audit::AuditWish;
use crate::web::extract::{Asker, Query};
use crate::web::{AppState, Error, Result};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Entries of one answer, where nobody says.
const LIMIT: usize = 100;

/// Which entries.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Wanted {
    team: Option<String>,
    subject: Option<String>,
    action: Option<String>,
    object: Option<String>,
    outcome: Option<String>,
    since: Option<String>,
    until: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

impl Wanted {
    /// What is asked of `status`; `limit` where nobody says.
    ///
    /// # Errors
    /// `BadArguments`, naming each that cannot be understood.
    pub fn wish(&self, limit: usize) -> Result<AuditWish> {
        let mut fields = BTreeMap::new();
        let mut time = |name: &str, text: &Option<String>, is_end: bool| {
            let text = text.as_deref()?;
            let found = moment(text, is_end);
            if found.is_none() {
                let why = format!("`{text}` is no day such as 2026-11-23, and no moment such as 2026-11-23T14:00:00Z");
                fields.insert(name.to_owned(), why);
            }
            found
        };
        let (since, until) = (time("since", &self.since, false), time("until", &self.until, true));
        let allowed = match self.outcome.as_deref() {
            None => None,
            Some("done") => Some(true),
            Some("refused") => Some(false),
            Some(text) => {
                fields.insert("outcome".to_owned(), format!("`{text}` is neither done nor refused"));
                None
            }
        };
        if !fields.is_empty() {
            return Err(Error::BadArguments { fields });
        }
        Ok(AuditWish {
            team: self.team.clone(),
            subject: self.subject.clone(),
            action: self.action.clone(),
            object: self.object.clone(),
            allowed,
            since,
            until,
            before: self.before,
            limit: self.limit.map_or(limit, |limit| limit as usize),
        })
    }

    /// What was given, for links that keep it; the team of a team's page stands in its path.
    pub fn arguments(&self) -> Vec<(String, String)> {
        let (before, limit) = (self.before.map(|id| id.to_string()), self.limit.map(|limit| limit.to_string()));
        let given = [
            ("subject", &self.subject),
            ("action", &self.action),
            ("object", &self.object),
            ("outcome", &self.outcome),
            ("since", &self.since),
            ("until", &self.until),
            ("before", &before),
            ("limit", &limit),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
    }
}

/// A moment; a day is its beginning, or where `is_end` its end.
fn moment(text: &str, is_end: bool) -> Option<Time> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        let day = if is_end { day.checked_add_signed(TimeDelta::days(1))? } else { day };
        return Some(day.and_time(NaiveTime::MIN).and_utc());
    }
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc))
}

/// The entries, newest first; `meta.older` goes on behind them as `before`.
pub async fn list(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    Query(wanted): Query<Wanted>,
) -> Result<HttpResponse> {
    let page = state.status.get(&scope).audit(wanted.wish(LIMIT)?).await?;
    let answer = json!({ "audit": page.entries, "meta": { "older": page.older } });
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "private, no-store")).json(answer))
}

#[cfg(test)]
mod tests {
    use super::{Wanted, moment};

    #[test]
    fn a_day_is_whole_and_what_is_none_is_named() {
        let at = |text: &str, is_end| moment(text, is_end).map(|at| at.to_rfc3339());
        assert_eq!(at("2026-11-23", false).as_deref(), Some("2026-11-23T00:00:00+00:00"));
        assert_eq!(at("2026-11-23", true).as_deref(), Some("2026-11-24T00:00:00+00:00"));
        assert_eq!(at("2026-11-23T14:00:00+02:00", true).as_deref(), Some("2026-11-23T12:00:00+00:00"));
        assert_eq!(at("noon", true), None);
        let wanted = Wanted { since: Some("x".to_owned()), outcome: Some("y".to_owned()), ..Wanted::default() };
        let said = wanted.wish(1).unwrap_err().to_string();
        assert!(said.contains("`since`") && said.contains("`outcome`"), "{said}");
    }
}
