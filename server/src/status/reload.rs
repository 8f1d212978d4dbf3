//! The configuration is loaded anew because somebody asks for it: who may, what the audit says, what the answer holds.

use super::audit::of_person;
use super::control::{Control, short};
use super::{Error, Result, Status};
use crate::config::diagnostic::Diagnostic;
use crate::config::diff::Consequence;
use crate::model::right::Right;
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::store::audit::{self, NewAudit};
use async_trait::async_trait;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, Weak};

/// The action in the audit.
pub const ACTION: &str = "reload";
/// Consequences that one row of the audit holds, and errors; of the others it says how many there are.
const AUDITED: usize = 50;
/// What they may have together, in bytes each: whoever breaks a file again and again fills the table with such rows.
const AUDITED_BYTES: usize = 16 << 10;

/// Loads the configuration's files and puts them in force. The composition root implements it.
#[async_trait]
pub trait Reload: Send + Sync {
    /// Loads anew what is there at this moment or later; answers when the new configuration is in force, or why it is not. Where nobody
    /// asked for it who may for the whole instance (`is_asked`), as when a file changed, what looks like a mishap is refused. Whoever asks
    /// while it loads shares what comes of the next load.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    async fn reload(&self, is_asked: bool) -> Result<Arc<Reloaded>>;

    /// Does `work` in a task of its own, to its end: who asked for it may go away meanwhile.
    ///
    /// # Errors
    /// Those of `work`, and where it panics.
    async fn aside(&self, work: BoxFuture<'static, Result<Arc<Reloaded>>>) -> Result<Arc<Reloaded>>;
}

/// What came of loading anew.
#[derive(Debug, Clone, Default)]
pub struct Reloaded {
    /// What was loaded is in force. Otherwise all is as it was.
    pub is_in_force: bool,
    /// Everything that is wrong anywhere.
    pub diagnostics: Vec<Diagnostic>,
    /// What follows.
    pub consequences: Vec<Consequence>,
    /// Why it is not in force where no file is to blame.
    pub refused: Option<String>,
    /// The files say what they said when they were loaded last, so nothing was done.
    pub is_unchanged: bool,
}

/// What an asker is told of it.
#[derive(Debug, Clone, Serialize)]
pub struct ReloadAnswer {
    /// What was loaded is in force, as far as the asker's part goes.
    pub in_force: bool,
    /// What is wrong in the files, as `weir check` says it.
    pub wrong: Vec<String>,
    /// The teams whose own files are broken: each is what it was.
    pub broken: Vec<String>,
    /// What follows; first what widens somebody's rights.
    pub consequences: Vec<Consequence>,
}

/// Said to a team of what is wrong elsewhere.
const OUTSIDE: &str = "the instance's own files are wrong, so nothing was changed; its owners see why";

/// Who loads anew.
#[derive(Default)]
pub(super) struct Source(OnceLock<Weak<dyn Reload>>);

impl super::update::Update {
    /// Names who loads the configuration anew; the first one stays.
    pub fn reloads(&self, source: Weak<dyn Reload>) {
        self.status.0.reload.0.get_or_init(|| source);
    }

    /// Loads anew because of something: a file changed, or (`is_asked`) a signal came. The audit says so.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn reload(&self, because: &str, is_asked: bool) -> Result<Arc<Reloaded>> {
        self.status.reload(Scope::system(), None, because.to_owned(), is_asked).await
    }
}

impl Status {
    /// Loads anew and says in the audit what came of it, whether or not the asker waits for the answer.
    async fn reload(&self, who: Scope, team: Option<String>, because: String, is_asked: bool) -> Result<Arc<Reloaded>> {
        let (status, source) = (self.clone(), self.source()?);
        let loading = source.clone();
        let work = async move {
            let reloaded = loading.reload(is_asked).await?;
            if reloaded.is_unchanged && team.is_none() {
                // Nobody asked and nothing came of it.
                return Ok(reloaded);
            }
            let known = team.filter(|team| status.config().teams.contains_key(team));
            let told = match (&known, &reloaded.refused) {
                // What is wrong outside of the team is for owners to read.
                (Some(_), Some(_)) => Arc::new(Reloaded { refused: Some(OUTSIDE.to_owned()), ..(*reloaded).clone() }),
                _ => reloaded.clone(),
            };
            let row = row(status.now(), &who, known.as_deref(), &because, &told);
            status.0.store.write(move |c| Ok::<_, Error>(audit::insert(c, &row)?)).await?;
            Ok(reloaded)
        };
        source.aside(Box::pin(work)).await
    }

