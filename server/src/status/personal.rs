//! Tokens that people make for their own scripts, on their account's page. Such a token is its person, or less: what the person may do is
//! asked of the configuration in force at each use, and the token's own bounds are laid over that.

use super::audit::of_person;
use super::can::Who;
use super::get::Get;
use super::revocation::note_end;
use super::rights::{self, Identity};
use super::session::{Session, hash, looks_like_a_secret, new_id, new_secret, stamp};
use super::token::Tokens;
use super::{Error, Result, Status};
use crate::config::Config;
use crate::model::right::Role;
use crate::model::scope::{Narrowed, Scope};
use crate::model::secret::SecretValue;
use crate::model::time::Time;
use crate::store::audit::{self, NewAudit};
use crate::store::personal_tokens::{self, PersonalTokenRow};
use crate::store::sessions;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every personal token begins with this, so that it is known for what it is wherever it turns up.
pub const PREFIX: &str = "weirp_";
/// The id of every personal token begins with this.
pub(super) const ID_PREFIX: &str = "personal-";
/// Tokens of one person.
const TOKENS_MAX: usize = 50;
/// Days that a token may be good for.
pub const DAYS: [i64; 4] = [7, 30, 90, 365];
/// Days for which an expired token is still listed.
const LISTED_AFTER: TimeDelta = TimeDelta::days(30);
/// The use of a token is written down no more often than this.
const TOUCH_EVERY: TimeDelta = TimeDelta::seconds(60);
/// What somebody else's issuer said of a person counts for their tokens for this time after it was last said.
pub const PROVED_FOR: TimeDelta = TimeDelta::days(30);
/// Roles that a token may be bounded to, least first.
const ROLES: [(&str, Role); 3] = [("viewer", Role::Viewer), ("operator", Role::Operator), ("admin", Role::Admin)];

/// Tokens that people make for their own scripts; cheap to clone.
#[derive(Clone)]
pub struct PersonalTokens {
    pub(super) status: Status,
}

/// What somebody asks for, as a form says it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TokenWish {
    /// What to call it.
    pub name: String,
    /// The team that it shall reach; empty is every team of the person.
    pub team: String,
    /// The role that it shall have at most; empty is as much as the person.
    pub role: String,
    /// For how many days.
    pub days: String,
}

/// A token of somebody's.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonalToken {
    /// Names it; no secret.
    pub id: String,
    /// What its person calls it.
    pub name: String,
    /// The team that it reaches; none is every team of the person.
    pub team: Option<String>,
    /// The word of the role that it has at most; none is as much as the person.
    pub role: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// Until when it counts.
    pub expires_at: Time,
    /// When it was used last, to about a minute.
    pub last_used_at: Option<Time>,
}

/// Why a personal token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody has it.
    #[error("this personal token is unknown, was revoked or has expired; make a new one on your account's page")]
    Unknown,
    /// Its person signed in for the last time too long ago, or their provider did not stand for them.
    #[error(
        "it is too long ago that your provider of sign-in said who you are, or it did not stand for you any more; sign in again in a browser, and this personal token counts again"
    )]
    Unproved,
}

/// Why a personal token is worth nothing, for those who run the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// Its time is over.
    #[error("the personal token expired")]
    Expired,
    /// The configuration does not know its person.
    #[error("the configuration does not know the person whose token it is")]
    NobodyHere,
    /// It was made under a password that is not theirs any more.
    #[error("its person has another password since it was made")]
    OtherPassword,
    /// See [`Refused::Unproved`].
    #[error("the provider has not stood for its person for too long; it counts again once they sign in")]
    Unproved,
}

/// What somebody may do, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Everything on this instance.
    pub owner: bool,
    /// The word of the role in each team.
    pub roles: BTreeMap<String, &'static str>,
}

impl PersonalTokens {
    /// What `scope` may do, in words, for its own page.
    pub fn reach(&self, scope: &Scope) -> Reach {
        let roles = held(&self.status.config(), scope).into_iter().map(|(team, role)| (team, word(role)));
        Reach { owner: scope.is_owner(), roles: roles.collect() }
    }

