//! Makes a token: for `weir token issue` on the server's machine and for `POST /api/v2/tokens` alike. Whoever issues one gives no more
//! than they have: their whole role in the team, and no longer than they are themselves believed.

use super::Keys;
use super::jwt::{AUDIENCE, Audience, Claims, Grant, sign};
use crate::config::Config;
use crate::model::glob::Glob;
use crate::model::right::{Right, Role};
use crate::model::scope::Scope;
use crate::model::time::{Span, Time};
use crate::status;
use crate::status::token::{NewToken, Tokens};
use crate::web::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The keys of a wish, as a body has them.
pub const KEYS: [&str; 10] =
    ["team", "role", "owner", "builders", "actions", "parameters", "uses", "feed_only", "subject", "expires"];
/// How long a token is good where nobody says.
const EXPIRES: Duration = Duration::from_secs(3_600);
/// Tokens are good for so long at most: ten years.
const EXPIRES_S_MAX: u64 = 10 * 365 * 86_400;
/// Entries of each list and table at most.
const ENTRIES_MAX: usize = 100;
/// Bytes of what a token says at most: it goes with each request.
const CLAIMS_BYTES_MAX: usize = 4 << 10;
/// Characters of a subject at most.
const SUBJECT_MAX: usize = 100;
/// What a token can be narrowed to do.
const ACTIONS: [Right; 4] = [Right::Force, Right::Rebuild, Right::Stop, Right::Cancel];

/// What somebody wants a token to be good for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    /// The team that it reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Its role there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// It is the instance owner's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub owner: bool,
    /// Control reaches builders that fit one of these only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub builders: Vec<Glob>,
    /// Control is these actions only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Right>,
    /// Force parameters, branch or revision that it fixes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Value>,
    /// How many control actions it is good for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// It reads what is for machines and nothing else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub feed_only: bool,
    /// Whom it names in the audit; the one who issues it where nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How long it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Span>,
}

/// A token that was issued. It prints without the token.
#[derive(Serialize, Deserialize)]
pub struct Issued {
    /// The token itself: shown this once.
    pub token: String,
    /// Its id.
    pub jti: String,
    /// Whom it names.
    pub subject: String,
    /// Until when it is good.
    pub expires_at: Time,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("jti", &self.jti).finish_non_exhaustive()
    }
}

/// Issues what `wish` says for `scope`, and records it.
///
/// # Errors
/// `Forbidden` where `scope` may not, `Invalid` naming each wrong key, `Conflict` without a local key.
pub async fn issue(scope: &Scope, wish: Wish, keys: &Keys, config: &Config, tokens: &Tokens) -> Result<Issued> {
    let wrong = wrong(&wish);
    if !wrong.is_empty() {
        return Err(status::Error::Invalid { fields: wrong }.into());
    }
    // Before it is said which teams there are.
    let known = wish.team.as_deref().filter(|team| config.teams.contains_key(*team));
    // What is no team is for owners to hear of, and for no row of the audit.
    tokens.check_issue(scope, known).await?;
    if let Some(team) = wish.team.as_ref().filter(|_| known.is_none()) {
        let names: Vec<_> = config.teams.keys().map(String::as_str).collect();
        let why = format!("there is no team `{team}`; the configuration has {}", names.join(", "));
        return Err(status::Error::invalid("team", why).into());
    }
    let subject = subject(&wish, scope);
    let now = tokens.issue_time(&subject).await?;
    let expires_at = expires_at(&wish, scope, now)?;
    let signing = keys.signing(&config.auth).await.map_err(status::Error::Internal)?;
    let Some((issuer, ring)) = signing else {
        let why = "the configuration has no key of its own to sign with; add for instance\n\n[auth.jwt.local]\nalgorithm = \"EdDSA\"\nkey_file = \"state/jwt.pem\"";
        return Err(status::Error::Conflict(why.to_owned()).into());
    };
    let claims = Claims {
        iss: issuer,
        sub: subject,
        aud: Audience::One(AUDIENCE.to_owned()),
        exp: expires_at.timestamp(),
        nbf: Some(now.timestamp()),
        iat: Some(now.timestamp()),
        jti: format!("{:032x}", rand::random::<u128>()),
        weir: Grant {
            team: wish.team,
            role: wish.role,
            builders: wish.builders,
            actions: wish.actions,
            parameters: wish.parameters,
            uses: wish.uses,
            owner: wish.owner,
            feed_only: wish.feed_only,
        },
    };
    let details = serde_json::to_value(&claims.weir).map_err(|error| status::Error::Internal(error.into()))?;
    if details.to_string().len() > CLAIMS_BYTES_MAX {
        let why = format!("together with `builders` and `actions` they make more than {CLAIMS_BYTES_MAX} bytes");
        return Err(status::Error::invalid("parameters", why).into());
    }
    let token = sign(ring.signing(), &claims).map_err(status::Error::Internal)?;
    let team = claims.weir.team.clone();
    let new = NewToken {
        jti: claims.jti.clone(),
        subject: claims.sub.clone(),
        team,
        details,
        expires_at,
        kid: ring.signing().id.clone(),
    };
    tokens.record(scope, new).await?;
    Ok(Issued { token, jti: claims.jti, subject: claims.sub, expires_at })
}

