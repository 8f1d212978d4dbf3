//! From a request's credentials to a scope: the only place where a viewer's scope is made.

/// Where a request comes from.
pub mod address;
/// A signed token taken apart.
pub mod envelope;
/// Tokens of somebody else's issuer.
pub mod foreign;
/// Makes a token.
pub mod issue;
/// The keys of a foreign issuer.
pub mod jwks;
/// Our own tokens: what they claim, how they are checked.
pub mod jwt;
/// Local keys: read, or made at first start.
pub mod key;
/// Signing in at somebody else's.
pub mod oidc;
/// Whether a request was made by a page of our own.
pub mod origin;
/// Passwords: made into hashes, and checked against those of the configuration.
pub mod password;
/// The keys of one local issuer, replaced ones included.
pub mod ring;
/// The cookie of a session, and what its forms prove themselves with.
pub mod session;
/// Subjects of which `can` is asked.
pub mod subject;
/// Where somebody who signed in goes on.
pub mod target;
/// How often somebody may try.
pub mod throttle;

use crate::config::Config;
use crate::config::auth::Auth;
use crate::config::issuer::{ForeignIssuer, LocalKey};
use crate::model::scope::Scope;
use crate::model::secret::SecretValue;
use crate::model::time::Time;
use crate::outbound;
use crate::status::personal;
use crate::status::revocation::{Carried, Revoked};
use crate::status::{self, Status};
use crate::web::{AppState, Error, Result};
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest};
use envelope::{Envelope, Refusal};
use jwks::{KeySet, Missing};
use oidc::again::{self, Look};
use ring::Ring;
use session::Signed;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether the keys of foreign issuers are to be fetched again.
const REFRESH_EVERY: Duration = Duration::from_secs(10);
/// A token that names an unknown key has the files of the local keys read again, but no more often.
const READ_AGAIN: Duration = Duration::from_millis(500);

/// Keys that tokens are signed and checked with, by issuer: the `<name>` of `[auth.jwt.<name>]`. Which issuers there are says the
/// configuration in force.
pub struct Keys {
    local: Mutex<HashMap<String, Local>>,
    /// One reads local keys at a time; the others wait for what that one finds.
    turn: tokio::sync::Mutex<()>,
    foreign: Mutex<HashMap<String, Arc<KeySet>>>,
    http: tokio::sync::OnceCell<reqwest::Client>,
}

struct Local {
    config: LocalKey,
    ring: Arc<Ring>,
    /// When it was last read because a token named an unknown key; the first such token has it read at once.
    read_again_at: Option<Instant>,
}