    /// Makes a token for the person of `session` and returns it with its secret, which nobody can be shown again.
    ///
    /// # Errors
    /// `Invalid` naming each wrong field, `Limit` where they have too many, `Conflict` where the session has just ended.
    pub async fn make(
        &self,
        session: &Session,
        scope: &Scope,
        wish: TokenWish,
    ) -> Result<(SecretValue, PersonalToken)> {
        let (team, role, days) = self.check(scope, &wish)?;
        let now = self.status.now();
        let secret = SecretValue::new(format!("{PREFIX}{}", new_secret().expose()));
        // Where the provider is asked again from time to time it has stood for them just now.
        let proved_at = if session.refresh_at.is_some() { now } else { session.created_at };
        let row = PersonalTokenRow {
            id: new_id("personal"),
            secret_hash: hash(secret.expose()),
            person: session.identity.person(),
            identity: json!(session.identity).to_string(),
            name: wish.name.trim().to_owned(),
            team,
            role: role.map(|role| word(role).to_owned()),
            created_at: now.naive_utc(),
            expires_at: (now + TimeDelta::days(days)).naive_utc(),
            last_used_at: None,
            stamp: session.stamp().to_owned(),
            proved_at: Some(proved_at.naive_utc()),
        };
        let details = json!({ "name": row.name, "team": row.team, "role": row.role, "days": days });
        let done = entry(&session.identity, &session.id, now, "token.issue", &row.id, details);
        let made = PersonalToken::from(row.clone());
        let by = session.id.clone();
        let insert = move |c: &mut _| {
            // Who ends the sessions of a person ends their tokens: none is made by a session that is still believed and not there any more.
            if !sessions::touch(c, &by, now)? {
                return Err(Error::Conflict(
                    "your session has just ended; sign in again, then make the token".to_owned(),
                ));
            }
            personal_tokens::delete_expired(c, now - LISTED_AFTER)?;
            let others = personal_tokens::list(c, &row.person)?;
            if others.len() >= TOKENS_MAX {
                return Err(Error::Limit { what: "the number of your tokens".to_owned(), max: TOKENS_MAX.to_string() });
            }
            if others.iter().any(|other| other.name == row.name) {
                return Err(Error::invalid(
                    "name",
                    "you have a token of this name; revoke that one, or choose another name",
                ));
            }
            personal_tokens::insert(c, &row)?;
            Ok(audit::insert(c, &done)?)
        };
        self.status.0.store.write(insert).await?;
        Ok((secret, made))
    }

    /// A person's tokens, the newest first.
    ///
    /// # Errors
    /// Where the database cannot be asked.
    pub async fn list(&self, identity: &Identity) -> Result<Vec<PersonalToken>> {
        let person = identity.person();
        let stamp = stamp(&self.status.config().auth, identity);
        let rows = self.status.0.store.read(move |c| Ok::<_, Error>(personal_tokens::list(c, &person)?)).await?;
        let rows = rows.into_iter().filter(|row| Some(&row.stamp) == stamp.as_ref());
        Ok(rows.map(PersonalToken::from).collect())
    }

    /// Ends a token, at once and at every door.
    ///
    /// # Errors
    /// `NotFound` where the person of `session` has none of that id.
    pub async fn revoke(&self, session: &Session, id: &str) -> Result<()> {
        let (now, person, wanted) = (self.status.now(), session.identity.person(), id.to_owned());
        let done = entry(&session.identity, &session.id, now, "token.revoke", id, json!({}));
        let delete = move |c: &mut _| {
            if !personal_tokens::delete(c, &person, &wanted)? {
                return Err(Error::not_found("token", wanted));
            }
            note_end(c, &wanted, &done.subject, now)?;
            Ok(audit::insert(c, &done)?)
        };
        self.status.0.store.write(delete).await?;
        self.status.tokens().know_end(id, now);
        self.status.rights_changed();
        Ok(())
    }

