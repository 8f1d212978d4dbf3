//! Signing in at somebody else's: OpenID Connect with the authorization code, PKCE, `state` and `nonce`
//! (<https://openid.net/specs/openid-connect-core-1_0.html>, OAuth's best practice RFC 9700).

/// Another look at who signed in.
pub mod again;
/// A sign-in that has begun.
pub mod attempt;
/// From what a provider says to who somebody is.
mod claims;
/// What providers say of themselves.
mod known;
/// Why a sign-in does not succeed.
pub mod trouble;
/// The way to a provider.
mod wire;

pub use trouble::Trouble;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::config::issuer::Provider;
use crate::config::team::TeamSecret;
use crate::config::vault::Vault;
use crate::model::secret::SecretValue;
use crate::model::time::Time;
use crate::render::links::Links;
use crate::status::rights::Identity;
use attempt::Attempt;
use chrono::TimeDelta;
use known::{Known, Metadata};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreGenderClaim, CoreIdToken, CoreIdTokenVerifier,
    CoreJwsSigningAlgorithm, CoreTokenResponse,
};
use openidconnect::http::StatusCode;
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, LogoutRequest, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    SignatureVerificationError, StandardErrorResponse, SubjectIdentifier, TokenResponse as _, UserInfoClaims,
    UserInfoError,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;
use wire::WireError;

/// Signatures that ID tokens may carry: none that our own secret makes.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// A provider is asked again about somebody no later than this, whatever its tokens say.
const AGAIN_MAX: Duration = Duration::from_secs(3600);
/// And no earlier.
const AGAIN_MIN: Duration = Duration::from_secs(1);

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;
type TokenError = RequestTokenError<WireError, StandardErrorResponse<openidconnect::core::CoreErrorResponseType>>;

/// What a provider's answer brings back, by the browser.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Answer {
    /// Proves that this browser began.
    #[serde(default)]
    pub state: String,
    /// What tokens are given for.
    pub code: Option<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same for people.
    pub error_description: Option<String>,
}

/// All claims that have no name of their own in the library.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Rest {
    #[serde(flatten)]
    claims: Map<String, Value>,
}

impl AdditionalClaims for Rest {}

/// What a provider says of somebody.
pub struct Proved {
    /// Who it is.
    pub identity: Identity,
    /// What the provider is asked with again; none where it gives nothing to ask with.
    pub refresh_token: Option<SecretValue>,
    /// When it is asked again.
    pub again_at: Time,
}

/// Every provider that the configuration in force names, as far as it was needed yet.
pub struct Providers {
    clock: SharedClock,
    known: Mutex<HashMap<String, Arc<Known>>>,
    asking: again::Asking,
}

