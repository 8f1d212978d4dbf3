//! Tokens that were issued: recorded, listed, revoked. Never the token itself, only what it is good for.

use super::audit::of_person;
use super::control::short;
use super::personal;
use super::refused::Refused;
use super::revocation::{Carried, Known, NOTED_FOR, Revoked, Target, note_end, people};
use super::{Error, Result};
use crate::clock::SharedClock;
use crate::model::right::{Right, Visibility};
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::store::audit::{self, NewAudit};
use crate::store::revocations::{self, NewRevocation};
use crate::store::tokens::{self, TokenRow};
use crate::store::{DbConnection, Store};
use crate::store::{personal_tokens, sessions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Who issued a token of which only the uses are counted here.
const ELSEWHERE: &str = "elsewhere";
/// Characters that an id of ours has at most, amply: who is no owner and names more has invented it.
const ID_MAX: usize = 64;
/// Tokens that a list holds at most.
pub const LISTED: usize = 1000;
/// In how many seconds a token is tried to be made: the one of a revocation, the next, and two for clocks that differ.
const ISSUE_TRIES: u32 = 4;

/// The tokens that were issued. `weir token` uses it beside a running server, so it stands alone.
#[derive(Clone)]
pub struct Tokens {
    pub(super) store: Store,
    pub(super) clock: SharedClock,
    known: Arc<Known>,
    /// Told of what is revoked.
    rights: watch::Sender<u64>,
    refused: Arc<Refused>,
}

/// What is recorded of a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Its id.
    pub jti: String,
    /// For whom.
    pub subject: String,
    /// In which team; none is an owner's.
    pub team: Option<String>,
    /// Role, builders, actions and so on, as its claims say.
    pub details: Value,
    /// By whom.
    pub issued_by: String,
    /// When.
    pub issued_at: Time,
    /// Until when.
    pub expires_at: Time,
    /// Since when it counts no more.
    pub revoked_at: Option<Time>,
    /// Control actions that it was used for, where it is good for a number of them.
    pub n_used: i64,
    /// The name of the key that signed it; empty where that was not recorded.
    #[serde(default)]
    pub kid: String,
}

/// A token that is to be recorded.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its id.
    pub jti: String,
    /// For whom.
    pub subject: String,
    /// In which team; none is an owner's.
    pub team: Option<String>,
    /// Role, builders, actions and so on. Not the token.
    pub details: Value,
    /// Until when.
    pub expires_at: Time,
    /// The name of the key that signs it.
    pub kid: String,
}

impl Token {
    /// Whether it is only known by its uses: it was issued where this database was not at hand.
    pub fn is_from_elsewhere(&self) -> bool {
        self.issued_by == ELSEWHERE && self.details.get("team").is_none() && self.details.get("owner").is_none()
    }

    /// How many of `max` uses are left, as [`count_use`] counts them.
    pub fn n_left(&self, max: u32) -> u32 {
        u32::try_from(self.n_used).map_or(0, |n_used| max.saturating_sub(n_used))
    }
}