/// Until when the token is good: what was wished for, and no longer than `scope` itself is believed.
fn expires_at(wish: &Wish, scope: &Scope, now: Time) -> Result<Time> {
    let after = |span: Duration| now + chrono::TimeDelta::from_std(span).unwrap_or(chrono::TimeDelta::zero());
    match (wish.expires, scope.ends()) {
        (Some(span), Some(ends)) if after(span.0) > ends => {
            let ends = ends.format("%Y-%m-%d %H:%M:%S UTC");
            let why = format!(
                "what you ask with ends at {ends}, and what it issues may not outlive it; ask for less, or issue this one on the server's machine"
            );
            Err(status::Error::invalid("expires", why).into())
        }
        (Some(span), _) => Ok(after(span.0)),
        (None, ends) => Ok(ends.map_or(after(EXPIRES), |ends| ends.min(after(EXPIRES)))),
    }
}

/// Whom the token names. Who is no owner cannot have it name another alone: the audit would be a lie.
fn subject(wish: &Wish, scope: &Scope) -> String {
    match &wish.subject {
        Some(subject) if *subject == scope.subject || scope.may(Right::Administer, "", "") => subject.clone(),
        Some(subject) => format!("{subject} (for {})", scope.subject),
        None => scope.subject.clone(),
    }
}

/// Each wrong key and why, as far as it can be said without looking at anything.
fn wrong(wish: &Wish) -> BTreeMap<String, String> {
    let mut wrong = BTreeMap::new();
    let mut say = |is_wrong: bool, field: &str, why: &str| {
        if is_wrong {
            wrong.entry(field.to_owned()).or_insert_with(|| why.to_owned());
        }
    };
    say(wish.owner && wish.team.is_some(), "team", "an owner's token belongs to no team");
    say(wish.owner && wish.role.is_some(), "role", "an owner's token has no role in a team");
    say(!wish.owner && wish.team.is_none(), "team", "is required, or `owner`");
    say(wish.team.as_ref().is_some_and(|team| !is_subject(team)), "team", "a team's name has 1 to 100 characters");
    say(!wish.owner && wish.role.is_none(), "role", "is required: viewer, operator or admin");
    say(wish.role == Some(Role::Owner), "role", "an owner's token belongs to no team: give `owner` instead");
    say(wish.actions.iter().any(|a| !ACTIONS.contains(a)), "actions", "actions are force, rebuild, stop and cancel");
    say(wish.uses == Some(0), "uses", "a token must be good for something: give a number from 1");
    let is_narrow = !(wish.builders.is_empty() && wish.actions.is_empty() && wish.parameters.is_empty());
    say(wish.feed_only && wish.role != Some(Role::Viewer), "role", "a token for feeds only has the role viewer");
    say(
        wish.feed_only && (is_narrow || wish.uses.is_some()),
        "feed_only",
        "a token for feeds only reads, and so has no builders, actions, parameters and uses",
    );
    for (field, n) in
        [("builders", wish.builders.len()), ("actions", wish.actions.len()), ("parameters", wish.parameters.len())]
    {
        say(n > ENTRIES_MAX, field, "there are more than 100 of them");
    }
    say(wish.subject.as_ref().is_some_and(|text| !is_subject(text)), "subject", "use 1 to 100 printable characters");
    match wish.expires.map(|span| span.0.as_secs()) {
        Some(0) => say(true, "expires", "a token must be good for some time"),
        Some(s) => say(s > EXPIRES_S_MAX, "expires", "a token is good for ten years at most"),
        None => {}
    }
    wrong
}

fn is_subject(text: &str) -> bool {
    (1..=SUBJECT_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::{Wish, wrong};
    use serde_json::{Value, json};

    #[test]
    fn each_wrong_key_of_a_wish_is_named() {
        for (wish, fields) in [
            (json!({}), vec!["role", "team"]),
            (json!({"team": "core", "role": "viewer"}), vec![]),
            (json!({"owner": true}), vec![]),
            (json!({"owner": true, "team": "core", "role": "admin"}), vec!["role", "team"]),
            (json!({"team": "core", "role": "owner"}), vec!["role"]),
            (json!({"team": "x".repeat(200_000), "role": "viewer"}), vec!["team"]),
            (json!({"team": "core", "role": "admin", "actions": ["administer"]}), vec!["actions"]),
            (json!({"team": "core", "role": "operator", "uses": 0, "expires": "0s"}), vec!["expires", "uses"]),
            (json!({"team": "core", "role": "operator", "feed_only": true}), vec!["role"]),
            (json!({"team": "core", "role": "viewer", "feed_only": true, "uses": 1}), vec!["feed_only"]),
            (
                json!({"team": "core", "role": "viewer", "expires": "4000d", "subject": "a\nb"}),
                vec!["expires", "subject"],
            ),
        ] {
            let read: Wish = serde_json::from_value(wish.clone()).unwrap();
            assert_eq!(wrong(&read).into_keys().collect::<Vec<_>>(), fields, "{wish}");
        }
        assert!(serde_json::from_value::<Wish>(json!({"nonsense": 1})).is_err());
        assert_eq!(serde_json::to_value(Wish::default()).unwrap(), Value::Object(serde_json::Map::new()));
    }
}
