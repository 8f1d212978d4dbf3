//! Our own tokens: what they claim and how they are checked. The key and its algorithm come from the configuration; the
//! token's header only says which key it wants.

use super::envelope::{Envelope, Refusal, is_for};
use super::key::Key;
use crate::model::glob::Glob;
use crate::model::right::{Right, Role};
use crate::model::scope::{Narrowed, Scope};
use crate::model::time::Time;
use crate::status::revocation::Carried;
use crate::status::token::Token;
use anyhow::Context as _;
use chrono::TimeDelta;
use jsonwebtoken::Header;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Whom our tokens are for (`aud`).
pub const AUDIENCE: &str = "weir";
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
    /// It reads what is for machines, such as `/view/<name>.json`, and nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub feed_only: bool,
}

/// A token that is believed, as long as it was not revoked.
#[derive(Debug)]
pub struct Proved {
    /// Who carries it.
    pub scope: Scope,
    /// What it can be revoked by.
    pub carried: Carried,
}

/// Signs `claims` with `key`, whose name goes into the header.
///
/// # Errors
/// Where the claims cannot be encoded, or the key was replaced and signs no more.
pub fn sign(key: &Key, claims: &Claims) -> anyhow::Result<String> {
    let encoding = key.encoding.as_ref().context("this key was replaced and signs no more")?;
    let header = Header { kid: Some(key.id.clone()), ..Header::new(key.algorithm) };
    Ok(jsonwebtoken::encode(&header, claims, encoding)?)
}

/// Checks everything about a token of the local issuer `name` that can be checked without asking the database.
///
/// # Errors
/// The first reason against it.
pub fn check(token: &Envelope<'_>, name: &str, key: &Key, now: Time) -> Result<Proved, Refusal> {
    token.verify(&key.decoding, key.algorithm)?;
    let claims =
        Claims::deserialize(&token.claims).map_err(|error: serde_json::Error| Refusal::BadClaims(error.to_string()))?;
    if claims.iss != name {
        return Err(Refusal::WrongIssuer);
    }
    if !is_for(&token.claims["aud"], AUDIENCE) {
        return Err(Refusal::WrongAudience(AUDIENCE.to_owned()));
    }
    check_times(Some(claims.exp), claims.nbf, LEEWAY, now)?;
    prove(claims, token.kid.clone())
}

/// Whether now is between `nbf` and `exp`, both in seconds since 1970.
///
/// # Errors
/// `Expired`, `NotYet`; without an end it is `BadClaims`.
pub fn check_times(exp: Option<i64>, nbf: Option<i64>, leeway: TimeDelta, now: Time) -> Result<(), Refusal> {
    let (now, leeway) = (now.timestamp(), leeway.num_seconds());
    let Some(exp) = exp else { return Err(Refusal::BadClaims("`exp` is missing: it says until when".to_owned())) };
    if now >= exp.saturating_add(leeway) {
        Err(Refusal::Expired)
    } else if nbf.is_some_and(|nbf| now < nbf.saturating_sub(leeway)) {
        Err(Refusal::NotYet)
    } else {
        Ok(())
    }
}

/// What a token that was recorded when it was issued is good for, as when it is carried.
///
/// # Errors
/// Where that record cannot be understood.
pub fn recorded(token: &Token) -> Result<Proved, Refusal> {
    let weir = serde_json::from_value(token.details.clone());
    let claims = Claims {
        iss: String::new(),
        sub: token.subject.clone(),
        aud: Audience::One(AUDIENCE.to_owned()),
        exp: token.expires_at.timestamp(),
        nbf: None,
        iat: Some(token.issued_at.timestamp()),
        jti: token.jti.clone(),
        weir: weir.map_err(|error| Refusal::BadClaims(error.to_string()))?,
    };
    prove(claims, token.kid.clone())
}

/// The scope that the claims amount to.
fn prove(claims: Claims, kid: String) -> Result<Proved, Refusal> {
    let grant = claims.weir;
    let bad = |why: &str| Err(Refusal::BadClaims(why.to_owned()));
    if claims.jti.is_empty() || claims.sub.is_empty() {
        return bad("`jti` and `sub` must not be empty");
    }
    let until = Time::from_timestamp(claims.exp, 0)
        .ok_or_else(|| Refusal::BadClaims("`exp` lies after the end of time".to_owned()))?;
    let roles = match (grant.owner, grant.team, grant.role) {
        (true, None, None | Some(Role::Owner)) => BTreeMap::new(),
        (true, ..) => return bad("an owner's token names no team and no role"),
        (false, _, Some(Role::Owner)) => return bad("the role `owner` is written `owner: true`"),
        (false, Some(_), Some(role)) if grant.feed_only && role != Role::Viewer => {
            return bad("a token for feeds only has the role `viewer`");
        }
        (false, Some(team), Some(role)) => BTreeMap::from([(team, role)]),
        (false, ..) => return bad("`weir` names neither `team` and `role` nor `owner`"),
    };
    if grant.owner && grant.feed_only {
        return bad("a token for feeds only is no owner's");
    }
    let narrowed = Narrowed {
        builders: grant.builders,
        actions: grant.actions,
        parameters: grant.parameters,
        uses: grant.uses,
        feed_only: grant.feed_only,
    };
    let scope = Scope::proved(claims.sub.clone(), Some(claims.jti.clone()), grant.owner, roles, narrowed).until(until);
    let carried =
        Carried { subject: claims.sub, jti: Some(claims.jti), issued_at: claims.iat, kid, ..Carried::default() };
    Ok(Proved { scope, carried })
}