impl Tokens {
    /// The tokens in `store`.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock, known: Arc::default(), rights: watch::Sender::new(0), refused: Arc::default() }
    }

    /// The same, telling `rights` whenever something was revoked, and counting in `refused` what was refused.
    #[must_use]
    pub(super) fn telling(self, rights: watch::Sender<u64>, refused: Arc<Refused>) -> Self {
        Self { rights, refused, ..self }
    }

    /// Whether `scope` may issue tokens of `team`, or an owner's where none is given.
    ///
    /// # Errors
    /// `Forbidden`, which is written down.
    pub async fn check_issue(&self, scope: &Scope, team: Option<&str>) -> Result<()> {
        self.check(scope, team, "token.issue", "a new token").await?;
        self.check_kind(scope, "a new token").await
    }

    /// When a token for `subject` can be made: now, or, where all that it was issued was revoked just now, in the next second, which this
    /// waits for. Tokens tell when they were made in seconds: it would be revoked from the beginning.
    ///
    /// # Errors
    /// `Conflict` where that revocation is from a clock that is ahead of ours; where the database cannot be read.
    pub async fn issue_time(&self, subject: &str) -> Result<Time> {
        let mut tries = 0..ISSUE_TRIES;
        while tries.next().is_some() {
            let now = self.clock.now();
            let carried =
                Carried { subject: subject.to_owned(), issued_at: Some(now.timestamp()), ..Carried::default() };
            if self.revoked(&carried).await?.is_none() {
                return Ok(now);
            }
            if !tries.is_empty() {
                let left_ms = 1_000 - u64::from(now.timestamp_subsec_millis().min(999));
                tokio::time::sleep(Duration::from_millis(left_ms)).await;
            }
        }
        let why = format!("all that {subject} was issued was revoked, by a clock that is ahead of this one; try again");
        Err(Error::Conflict(why))
    }

    /// Records a token that is about to be handed out.
    ///
    /// # Errors
    /// `Forbidden` where `scope` does not administer that team (or is no owner, for an owner's token), or is itself narrowed to less than
    /// its role.
    pub async fn record(&self, scope: &Scope, new: NewToken) -> Result<()> {
        let object = format!("token {}", new.jti);
        self.check(scope, new.team.as_deref(), "token.issue", &object).await?;
        self.check_kind(scope, &object).await?;
        let now = self.clock.now();
        let row = TokenRow {
            jti: new.jti,
            subject: new.subject,
            team: new.team,
            details: new.details.to_string(),
            issued_by: scope.subject.clone(),
            issued_at: now.naive_utc(),
            expires_at: new.expires_at.naive_utc(),
            revoked_at: None,
            n_used: 0,
            kid: new.kid,
        };
        let done = NewAudit {
            team: row.team.clone(),
            details: of_person(scope.person(), new.details),
            ..entry(scope, now, "token.issue", &object)
        };
        self.store
            .write(move |c| {
                tokens::insert(c, &row)?;
                Ok(audit::insert(c, &done)?)
            })
            .await
    }

    /// Whether one of our own tokens counts no more by its id. One that was never recorded was issued elsewhere and is not revoked.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn is_revoked(&self, jti: &str) -> Result<bool> {
        let carried = Carried { jti: Some(jti.to_owned()), ..Carried::default() };
        Ok(self.revoked(&carried).await?.is_some())
    }

    /// What is recorded of a token.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn find(&self, jti: &str) -> Result<Option<Token>> {
        let wanted = jti.to_owned();
        let row = self.store.read(move |c| Ok::<_, Error>(tokens::get(c, &wanted)?)).await?;
        Ok(row.map(Token::from))
    }

    /// Why a token counts no more, if so. What another process revoked counts after [`COUNTS_AFTER`](super::revocation::COUNTS_AFTER).
    ///
    /// # Errors
    /// Where the database cannot be read: then nothing is believed.
    pub async fn revoked(&self, carried: &Carried) -> Result<Option<Revoked>> {
        self.look().await?;
        Ok(self.known.says(carried))
    }

    /// Looks for what another process revoked, and tells whoever holds an answer open. Looks that follow each other closely are one.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn look(&self) -> Result<()> {
        if self.known.look(&self.store, self.clock.now()).await? {
            self.rights.send_modify(|n| *n += 1);
        }
        Ok(())
    }

    /// One of our own tokens, or a personal one, counts no more from now on.
    ///
    /// # Errors
    /// `NotFound` where it was never recorded or `scope` does not administer its team; for a personal one, where `scope` is neither an
    /// owner's nor its person's.
    pub async fn revoke(&self, scope: &Scope, jti: &str) -> Result<()> {
        let missing = || Error::not_found("token", short(jti));
        // An owner may name any: what was signed elsewhere with a key of ours has whatever id it was given.
        if jti.len() > ID_MAX && !may_administer(scope, None) {
            return Err(missing());
        }
        if jti.starts_with(personal::ID_PREFIX) {
            return self.revoke_personal(scope, jti).await;
        }
        let wanted = jti.to_owned();
        let row = self.store.read(move |c| Ok::<_, Error>(tokens::get(c, &wanted)?)).await?;
        let object = short(&format!("token {jti}"));
        // One that never was is refused, and recorded, like one of another team: else the time that this takes would tell them apart.
        let team = row.as_ref().and_then(|row| row.team.as_deref());
        self.check(scope, team, "token.revoke", &object).await.map_err(|e| match e {
            Error::Forbidden(_) => missing(),
            e => e,
        })?;
        let row = row.ok_or_else(missing)?;
        // Clocks differ a little; a token is not believed for longer than that after its end.
        let forgotten = row.expires_at.and_utc() + chrono::TimeDelta::hours(1);
        let done = NewAudit { team: row.team, ..entry(scope, self.clock.now(), "token.revoke", &object) };
        self.end(scope, Target::Token { issuer: String::new(), jti: jti.to_owned() }, Some(forgotten), done).await
    }

    async fn revoke_personal(&self, scope: &Scope, id: &str) -> Result<()> {
        let (wanted, is_owner) = (id.to_owned(), may_administer(scope, None));
        // What is narrowed ends nothing of its person's.
        let person = scope.person().map(str::to_owned);
        let own = person.clone().filter(|_| scope.is_whole());
        let now = self.clock.now();
        let mut done = entry(scope, now, "token.revoke", &format!("token {id}"));
        self.store
            .write(move |c| {
                let row = personal_tokens::get_by_id(c, &wanted)?;
                let row = row.filter(|row| is_owner || own.as_ref() == Some(&row.person));
                let row = row.ok_or_else(|| Error::not_found("token", wanted))?;
                personal_tokens::delete(c, &row.person, &row.id)?;
                note_end(c, &row.id, &done.subject, now)?;
                done.details = of_person(person.as_deref(), json!({ "token_of": row.person }));
                Ok::<_, Error>(audit::insert(c, &done)?)
            })
            .await?;
        self.know_end(id, now);
        self.rights.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Remembers what [`note_end`] wrote down, so that it is no news when it is read.
    pub(super) fn know_end(&self, id: &str, at: Time) {
        self.known.add(Target::Token { issuer: String::new(), jti: id.to_owned() }, at, Some(at + NOTED_FOR));
    }

    /// Ends more than one of our own tokens, or what others issued: only for owners. A subject's sessions and personal tokens end too.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn revoke_all(&self, scope: &Scope, target: Target) -> Result<()> {
        let object = target.to_string();
        self.check(scope, None, "token.revoke", &object).await?;
        let done = entry(scope, self.clock.now(), "token.revoke", &object);
        self.end(scope, target, None, done).await
    }

    async fn end(&self, scope: &Scope, target: Target, forgotten: Option<Time>, mut done: NewAudit) -> Result<()> {
        let now = done.at;
        let (whose, person) = (target.clone(), scope.person().map(str::to_owned));
        let (kind, issuer, value) = target.parts();
        let row = NewRevocation {
            kind,
            issuer: issuer.to_owned(),
            value: value.to_owned(),
            revoked_by: done.subject.clone(),
            at: now,
            expires_at: forgotten,
        };
        self.store
            .write(move |c| {
                if row.kind == "token" && row.issuer.is_empty() {
                    tokens::revoke(c, &row.value, now)?;
                }
                revocations::insert(c, &row)?;
                if let Target::Subject { .. } = whose {
                    let (mut n_sessions, mut n_tokens) = (0, 0);
                    let people = people(c, &whose)?;
                    for person in &people {
                        n_sessions += sessions::delete_of(c, person)?;
                        n_tokens += personal_tokens::delete_of(c, person)?;
                    }
                    let ended = json!({ "people": people, "sessions": n_sessions, "personal_tokens": n_tokens });
                    done.details = of_person(person.as_deref(), ended);
                }
                Ok::<_, Error>(audit::insert(c, &done)?)
            })
            .await?;
        self.known.add(target, now, forgotten);
        self.rights.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Writes down that a local key was replaced.
    ///
    /// # Errors
    /// `Forbidden` for anybody but owners.
    pub async fn note_new_key(&self, scope: &Scope, issuer: &str, kid: &str) -> Result<()> {
        let object = format!("key {kid} of {issuer}");
        self.check(scope, None, "token.rotate-key", &object).await?;
        let done = entry(scope, self.clock.now(), "token.rotate-key", &object);
        self.store.write(move |c| Ok::<_, Error>(audit::insert(c, &done)?)).await
    }

    /// Tokens of a team, or every token, newest first, at most [`LISTED`]; `is_live` is only those that have not ended.
    ///
    /// # Errors
    /// `Forbidden` where `scope` does not administer that team (or is no owner).
    pub async fn list(&self, scope: &Scope, team: Option<&str>, is_live: bool) -> Result<Vec<Token>> {
        if !may_administer(scope, team) {
            return Err(Error::Forbidden(Right::Administer));
        }
        let (team, live_at) = (team.map(str::to_owned), is_live.then(|| self.clock.now()));
        let list = move |c: &mut _| Ok::<_, Error>(tokens::list(c, team.as_deref(), live_at, LISTED as i64)?);
        let rows = self.store.read(list).await?;
        Ok(rows.into_iter().map(Token::from).collect())
    }

    /// Refuses, and records that, where `scope` is of a kind that makes no tokens.
    async fn check_kind(&self, scope: &Scope, object: &str) -> Result<()> {
        if scope.may_issue() {
            return Ok(());
        }
        let why = "a personal token makes no tokens, which would go on where it ends: sign in and make another personal token on your account's page, or issue this one with a token of `weir token issue`";
        let reason = "by a personal token".to_owned();
        let refused = NewAudit { allowed: false, reason, ..entry(scope, self.clock.now(), "token.issue", object) };
        self.refused.note_action(&self.store, scope, refused).await?;
        Err(Error::Conflict(why.to_owned()))
    }

    /// Refuses, and records that, where `scope` may not administer the team's tokens.
    async fn check(&self, scope: &Scope, team: Option<&str>, action: &'static str, object: &str) -> Result<()> {
        if may_administer(scope, team) {
            return Ok(());
        }
        let refused = NewAudit {
            team: team.map(str::to_owned),
            allowed: false,
            reason: "no right to administer".to_owned(),
            ..entry(scope, self.clock.now(), action, object)
        };
        self.refused.note_action(&self.store, scope, refused).await?;
        Err(Error::Forbidden(Right::Administer))
    }
}