impl Providers {
    /// None is asked anything yet.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, known: Mutex::default(), asking: again::Asking::default() }
    }

    /// The provider of that name; none where the configuration has none.
    fn known(&self, config: &Config, name: &str) -> Option<Result<Arc<Known>, Trouble>> {
        let mut known = self.known.lock().expect("no holder of the providers panics");
        known.retain(|name, known| config.auth.oidc.get(name).is_some_and(|provider| *provider == known.provider));
        let provider = config.auth.oidc.get(name)?;
        if let Some(known) = known.get(name) {
            return Some(Ok(known.clone()));
        }
        Some(match Known::new(provider.clone()) {
            Ok(new) => {
                let new = Arc::new(new);
                known.insert(name.to_owned(), new.clone());
                Ok(new)
            }
            Err(error) => Err(Trouble::unreachable(provider, error.as_ref())),
        })
    }

    /// Begins a sign-in: where the browser goes. None where there is no such provider.
    ///
    /// # Errors
    /// `Unreachable`.
    pub async fn begin(
        &self,
        config: &Config,
        name: &str,
        public_url: &Url,
        attempt: &Attempt,
    ) -> Option<Result<Url, Trouble>> {
        let begun = async |known: Arc<Known>| {
            let metadata = known.metadata(self.clock.now()).await?;
            authorize(&client(&known, &metadata, None, public_url)?, &known.provider, attempt)
        };
        Some(match self.known(config, name)? {
            Ok(known) => begun(known).await,
            Err(trouble) => Err(trouble),
        })
    }

    /// Ends a sign-in with what came back: who it is. None where there is no such provider.
    ///
    /// # Errors
    /// Each [`Trouble`].
    pub async fn finish(
        &self,
        config: &Config,
        name: &str,
        public_url: &Url,
        attempt: &Attempt,
        answer: &Answer,
    ) -> Option<Result<Proved, Trouble>> {
        Some(match self.known(config, name)? {
            Ok(known) => self.exchange(&known, public_url, attempt, answer).await,
            Err(trouble) => Err(trouble),
        })
    }

    async fn exchange(
        &self,
        known: &Known,
        public_url: &Url,
        attempt: &Attempt,
        answer: &Answer,
    ) -> Result<Proved, Trouble> {
        let provider = &known.provider;
        let metadata = known.metadata(self.clock.now()).await?;
        // Another provider's answer must not be taken to this one (RFC 9207).
        let says_who = metadata.additional_metadata().authorization_response_iss_parameter_supported;
        if answer.iss.as_ref().map_or(says_who, |iss| *iss != provider.issuer) {
            return Err(Trouble::doubtful(provider, format!("the answer is not `{}`'s", provider.issuer)));
        }
        if let Some(error) = &answer.error {
            return Err(Trouble::refused(provider, answer.error_description.as_deref().unwrap_or(error)));
        }
        let code = AuthorizationCode::new(answer.code.clone().ok_or(Trouble::NotBegun)?);
        let client = client(known, &metadata, secret(provider).await?, public_url)?;
        let request = client.exchange_code(code).map_err(|error| Trouble::unreachable(provider, &error))?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier()));
        let tokens = request.request_async(&known.wire).await.map_err(|error| refusal(provider, &error))?;
        let nonce = Nonce::new(attempt.nonce());
        let Some(id_token) = tokens.id_token() else {
            return Err(Trouble::doubtful(provider, "it gave no ID token: is it no OpenID Connect?".to_owned()));
        };
        let signed = self.check(known, &metadata, id_token, Some(&nonce), &tokens).await?;
        self.proved(known, &client, &tokens, signed, None).await
    }

    /// Asks a provider again about somebody whom it proved before. None where there is no such provider any more.
    ///
    /// # Errors
    /// Each [`Trouble`]; `Refused` where the provider does not stand for them any more.
    pub async fn again(
        &self,
        config: &Config,
        name: &str,
        public_url: &Url,
        subject: &str,
        refresh_token: &SecretValue,
    ) -> Option<Result<Proved, Trouble>> {
        let again = async |known: Arc<Known>| {
            let provider = &known.provider;
            let metadata = known.metadata(self.clock.now()).await?;
            let client = client(&known, &metadata, secret(provider).await?, public_url)?;
            let refresh = RefreshToken::new(refresh_token.expose().to_owned());
            let request =
                client.exchange_refresh_token(&refresh).map_err(|error| Trouble::unreachable(provider, &error))?;
            let tokens = request.request_async(&known.wire).await.map_err(|error| refusal(provider, &error))?;
            let signed = match tokens.id_token() {
                Some(id_token) => self.check(&known, &metadata, id_token, None, &tokens).await?,
                // What an older token said is not repeated: rights that it gave may have ended.
                None => Map::from_iter([("sub".to_owned(), Value::from(subject))]),
            };
            if signed.get("sub").and_then(Value::as_str) != Some(subject) {
                return Err(Trouble::doubtful(provider, "it names another person than before".to_owned()));
            }
            let mut proved = self.proved(&known, &client, &tokens, signed, Some(subject)).await?;
            // Where it gives no new one, the old one goes on.
            proved.refresh_token.get_or_insert_with(|| refresh_token.clone());
            Ok(proved)
        };
        Some(match self.known(config, name)? {
            Ok(known) => again(known).await,
            Err(trouble) => Err(trouble),
        })
    }

    /// Where people sign out of the provider, to come back to `back`; none where it has no such place, or cannot be asked.
    pub async fn leave(&self, config: &Config, name: &str, back: Url) -> Option<Url> {
        let known = self.known(config, name)?.ok()?;
        let metadata = known.metadata(self.clock.now()).await.ok()?;
        let place = metadata.additional_metadata().end_session_endpoint.clone()?;
        let request = LogoutRequest::from(place)
            .set_client_id(ClientId::new(known.provider.client_id.clone()))
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::from_url(back));
        Some(request.http_get_url())
    }

    /// The claims of an ID token that holds.
    async fn check(
        &self,
        known: &Known,
        metadata: &Arc<Metadata>,
        token: &CoreIdToken,
        nonce: Option<&Nonce>,
        tokens: &CoreTokenResponse,
    ) -> Result<Map<String, Value>, Trouble> {
        let provider = &known.provider;
        let first = self.verify(provider, metadata, token, nonce, tokens);
        let held = match first {
            // It may have begun to sign with a new key.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let newer = known.newer_than(metadata, self.clock.now()).await?;
                self.verify(provider, &newer, token, nonce, tokens)
            }
            other => other,
        };
        held.map_err(|error| Trouble::untrusted(provider, &error))?;
        claims::of_id_token(&token.to_string()).map_err(|why| Trouble::doubtful(provider, why))
    }

    fn verify(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        token: &CoreIdToken,
        nonce: Option<&Nonce>,
        tokens: &CoreTokenResponse,
    ) -> Result<(), ClaimsVerificationError> {
        let client_id = ClientId::new(provider.client_id.clone());
        let keys = metadata.jwks().clone();
        // As a public client: our secret then can never be what a signature is checked with.
        let verifier = CoreIdTokenVerifier::new_public_client(client_id, metadata.issuer().clone(), keys)
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(|| self.clock.now());
        let claims = match nonce {
            Some(nonce) => token.claims(&verifier, nonce)?,
            None => token.claims(&verifier, |_: Option<&Nonce>| Ok(()))?,
        };
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, key) = (token.signing_alg(), token.signing_key(&verifier));
            let (algorithm, key) = (
                algorithm.map_err(ClaimsVerificationError::SignatureVerification)?,
                key.map_err(ClaimsVerificationError::SignatureVerification)?,
            );
            let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)
                .map_err(|error| ClaimsVerificationError::Other(error.to_string()))?;
            if actual != *expected {
                return Err(ClaimsVerificationError::Other("`at_hash` is of another access token".to_owned()));
            }
        }
        Ok(())
    }

    /// Who somebody is by what the provider signed and what it tells beside that.
    async fn proved(
        &self,
        known: &Known,
        client: &Client,
        tokens: &CoreTokenResponse,
        signed: Map<String, Value>,
        before: Option<&str>,
    ) -> Result<Proved, Trouble> {
        let provider = &known.provider;
        let subject = before.or_else(|| signed.get("sub").and_then(Value::as_str)).unwrap_or_default();
        let subject = SubjectIdentifier::new(subject.to_owned());
        let told = match client.user_info(tokens.access_token().clone(), Some(subject)) {
            // It has no such place.
            Err(_) => Map::new(),
            Ok(request) => {
                let told: Result<UserInfoClaims<Rest, CoreGenderClaim>, _> = request.request_async(&known.wire).await;
                let told = told.map_err(|error| unanswered(provider, &error))?;
                match serde_json::to_value(&told) {
                    Ok(Value::Object(told)) => told,
                    _ => Map::new(),
                }
            }
        };
        let identity = claims::identity(provider, signed, told)?;
        let again = tokens.expires_in().unwrap_or(AGAIN_MAX).clamp(AGAIN_MIN, AGAIN_MAX);
        let again_at = self.clock.now() + TimeDelta::from_std(again).unwrap_or(TimeDelta::zero());
        let refresh_token = tokens.refresh_token().map(|token| SecretValue::new(token.secret().clone()));
        Ok(Proved { identity, refresh_token, again_at })
    }
}

