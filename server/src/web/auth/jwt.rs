//! Our own tokens: what they claim and how they are checked. The key and its algorithm come from the configuration; the
//! token's header only says which key it wants.

use super::key::Key;
use crate::model::glob::Glob;
use crate::model::right::{Right, Role};
use crate::model::scope::{Narrowed, Scope};
use crate::model::time::Time;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, Header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Whom our tokens are for (`aud`).
pub const AUDIENCE: &str = "weir";
/// Bytes of a token at most; larger ones are not looked at.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How far two clocks may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// What one of our tokens says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer: the `<name>` of `[auth.jwt.<name>]`.
    pub iss: String,
    /// Whom it names, for the audit and for `requested by`.
    pub sub: String,
    /// Whom it is for: [`AUDIENCE`] is one of them.
    pub aud: Audience,
    /// Good until then, in seconds since 1970.
    pub exp: i64,
    /// Good from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Its id, for revoking it.
    pub jti: String,
    /// What it is good for.
    pub weir: Grant,
}

/// One or several audiences: JSON Web Token allows both.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// What a token is good for. An unknown key is refused: it might narrow the token in a way that this version does not keep.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The team that it reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Its role there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Control reaches builders that fit one of these only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub builders: Vec<Glob>,
    /// Control is these actions only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Right>,
    /// Force parameters that it fixes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Value>,
    /// How many control actions it is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// It is the instance owner's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owner: bool,
}

/// Why a token is not believed: one clear reason each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too long to be ours.
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes; tokens of this server are much shorter")]
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
    /// No `kid`, or one that names no key.
    #[error("the token was signed with a key that this server does not know")]
    UnknownKey,
    /// The header's algorithm is not that of the key.
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
    #[error("the token is meant for somebody else (its audience is not `{AUDIENCE}`)")]
    WrongAudience,
    /// `exp`.
    #[error("the token has expired; ask for a new one")]
    Expired,
    /// `nbf`.
    #[error("the token is not valid yet")]
    NotYet,
}

/// A token that is believed, as long as it was not revoked.
#[derive(Debug)]
pub struct Proved {
    /// The token's id.
    pub jti: String,
    /// Who carries it.
    pub scope: Scope,
}

/// What a header must say. Everything else in it, such as an own key, is left unread.
#[derive(Deserialize)]
struct Asked {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// Signs `claims` with the key `kid`.
///
/// # Errors
/// Where the claims cannot be encoded.
pub fn sign(kid: &str, key: &Key, claims: &Claims) -> anyhow::Result<String> {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(key.algorithm) };
    Ok(jsonwebtoken::encode(&header, claims, &key.encoding)?)
}

/// Checks everything about a token that can be checked without asking the database.
///
/// # Errors
/// The first reason against it.
pub fn check(token: &str, keys: &BTreeMap<String, Key>, now: Time) -> Result<Proved, Refusal> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refusal::TooLong);
    }
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { return Err(Refusal::Malformed) };
    let asked: Asked = decode(header).ok_or(Refusal::Malformed)?;
    if asked.alg.eq_ignore_ascii_case("none") || signature.is_empty() {
        return Err(Refusal::NotSigned);
    }
    if asked.crit.is_some() {
        return Err(Refusal::Critical);
    }
    let (issuer, key) = asked.kid.and_then(|kid| keys.get_key_value(&kid)).ok_or(Refusal::UnknownKey)?;
    if asked.alg != algorithm_word(key.algorithm) {
        return Err(Refusal::WrongAlgorithm);
    }
    let message = &token[..header.len() + 1 + payload.len()];
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.decoding, key.algorithm) {
        Ok(true) => {}
        Ok(false) | Err(_) => return Err(Refusal::BadSignature),
    }
    let payload = BASE64.decode(payload).map_err(|_| Refusal::Malformed)?;
    let claims: Claims = serde_json::from_slice(&payload).map_err(|error| Refusal::BadClaims(error.to_string()))?;
    check_claims(&claims, issuer, now)?;
    prove(claims)
}

/// Issuer, audience and times.
fn check_claims(claims: &Claims, issuer: &str, now: Time) -> Result<(), Refusal> {
    let is_ours = match &claims.aud {
        Audience::One(audience) => audience == AUDIENCE,
        Audience::Many(audiences) => audiences.iter().any(|audience| audience == AUDIENCE),
    };
    let (now, leeway) = (now.timestamp(), LEEWAY.num_seconds());
    if claims.iss != issuer {
        Err(Refusal::WrongIssuer)
    } else if !is_ours {
        Err(Refusal::WrongAudience)
    } else if now >= claims.exp.saturating_add(leeway) {
        Err(Refusal::Expired)
    } else if claims.nbf.is_some_and(|nbf| now < nbf.saturating_sub(leeway)) {
        Err(Refusal::NotYet)
    } else {
        Ok(())
    }
}