/// A team's admin issues its tokens; an owner every token. What is itself narrowed would hand out more than it has.
fn may_administer(scope: &Scope, team: Option<&str>) -> bool {
    match team {
        Some(team) => scope.may(Right::Administer, team, ""),
        None => scope.may_read_instance(Visibility::Private) && scope.may(Right::Administer, "", ""),
    }
}

/// What the audit says of an action that is done.
fn entry(scope: &Scope, at: Time, action: &str, object: &str) -> NewAudit {
    NewAudit {
        at,
        subject: scope.subject.clone(),
        token_id: scope.token_id.clone(),
        action: action.to_owned(),
        object: object.to_owned(),
        allowed: true,
        reason: String::new(),
        details: of_person(scope.person(), json!({})),
        team: None,
    }
}

/// Counts a control action of a token that is good for a number of them, within the action's own write.
///
/// # Errors
/// `UsedUp`.
pub(super) fn count_use(c: &mut DbConnection, scope: &Scope, at: Time) -> Result<()> {
    let (Some(max), Some(jti)) = (scope.narrowed().uses, &scope.token_id) else { return Ok(()) };
    if tokens::count_use(c, jti, i64::from(max))? {
        return Ok(());
    }
    if max == 0 || tokens::get(c, jti)?.is_some() {
        return Err(Error::UsedUp { max });
    }
    // It was issued where this database was not at hand.
    tokens::insert(
        c,
        &TokenRow {
            jti: jti.clone(),
            subject: scope.subject.clone(),
            team: None,
            details: json!({ "uses": max }).to_string(),
            issued_by: ELSEWHERE.to_owned(),
            issued_at: at.naive_utc(),
            // Its uses are remembered for as long as it is good.
            expires_at: scope.ends().unwrap_or(at).naive_utc(),
            revoked_at: None,
            n_used: 1,
            kid: String::new(),
        },
    )?;
    Ok(())
}

impl From<TokenRow> for Token {
    fn from(row: TokenRow) -> Self {
        Self {
            details: serde_json::from_str(&row.details).unwrap_or(Value::Null),
            jti: row.jti,
            subject: row.subject,
            team: row.team,
            issued_by: row.issued_by,
            issued_at: row.issued_at.and_utc(),
            expires_at: row.expires_at.and_utc(),
            revoked_at: row.revoked_at.map(|at| at.and_utc()),
            n_used: row.n_used,
            kid: row.kid,
        }
    }
}
