//! What a provider says of itself: its document and its keys, fetched when they are first needed, kept for an hour, and kept on where
//! the provider cannot be reached. Keys are fetched anew for a signature by one that is not known, but not at every stranger's wish.

use super::trouble::Trouble;
use super::wire::Wire;
use crate::config::issuer::Provider;
use crate::model::time::Time;
use chrono::TimeDelta;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, EndSessionUrl, IssuerUrl, ProviderMetadata, RevocationUrl};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::Mutex;

/// What was fetched is good for this time, in seconds.
const FRESH_S: i64 = 3600;
/// After an attempt that failed, or one for a key that was not known, the next is made no earlier, in seconds.
const PAUSE_S: i64 = 10;

/// What a provider's document says beside the core of OpenID Connect.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Beside {
    /// Where people sign out (RP-Initiated Logout 1.0).
    pub end_session_endpoint: Option<EndSessionUrl>,
    /// Where tokens are given back (RFC 8414, RFC 7009).
    pub revocation_endpoint: Option<RevocationUrl>,
    /// Whether its answers say who gives them (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Beside {}

/// A provider's document and keys.
pub type Metadata = ProviderMetadata<
    Beside,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// A provider as the configuration has it, and what it says of itself.
pub struct Known {
    /// As configured.
    pub provider: Provider,
    /// The way to it.
    pub wire: Wire,
    // Who comes while somebody fetches waits for that, which has a deadline.
    fetched: Mutex<Fetched>,
}

#[derive(Default)]
struct Fetched {
    metadata: Option<(Arc<Metadata>, Time)>,
    failed_at: Option<Time>,
    /// When it was last fetched for a key that was not known.
    key_missed_at: Option<Time>,
}

impl Known {
    /// Nothing is fetched yet.
    ///
    /// # Errors
    /// Where this machine has no HTTP client.
    pub fn new(provider: Provider) -> anyhow::Result<Self> {
        let wire = Wire::new(&provider.issuer)?;
        Ok(Self { provider, wire, fetched: Mutex::default() })
    }

    /// Its document and keys.
    ///
    /// # Errors
    /// `Unreachable` where there is nothing from before either.
    pub async fn metadata(&self, now: Time) -> Result<Arc<Metadata>, Trouble> {
        let mut fetched = self.fetched.lock().await;
        match &fetched.metadata {
            Some((metadata, at)) if now - *at < TimeDelta::seconds(FRESH_S) => Ok(metadata.clone()),
            old => {
                let old = old.as_ref().map(|(metadata, _)| metadata.clone());
                match (self.fetch(&mut fetched, now).await, old) {
                    (Ok(metadata), _) | (Err(_), Some(metadata)) => Ok(metadata),
                    (Err(trouble), None) => Err(trouble),
                }
            }
        }
    }

    /// Its document and keys, newer than `seen`, whose keys do not hold the one that is needed.
    ///
    /// # Errors
    /// `Unreachable`.
    pub async fn newer_than(&self, seen: &Arc<Metadata>, now: Time) -> Result<Arc<Metadata>, Trouble> {
        let mut fetched = self.fetched.lock().await;
        match &fetched.metadata {
            Some((metadata, _)) if !Arc::ptr_eq(metadata, seen) => Ok(metadata.clone()),
            _ => {
                if is_soon(fetched.key_missed_at, now) {
                    return Err(self.asked_just_now());
                }
                fetched.key_missed_at = Some(now);
                self.fetch(&mut fetched, now).await
            }
        }
    }

    async fn fetch(&self, fetched: &mut Fetched, now: Time) -> Result<Arc<Metadata>, Trouble> {
        if is_soon(fetched.failed_at, now) {
            return Err(self.asked_just_now());
        }
        // Until it has succeeded; also where whoever waits for it hangs up.
        fetched.failed_at = Some(now);
        let issuer = IssuerUrl::new(self.provider.issuer.clone());
        let issuer = issuer.map_err(|error| Trouble::unreachable(&self.provider, &error))?;
        match Metadata::discover_async(issuer, &self.wire).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                fetched.metadata = Some((metadata.clone(), now));
                fetched.failed_at = None;
                Ok(metadata)
            }
            Err(error) => Err(Trouble::unreachable(&self.provider, &error)),
        }
    }
    fn asked_just_now(&self) -> Trouble {
        let why = "it was asked a moment ago and is not asked again at once".to_owned();
        Trouble::Unreachable { title: self.provider.title.clone(), why }
    }
}

fn is_soon(before: Option<Time>, now: Time) -> bool {
    before.is_some_and(|at| now - at < TimeDelta::seconds(PAUSE_S))
}
