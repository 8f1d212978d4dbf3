//! Tokens that were issued: recorded, listed, revoked. Never the token itself, only what it is good for.

use super::{Error, Result};
use crate::clock::SharedClock;
use crate::model::right::{Right, Visibility};
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::store::audit::{self, NewAudit};
use crate::store::tokens::{self, TokenRow};
use crate::store::{DbConnection, Store};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// For how long an answer about a token is believed: a revocation by another process counts after this.
const BELIEVED_MS: i64 = 500;
/// Answers that are kept.
const KEPT: usize = 4096;
/// Tokens that a list holds at most.
const LISTED: i64 = 1000;

/// The tokens that were issued. `weir token` uses it beside a running server, so it stands alone.
#[derive(Clone)]
pub struct Tokens {
    store: Store,
    clock: SharedClock,
    believed: Arc<Mutex<HashMap<String, (Time, bool)>>>,
}

/// What is recorded of a token.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
}

impl Tokens {
    /// The tokens in `store`.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock, believed: Arc::default() }
    }

    /// Records a token that is about to be handed out.
    ///
    /// # Errors
    /// `Forbidden` where `scope` does not administer that team (or is no owner, for an owner's token).
    pub async fn record(&self, scope: &Scope, new: NewToken) -> Result<()> {
        self.check(scope, new.team.as_deref(), "token.issue", &new.jti).await?;
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
        };
        let done = NewAudit {
            team: row.team.clone(),
            details: row.details.clone(),
            ..entry(scope, now, "token.issue", &row.jti)
        };
        self.store
            .write(move |c| {
                tokens::insert(c, &row)?;
                Ok(audit::insert(c, &done)?)
            })
            .await
    }

    /// Whether a token counts no more. One that was never recorded was issued elsewhere and is not revoked.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn is_revoked(&self, jti: &str) -> Result<bool> {
        let now = self.clock.now();
        if let Some((at, is_revoked)) = self.lock().get(jti)
            && (*is_revoked || (now - *at).num_milliseconds().abs() < BELIEVED_MS)
        {
            return Ok(*is_revoked);
        }
        let wanted = jti.to_owned();
        let row = self.store.read(move |c| Ok::<_, Error>(tokens::get(c, &wanted)?)).await?;
        let is_revoked = row.is_some_and(|row| row.revoked_at.is_some());
        self.believe(jti, now, is_revoked);
        Ok(is_revoked)
    }

    /// A token counts no more from now on.
    ///
    /// # Errors
    /// `NotFound` where it was never recorded or `scope` does not administer its team.
    pub async fn revoke(&self, scope: &Scope, jti: &str) -> Result<()> {
        let (now, wanted) = (self.clock.now(), jti.to_owned());
        let row = self.store.read(move |c| Ok::<_, Error>(tokens::get(c, &wanted)?)).await?;
        let row = row.ok_or_else(|| Error::not_found("token", jti))?;
        self.check(scope, row.team.as_deref(), "token.revoke", jti).await.map_err(|e| match e {
            Error::Forbidden(_) => Error::not_found("token", jti),
            e => e,
        })?;
        let done = NewAudit { team: row.team.clone(), ..entry(scope, now, "token.revoke", jti) };
        self.store
            .write(move |c| {
                tokens::revoke(c, &row.jti, now)?;
                Ok::<_, Error>(audit::insert(c, &done)?)
            })
            .await?;
        self.believe(jti, now, true);
        Ok(())
    }

    /// Tokens of a team, or every token, newest first.
    ///
    /// # Errors
    /// `Forbidden` where `scope` does not administer that team (or is no owner).
    pub async fn list(&self, scope: &Scope, team: Option<&str>) -> Result<Vec<Token>> {
        if !may_administer(scope, team) {
            return Err(Error::Forbidden(Right::Administer));
        }
        let team = team.map(str::to_owned);
        let rows = self.store.read(move |c| Ok::<_, Error>(tokens::list(c, team.as_deref(), LISTED)?)).await?;
        Ok(rows.into_iter().map(Token::from).collect())
    }

    /// Refuses, and records that, where `scope` may not administer the team's tokens.
    async fn check(&self, scope: &Scope, team: Option<&str>, action: &'static str, jti: &str) -> Result<()> {
        if may_administer(scope, team) {
            return Ok(());
        }
        let refused = NewAudit {
            team: team.map(str::to_owned),
            allowed: false,
            reason: "no right to administer".to_owned(),
            ..entry(scope, self.clock.now(), action, jti)
        };
        self.store.write(move |c| Ok::<_, Error>(audit::insert(c, &refused)?)).await?;
        Err(Error::Forbidden(Right::Administer))
    }

    fn believe(&self, jti: &str, at: Time, is_revoked: bool) {
        let mut believed = self.lock();
        if believed.len() >= KEPT {
            believed.clear();
        }
        believed.insert(jti.to_owned(), (at, is_revoked));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Time, bool)>> {
        self.believed.lock().expect("no holder of the believed answers panics")
    }
}

/// A team's admin issues its tokens; an owner every token.
fn may_administer(scope: &Scope, team: Option<&str>) -> bool {
    match team {
        Some(team) => scope.may(Right::Administer, team, ""),
        None => scope.may_read_instance(Visibility::Private) && scope.may(Right::Administer, "", ""),
    }
}

/// What the audit says of an action that is done.
fn entry(scope: &Scope, at: Time, action: &str, jti: &str) -> NewAudit {
    NewAudit {
        at,
        subject: scope.subject.clone(),
        token_id: scope.token_id.clone(),
        action: action.to_owned(),
        object: format!("token {jti}"),
        allowed: true,
        reason: String::new(),
        details: "{}".to_owned(),
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
            issued_by: "elsewhere".to_owned(),
            issued_at: at.naive_utc(),
            expires_at: at.naive_utc(),
            revoked_at: None,
            n_used: 1,
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
        }
    }
}
