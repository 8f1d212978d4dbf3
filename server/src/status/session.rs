//! Sign-ins of people, each in one browser: begun, found again by the secret in the browser's cookie, listed, ended. What a session
//! is worth is asked of the configuration in force at each request; here stands only who signed in.

use super::again::seal;
use super::revocation::{COUNTS_AFTER, new_change, note_end};
use super::rights::Identity;
use super::{Error, Result, Status};
use crate::config::auth::Auth;
use crate::model::scope::Scope;
use crate::model::secret::SecretValue;
use crate::model::time::Time;
use crate::store::audit::{self, NewAudit};
use crate::store::personal_tokens;
use crate::store::sessions::{self, SessionRow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Sessions that are believed at the same time, each for [`COUNTS_AFTER`].
const BELIEVED_MAX: usize = 4_096;
/// The use of a session is written down no more often than this.
const TOUCH_EVERY: TimeDelta = TimeDelta::seconds(60);
/// Sessions of a person that a list holds.
const LISTED: i64 = 100;
/// Characters of what a browser calls itself that are kept.
const AGENT_MAX: usize = 200;

/// Sign-ins of people; cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    pub(super) status: Status,
}

/// Sessions that were found a moment ago, by the hash of their secret.
#[derive(Default)]
pub(super) struct Believed(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    found: HashMap<String, (Time, Arc<Session>)>,
    /// Counts what was ended: what was read before that is not believed.
    n_ended: u64,
    /// How often rights had been taken away when the newest was read: what was read before the last time is not believed.
    n_rights: u64,
}

/// Somebody who was just proved to be there.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Who.
    pub identity: Identity,
    /// What the browser calls itself.
    pub user_agent: String,
    /// Where the browser is.
    pub address: String,
    /// What the provider of the sign-in is to be asked with again. It is kept sealed: only the cookie's secret opens it.
    pub provider: Option<SecretValue>,
    /// When the provider is to be asked again.
    pub refresh_at: Option<Time>,
}

/// One sign-in in one browser.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Names it on pages and in the audit; no secret.
    pub id: String,
    /// Who signed in.
    pub identity: Identity,
    /// What the browser called itself.
    pub user_agent: String,
    /// Where the browser was.
    pub address: String,
    /// When it began.
    pub created_at: Time,
    /// When it was used last, to about a minute.
    pub last_used_at: Time,
    /// When it ends at the latest.
    pub expires_at: Time,
    /// When the provider of the sign-in is to be asked again; none where there is nothing to ask with.
    pub refresh_at: Option<Time>,
    stamp: String,
}

#[cfg(test)]
impl Session {
    /// One that nobody has, for samples of pages: its id, browser, address, when it began and when it was used last.
    pub(crate) fn made_up(
        id: &str,
        (user_agent, address): (&str, &str),
        (created_at, last_used_at): (Time, Time),
    ) -> Self {
        Self {
            id: id.to_owned(),
            identity: Identity::User { name: "ada".to_owned() },
            user_agent: user_agent.to_owned(),
            address: address.to_owned(),
            created_at,
            last_used_at,
            expires_at: created_at + chrono::TimeDelta::days(30),
            refresh_at: None,
            stamp: String::new(),
        }
    }
}

impl Sessions {
    /// Begins a session for who was just proved, and returns it with the secret that its cookie holds from now on. The secret is new at
    /// each sign-in. `replaced` is the session that the same browser had; it ends.
    ///
    /// # Errors
    /// `NotFound` where the configuration in force does not know them; where the database cannot be written.
    pub async fn begin(&self, new: NewSession, replaced: Option<&Session>) -> Result<(SecretValue, Session)> {
        let (now, config) = (self.status.now(), self.status.config());
        if self.status.scope_of(&new.identity, None).is_none() {
            return Err(Error::not_found("user", new.identity.subject()));
        }
        let secret = new_secret();
        let max = TimeDelta::from_std(config.auth.session_max).unwrap_or(TimeDelta::MAX);
        let session = Session {
            id: new_id("session"),
            user_agent: new.user_agent.chars().filter(|c| !c.is_control()).take(AGENT_MAX).collect(),
            address: new.address,
            created_at: now,
            last_used_at: now,
            expires_at: now.checked_add_signed(max).unwrap_or(Time::MAX_UTC),
            stamp: stamp(&config.auth, &new.identity).unwrap_or_default(),
            refresh_at: new.refresh_at.filter(|_| new.provider.is_some()),
            identity: new.identity,
        };
        let row = SessionRow {
            id: session.id.clone(),
            secret_hash: hash(secret.expose()),
            person: session.identity.person(),
            identity: json!(session.identity).to_string(),
            stamp: session.stamp.clone(),
            user_agent: session.user_agent.clone(),
            address: session.address.clone(),
            created_at: now.naive_utc(),
            last_used_at: now.naive_utc(),
            expires_at: session.expires_at.naive_utc(),
            provider: new.provider.map(|provider| seal(&secret, &session.id, &provider)),
            refresh_at: session.refresh_at.map(|at| at.naive_utc()),
        };
        let done = entry(&session.identity, &session.id, now, "sign-in", &session.address);
        let old =
            replaced.map(|old| (old.id.clone(), entry(&old.identity, &old.id, now, "sign-out", "signed in anew")));
        let ended = old.as_ref().map(|(id, _)| id.clone());
        let change = new_change();
        let noted = change.clone();
        let is_other = self
            .status
            .0
            .store
            .write(move |c| {
                sessions::delete_expired(c, now)?;
                if let Some((id, entry)) = &old
                    && sessions::delete(c, id)?
                {
                    note_end(c, id, &entry.subject, now)?;
                    audit::insert(c, entry)?;
                }
                sessions::insert(c, &row)?;
                let n_ended = personal_tokens::delete_other(c, &row.person, &row.stamp)?;
                let is_other = personal_tokens::renew(c, &row.person, &row.identity, now)? > 0 || n_ended > 0;
                if is_other {
                    note_end(c, &noted, &done.subject, now)?;
                }
                audit::insert(c, &done)?;
                Ok::<_, Error>(is_other)
            })
            .await?;
        if is_other {
            // What was opened with the person's own tokens may be theirs no more.
            self.status.tokens().know_end(&change, now);
            self.status.rights_changed();
        }
        if let Some(id) = ended {
            self.status.tokens().know_end(&id, now);
            self.forget(|session| session.id == id);
        }
        Ok((secret, session))
    }

