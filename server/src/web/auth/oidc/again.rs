//! Another look at who signed in, when what the provider said is not fresh any more: at the first request after that, so that nobody is
//! asked about who is not there.

use super::{Providers, Trouble};
use crate::model::secret::SecretValue;
use crate::model::time::Time;
use crate::status::rights::Identity;
use crate::status::session::Session;
use crate::web::{AppState, Result};
use chrono::TimeDelta;
use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock};
use tokio::sync::Mutex;

/// Sessions are asked about one question at a time; those that share one of these wait for each other.
const LANES: usize = 64;
/// A provider that could not be reached is left alone for this time, in seconds.
const REST_S: i64 = 60;
/// For as long as a provider cannot be reached, who is signed in stays so, at most for this time.
const OUTAGE_MAX: TimeDelta = TimeDelta::hours(12);

/// Who is being asked about, and whom not to ask just now.
pub struct Asking {
    lanes: [Mutex<()>; LANES],
    /// Until when a provider is left alone.
    resting: Lock<HashMap<String, Time>>,
}

impl Default for Asking {
    fn default() -> Self {
        Self { lanes: std::array::from_fn(|_| Mutex::new(())), resting: Lock::default() }
    }
}

/// What another look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// What was said before still counts.
    AsBefore,
    /// It was said anew: the session is to be read again.
    Anew,
    /// The session has ended.
    Ended,
}

/// Looks again at a session where that is due.
///
/// # Errors
/// Where the database cannot be asked.
pub async fn look(state: &AppState, session: &Arc<Session>, secret: &SecretValue) -> Result<Look> {
    let now = state.clock.now();
    let (Some(due), Identity::Foreign { issuer, .. }) = (session.refresh_at, &session.identity) else {
        return Ok(Look::AsBefore);
    };
    if now < due || state.providers.rests(issuer, now) && now - due < OUTAGE_MAX {
        return Ok(Look::AsBefore);
    }
    // Whoever asked may hang up at any moment. What the provider gives then must be kept all the same: it takes back what it gave before.
    let asked = tokio::spawn(ask(state.clone(), session.clone(), secret.clone()));
    asked.await.map_err(|broken| crate::status::Error::Internal(broken.into()))?
}

async fn ask(state: AppState, session: Arc<Session>, secret: SecretValue) -> Result<Look> {
    let providers = &state.providers;
    let lane = session.id.bytes().fold(0, |sum, byte| (sum * 31 + usize::from(byte)) % LANES);
    let _turn = providers.asking.lanes[lane].lock().await;
    // Somebody may have asked while this one waited.
    let Some((session, _)) = state.status.sessions().find(secret.expose()).await? else { return Ok(Look::Ended) };
    let (Some(due), Identity::Foreign { issuer, subject, .. }) = (session.refresh_at, &session.identity) else {
        return Ok(Look::Anew);
    };
    let now = state.clock.now();
    if now < due {
        return Ok(Look::Anew);
    }
    let is_over = now - due >= OUTAGE_MAX;
    // Who waited for somebody else's question has heard then that nobody answers.
    if providers.rests(issuer, now) && !is_over {
        return Ok(Look::AsBefore);
    }
    let Some(token) = state.status.sessions().provider(&session, &secret).await? else {
        state.status.sessions().refuse(&session, "there is nothing to ask the provider with", false).await?;
        return Ok(Look::Ended);
    };
    let Some(claimed) = state.status.sessions().claim_question(&session).await? else { return Ok(Look::AsBefore) };
    let again = providers.again(&state.status.config(), issuer, &state.public_url, subject, &token).await;
    let (why, is_refused) = match again {
        Some(Ok(proved)) => {
            let kept = proved.refresh_token.as_ref();
            state.status.sessions().renew(&session, &secret, proved.identity, kept, proved.again_at).await?;
            return Ok(Look::Anew);
        }
        Some(Err(Trouble::Unreachable { .. })) if !is_over => {
            providers.rest(issuer, now);
            state.status.sessions().put_question_back(&session, claimed).await?;
            return Ok(Look::AsBefore);
        }
        Some(Err(Trouble::Unreachable { .. })) => ("the provider cannot be reached for too long", false),
        Some(Err(Trouble::Refused { .. })) => ("the provider stands for them no more", true),
        Some(Err(_)) => ("what the provider says does not hold", true),
        None => ("the provider is not configured any more", false),
    };
    state.status.sessions().refuse(&session, why, is_refused).await?;
    Ok(Look::Ended)
}

impl Providers {
    fn rests(&self, name: &str, now: Time) -> bool {
        let resting = self.asking.resting.lock().expect("no holder panics");
        resting.get(name).is_some_and(|until| now < *until)
    }

    fn rest(&self, name: &str, now: Time) {
        let mut resting = self.asking.resting.lock().expect("no holder panics");
        resting.retain(|_, until| now < *until);
        resting.insert(name.to_owned(), now + TimeDelta::seconds(REST_S));
    }
}
