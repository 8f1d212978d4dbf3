//! From a request's credentials to a scope: the only place where a viewer's scope is made.

/// Our own tokens: what they claim, how they are checked.
pub mod jwt;
/// Local keys: read, or made at first start.
pub mod key;

use crate::config::Config;
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::status::token::Tokens;
use crate::web::{Error, Result};
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