/// The scope that the claims amount to.
fn prove(claims: Claims) -> Result<Proved, Refusal> {
    let grant = claims.weir;
    let bad = |why: &str| Err(Refusal::BadClaims(why.to_owned()));
    if claims.jti.is_empty() || claims.sub.is_empty() {
        return bad("`jti` and `sub` must not be empty");
    }
    let roles = match (grant.owner, grant.team, grant.role) {
        (true, None, None | Some(Role::Owner)) => BTreeMap::new(),
        (true, ..) => return bad("an owner's token names no team and no role"),
        (false, _, Some(Role::Owner)) => return bad("the role `owner` is written `owner: true`"),
        (false, Some(team), Some(role)) => BTreeMap::from([(team, role)]),
        (false, ..) => return bad("`weir` names neither `team` and `role` nor `owner`"),
    };
    let narrowed =
        Narrowed { builders: grant.builders, actions: grant.actions, parameters: grant.parameters, uses: grant.uses };
    let scope = Scope::proved(claims.sub, Some(claims.jti.clone()), grant.owner, roles, narrowed);
    Ok(Proved { jti: claims.jti, scope })
}

/// The JSON in one part of a token.
fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok()
}

/// How a token's header writes an algorithm.
fn algorithm_word(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EdDSA => "EdDSA",
        _ => "HS256",
    }
}

#[cfg(test)]
mod tests {
    use super::{BASE64, Claims, Key, Refusal, Time, Value, check, sign};
    use crate::config::issuer::{LocalAlgorithm, LocalKey};
    use crate::model::right::Right;
    use base64::Engine as _;
    use jsonwebtoken::{Algorithm, EncodingKey};
    use serde_json::json;
    use std::collections::BTreeMap;

    const NOW: i64 = 1_700_000_000;

    struct Site {
        keys: BTreeMap<String, Key>,
        dir: tempfile::TempDir,
    }