/// Where the browser goes to sign in.
fn authorize(client: &Client, provider: &Provider, attempt: &Attempt) -> Result<Url, Trouble> {
    let verifier = PkceCodeVerifier::new(attempt.verifier());
    let (state, nonce) = (CsrfToken::new(attempt.state()), Nonce::new(attempt.nonce()));
    let request = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
        .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
    let scopes = provider.scopes.iter().filter(|scope| *scope != "openid");
    let (url, _, _) = request.add_scopes(scopes.cloned().map(Scope::new)).url();
    Ok(url)
}

/// Where a provider sends people back to: the same text each time, made of `public_url` and never of what a request says.
fn redirect_url(provider: &Provider, public_url: &Url) -> String {
    Links::new(public_url).provider_callback(&provider.name)
}

fn client(
    known: &Known,
    metadata: &Metadata,
    secret: Option<SecretValue>,
    public_url: &Url,
) -> Result<Client, Trouble> {
    let provider = &known.provider;
    let secret = secret.map(|secret| ClientSecret::new(secret.expose().to_owned()));
    let back = RedirectUrl::new(redirect_url(provider, public_url));
    let back = back.map_err(|error| Trouble::unreachable(provider, &error))?;
    let client_id = ClientId::new(provider.client_id.clone());
    let client = CoreClient::from_provider_metadata(metadata.clone(), client_id, secret).set_redirect_uri(back);
    let methods = metadata.token_endpoint_auth_methods_supported();
    let takes = |method| methods.is_none_or(|methods| methods.contains(&method));
    let only_in_body = !takes(CoreClientAuthMethod::ClientSecretBasic) && takes(CoreClientAuthMethod::ClientSecretPost);
    Ok(if only_in_body { client.set_auth_type(AuthType::RequestBody) } else { client })
}

