//! Tokens of somebody else's issuer: what they must claim so that it is known who carries them. What that is worth here, grants say.

use super::envelope::{Envelope, Refusal, is_for};
use super::jwks::PublicKey;
use super::jwt::check_times;
use crate::config::issuer::ForeignIssuer;
use crate::model::time::Time;
use crate::status::revocation::Carried;
use crate::status::rights::Identity;
use chrono::TimeDelta;
use jsonwebtoken::Algorithm;
use serde_json::Value;

/// Characters of a subject, a token's id or a name at most.
const TEXT_MAX: usize = 255;

/// Somebody whom a foreign issuer vouches for, as long as the token was not revoked.
#[derive(Debug)]
pub struct Vouched {
    /// Who.
    pub identity: Identity,
    /// What the token can be revoked by.
    pub carried: Carried,
    /// Until when it is good.
    pub until: Time,
}

/// The algorithm that the token is signed with, where `issuer` may use it.
///
/// # Errors
/// `WrongAlgorithm`.
pub fn algorithm(token: &Envelope<'_>, issuer: &ForeignIssuer) -> Result<Algorithm, Refusal> {
    let allowed = issuer.algorithms.iter().find(|allowed| allowed.0 == token.algorithm());
    allowed.and_then(|allowed| allowed.0.parse().ok()).ok_or(Refusal::WrongAlgorithm)
}

/// Checks everything about a token of the issuer `name` that can be checked without asking the database.
///
/// # Errors
/// The first reason against it.
pub fn check(
    token: Envelope<'_>,
    name: &str,
    issuer: &ForeignIssuer,
    key: &PublicKey,
    now: Time,
) -> Result<Vouched, Refusal> {
    token.verify(&key.decoding, algorithm(&token, issuer)?)?;
    let claims = &token.claims;
    if claims["iss"] != issuer.issuer.as_str() {
        return Err(Refusal::WrongIssuer);
    }
    if !is_for(&claims["aud"], &issuer.audience) {
        return Err(Refusal::WrongAudience(issuer.audience.clone()));
    }
    let leeway = TimeDelta::from_std(issuer.leeway).unwrap_or(TimeDelta::MAX);
    let exp = seconds(claims, "exp")?;
    check_times(exp, seconds(claims, "nbf")?, leeway, now)?;
    let subject = text(claims, "sub")?.ok_or_else(|| Refusal::BadClaims("`sub` is missing: it says who".to_owned()))?;
    let named = claims["preferred_username"].as_str().filter(|name| is_text(name)).map(str::to_owned);
    let carried = Carried {
        issuer: name.to_owned(),
        subject: subject.clone(),
        name: named.clone(),
        kid: token.kid,
        jti: text(claims, "jti")?,
        issued_at: seconds(claims, "iat")?,
    };
    let until = exp.and_then(|exp| Time::from_timestamp(exp, 0)).and_then(|exp| exp.checked_add_signed(leeway));
    let until = until.ok_or_else(|| Refusal::BadClaims("`exp` lies after the end of time".to_owned()))?;
    let display = named.unwrap_or_else(|| subject.clone());
    let identity = Identity::Foreign { issuer: name.to_owned(), subject, name: display, claims: token.claims };
    Ok(Vouched { identity, carried, until })
}

/// A moment: a number of seconds since 1970, perhaps with a fraction (RFC 7519, section 2).
fn seconds(claims: &Value, name: &str) -> Result<Option<i64>, Refusal> {
    match &claims[name] {
        Value::Null => Ok(None),
        Value::Number(number) => {
            let whole = number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64));
            whole.map(Some).ok_or_else(|| Refusal::BadClaims(format!("`{name}` is no moment")))
        }
        _ => Err(Refusal::BadClaims(format!("`{name}` is no number of seconds"))),
    }
}

/// A short text without control characters.
fn text(claims: &Value, name: &str) -> Result<Option<String>, Refusal> {
    match &claims[name] {
        Value::Null => Ok(None),
        Value::String(text) if is_text(text) => Ok(Some(text.clone())),
        _ => Err(Refusal::BadClaims(format!("`{name}` is no text of 1 to {TEXT_MAX} printable characters"))),
    }
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= TEXT_MAX && !text.chars().any(char::is_control)
}