    fn source(&self) -> Result<Arc<dyn Reload>> {
        self.0.reload.0.get().and_then(Weak::upgrade).ok_or(Error::Unavailable)
    }
}

impl Control {
    /// Loads the configuration anew. For a team, its admins may, so many times a minute; they are told of their own part. The files are one
    /// configuration, so all of them are loaded whoever asks: whatever of them is good is in force afterwards, but for what looks like a
    /// mishap, of which only an owner may say that it is meant.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Unavailable`, `OverQuota`.
    pub async fn reload(&self, team: Option<&str>) -> Result<ReloadAnswer> {
        let because = team.map_or_else(String::new, |team| format!("asked for team {team}"));
        if let Err(error) = self.may_reload(team).and_then(|()| self.count_reload(team)) {
            let outcome = Reloaded { refused: Some(error.to_string()), ..Reloaded::default() };
            let known = team.filter(|team| self.status.config().teams.contains_key(*team));
            let row = row(self.status.now(), &self.scope, known, &because, &outcome);
            self.status.0.refused.note_action(&self.status.0.store, &self.scope, row).await?;
            return Err(error);
        }
        let known = team.map(str::to_owned);
        let reloaded = self.status.reload(self.scope.clone(), known, because, team.is_none()).await?;
        Ok(answer(&reloaded, team))
    }

    /// Counts it for the team, unless an owner asks.
    fn count_reload(&self, team: Option<&str>) -> Result<()> {
        let team = team.filter(|_| !self.scope.is_owner());
        team.map_or(Ok(()), |team| self.status.count_reload(team))
    }

    fn may_reload(&self, team: Option<&str>) -> Result<()> {
        let now = self.status.0.in_force();
        let Some(name) = team else {
            let is_owner = self.scope.may(Right::Administer, "", "");
            return if is_owner { Ok(()) } else { Err(Error::Forbidden(Right::Administer)) };
        };
        let readable = now.config.teams.get(name).filter(|team| self.scope.may_read(name, team.visibility));
        readable.ok_or_else(|| Error::not_found("team", name))?;
        if self.scope.may(Right::Administer, name, "") { Ok(()) } else { Err(Error::Forbidden(Right::Administer)) }
    }
}

/// What the asker may know: all, or what concerns the team.
fn answer(reloaded: &Reloaded, team: Option<&str>) -> ReloadAnswer {
    let Reloaded { is_in_force, diagnostics, consequences, refused, .. } = reloaded;
    let concerns = |whose: Option<&str>| team.is_none() || whose == team;
    let own: Vec<&Diagnostic> = diagnostics.iter().filter(|d| concerns(d.team.as_deref())).collect();
    let is_broken = team.is_some() && own.iter().any(|diagnostic| diagnostic.is_error());
    let broken: BTreeSet<String> = own.iter().filter(|d| d.is_error()).filter_map(|d| d.team.clone()).collect();
    let mut wrong: Vec<String> = own.iter().map(ToString::to_string).collect();
    match refused {
        Some(why) if team.is_none() => wrong.push(why.clone()),
        // What is wrong outside of the team is for owners to read.
        _ if !*is_in_force && team.is_some() => {
            wrong.push(OUTSIDE.to_owned());
        }
        _ => {}
    }
    ReloadAnswer {
        in_force: *is_in_force && !is_broken,
        wrong,
        broken: broken.into_iter().collect(),
        consequences: consequences.iter().filter(|c| concerns(c.team.as_deref())).cloned().collect(),
    }
}