/// What the provider knows us by, read anew each time it is used.
async fn secret(provider: &Provider) -> Result<Option<SecretValue>, Trouble> {
    let Some(from) = provider.client_secret.clone() else { return Ok(None) };
    let name = "client_secret";
    let read = move || Vault::of(&BTreeMap::from([(name.to_owned(), TeamSecret { from, hosts: None })])).read(name);
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(value)) => Ok(Some(value)),
        Ok(Err(error)) => Err(Trouble::unreachable(provider, &error)),
        Err(error) => Err(Trouble::unreachable(provider, &error)),
    }
}

/// What a token request that failed says: no to this person, or nothing about them.
fn refusal(provider: &Provider, error: &TokenError) -> Trouble {
    use openidconnect::core::CoreErrorResponseType as Said;
    match error {
        RequestTokenError::ServerResponse(said) => match said.error() {
            Said::InvalidGrant | Said::UnauthorizedClient => {
                let words = said.error_description().map_or_else(|| said.error().to_string(), Clone::clone);
                Trouble::refused(provider, &words)
            }
            Said::Extension(word) if PERSONAL.contains(&word.as_str()) => Trouble::refused(provider, word),
            _ => Trouble::unreachable(provider, error),
        },
        _ => Trouble::unreachable(provider, error),
    }
}

/// Refusals that are about the person, beside OAuth's own.
const PERSONAL: [&str; 4] = ["access_denied", "login_required", "interaction_required", "consent_required"];

/// What a question about somebody that failed says.
fn unanswered(provider: &Provider, error: &UserInfoError<WireError>) -> Trouble {
    match error {
        UserInfoError::Response(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _, _) => {
            Trouble::refused(provider, "it does not tell who you are any more")
        }
        UserInfoError::ClaimsVerification(error) => Trouble::untrusted(provider, error),
        _ => Trouble::unreachable(provider, error),
    }
}
