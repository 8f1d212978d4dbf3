//! Tokens that were issued: recorded, listed, revoked. Never the token itself, only what it is good for.

use super::Result;
use crate::clock::SharedClock;
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::store::Store;
use serde::Serialize;
use serde_json::Value;

/// The tokens that were issued. `weir token` uses it beside a running server, so it stands alone.
#[derive(Clone)]
pub struct Tokens {
    #[expect(dead_code, reason = "the store is being built")]
    store: Store,
    #[expect(dead_code, reason = "the store is being built")]
    clock: SharedClock,
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
        Self { store, clock }
    }

    /// Records a token that is about to be handed out.
    ///
    /// # Errors
    /// `Forbidden` where `scope` does not administer that team (or is no owner, for an owner's token).
    pub async fn record(&self, _scope: &Scope, _new: NewToken) -> Result<()> {
        todo!()
    }

    /// Whether a token counts no more. One that was never recorded was issued elsewhere and is not revoked.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn is_revoked(&self, _jti: &str) -> Result<bool> {
        Ok(false)
    }

    /// A token counts no more from now on.
    ///
    /// # Errors
    /// `NotFound` where it was never recorded or `scope` does not administer its team.
    pub async fn revoke(&self, _scope: &Scope, _jti: &str) -> Result<()> {
        todo!()
    }

    /// Tokens of a team, or every token, newest first.
    ///
    /// # Errors
    /// `Forbidden` where `scope` does not administer that team (or is no owner).
    pub async fn list(&self, _scope: &Scope, _team: Option<&str>) -> Result<Vec<Token>> {
        todo!()
    }
}
