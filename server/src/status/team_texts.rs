//! What teams fall back to, kept in the database: the texts of their own files as they last were good.

use super::{Result, Status};
use crate::config::team_texts::{TeamText, TeamTexts};
use crate::model::time::Time;
use crate::store::{self, DbConnection, Store, team_texts};

/// What teams fall back to, as the last server kept it. What cannot be read any more is left out, with a word in the log: then that team
/// has nothing to fall back to.
///
/// # Errors
/// Where the database cannot be read.
pub async fn read(store: &Store) -> Result<TeamTexts, store::Error> {
    let rows = store.read(|c| Ok::<_, store::Error>(team_texts::list(c)?)).await?;
    let text = |row: team_texts::TeamTextRow| match serde_json::from_str::<TeamText>(&row.document) {
        Ok(text) => Some((row.team, text)),
        Err(error) => {
            tracing::error!(team = row.team, %error, "the team's last good configuration in the database cannot be read");
            None
        }
    };
    Ok(rows.into_iter().filter_map(text).collect())
}

/// Keeps `texts`, and nothing else: what the configuration says that comes into force.
pub(super) fn keep(c: &mut DbConnection, texts: &TeamTexts, at: Time) -> Result<(), store::Error> {
    let document = |text: &TeamText| serde_json::to_string(text).expect("texts are JSON");
    let documents: Vec<_> = texts.iter().map(|(team, text)| (team.clone(), document(text))).collect();
    Ok(team_texts::replace(c, &documents, at)?)
}

impl Status {
    /// Keeps what teams fall back to from now on: after a new configuration came into force.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn keep_team_texts(&self) -> Result<()> {
        let (texts, at) = (self.config().team_texts.clone(), self.0.clock.now());
        self.0.store.write(move |c| keep(c, &texts, at)).await.map_err(Into::into)
    }
}