impl Keys {
    /// Reads the local keys that the configuration names, making those that are not there yet.
    ///
    /// # Errors
    /// Where a key cannot be read or made, naming its file and what to do.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let keys = Self {
            local: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            foreign: Mutex::default(),
            http: tokio::sync::OnceCell::new(),
        };
        for (name, key) in &config.auth.local {
            keys.keep(name, key, Ring::open(name, key)?, None);
        }
        Ok(keys)
    }

    /// The issuer and the keys that sign new tokens: the first by name, read anew, since they may have been replaced. None without a
    /// local issuer.
    ///
    /// # Errors
    /// Where a key cannot be read, naming its file and what to do.
    pub async fn signing(&self, auth: &Auth) -> anyhow::Result<Option<(String, Arc<Ring>)>> {
        let Some((name, config)) = auth.local.first_key_value() else { return Ok(None) };
        let _turn = self.turn.lock().await;
        Ok(Some((name.clone(), self.read(name, config, None).await?)))
    }

    /// Whether a token that the key `kid` signed can be checked: whether a local issuer still has that key.
    ///
    /// # Errors
    /// Where a key cannot be read.
    pub async fn has(&self, auth: &Auth, kid: &str) -> Result<bool> {
        for (name, config) in &auth.local {
            if self.ring_with(name, config, kid).await?.find(kid).is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Who carries the bearer `token`.
    ///
    /// # Errors
    /// `Unauthenticated` with the one reason; `Unavailable` where a foreign issuer's keys cannot be had.
    pub async fn prove(&self, token: &str, now: Time, status: &Status) -> Result<Scope> {
        let config = status.config();
        let token = Envelope::open(token)?;
        let foreign = config.auth.foreign.iter().filter(|(_, issuer)| issuer.issuer == token.issuer());
        // One issuer may stand there several times, each for another audience.
        let mut foreign: Vec<_> = foreign.collect();
        foreign.sort_by_key(|(_, issuer)| !envelope::is_for(&token.claims["aud"], &issuer.audience));
        if let Some((name, key)) = config.auth.local.get_key_value(token.issuer()) {
            self.prove_local(&token, name, key, now, status).await
        } else if let Some((name, issuer)) = foreign.first() {
            self.prove_foreign(token, name, issuer, now, status).await
        } else {
            Err(Refusal::UnknownIssuer.into())
        }
    }

    async fn prove_local(
        &self,
        token: &Envelope<'_>,
        name: &str,
        config: &LocalKey,
        now: Time,
        status: &Status,
    ) -> Result<Scope> {
        let ring = self.ring_with(name, config, &token.kid).await?;
        let key = ring.find(&token.kid).ok_or(Refusal::UnknownKey)?;
        let proved = jwt::check(token, name, key, now)?;
        still_good(&proved.carried, status).await?;
        Ok(proved.scope)
    }

    async fn prove_foreign(
        &self,
        token: Envelope<'_>,
        name: &str,
        issuer: &ForeignIssuer,
        now: Time,
        status: &Status,
    ) -> Result<Scope> {
        let algorithm = foreign::algorithm(&token, issuer)?;
        let key = self.set(name, issuer).key(&token.kid, algorithm, self.http().await?, now).await;
        let key = key.map_err(|missing| match missing {
            Missing::Unknown => Error::from(Refusal::UnknownKey),
            Missing::Unavailable => Error::NoKeys { issuer: name.to_owned() },
        })?;
        let vouched = foreign::check(token, name, issuer, &key, now)?;
        still_good(&vouched.carried, status).await?;
        let scope = status.scope_of(&vouched.identity, vouched.carried.jti).ok_or(Refusal::UnknownIssuer)?;
        Ok(scope.until(vouched.until))
    }

    /// Fetches the keys of foreign issuers from time to time, until `shutdown`.
    pub async fn run(&self, status: &Status, clock: &crate::clock::SharedClock, shutdown: CancellationToken) {
        let mut tick = tokio::time::interval(REFRESH_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = tick.tick() => {}
            }
            let config = status.config();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.refresh_once(&config, clock.now()) => {}
            }
        }
    }

    /// Fetches the keys of foreign issuers that are due, all at once.
    async fn refresh_once(&self, config: &Config, now: Time) {
        self.foreign
            .lock()
            .expect("no holder of the keys panics")
            .retain(|name, _| config.auth.foreign.contains_key(name));
        if config.auth.foreign.is_empty() {
            return;
        }
        match self.http().await {
            Ok(http) => {
                let sets: Vec<_> = config.auth.foreign.iter().map(|(name, issuer)| self.set(name, issuer)).collect();
                futures::future::join_all(sets.iter().map(|set| set.refresh(http, now))).await;
            }
            Err(error) => tracing::warn!("the keys of foreign issuers cannot be had: {error}"),
        }
    }

    async fn http(&self) -> Result<&reqwest::Client> {
        let made = self.http.get_or_try_init(async || outbound::client()).await;
        made.map_err(|error| status::Error::Internal(error).into())
    }

    /// The key set of a foreign issuer as it is configured.
    fn set(&self, name: &str, issuer: &ForeignIssuer) -> Arc<KeySet> {
        let mut sets = self.foreign.lock().expect("no holder of the keys panics");
        if let Some(set) = sets.get(name).filter(|set| set.issuer == *issuer) {
            return set.clone();
        }
        let set = Arc::new(KeySet::new(name, issuer.clone()));
        sets.insert(name.to_owned(), set.clone());
        set
    }

    /// The keys of a local issuer, read again where `kid` is not among those that were read last.
    async fn ring_with(&self, name: &str, config: &LocalKey, kid: &str) -> Result<Arc<Ring>> {
        let ring = self.ring(name, config).await?;
        if ring.find(kid).is_some() { Ok(ring) } else { self.ring_again(name, config).await }
    }

    /// The keys of a local issuer as they were read last.
    async fn ring(&self, name: &str, config: &LocalKey) -> Result<Arc<Ring>> {
        if let Some(ring) = self.known(name, config) {
            return Ok(ring);
        }
        let _turn = self.turn.lock().await;
        match self.known(name, config) {
            Some(ring) => Ok(ring),
            None => self.read(name, config, None).await.map_err(internal),
        }
    }

    /// The same, read again where that was not just done.
    async fn ring_again(&self, name: &str, config: &LocalKey) -> Result<Arc<Ring>> {
        let _turn = self.turn.lock().await;
        let now = Instant::now();
        if let Some(local) = self.local().get_mut(name).filter(|local| local.config == *config) {
            if local.read_again_at.is_some_and(|at| now.duration_since(at) < READ_AGAIN) {
                return Ok(local.ring.clone());
            }
            // Also where it fails: then the keys that are known go on until the next.
            local.read_again_at = Some(now);
        }
        self.read(name, config, Some(now)).await.map_err(internal)
    }

    fn known(&self, name: &str, config: &LocalKey) -> Option<Arc<Ring>> {
        self.local().get(name).filter(|local| local.config == *config).map(|local| local.ring.clone())
    }

    /// Reads the keys off the threads that answer. Whoever calls it has the turn.
    async fn read(&self, name: &str, config: &LocalKey, read_again_at: Option<Instant>) -> anyhow::Result<Arc<Ring>> {
        let (whose, of) = (name.to_owned(), config.clone());
        let ring = tokio::task::spawn_blocking(move || Ring::open(&whose, &of)).await??;
        Ok(self.keep(name, config, ring, read_again_at))
    }

    fn keep(&self, name: &str, config: &LocalKey, ring: Ring, read_again_at: Option<Instant>) -> Arc<Ring> {
        let ring = Arc::new(ring);
        self.local().insert(name.to_owned(), Local { config: config.clone(), ring: ring.clone(), read_again_at });
        ring
    }

    fn local(&self) -> std::sync::MutexGuard<'_, HashMap<String, Local>> {
        self.local.lock().expect("no holder of the keys panics")
    }
}

