//! Whether the asker of a long answer still may have it: whoever's token is revoked or has expired, who signed out, or whose rights are
//! others than they were loses their open answers within a second or two, a download with the next piece that it would send, and nobody's
//! rights are believed for ever.

use super::open::Place;
use crate::model::scope::Scope;
use crate::status;
use crate::web::auth::{Credentials, address};
use crate::web::{AppState, Error, Result};
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
    /// They were, and it is not known yet whether from this asker.
    is_doubted: bool,
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
            is_doubted: false,
            until: scope.is_signed_in().then(|| now + left),
            next_look: now + LOOK_EVERY,
            _place: place,
        })
    }

    /// Resolves when the answer must end; never for the anonymous, whom nothing is taken from. May be dropped and called again.
    pub async fn lost(&mut self) {
        let Some(until) = self.until else { return std::future::pending().await };
        loop {
            if self.is_doubted && !self.still_stands().await {
                return;
            }
            tokio::select! {
                () = sleep_until(self.next_look.min(until)) => {
                    if Instant::now() >= until {
                        return;
                    }
                    if !self.look().await {
                        return;
                    }
                    self.next_look = Instant::now() + LOOK_EVERY;
                }
                changed = self.rights.changed() => match changed {
                    Ok(()) => self.is_doubted = true,
                    Err(_) => return,
                },
            }
        }
    }

    /// Looks whether the asker may have the next piece of what is there already. Unlike a stream, which its page asks for anew by itself, a
    /// download does not end because it takes long: the credentials are looked at again then.
    ///
    /// # Errors
    /// `Unauthenticated`; an answer that it breaks off is taken for the whole by nobody.
    pub async fn check(&mut self) -> Result<()> {
        if self.counts().await { Ok(()) } else { Err(Self::broken_off()) }
    }

    /// What an answer that must end is broken off with.
    pub fn broken_off() -> Error {
        Error::bad_token("what this was asked with counts no more, or was used for long; ask again")
    }

    async fn counts(&mut self) -> bool {
        let Some(until) = self.until else { return true };
        // Looks that follow each other closely are one.
        if !self.look().await {
            return false;
        }
        let now = Instant::now();
        if now >= until {
            self.until = Some(now + SIGNED_IN_MAX);
            self.is_doubted = true;
        }
        if self.rights.has_changed().unwrap_or(true) {
            self.rights.mark_unchanged();
            self.is_doubted = true;
        }
        !self.is_doubted || self.still_stands().await
    }

    /// Looks for what another process revoked; false where that cannot be done.
    async fn look(&self) -> bool {
        let looked = self.state.status.tokens().look().await;
        looked
            .inspect_err(|error| tracing::warn!("tokens cannot be looked at, so what one opened is closed: {error}"))
            .is_ok()
    }

    /// Whether the credentials prove the same as when the answer began. Who drops it before it knows, because something else came first, is
    /// in doubt as before.
    async fn still_stands(&mut self) -> bool {
        match self.credentials.prove(&self.state).await {
            Ok((scope, _)) => {
                self.is_doubted = scope != self.scope;
                !self.is_doubted
            }
            Err(error) => {
                tracing::debug!("an open answer ends: {error}");
                false
            }
        }
    }
}