#[cfg(test)]
mod tests {
    use super::{Claims, Envelope, Key, Refusal, Time, Value, sign};
    use crate::config::issuer::{LocalAlgorithm, LocalKey};
    use crate::model::right::Right;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
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
            raw(&self.header("local"), claims, Algorithm::EdDSA, self.encoding("local"))
        }

        fn encoding(&self, name: &str) -> &EncodingKey {
            self.keys[name].encoding.as_ref().unwrap()
        }

        fn header(&self, name: &str) -> Value {
            json!({"alg": if name == "local" { "EdDSA" } else { "HS256" }, "kid": self.keys[name].id})
        }

        fn check(&self, token: &str) -> Result<super::Proved, Refusal> {
            let token = Envelope::open(token)?;
            let found = self.keys.iter().find(|(_, key)| key.id == token.kid);
            let (name, key) = found.ok_or(Refusal::UnknownKey)?;
            super::check(&token, name, key, Time::from_timestamp(NOW, 0).unwrap())
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
            let proved = site.check(&sign(&site.keys[name], &claims).unwrap()).unwrap();
            assert_eq!(proved.carried.jti.as_deref(), Some("j1"));
            assert_eq!(
                (proved.carried.kid.as_str(), proved.carried.issuer.as_str()),
                (site.keys[name].id.as_str(), "")
            );
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
            (with("aud", json!("other")), Refusal::WrongAudience("weir".to_owned())),
            (with("aud", json!([])), Refusal::WrongAudience("weir".to_owned())),
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
            ("weir", json!({"team": "core", "role": "operator", "feed_only": true})),
            ("weir", json!({"owner": true, "feed_only": true})),
            ("exp", json!(i64::MAX)),
        ] {
            let refusal = site.refusal(&site.token(&with(key, value.clone())));
            assert!(matches!(refusal, Refusal::BadClaims(_)), "{key} {value}: {refusal}");
        }
    }

    #[test]
    fn the_algorithm_is_the_keys_and_never_the_headers() {
        let site = site();
        let eddsa = &site.keys["local"];
        for alg in ["none", "None", "NONE", "nOnE"] {
            let head = json!({"alg": alg, "kid": eddsa.id});
            let none = format!("{}.{}.", BASE64.encode(head.to_string()), BASE64.encode(good().to_string()));
            assert_eq!(site.refusal(&none), Refusal::NotSigned);
            assert_eq!(site.refusal(&format!("{none}AAAA")), Refusal::NotSigned);
        }
        let stripped = site.token(&good());
        assert_eq!(site.refusal(&stripped[..=stripped.rfind('.').unwrap()]), Refusal::NotSigned);
        // The public half of the Ed25519 key, known to everybody, as an HMAC secret.
        let public = EncodingKey::from_secret(eddsa.decoding.try_get_as_bytes().unwrap());
        for kid in ["local", "shared"] {
            let header = json!({"alg": "HS256", "kid": site.keys[kid].id});
            let expected = if kid == "local" { Refusal::WrongAlgorithm } else { Refusal::BadSignature };
            assert_eq!(site.refusal(&raw(&header, &good(), Algorithm::HS256, &public)), expected);
        }
        let header = json!({"alg": "HS384", "kid": site.keys["shared"].id});
        let hs384 = raw(&header, &with("iss", json!("shared")), Algorithm::HS384, site.encoding("shared"));
        assert_eq!(site.refusal(&hs384), Refusal::WrongAlgorithm);
        // A header that brings its own key.
        let header = json!({"alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}});
        assert_eq!(site.refusal(&raw(&header, &good(), Algorithm::EdDSA, site.encoding("local"))), Refusal::UnknownKey);
        for (typ, is_good) in
            [("JWT", true), ("at+jwt", true), ("application/JWT", true), ("logout+jwt", false), ("", false)]
        {
            let header = json!({"alg": "EdDSA", "kid": eddsa.id, "typ": typ});
            let checked = site.check(&raw(&header, &good(), Algorithm::EdDSA, site.encoding("local")));
            assert_eq!(checked.map(|_| ()), if is_good { Ok(()) } else { Err(Refusal::WrongKind) }, "{typ}");
        }
        let header = json!({"alg": "EdDSA", "kid": eddsa.id, "crit": ["b64"], "b64": false});
        assert_eq!(site.refusal(&raw(&header, &good(), Algorithm::EdDSA, site.encoding("local"))), Refusal::Critical);
    }

    #[test]
    fn an_unknown_or_another_key_and_any_change_are_refused() {
        let site = site();
        let other = self::site();
        let key = site.encoding("local");
        for kid in [json!("gone"), Value::Null, json!(""), json!("local"), json!("../local"), json!("x".repeat(300))] {
            let token = raw(&json!({"alg": "EdDSA", "kid": kid}), &good(), Algorithm::EdDSA, key);
            assert_eq!(site.refusal(&token), Refusal::UnknownKey);
        }
        assert_eq!(site.refusal(&other.token(&good())), Refusal::UnknownKey);
        let forged = raw(&site.header("local"), &good(), Algorithm::EdDSA, other.encoding("local"));
        assert_eq!(site.refusal(&forged), Refusal::BadSignature);
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
        let huge = site.token(&with("sub", json!("x".repeat(16 * 1024))));
        assert_eq!(site.refusal(&huge), Refusal::TooLong);
        let usual = sign(&site.keys["local"], &serde_json::from_value(good()).unwrap()).unwrap();
        assert!(usual.len() < 600);
    }
}