    /// The session of the cookie's secret, and what its person may do now; none where it has ended, was not used for too long, or the
    /// configuration in force does not know its person, or not with that password, any more.
    ///
    /// # Errors
    /// Where the database cannot be asked.
    pub async fn find(&self, secret: &str) -> Result<Option<(Arc<Session>, Scope)>> {
        if !looks_like_a_secret(secret) {
            return Ok(None);
        }
        let (now, key) = (self.status.now(), hash(secret));
        let Some(session) = self.look_up(key, now).await? else { return Ok(None) };
        let auth = &self.status.config().auth;
        let is_within = |since: Time, span: Duration| TimeDelta::from_std(span).is_ok_and(|span| now - since < span);
        let is_alive = now < session.expires_at
            && is_within(session.created_at, auth.session_max)
            && is_within(session.last_used_at, auth.session_idle);
        let scope = self.status.scope_of(&session.identity, Some(session.id.clone()));
        let is_same = stamp(auth, &session.identity).as_ref() == Some(&session.stamp);
        let Some(scope) = scope.filter(|_| is_alive && is_same) else { return Ok(None) };
        let max = TimeDelta::from_std(auth.session_max).ok().and_then(|max| session.created_at.checked_add_signed(max));
        let until = max.map_or(session.expires_at, |max| max.min(session.expires_at));
        Ok(Some((session, scope.until(until).in_session())))
    }