fn internal(error: anyhow::Error) -> Error {
    status::Error::Internal(error).into()
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::bad_token(refusal.to_string())
    }
}

/// Refuses what was revoked.
async fn still_good(carried: &Carried, status: &Status) -> Result<()> {
    match status.tokens().revoked(carried).await? {
        None => Ok(()),
        Some(Revoked::Token) => Err(Refusal::Revoked.into()),
        Some(Revoked::Subject) => Err(Refusal::SubjectRevoked.into()),
        Some(Revoked::Key) => Err(Refusal::KeyRevoked.into()),
    }
}

/// Looks at who asks once more, where answering `request` took its time: what was revoked meanwhile does nothing with it.
///
/// # Errors
/// `Unauthenticated` where the credentials count no more, `Conflict` where they count for something else than before.
pub async fn still_stands(request: &HttpRequest) -> Result<()> {
    let asked = request.extensions().get::<Scope>().filter(|scope| scope.is_signed_in()).cloned();
    let (Some(asked), Some(state)) = (asked, request.app_data::<Data<AppState>>()) else { return Ok(()) };
    match Credentials::of(request.headers()).prove(state).await? {
        (now, _) if now.is_worth(&asked) => Ok(()),
        (now, _) if !now.is_signed_in() => Err(Error::no_session()),
        _ => {
            let why = "what you may do has changed while this came in; look at it anew, then send it once more";
            Err(status::Error::Conflict(why.to_owned()).into())
        }
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
            let Some((found, scope)) = state.status.sessions().find(&secret).await? else { continue };
            let secret = SecretValue::new(secret);
            let (found, scope) = match again::look(state, &found, &secret).await? {
                Look::AsBefore => (found, scope),
                Look::Anew => match state.status.sessions().find(secret.expose()).await? {
                    Some(anew) => anew,
                    None => continue,
                },
                Look::Ended => continue,
            };
            return Ok((scope, Some(Signed::new(found, secret))));
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
            Some((scheme, token))
                if scheme.eq_ignore_ascii_case("bearer") && token.trim().starts_with(personal::PREFIX) =>
            {
                let found = state.status.personal_tokens().find(token.trim()).await?;
                found.map(Some).map_err(|refused| Error::bad_token(refused.to_string()))
            }
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                state.keys.prove(token.trim(), state.clock.now(), &state.status).await.map(Some)
            }
            _ => Err(Error::bad_token("send the token as `Authorization: Bearer TOKEN`")),
        }
    }
}
