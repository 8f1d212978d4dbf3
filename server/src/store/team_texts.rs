//! What each team's own files said when they were last good.

use super::schema::team_texts::dsl;
use super::{DbConnection, naive};
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A team's files as they were last good.
#[derive(Debug, Clone, Queryable)]
pub struct TeamTextRow {
    /// The team.
    pub team: String,
    /// JSON, as `config::team_texts` writes it.
    pub document: String,
    /// When they came into force.
    pub good_at: NaiveDateTime,
}

/// Of every team that has files of its own.
pub fn list(c: &mut DbConnection) -> QueryResult<Vec<TeamTextRow>> {
    dsl::team_texts.order(dsl::team).load(c)
}

/// Keeps `documents`, by team, and nobody else's: whoever is gone from the configuration has nothing to fall back to. A text that is the
/// same stays as old as it was.
pub fn replace(c: &mut DbConnection, documents: &[(String, String)], at: Time) -> QueryResult<()> {
    let names: Vec<&str> = documents.iter().map(|(team, _)| team.as_str()).collect();
    diesel::delete(dsl::team_texts.filter(dsl::team.ne_all(names))).execute(c)?;
    for (team, document) in documents {
        let now = (dsl::document.eq(document), dsl::good_at.eq(naive(at)));
        let known: Option<String> = super::optional(dsl::team_texts.find(team).select(dsl::document).first(c))?;
        match known {
            Some(known) if known == *document => {}
            Some(_) => drop(diesel::update(dsl::team_texts.find(team)).set(now).execute(c)?),
            None => drop(diesel::insert_into(dsl::team_texts).values((dsl::team.eq(team), now)).execute(c)?),
        }
    }
    Ok(())
}