    /// A session was used just now. It is written down about once a minute.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn touch(&self, session: &Session) -> Result<()> {
        let (now, idle) = (self.status.now(), self.status.config().auth.session_idle);
        let often = TimeDelta::from_std(idle / 4).map_or(TOUCH_EVERY, |idle| idle.min(TOUCH_EVERY));
        if now - session.last_used_at < often {
            return Ok(());
        }
        let id = session.id.clone();
        self.status.0.store.write(move |c| Ok::<_, Error>(sessions::touch(c, &id, now)?)).await?;
        // What is believed of it is older than this.
        self.lock().found.retain(|_, (_, believed)| believed.id != session.id);
        Ok(())
    }

    /// The sessions of a person that have not ended, the last used first.
    ///
    /// # Errors
    /// Where the database cannot be asked.
    pub async fn list(&self, identity: &Identity) -> Result<Vec<Session>> {
        let person = identity.person();
        let rows = self.status.0.store.read(move |c| Ok::<_, Error>(sessions::list(c, &person, LISTED)?)).await?;
        let (now, idle) = (self.status.now(), self.status.config().auth.session_idle);
        let is_alive =
            |s: &Session| now < s.expires_at && (now - s.last_used_at).to_std().is_ok_and(|span| span < idle);
        Ok(rows.into_iter().filter_map(session).filter(is_alive).collect())
    }

    /// Ends one session of `identity`, at once and at every door.
    ///
    /// # Errors
    /// `NotFound` where it has none of that id; where the database cannot be written.
    pub async fn end(&self, identity: &Identity, id: &str, by: &Session) -> Result<()> {
        let (now, person, wanted) = (self.status.now(), identity.person(), id.to_owned());
        let mut done = entry(identity, &by.id, now, "sign-out", "");
        done.object = id.to_owned();
        self.status
            .0
            .store
            .write(move |c| {
                let of_theirs = sessions::get_by_id(c, &wanted)?.is_some_and(|row| row.person == person);
                if !of_theirs || !sessions::delete(c, &wanted)? {
                    return Err(Error::not_found("session", wanted));
                }
                note_end(c, &wanted, &done.subject, now)?;
                Ok(audit::insert(c, &done)?)
            })
            .await?;
        self.status.tokens().know_end(id, now);
        self.forget(|session| session.id == id);
        Ok(())
    }

    /// Ends every session of `identity`, at once and at every door, and says how many there were.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn end_everywhere(&self, identity: &Identity, by: &Session) -> Result<usize> {
        let (now, person) = (self.status.now(), identity.person());
        let mut done = entry(identity, &by.id, now, "sign-out", "everywhere");
        let (key, noted) = (person.clone(), by.id.clone());
        let n_ended = self
            .status
            .0
            .store
            .write(move |c| {
                let n = sessions::delete_of(c, &key)?;
                // Whoever looks because of one finds none.
                note_end(c, &noted, &done.subject, now)?;
                done.details = json!({ "person": key, "sessions": n }).to_string();
                audit::insert(c, &done)?;
                Ok::<_, Error>(n)
            })
            .await?;
        self.status.tokens().know_end(&by.id, now);
        self.forget(|session| session.identity.person() == person);
        Ok(n_ended)
    }

    async fn look_up(&self, key: String, now: Time) -> Result<Option<Arc<Session>>> {
        // Read before the database is asked: a subject may be revoked at any moment, by another process too.
        let n_rights = *self.status.0.rights.borrow();
        let n_ended = {
            let mut memory = self.lock();
            if memory.n_rights != n_rights {
                memory.found.clear();
                memory.n_rights = n_rights;
            }
            if let Some((at, session)) = memory.found.get(&key)
                && (now - *at).abs().to_std().is_ok_and(|age| age < COUNTS_AFTER)
            {
                return Ok(Some(session.clone()));
            }
            memory.n_ended
        };
        let wanted = key.clone();
        let row = self.status.0.store.read(move |c| Ok::<_, Error>(sessions::get(c, &wanted)?)).await?;
        let found = row.and_then(session).map(Arc::new);
        let mut memory = self.lock();
        if memory.found.len() >= BELIEVED_MAX {
            memory.found.clear();
        }
        match &found {
            Some(session) if memory.n_ended == n_ended && memory.n_rights == n_rights => {
                drop(memory.found.insert(key, (now, session.clone())))
            }
            _ => drop(memory.found.remove(&key)),
        }
        Ok(found)
    }

    /// Believes no longer what `is_ended`, and has every open answer looked at again.
    pub(super) fn forget(&self, is_ended: impl Fn(&Session) -> bool) {
        self.read_anew(is_ended);
        self.status.rights_changed();
    }

    /// Believes no longer what `is_other` than it was.
    pub(super) fn read_anew(&self, is_other: impl Fn(&Session) -> bool) {
        let mut memory = self.lock();
        memory.found.retain(|_, (_, session)| !is_other(session));
        memory.n_ended += 1;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.status.0.sessions.0.lock().expect("no holder of the believed sessions panics")
    }
}

impl Session {
    /// What changes when the person's password does.
    pub(super) fn stamp(&self) -> &str {
        &self.stamp
    }
}

/// What changes when an identity's password does; none for one that the configuration does not know.
pub(super) fn stamp(auth: &Auth, identity: &Identity) -> Option<String> {
    match identity {
        Identity::User { name } => auth.users.get(name).map(|user| hash(&user.password_hash.0)[..16].to_owned()),
        Identity::Foreign { .. } => Some(String::new()),
    }
}

impl Identity {
    /// Names the person in a form that stays the same for ever, whatever they call themselves.
    pub fn person(&self) -> String {
        match self {
            Self::User { name } => format!("user:{name}"),
            Self::Foreign { issuer, subject, .. } => format!("issuer:{issuer}:{subject}"),
        }
    }
}

/// A new secret: 256 random bits that a cookie and a header may hold.
pub(super) fn new_secret() -> SecretValue {
    SecretValue::new(BASE64.encode(rand::random::<[u8; 32]>()))
}

/// Whether a text may be one of our secrets, before the database is asked.
pub(super) fn looks_like_a_secret(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// A new id, which is no secret and that nobody can guess either.
pub(super) fn new_id(kind: &str) -> String {
    format!("{kind}-{:032x}", rand::random::<u128>())
}

/// SHA-256 in hex. A secret of 256 random bits needs no slow hash: nobody can try them all.
pub(super) fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A row as a session; none where it cannot be read, which signs out.
fn session(row: SessionRow) -> Option<Session> {
    let identity = serde_json::from_str(&row.identity)
        .map_err(|error| tracing::warn!("the session {} cannot be read and counts as ended: {error}", row.id))
        .ok()?;
    Some(Session {
        id: row.id,
        identity,
        user_agent: row.user_agent,
        address: row.address,
        created_at: row.created_at.and_utc(),
        last_used_at: row.last_used_at.and_utc(),
        expires_at: row.expires_at.and_utc(),
        refresh_at: row.refresh_at.map(|at| at.and_utc()),
        stamp: row.stamp,
    })
}

/// What the audit says of a session's action.
pub(super) fn entry(identity: &Identity, id: &str, at: Time, action: &str, reason: &str) -> NewAudit {
    NewAudit {
        at,
        subject: identity.subject(),
        token_id: Some(id.to_owned()),
        action: action.to_owned(),
        object: id.to_owned(),
        allowed: true,
        reason: reason.to_owned(),
        details: json!({ "person": identity.person() }).to_string(),
        team: None,
    }
}
