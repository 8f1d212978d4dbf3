//! Tokens that this instance issued: recorded when they are made, looked up at each use, revoked at any time. Needs no read
//! model, so that `weir token` works beside a running server, which sees a revocation at the next request.

use super::Result;
use super::resource::Token;
use crate::clock::SharedClock;
use crate::store::Store;

/// The table of issued tokens; it never holds a token itself.
#[derive(Clone)]
pub struct Tokens {
    #[expect(dead_code, reason = "the store is being built")]
    store: Store,
    #[expect(dead_code, reason = "the store is being built")]
    clock: SharedClock,
}

impl Tokens {
    /// The tokens of `store`.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Records a token that is about to be handed out.
    ///
    /// # Errors
    /// Where the database cannot be written; then the token must not be handed out.
    pub async fn record(&self, _token: Token) -> Result<()> {
        todo!()
    }

    /// Every recorded token that has not expired, newest first; with `all` the expired ones too, at most 1,000.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn list(&self, _all: bool) -> Result<Vec<Token>> {
        todo!()
    }

    /// Revokes a token; revoking twice changes nothing. Returns what is known of it.
    ///
    /// # Errors
    /// `NotFound` where no token of that id was recorded; where the database cannot be written.
    pub async fn revoke(&self, _jti: &str) -> Result<Token> {
        todo!()
    }

    /// Whether a token was revoked: asked at each request that carries it, so it costs one indexed read.
    ///
    /// # Errors
    /// Where the database cannot be read: then the token is not believed.
    pub async fn is_revoked(&self, _jti: &str) -> Result<bool> {
        Ok(false)
    }
}