/// What the audit keeps of it.
fn row(at: Time, who: &Scope, team: Option<&str>, because: &str, reloaded: &Reloaded) -> NewAudit {
    let count = |errors: &[&Diagnostic]| errors.iter().map(|diagnostic| diagnostic.stands_for).sum::<usize>();
    let n_errors = count(&reloaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect::<Vec<_>>());
    let reason = match (&reloaded.refused, reloaded.is_in_force) {
        (Some(why), _) => why.clone(),
        (None, false) => format!("{n_errors} errors in the files; nothing changed"),
        (None, true) => because.to_owned(),
    };
    // A team's row holds what its people may read.
    let concerns = |c: &&Consequence| team.is_none() || c.team.as_deref() == team;
    let listed: Vec<&Consequence> = reloaded.consequences.iter().filter(concerns).collect();
    let consequences = audited(&listed);
    let is_own = |d: &&Diagnostic| d.is_error() && (team.is_none() || d.team.as_deref() == team);
    let errors: Vec<&Diagnostic> = reloaded.diagnostics.iter().filter(is_own).collect();
    let broken: BTreeSet<&str> = errors.iter().filter_map(|d| d.team.as_deref()).collect();
    let said = audited(&errors);
    NewAudit {
        team: team.map(str::to_owned),
        at,
        subject: who.subject.clone(),
        token_id: who.token_id.clone(),
        action: ACTION.to_owned(),
        object: "configuration".to_owned(),
        allowed: reloaded.is_in_force,
        reason: short(&reason),
        details: of_person(
            who.person(),
            json!({
                "more": listed.len() - consequences.len(),
                "consequences": consequences,
                "more_errors": count(&errors[said.len()..]),
                "errors": said,
                "broken": broken,
            }),
        ),
    }
}

/// The first of `all`, as far as there is room in a row.
fn audited(all: &[impl ToString]) -> Vec<String> {
    let mut n_left = AUDITED_BYTES;
    let texts = all.iter().take(AUDITED).map(|one| one.to_string().trim().to_owned());
    let fits = |text: &String| {
        let fits = text.len() <= n_left;
        n_left = n_left.saturating_sub(text.len());
        fits
    };
    texts.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::{AUDITED, AUDITED_BYTES, Reloaded, row};
    use crate::config::diagnostic::Diagnostic;
    use crate::config::diff::Consequence;
    use crate::model::scope::Scope;
    use crate::model::time::Time;
    use std::path::Path;

    fn details(diagnostics: Vec<Diagnostic>, consequences: Vec<Consequence>) -> serde_json::Value {
        let reloaded = Reloaded { is_in_force: true, diagnostics, consequences, ..Reloaded::default() };
        let row = row(Time::default(), &Scope::system(), None, "", &reloaded);
        serde_json::from_str(&row.details).unwrap()
    }

    #[test]
    fn a_row_holds_what_there_is_room_for_and_counts_the_rest() {
        let wrong = |i: usize| Diagnostic::of_file(Path::new("teams/core.toml"), Some("core"), "rule", i.to_string());
        let mut many: Vec<Diagnostic> = (0..200).map(wrong).collect();
        many[199].stands_for = 1_000;
        let told = details(many, Vec::new());
        assert_eq!(told["errors"].as_array().unwrap().len(), AUDITED);
        assert_eq!(told["errors"][0], "teams/core.toml:1:1: 0 [rule]");
        assert_eq!((&told["more_errors"], &told["more"]), (&(1_149.into()), &(0.into())));

        let long = || wrong(0).expected("ü".repeat(2_000)).about("ü".repeat(2_000));
        let told = details((0..40).map(|_| long()).collect(), Vec::new());
        let errors = told["errors"].as_array().unwrap();
        assert!(errors.iter().map(|error| error.as_str().unwrap().len()).sum::<usize>() <= AUDITED_BYTES);
        assert_eq!(told["more_errors"], 40 - errors.len());
        assert!((4..20).contains(&errors.len()), "{}", errors.len());
    }
}
