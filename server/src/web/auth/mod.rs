//! From a request's credentials to a scope: the only place where a viewer's scope is made.

/// Our own tokens: what they claim, how they are checked.
pub mod jwt;
/// Local keys: read, or made at first start.
pub mod key;

use crate::config::Config;
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::render::context::Viewer;
use crate::status::token::Tokens;
use crate::web::{AppState, Error, Result};
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};
use key::Key;
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
    pub fn cookies(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().filter_map(|value| value.to_str().ok())
    }

    /// Who asks, and, where somebody signed in, what pages say of them. Nobody in particular without credentials; bad ones are refused.
    ///
    /// # Errors
    /// `Unauthenticated` with the one reason.
    pub async fn prove(&self, state: &AppState) -> Result<(Scope, Option<Viewer>)> {
        let Some(value) = self.authorization.first() else { return Ok((Scope::anonymous(), None)) };
        if self.authorization.len() > 1 {
            return Err(Error::bad_token("more than one `Authorization` header was sent; send one"));
        }
        let text = value.to_str().map_err(|_| Error::bad_token("the `Authorization` header is not plain text"))?;
        match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                let scope = state.keys.prove(token.trim(), state.clock.now(), &state.status.tokens()).await?;
                Ok((scope, None))
            }
            _ => Err(Error::bad_token("send the token as `Authorization: Bearer TOKEN`")),
        }
    }
}
