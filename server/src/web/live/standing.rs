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
    /// It is not known whether they were taken from this asker.
    is_doubted: bool,
    until: Option<Instant>,
    next_look: Instant,
    /// Left with the answer; none is taken for a download.
    _place: Option<Place>,
}

impl Standing {
    /// For the stream that answers `request` by `scope` and begins now.
    ///
    /// # Errors
    /// `OverQuota` where too many are open.
    pub fn new(state: &AppState, request: &HttpRequest, scope: &Scope) -> Result<Self> {
        let address = address::of(request, &state.status.config().server);
        let place = state.open.take(scope, address).map_err(status::Error::from)?;
        Ok(Self { _place: Some(place), ..Self::of_download(state, request, scope) })
    }

    /// For the file that answers `request` by `scope`: it ends by itself, so it takes no place among the streams.
    pub fn of_download(state: &AppState, request: &HttpRequest, scope: &Scope) -> Self {
        let now = Instant::now();
        let mut standing = Self {
            state: state.clone(),
            credentials: Credentials::of(request.headers()),
            scope: scope.clone(),
            rights: state.status.watch_rights(),
            // Rights may have been taken away before they are watched here.
            is_doubted: scope.is_signed_in(),
            until: None,
            next_look: now + LOOK_EVERY,
            _place: None,
        };
        standing.until = scope.is_signed_in().then(|| now + standing.left());
        standing
    }

    /// For how long the credentials are believed from now on, unless rights are taken away.
    fn left(&self) -> Duration {
        let left = self.scope.ends().map(|ends| (ends - self.state.clock.now()).to_std().unwrap_or_default());
        left.map_or(SIGNED_IN_MAX, |left| left.clamp(LOOK_EVERY, SIGNED_IN_MAX))
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
            self.until = Some(now + self.left());
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
                self.is_doubted = !scope.is_worth(&self.scope);
                !self.is_doubted
            }
            Err(error) => {
                tracing::debug!("an open answer ends: {error}");
                false
            }
        }
    }
}