    /// What who carries `secret` may do now, or why it does not count.
    ///
    /// # Errors
    /// Where the database cannot be asked.
    pub async fn find(&self, secret: &str) -> Result<std::result::Result<Scope, Refused>> {
        if !secret.strip_prefix(PREFIX).is_some_and(looks_like_a_secret) {
            return Ok(Err(Refused::Unknown));
        }
        let (now, key, config) = (self.status.now(), hash(secret), self.status.config());
        let row = self.status.0.store.read(move |c| Ok::<_, Error>(personal_tokens::get(c, &key)?)).await?;
        let Some(row) = row else { return Ok(Err(Refused::Unknown)) };
        let (scope, _) = match worth(&config, &row, now)? {
            Ok(worth) => worth,
            Err(Ended::Unproved) => return Ok(Err(Refused::Unproved)),
            Err(_) => return Ok(Err(Refused::Unknown)),
        };
        self.touch(&row, now).await;
        Ok(Ok(scope))
    }

    /// Writes down that a token was used. Who asks is not refused because that could not be written.
    async fn touch(&self, row: &PersonalTokenRow, now: Time) {
        if row.last_used_at.is_some_and(|at| now - at.and_utc() < TOUCH_EVERY) {
            return;
        }
        let id = row.id.clone();
        if let Err(error) =
            self.status.0.store.write(move |c| Ok::<_, Error>(personal_tokens::touch(c, &id, now)?)).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the use of {} cannot be written down", row.id);
        }
    }

    /// What is asked for, where all of it may be had.
    fn check(&self, scope: &Scope, wish: &TokenWish) -> Result<(Option<String>, Option<Role>, i64)> {
        let mut wrong: BTreeMap<String, String> = BTreeMap::new();
        let name = wish.name.trim();
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            wrong.insert(
                "name".to_owned(),
                "give it a name of 1 to 100 characters, such as what will use it".to_owned(),
            );
        }
        let held = held(&self.status.config(), scope);
        let team = Some(wish.team.clone()).filter(|team| !team.is_empty());
        if team.as_ref().is_some_and(|team| !held.contains_key(team)) {
            wrong.insert("team".to_owned(), "you have no role in this team".to_owned());
        }
        let role = match wish.role.as_str() {
            "" => None,
            given => {
                let role = parse(given);
                let own = held.iter().filter(|(name, _)| team.as_ref().is_none_or(|team| team == *name));
                let own = own.map(|(_, role)| *role).max();
                if role.is_none() {
                    wrong.insert("role".to_owned(), "choose viewer, operator or admin".to_owned());
                } else if role > own {
                    let largest = own.map_or("none", word);
                    wrong.insert(
                        "role".to_owned(),
                        format!("a token may do no more than you; your largest role there is {largest}"),
                    );
                }
                role
            }
        };
        let days = wish.days.parse().ok().filter(|days| DAYS.contains(days));
        if days.is_none() {
            wrong.insert("days".to_owned(), "choose for how long it shall be good".to_owned());
        }
        match (wrong.is_empty(), days) {
            (true, Some(days)) => Ok((team, role, days)),
            _ => Err(Error::Invalid { fields: wrong }),
        }
    }
}

/// What who carries a token may do under `config` at `now`, and who that is; or why it counts no more. Whoever carries it and whoever asks
/// about it is answered by this.
fn worth(config: &Config, row: &PersonalTokenRow, now: Time) -> Result<std::result::Result<(Scope, Identity), Ended>> {
    let mut until = row.expires_at.and_utc();
    if now >= until {
        return Ok(Err(Ended::Expired));
    }
    let identity: Identity = serde_json::from_str(&row.identity).map_err(|error| Error::Internal(error.into()))?;
    let known = rights::known(&config.auth, &identity, Some(row.id.clone()));
    let (Some((scope, _)), Some(stamp)) = (known, stamp(&config.auth, &identity)) else {
        return Ok(Err(Ended::NobodyHere));
    };
    // Another password ends what was made by the old one.
    if stamp != row.stamp {
        return Ok(Err(Ended::OtherPassword));
    }
    if let Identity::Foreign { .. } = identity {
        let proved_until = row.proved_at.map(|at| at.and_utc() + PROVED_FOR);
        let Some(proved_until) = proved_until.filter(|until| now < *until) else { return Ok(Err(Ended::Unproved)) };
        until = until.min(proved_until);
    }
    Ok(Ok((bounded(config, scope, row).until(until).issuing_nothing(), identity)))
}

