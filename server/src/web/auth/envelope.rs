//! A signed token taken apart, before anything in it is believed (RFC 7515, compact form). What its header says of keys and
//! certificates (`jwk`, `jku`, `x5u`, `x5c`) is left unread: it names one of the keys that this server has, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Bytes of a token at most; larger ones are not looked at.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Characters of a key's name at most.
const KID_MAX: usize = 256;

/// Why a token is not believed: one clear reason each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too long for anybody's.
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes; tokens that are good here are much shorter")]
    TooLong,
    /// Not three parts, not base64, not JSON.
    #[error("this is no token; a token has three parts with a dot between")]
    Malformed,
    /// `alg: none`.
    #[error("the token is not signed")]
    NotSigned,
    /// It demands what nobody here understands.
    #[error("the token's header demands extensions (`crit`) that this server does not know")]
    Critical,
    /// It was made for something else than showing who asks.
    #[error("the token is of a kind (`typ`) that says nothing about who asks")]
    WrongKind,
    /// Nobody whose word is taken here.
    #[error("the token comes from an issuer that this server does not know")]
    UnknownIssuer,
    /// No `kid`, or one that names no key.
    #[error("the token was signed with a key that this server does not know")]
    UnknownKey,
    /// The header's algorithm is not that of the key, or none that the issuer may use.
    #[error("the token is signed with another algorithm than its key is for")]
    WrongAlgorithm,
    /// The signature does not fit.
    #[error("the token's signature does not fit; it was changed, or signed with another key")]
    BadSignature,
    /// A claim is missing or has the wrong shape.
    #[error("the token's claims cannot be understood: {0}")]
    BadClaims(String),
    /// `iss`.
    #[error("the token comes from another issuer")]
    WrongIssuer,
    /// `aud`.
    #[error("the token is meant for somebody else (its audience is not `{0}`)")]
    WrongAudience(String),
    /// `exp`.
    #[error("the token has expired; ask for a new one")]
    Expired,
    /// `nbf`.
    #[error("the token is not valid yet")]
    NotYet,
    /// By its `jti`.
    #[error("the token was revoked; ask for a new one")]
    Revoked,
    /// With all others of its subject.
    #[error("every token that its subject had was revoked; ask for a new one")]
    SubjectRevoked,
    /// With all others of its key.
    #[error("the key that signed the token was revoked; ask for a new one")]
    KeyRevoked,
}

/// A token taken apart.
#[derive(Debug)]
pub struct Envelope<'t> {
    message: &'t str,
    signature: &'t str,
    alg: String,
    /// Which key it says that it was signed with.
    pub kid: String,
    /// What it says; nothing of it may be believed before [`Envelope::verify`].
    pub claims: Value,
}

/// What a header must say.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl<'t> Envelope<'t> {
    /// Takes `token` apart.
    ///
    /// # Errors
    /// What is wrong with it whoever signed it.
    pub fn open(token: &'t str) -> Result<Self, Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::TooLong);
        }
        let [head, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            return Err(Refusal::Malformed);
        };
        let header: Header = decode(head).ok_or(Refusal::Malformed)?;
        if header.alg.eq_ignore_ascii_case("none") || signature.is_empty() {
            return Err(Refusal::NotSigned);
        }
        if header.crit.is_some() {
            return Err(Refusal::Critical);
        }
        if header.typ.as_deref().is_some_and(|typ| !shows_who_asks(typ)) {
            return Err(Refusal::WrongKind);
        }
        let kid = header.kid.filter(|kid| !kid.is_empty() && kid.len() <= KID_MAX).ok_or(Refusal::UnknownKey)?;
        let claims: Value = decode(payload).ok_or(Refusal::Malformed)?;
        let message = &token[..head.len() + 1 + payload.len()];
        Ok(Self { message, signature, alg: header.alg, kid, claims })
    }

    /// Who it says that it comes from.
    pub fn issuer(&self) -> &str {
        self.claims["iss"].as_str().unwrap_or_default()
    }

    /// What it says that it is signed with.
    pub fn algorithm(&self) -> &str {
        &self.alg
    }

    /// Checks the signature. The algorithm is the key's; the header may only agree.
    ///
    /// # Errors
    /// `WrongAlgorithm`, `BadSignature`.
    pub fn verify(&self, key: &DecodingKey, algorithm: Algorithm) -> Result<(), Refusal> {
        if self.alg.parse() != Ok(algorithm) {
            return Err(Refusal::WrongAlgorithm);
        }
        match jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), key, algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Refusal::BadSignature),
        }
    }
}

/// Whether a token of this `typ` says who asks: a usual one or an access token, and not for instance a logout token (RFC 8725, 3.11).
fn shows_who_asks(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}

/// The JSON in one part of a token.
fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok()
}

/// Whether `audience` is among `aud`, which is one or several.
pub fn is_for(aud: &Value, audience: &str) -> bool {
    match aud {
        Value::String(one) => one == audience,
        Value::Array(several) => several.iter().any(|one| one == audience),
        _ => false,
    }
}
