//! Asking the provider of a sign-in again. What it is asked with, the refresh token, is worth as much as a password for as long as the
//! session lasts: it is stored sealed with a key that is made of the cookie's secret. The database alone, or a copy of it, opens nothing,
//! and a provider is asked only about somebody who is there at that moment.

use super::revocation::{new_change, note_end};
use super::rights::Identity;
use super::session::{Session, Sessions, entry};
use super::{Error, Result};
use crate::model::secret::SecretValue;
use crate::model::time::Time;
use crate::store::audit;
use crate::store::personal_tokens;
use crate::store::sessions;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chrono::TimeDelta;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::json;

/// What the key is for, as BLAKE3 wants it said.
const PURPOSE: &str = "weir 2026-11-23 refresh token of a session";

/// Longer than any provider is waited for.
const ASKED_FOR: TimeDelta = TimeDelta::minutes(2);

impl Sessions {
    /// What the provider of a session is asked with; none where there is nothing, or the secret does not open it.
    ///
    /// # Errors
    /// Where the database cannot be asked.
    pub async fn provider(&self, session: &Session, secret: &SecretValue) -> Result<Option<SecretValue>> {
        let id = session.id.clone();
        let row = self.status.0.store.read(move |c| Ok::<_, Error>(sessions::get_by_id(c, &id)?)).await?;
        let sealed = row.and_then(|row| row.provider);
        Ok(sealed.and_then(|sealed| open(secret, &session.id, &sealed)))
    }

    /// A session's provider was asked again and says that they are `identity`: from now on that counts. It is next asked at `refresh_at`
    /// with `provider`.
    ///
    /// # Errors
    /// `Conflict` where it names another person; where the database cannot be written.
    pub async fn renew(
        &self,
        session: &Session,
        secret: &SecretValue,
        identity: Identity,
        provider: Option<&SecretValue>,
        refresh_at: Time,
    ) -> Result<()> {
        if identity.person() != session.identity.person() {
            return Err(Error::Conflict("the provider names another person than who signed in".to_owned()));
        }
        let (id, person, text) = (session.id.clone(), identity.person(), json!(identity).to_string());
        let sealed = provider.map(|provider| seal(secret, &session.id, provider));
        let refresh_at = sealed.is_some().then_some(refresh_at);
        let (now, by, change) = (self.status.now(), identity.subject(), new_change());
        let noted = (identity != session.identity).then(|| change.clone());
        let renew = move |c: &mut _| {
            personal_tokens::renew(c, &person, &text, now)?;
            if let Some(change) = noted {
                note_end(c, &change, &by, now)?;
            }
            Ok::<_, Error>(sessions::renew(c, &id, &text, sealed.as_deref(), refresh_at)?)
        };
        self.status.0.store.write(renew).await?;
        let is_it = |other: &Session| other.id == session.id;
        if identity == session.identity {
            self.read_anew(is_it)
        } else {
            self.status.tokens().know_end(&change, now);
            self.forget(is_it)
        }
        Ok(())
    }

    /// Takes it on oneself to ask the provider of a session, which is due, and says until when; none where somebody else does, as a server
    /// beside this one.
    /// What the provider gave is good for one question only, so two may not ask with it. Whoever is gone without an answer is not waited
    /// for longer than [`ASKED_FOR`].
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn claim_question(&self, session: &Session) -> Result<Option<Time>> {
        let until = self.status.now() + ASKED_FOR;
        let is_mine = self.move_question(session, session.refresh_at, Some(until)).await?;
        Ok(is_mine.then_some(until))
    }

    /// The question that was claimed until `claimed` could not be asked: it is due as before.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn put_question_back(&self, session: &Session, claimed: Time) -> Result<()> {
        self.move_question(session, Some(claimed), session.refresh_at).await.map(|_| ())
    }

    async fn move_question(&self, session: &Session, from: Option<Time>, to: Option<Time>) -> Result<bool> {
        let id = session.id.clone();
        let moved = move |c: &mut _| Ok::<_, Error>(sessions::move_refresh(c, &id, from, to)?);
        let moved = self.status.0.store.write(moved).await?;
        self.read_anew(|other| other.id == session.id);
        Ok(moved)
    }

    /// Ends a session that its provider does not stand for any more. `is_refused` is where the provider itself said so: then the person's
    /// own tokens count no more either until they have signed in again, as a provider may refuse who was away for long, too.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn refuse(&self, session: &Session, why: &str, is_refused: bool) -> Result<()> {
        let (id, person) = (session.id.clone(), session.identity.person());
        let now = self.status.now();
        let mut done = entry(&session.identity, &session.id, now, "sign-out", why);
        let write = self.status.0.store.write(move |c| {
            if sessions::delete(c, &id)? {
                note_end(c, &id, &done.subject, now)?;
                let n_paused = if is_refused { personal_tokens::unprove(c, &person)? } else { 0 };
                done.details = json!({ "person": person, "tokens": n_paused }).to_string();
                audit::insert(c, &done)?;
            }
            Ok::<_, Error>(())
        });
        write.await?;
        self.status.tokens().know_end(&session.id, now);
        self.forget(|other| other.id == session.id);
        Ok(())
    }
}

/// `value` for session `id`, as only `secret` opens it.
pub(super) fn seal(secret: &SecretValue, id: &str, value: &SecretValue) -> String {
    let nonce = rand::random::<[u8; NONCE_LEN]>();
    let mut sealed = value.expose().as_bytes().to_vec();
    // It fails above 256 GiB only.
    key(secret)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(id), &mut sealed)
        .expect("a token is no giant");
    BASE64.encode([&nonce[..], &sealed].concat())
}

fn open(secret: &SecretValue, id: &str, sealed: &str) -> Option<SecretValue> {
    let bytes = BASE64.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
    let mut sealed = zeroize::Zeroizing::new(sealed.to_vec());
    let opened = key(secret).open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(id), &mut sealed).ok()?;
    Some(SecretValue::new(String::from_utf8(opened.to_vec()).ok()?))
}

fn key(secret: &SecretValue) -> LessSafeKey {
    let key = blake3::derive_key(PURPOSE, secret.expose().as_bytes());
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).expect("a hash has the length of a key"))
}

#[cfg(test)]
mod tests {
    use super::{SecretValue, open, seal};

    #[test]
    fn only_the_secret_of_the_same_session_opens_what_was_sealed() {
        let secret = |text: &str| SecretValue::new(text.to_owned());
        let sealed = seal(&secret("cookie"), "session-1", &secret("refresh"));
        assert_eq!(open(&secret("cookie"), "session-1", &sealed).unwrap().expose(), "refresh");
        assert!(open(&secret("other"), "session-1", &sealed).is_none());
        assert!(open(&secret("cookie"), "session-2", &sealed).is_none());
        assert!(open(&secret("cookie"), "session-1", &sealed[1..]).is_none());
        assert!(open(&secret("cookie"), "session-1", "").is_none());
        assert_ne!(seal(&secret("cookie"), "session-1", &secret("refresh")), sealed, "two are never alike");
    }
}