/// `scope`, as far as the token reaches.
fn bounded(config: &Config, scope: Scope, row: &PersonalTokenRow) -> Scope {
    if row.team.is_none() && row.role.is_none() {
        return scope;
    }
    // A word that this version does not know is the least role there is.
    let most = row.role.as_deref().map_or(Role::Admin, |word| parse(word).unwrap_or(Role::Viewer));
    let held = held(config, &scope).into_iter().filter(|(team, _)| row.team.as_ref().is_none_or(|only| only == team));
    let roles = held.map(|(team, role)| (team, role.min(most))).collect();
    Scope::proved(scope.subject, scope.token_id, false, roles, Narrowed::default()).of_person(row.person.clone())
}

/// The role in each team; an owner has every team's largest.
fn held(config: &Config, scope: &Scope) -> BTreeMap<String, Role> {
    match scope.is_owner() {
        true => config.teams.keys().map(|team| (team.clone(), Role::Admin)).collect(),
        false => scope.roles().clone(),
    }
}

impl Tokens {
    /// The personal token `id`, for whoever asks what it may do under `config`.
    ///
    /// # Errors
    /// `NotFound` where there is none, or it was revoked.
    pub async fn personal(&self, config: &Config, id: &str, asker: Option<&Get>) -> Result<Who> {
        let wanted = id.to_owned();
        let row = self.store.read(move |c| Ok::<_, Error>(personal_tokens::get_by_id(c, &wanted)?)).await?;
        let missing = || Error::not_found("unrevoked personal token", id);
        let row = row.ok_or_else(missing)?;
        let worth = worth(config, &row, self.clock.now())?;
        let scope = worth.as_ref().ok().map(|(scope, _)| scope);
        if asker.is_some_and(|asker| !asker.may_ask_about_personal(row.team.as_deref(), scope)) {
            return Err(missing());
        }
        let reach = match (&row.team, &row.role) {
            (None, None) => "it may do all that they may".to_owned(),
            (Some(team), None) => format!("it reaches team {team} only"),
            (None, Some(role)) => format!("it is {role} at most"),
            (Some(team), Some(role)) => format!("it is {role} at most, and in team {team} only"),
        };
        let origin = format!("a personal token of {}: {reach}", row.person);
        Ok(Who::Personal { origin, worth: worth.map(|(scope, identity)| (Box::new(scope), identity)) })
    }
}

impl Status {
    /// Tokens that people make for their own scripts.
    pub fn personal_tokens(&self) -> PersonalTokens {
        PersonalTokens { status: self.clone() }
    }
}

/// A role's word.
fn word(role: Role) -> &'static str {
    ROLES.iter().find(|(_, known)| *known == role).map_or("owner", |(word, _)| word)
}

fn parse(word: &str) -> Option<Role> {
    ROLES.iter().find(|(known, _)| *known == word).map(|(_, role)| *role)
}

impl From<PersonalTokenRow> for PersonalToken {
    fn from(row: PersonalTokenRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            team: row.team,
            role: row.role,
            created_at: row.created_at.and_utc(),
            expires_at: row.expires_at.and_utc(),
            last_used_at: row.last_used_at.map(|at| at.and_utc()),
        }
    }
}

fn entry(identity: &Identity, by: &str, at: Time, action: &str, id: &str, details: Value) -> NewAudit {
    NewAudit {
        at,
        subject: identity.subject(),
        token_id: Some(by.to_owned()),
        action: action.to_owned(),
        object: format!("token {id}"),
        allowed: true,
        reason: String::new(),
        details: of_person(Some(&identity.person()), details),
        team: None,
    }
}
