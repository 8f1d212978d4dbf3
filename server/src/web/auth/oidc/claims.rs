//! From what a provider says of somebody to who they are.

use super::trouble::Trouble;
use crate::config::issuer::Provider;
use crate::status::rights::Identity;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Largest claims of one person, as JSON: they are stored with each session.
const CLAIMS_BYTES_MAX: usize = 64 << 10;
/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Claims that are about the token and not about the person.
const OF_THE_TOKEN: [&str; 12] =
    ["aud", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "azp", "auth_time", "sid", "session_state"];

/// The claims of an ID token whose signature and claims were checked.
///
/// # Errors
/// A sentence, where it is no token.
pub fn of_id_token(token: &str) -> Result<Map<String, Value>, String> {
    let payload = token.split('.').nth(1).ok_or("the ID token has no payload")?;
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|error| error.to_string())?;
    serde_json::from_slice(&payload).map_err(|error| error.to_string())
}

/// Who somebody is by the claims of the signed ID token, and what the provider told beside it. Where both say something, the ID token
/// counts: it is signed.
///
/// # Errors
/// `Untrusted` where there is no subject, or too much is said.
pub fn identity(
    provider: &Provider,
    id_token: Map<String, Value>,
    told: Map<String, Value>,
) -> Result<Identity, Trouble> {
    let mut claims = told;
    claims.extend(id_token);
    claims.retain(|name, value| !OF_THE_TOKEN.contains(&name.as_str()) && !value.is_null());
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let Some(subject) = text("sub").map(str::to_owned) else {
        return Err(Trouble::doubtful(provider, "the claims have no `sub`".to_owned()));
    };
    let name = text(provider.name_claim.as_deref().unwrap_or("preferred_username")).unwrap_or(&subject);
    let name = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect::<String>().trim().to_owned();
    let claims = Value::Object(claims);
    let n_bytes = claims.to_string().len();
    if n_bytes > CLAIMS_BYTES_MAX {
        let why = format!("the claims have {n_bytes} bytes, more than {CLAIMS_BYTES_MAX}: ask for fewer `scopes`");
        return Err(Trouble::doubtful(provider, why));
    }
    Ok(Identity::Foreign { issuer: provider.name.clone(), subject, name, claims })
}

#[cfg(test)]
mod tests {
    use super::{Provider, identity, of_id_token};
    use crate::status::rights::Identity;
    use serde_json::{Map, Value, json};

    fn provider(name_claim: Option<&str>) -> Provider {
        Provider {
            name: "main".to_owned(),
            issuer: "https://id.example.org".to_owned(),
            client_id: "weir".to_owned(),
            client_secret: None,
            scopes: Vec::new(),
            name_claim: name_claim.map(str::to_owned),
            title: "Main".to_owned(),
        }
    }

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn the_signed_token_counts_and_what_is_about_the_token_is_left_out() {
        let signed =
            map(json!({"sub": "1", "iss": "https://id.example.org", "aud": "weir", "nonce": "n", "groups": ["a"]}));
        let told =
            map(json!({"sub": "1", "groups": ["b"], "realm_access": {"roles": ["dev"]}, "preferred_username": "ada"}));
        let who = identity(&provider(None), signed, told).unwrap();
        let claims = json!({"sub": "1", "iss": "https://id.example.org", "groups": ["a"], "realm_access": {"roles": ["dev"]},
                            "preferred_username": "ada"});
        let wanted =
            Identity::Foreign { issuer: "main".to_owned(), subject: "1".to_owned(), name: "ada".to_owned(), claims };
        assert_eq!(who, wanted);
    }

    #[test]
    fn people_are_named_by_the_claim_that_is_configured_and_else_by_what_never_changes() {
        let name = |provider: &Provider, claims: Value| match identity(provider, map(claims), Map::new()) {
            Ok(Identity::Foreign { name, .. }) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(name(&provider(Some("email")), json!({"sub": "1", "email": "ada@example.org"})), "ada@example.org");
        assert_eq!(name(&provider(None), json!({"sub": "1", "name": "Ada"})), "1");
        assert_eq!(name(&provider(None), json!({"sub": "1", "preferred_username": " "})), "1");
        assert_eq!(name(&provider(None), json!({"sub": "1", "preferred_username": "a\r\nb\u{1b}[31m"})), "ab[31m");
        assert_eq!(name(&provider(None), json!({"sub": "1", "preferred_username": "x".repeat(500)})).len(), 100);
    }

    #[test]
    fn without_a_subject_or_with_too_much_said_nobody_is_signed_in() {
        assert!(identity(&provider(None), map(json!({"name": "Ada"})), Map::new()).is_err());
        assert!(identity(&provider(None), map(json!({"sub": 7})), Map::new()).is_err());
        let much = json!({"sub": "1", "groups": vec!["x".repeat(100); 1000]});
        assert!(identity(&provider(None), map(much), Map::new()).is_err());
        assert!(of_id_token("abc").is_err() && of_id_token("a.b.c").is_err() && of_id_token("a.W10.c").is_err());
        assert_eq!(of_id_token("a.eyJzdWIiOiIxIn0.c").unwrap()["sub"], "1");
    }
}
