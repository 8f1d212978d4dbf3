//! Whether the asker of a long answer still may have it: a revoked token ends its open answers within a second or two, and nobody's
//! rights are believed for ever.

use crate::model::scope::Scope;
use crate::status::token::Tokens;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// An answer for somebody signed in ends after this time; who comes back is looked at anew.
const SIGNED_IN_MAX: Duration = Duration::from_secs(600);
/// How often a token is looked at. Looks at the same token are answered from memory for a moment, whoever asks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches over one long answer.
pub struct Standing {
    tokens: Tokens,
    /// The asker's token; anonymous askers have nothing to lose.
    jti: Option<String>,
    until: Option<Instant>,
    next_look: Instant,
}

impl Standing {
    /// For an answer to `scope` that begins now.
    pub fn new(tokens: Tokens, scope: &Scope) -> Self {
        let now = Instant::now();
        let until = scope.is_signed_in().then(|| now + SIGNED_IN_MAX);
        Self { tokens, jti: scope.token_id.clone(), until, next_look: now + LOOK_EVERY }
    }

    /// Resolves when the answer must end; never for the anonymous. May be dropped and called again.
    pub async fn lost(&mut self) {
        let Some(until) = self.until else { return std::future::pending().await };
        loop {
            sleep_until(self.next_look.min(until)).await;
            if Instant::now() >= until {
                return;
            }
            if let Some(jti) = &self.jti {
                match self.tokens.is_revoked(jti).await {
                    Ok(false) => {}
                    Ok(true) => return,
                    Err(error) => {
                        tracing::warn!("a token cannot be looked at, so what it opened is closed: {error}");
                        return;
                    }
                }
            }
            self.next_look = Instant::now() + LOOK_EVERY;
        }
    }
}
