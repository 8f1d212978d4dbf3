//! Whether the asker of a long answer still may have it: whoever's token is revoked or has expired, who signed out, or whose rights are
//! others than they were loses their open answers within a second or two, and nobody's rights are believed for ever.

use super::open::Place;
use crate::model::scope::Scope;
use crate::status;
use crate::web::auth::{Credentials, address};
use crate::web::{AppState, Result};
use actix_web::HttpRequest;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// An answer for somebody signed in ends after this time; who comes back is looked at anew.
const SIGNED_IN_MAX: Duration = Duration::from_secs(600);
/// How often it is looked for what another process revoked. Looks that follow each other closely are one, whoever asks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches over one long answer.
pub struct Standing {
    state: AppState,
    credentials: Credentials,
    /// Who the answer was begun for.
    scope: Scope,
    /// Rights may have been taken away.
    rights: watch::Receiver<u64>,
    until: Option<Instant>,
    next_look: Instant,
    /// Left with the answer.
    _place: Place,
}

impl Standing {
    /// For the answer to `request` by `scope` that begins now.
    ///
    /// # Errors
    /// `OverQuota` where too many are open.
    pub fn new(state: &AppState, request: &HttpRequest, scope: &Scope) -> Result<Self> {
        let address = address::of(request, &state.status.config().server);
        let place = state.open.take(scope, address).map_err(status::Error::from)?;
        let now = Instant::now();
        let left = scope.ends().map(|ends| (ends - state.clock.now()).to_std().unwrap_or_default());
        let left = left.map_or(SIGNED_IN_MAX, |left| left.min(SIGNED_IN_MAX));
        Ok(Self {
            state: state.clone(),
            credentials: Credentials::of(request.headers()),
            scope: scope.clone(),
            rights: state.status.watch_rights(),
            until: scope.is_signed_in().then(|| now + left),
            next_look: now + LOOK_EVERY,
            _place: place,
        })
    }

    /// Resolves when the answer must end; never for the anonymous, whom nothing is taken from. May be dropped and called again.
    pub async fn lost(&mut self) {
        let Some(until) = self.until else { return std::future::pending().await };
        loop {
            tokio::select! {
                () = sleep_until(self.next_look.min(until)) => {
                    if Instant::now() >= until {
                        return;
                    }
                    if let Err(error) = self.state.status.tokens().look().await {
                        tracing::warn!("tokens cannot be looked at, so what one opened is closed: {error}");
                        return;
                    }
                    self.next_look = Instant::now() + LOOK_EVERY;
                }
                changed = self.rights.changed() => if changed.is_err() || !self.still_stands().await { return },
            }
        }
    }

    /// Whether the credentials prove the same as when the answer began.
    async fn still_stands(&self) -> bool {
        match self.credentials.prove(&self.state).await {
            Ok((scope, _)) => scope == self.scope,
            Err(error) => {
                tracing::debug!("an open answer ends: {error}");
                false
            }
        }
    }
}
