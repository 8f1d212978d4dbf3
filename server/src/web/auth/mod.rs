//! From a request's credentials to a scope: the only place where a viewer's scope is made.

/// Where a request comes from.
pub mod address;
/// Our own tokens: what they claim, how they are checked.
pub mod jwt;
/// Local keys: read, or made at first start.
pub mod key;
/// Signing in at somebody else's.
pub mod oidc;
/// Whether a request was made by a page of our own.
pub mod origin;
/// The cookie of a session, and what its forms prove themselves with.
pub mod session;

use crate::config::Config;
use crate::model::scope::Scope;
use crate::model::secret::SecretValue;
use crate::model::time::Time;
use crate::status::token::Tokens;
use crate::web::{AppState, Error, Result};
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};
use key::Key;
use session::Signed;
use std::collections::BTreeMap;

/// Keys that tokens are signed and checked with, by issuer: the `<name>` of `[auth.jwt.<name>]`.
pub struct Keys {
    local: BTreeMap<String, Key>,
}

impl Keys {
    /// Reads the local keys that the configuration names, making those that are not there yet.
    ///
    /// # Errors
    /// Where a key cannot be read or made, naming its file and what to do.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let keys = config.auth.local.iter().map(|(name, key)| Ok((name.clone(), Key::open(name, key)?)));
        Ok(Self { local: keys.collect::<anyhow::Result<_>>()? })
    }

    /// The key that signs new tokens: the first by name.
    pub fn signing(&self) -> Option<(&str, &Key)> {
        self.local.iter().next().map(|(name, key)| (name.as_str(), key))
    }

    /// Who carries the bearer `token`.
    ///
    /// # Errors
    /// `Unauthenticated` with the one reason.
    pub async fn prove(&self, token: &str, now: Time, tokens: &Tokens) -> Result<Scope> {
        let proved = jwt::check(token, &self.local, now).map_err(|refusal| Error::bad_token(refusal.to_string()))?;
        if tokens.is_revoked(&proved.jti).await? {
            return Err(Error::bad_token("the token was revoked; ask for a new one"));
        }
        Ok(proved.scope)
    }
}

/// What a request proves itself with; kept by an answer that goes on for long, to be looked at again. It prints as nothing.
#[derive(Clone)]
pub struct Credentials {
    authorization: Vec<HeaderValue>,
    cookies: Vec<HeaderValue>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// Those in a request's headers.
    pub fn of(headers: &HeaderMap) -> Self {
        let all = |name| headers.get_all(name).cloned().collect();
        Self { authorization: all(AUTHORIZATION), cookies: all(COOKIE) }
    }

    /// The text of every `Cookie` header.
    fn cookies(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().filter_map(|value| value.to_str().ok())
    }

    /// Who asks, and by which session, where a cookie proved it and no token was sent. Nobody in particular without credentials. A bad token
    /// is refused; a cookie that proves nothing any more is as none, because its browser did not choose to send it.
    ///
    /// # Errors
    /// `Unauthenticated` with the one reason.
    pub async fn prove(&self, state: &AppState) -> Result<(Scope, Option<Signed>)> {
        match self.prove_token(state).await? {
            Some(scope) => Ok((scope, None)),
            None => self.prove_cookie(state).await,
        }
    }

    async fn prove_cookie(&self, state: &AppState) -> Result<(Scope, Option<Signed>)> {
        for secret in session::values(self.cookies(), &state.public_url, session::SESSION) {
            if let Some((found, scope)) = state.status.sessions().find(&secret).await? {
                return Ok((scope, Some(Signed::new(found, SecretValue::new(secret)))));
            }
        }
        Ok((Scope::anonymous(), None))
    }

    async fn prove_token(&self, state: &AppState) -> Result<Option<Scope>> {
        let Some(value) = self.authorization.first() else { return Ok(None) };
        if self.authorization.len() > 1 {
            return Err(Error::bad_token("more than one `Authorization` header was sent; send one"));
        }
        let text = value.to_str().map_err(|_| Error::bad_token("the `Authorization` header is not plain text"))?;
        match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                state.keys.prove(token.trim(), state.clock.now(), &state.status.tokens()).await.map(Some)
            }
            _ => Err(Error::bad_token("send the token as `Authorization: Bearer TOKEN`")),
        }
    }
}