    fn site() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let keys = [("local", LocalAlgorithm::EdDsa), ("shared", LocalAlgorithm::Hs256)].map(|(name, algorithm)| {
            let config = LocalKey { algorithm, key_file: dir.path().join(name) };
            (name.to_owned(), Key::open(name, &config).unwrap())
        });
        Site { keys: keys.into(), dir }
    }

    fn good() -> Value {
        json!({"iss": "local", "sub": "ada", "aud": "weir", "exp": NOW + 60, "nbf": NOW, "iat": NOW, "jti": "j1",
               "weir": {"team": "core", "role": "operator"}})
    }

    fn with(key: &str, value: Value) -> Value {
        let mut claims = good();
        claims[key] = value;
        claims
    }

    impl Site {
        fn token(&self, claims: &Value) -> String {
            raw(&json!({"alg": "EdDSA", "kid": "local"}), claims, Algorithm::EdDSA, &self.keys["local"].encoding)
        }

        fn check(&self, token: &str) -> Result<super::Proved, Refusal> {
            check(token, &self.keys, Time::from_timestamp(NOW, 0).unwrap())
        }

        fn refusal(&self, token: &str) -> Refusal {
            self.check(token).expect_err("the token should be refused")
        }
    }

    fn raw(header: &Value, claims: &Value, algorithm: Algorithm, key: &EncodingKey) -> String {
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    #[test]
    fn what_we_sign_with_either_algorithm_is_believed() {
        let site = site();
        for name in ["local", "shared"] {
            let claims: Claims = serde_json::from_value(with("iss", json!(name))).unwrap();
            let proved = site.check(&sign(name, &site.keys[name], &claims).unwrap()).unwrap();
            assert_eq!(proved.jti, "j1");
            assert_eq!(proved.scope.subject, "ada");
            assert!(proved.scope.may(Right::Force, "core", "full"));
            assert!(!proved.scope.may(Right::Force, "docs", "full"));
        }
        assert!(site.check(&site.token(&with("aud", json!(["other", "weir"])))).is_ok());
        assert!(site.check(&site.token(&with("exp", json!(NOW - 29)))).is_ok());
        let owner = site.check(&site.token(&with("weir", json!({"owner": true})))).unwrap();
        assert!(owner.scope.may(Right::Administer, "docs", "x"));
    }

    #[test]
    fn each_wrong_claim_has_its_one_reason() {
        let site = site();
        for (claims, reason) in [
            (with("iss", json!("shared")), Refusal::WrongIssuer),
            (with("aud", json!("other")), Refusal::WrongAudience),
            (with("aud", json!([])), Refusal::WrongAudience),
            (with("exp", json!(NOW - 30)), Refusal::Expired),
            (with("nbf", json!(NOW + 31)), Refusal::NotYet),
        ] {
            assert_eq!(site.refusal(&site.token(&claims)), reason, "{claims}");
        }
        for (key, value) in [
            ("exp", Value::Null),
            ("exp", json!("soon")),
            ("jti", json!("")),
            ("jti", Value::Null),
            ("weir", Value::Null),
            ("weir", json!({})),
            ("weir", json!({"team": "core"})),
            ("weir", json!({"team": "core", "role": "king"})),
            ("weir", json!({"team": "core", "role": "owner"})),
            ("weir", json!({"team": "core", "role": "viewer", "owner": true})),
            ("weir", json!({"team": "core", "role": "operator", "only_on": "sunday"})),
            ("weir", json!({"team": "core", "role": "operator", "builders": ["["]})),
        ] {
            let refusal = site.refusal(&site.token(&with(key, value.clone())));
            assert!(matches!(refusal, Refusal::BadClaims(_)), "{key} {value}: {refusal}");
        }
    }

    #[test]
    fn the_algorithm_is_the_keys_and_never_the_headers() {
        let site = site();
        let eddsa = &site.keys["local"];
        let none =
            format!("{}.{}.", BASE64.encode(r#"{"alg":"none","kid":"local"}"#), BASE64.encode(good().to_string()));
        assert_eq!(site.refusal(&none), Refusal::NotSigned);
        assert_eq!(site.refusal(&none.replace("bm9uZS", "Tk9ORS")), Refusal::NotSigned);
        let stripped = site.token(&good());
        assert_eq!(site.refusal(&stripped[..=stripped.rfind('.').unwrap()]), Refusal::NotSigned);
        // The public half of the Ed25519 key, known to everybody, as an HMAC secret.
        let public = EncodingKey::from_secret(eddsa.decoding.try_get_as_bytes().unwrap());
        for kid in ["local", "shared"] {
            let header = json!({"alg": "HS256", "kid": kid});
            let expected = if kid == "local" { Refusal::WrongAlgorithm } else { Refusal::BadSignature };
            assert_eq!(site.refusal(&raw(&header, &good(), Algorithm::HS256, &public)), expected);
        }
        let header = json!({"alg": "HS384", "kid": "shared"});
        let hs384 = raw(&header, &with("iss", json!("shared")), Algorithm::HS384, &site.keys["shared"].encoding);
        assert_eq!(site.refusal(&hs384), Refusal::WrongAlgorithm);
        // A header that brings its own key.
        let header = json!({"alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}});
        assert_eq!(site.refusal(&raw(&header, &good(), Algorithm::EdDSA, &eddsa.encoding)), Refusal::UnknownKey);
        let header = json!({"alg": "EdDSA", "kid": "local", "crit": ["b64"], "b64": false});
        assert_eq!(site.refusal(&raw(&header, &good(), Algorithm::EdDSA, &eddsa.encoding)), Refusal::Critical);
    }

    #[test]
    fn an_unknown_or_another_key_and_any_change_are_refused() {
        let site = site();
        let other = self::site();
        let key = &site.keys["local"].encoding;
        for kid in [json!("gone"), Value::Null, json!("../local")] {
            let token = raw(&json!({"alg": "EdDSA", "kid": kid}), &good(), Algorithm::EdDSA, key);
            assert_eq!(site.refusal(&token), Refusal::UnknownKey);
        }
        assert_eq!(site.refusal(&other.token(&good())), Refusal::BadSignature);
        let token = site.token(&good());
        let parts: Vec<_> = token.split('.').collect();
        let changed = BASE64.encode(with("weir", json!({"owner": true})).to_string());
        assert_eq!(site.refusal(&format!("{}.{changed}.{}", parts[0], parts[2])), Refusal::BadSignature);
        assert!(other.dir.path().exists() && site.dir.path().exists());
    }

    #[test]
    fn what_is_no_token_is_refused_and_what_is_huge_is_not_read() {
        let site = site();
        for text in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "e30.e30.x", "\u{e9}.b.c"] {
            assert_eq!(site.refusal(text), Refusal::Malformed, "{text}");
        }
        assert_eq!(site.refusal(&"a".repeat(1 << 20)), Refusal::TooLong);
        let huge = site.token(&with("sub", json!("x".repeat(8 * 1024))));
        assert_eq!(site.refusal(&huge), Refusal::TooLong);
        let usual = sign("local", &site.keys["local"], &serde_json::from_value(good()).unwrap()).unwrap();
        assert!(usual.len() < 600);
    }
}
