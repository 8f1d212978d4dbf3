//! The cookie of a session, and what its forms prove themselves with. The cookie is `HttpOnly`, `SameSite=Lax`, sent under our prefix
//! only and, where people reach us by https, `Secure`; its name then makes browsers insist on that (`__Host-`, `__Secure-`, RFC 6265bis).

use crate::model::secret::SecretValue;
use crate::status::rights::Identity;
use crate::status::session::{NewSession, Session};
use crate::web::{AppState, Result};
use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::http::header::USER_AGENT;
use actix_web::{HttpMessage as _, HttpRequest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use url::Url;

/// Cookies of one request that are looked at.
const COOKIES_MAX: usize = 8;

/// The session that a request's cookie proved; stands in the request's extensions.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The session.
    pub session: Arc<Session>,
    secret: SecretValue,
}

impl Signed {
    /// The session of `request`, where its cookie proved one.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    pub(in crate::web) fn new(session: Arc<Session>, secret: SecretValue) -> Self {
        Self { session, secret }
    }

    /// What a form of this session must send as `csrf`. It is another text each time, so that compression tells nothing about it.
    pub fn csrf(&self) -> String {
        csrf(self.secret.expose())
    }

    /// Whether `given` is one of this session's.
    pub fn is_csrf(&self, given: &str) -> bool {
        is_csrf(self.secret.expose(), given)
    }
}

/// Who was just proved, and what their provider is asked with later.
#[derive(Debug, Clone)]
pub struct Proved {
    /// Who.
    pub identity: Identity,
    /// What the provider of the sign-in is to be asked with again.
    pub provider: Option<SecretValue>,
    /// When it is to be asked again.
    pub refresh_at: Option<crate::model::time::Time>,
}

/// Begins a session for who was just proved, and returns the cookie that the answer to `request` must set. A session that the same
/// browser had ends; nothing that was in the browser before counts afterwards.
///
/// # Errors
/// `NotFound` where the configuration in force does not know them; where the database cannot be written.
pub async fn begin_session(state: &AppState, request: &HttpRequest, proved: Proved) -> Result<Cookie<'static>> {
    let agent = request.headers().get(USER_AGENT).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    let new = NewSession {
        identity: proved.identity,
        user_agent: agent.unwrap_or_default(),
        address: super::address::of(request, &state.status.config().server).to_string(),
        provider: proved.provider,
        refresh_at: proved.refresh_at,
    };
    let replaced = Signed::of(request).map(|signed| signed.session);
    let (secret, session) = state.status.sessions().begin(new, replaced.as_deref()).await?;
    let mut cookie = cookie(&state.public_url, SESSION, secret.expose());
    cookie.set_max_age(seconds(session.expires_at - session.created_at));
    Ok(cookie)
}

/// The cookie that takes a session's cookie away.
pub fn forget_session(state: &AppState) -> Cookie<'static> {
    let mut cookie = cookie(&state.public_url, SESSION, "");
    cookie.make_removal();
    cookie
}

/// What the cookie of a session is called, before what browsers insist on.
pub const SESSION: &str = "weir";

/// A cookie `name` as all of ours are.
pub fn cookie(public_url: &Url, name: &str, value: &str) -> Cookie<'static> {
    Cookie::build(full_name(public_url, name), value.to_owned())
        .path(public_url.path().to_owned())
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(public_url.scheme() == "https")
        .finish()
}

/// The values of every cookie `name` of ours in these `Cookie` headers; of several, browsers send the one of the longest path first.
pub fn values<'a>(headers: impl Iterator<Item = &'a str>, public_url: &Url, name: &str) -> Vec<String> {
    let name = full_name(public_url, name);
    let pairs = headers.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(given, _)| *given == name).map(|(_, value)| value.to_owned()).take(COOKIES_MAX).collect()
}

/// `__Host-` binds a cookie to this very host and needs `/` as its path; `__Secure-` binds it to https.
fn full_name(public_url: &Url, name: &str) -> String {
    match (public_url.scheme(), public_url.path()) {
        ("https", "/") => format!("__Host-{name}"),
        ("https", _) => format!("__Secure-{name}"),
        _ => name.to_owned(),
    }
}

/// A new secret for a cookie.
pub fn new_secret() -> String {
    BASE64.encode(rand::random::<[u8; 32]>())
}

/// What a form must send that belongs to the cookie `secret`: a random pad, and what `secret` makes with it.
pub fn csrf(secret: &str) -> String {
    let pad = rand::random::<[u8; 16]>();
    let mut token = pad.to_vec();
    token.extend(proof(&pad, secret));
    BASE64.encode(token)
}

/// Whether `given` was made by [`csrf`] for `secret`.
pub fn is_csrf(secret: &str, given: &str) -> bool {
    let Ok(token) = BASE64.decode(given) else { return false };
    let Some((pad, given)) = token.split_first_chunk::<16>() else { return false };
    // blake3's hashes are compared in a time that tells nothing.
    blake3::hash(given) == blake3::hash(&proof(pad, secret))
}

fn proof(pad: &[u8; 16], secret: &str) -> [u8; 32] {
    Sha256::new().chain_update(b"weir csrf").chain_update(pad).chain_update(secret).finalize().into()
}

fn seconds(span: TimeDelta) -> time::Duration {
    time::Duration::seconds(span.num_seconds())
}

#[cfg(test)]
mod tests {
    use super::{SESSION, cookie, csrf, is_csrf, values};

    #[test]
    fn the_cookie_is_bound_as_tightly_as_the_address_allows() {
        for (url, expected) in [
            ("https://ci.example.org/", "__Host-weir=s; HttpOnly; SameSite=Lax; Secure; Path=/"),
            ("https://example.org/ci/", "__Secure-weir=s; HttpOnly; SameSite=Lax; Secure; Path=/ci/"),
            ("http://localhost:8010/", "weir=s; HttpOnly; SameSite=Lax; Path=/"),
        ] {
            assert_eq!(cookie(&url.parse().unwrap(), SESSION, "s").to_string(), expected);
        }
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let url = "http://localhost/".parse().unwrap();
        let headers = ["xweir=1; weir=2;weir=3; Weir=4; weirx=5; weir", "weir=6"];
        assert_eq!(values(headers.into_iter(), &url, SESSION), ["2", "3", "6"]);
    }

    #[test]
    fn a_forms_proof_belongs_to_one_session_and_is_another_text_each_time() {
        let (a, b) = (csrf("one"), csrf("one"));
        assert_ne!(a, b);
        assert!(is_csrf("one", &a) && is_csrf("one", &b));
        assert!(!is_csrf("two", &a));
        for wrong in ["", "AAAA", &a[1..], &a[..a.len() - 2], &format!("{a}AAAA")] {
            assert!(!is_csrf("one", wrong), "{wrong}");
        }
    }
}
