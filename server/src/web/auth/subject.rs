//! Of whom `can` is asked: a subject as it is written, with what had to be looked up of a token.

use super::jwt;
use crate::config::auth::Auth;
use crate::model::time::Time;
use crate::status;
use crate::status::can::{Subject, Who};
use crate::status::rights::Identity;
use crate::status::token::{Token, Tokens};

/// Reads a subject and looks up what it names; without `tokens` no token is known.
///
/// # Errors
/// `Invalid` naming what is wrong, `NotFound` for a token that was never issued here.
pub async fn read(text: &str, auth: &Auth, tokens: Option<&Tokens>, now: Time) -> status::Result<Who> {
    let subject = Subject::parse(text.trim(), auth).map_err(|why| status::Error::invalid("subject", why))?;
    Ok(match subject {
        Subject::Anonymous => Who::Anonymous,
        Subject::User(name) => Who::Known(Identity::User { name }),
        Subject::Claims(issuer, claims) => {
            let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or("somebody").to_owned();
            Who::Known(Identity::Foreign { issuer, name: subject.clone(), subject, claims })
        }
        Subject::Token(jti) => {
            let missing = || status::Error::not_found("token", jti.clone());
            let tokens = tokens.ok_or_else(missing)?;
            let token = tokens.find(&jti).await?.ok_or_else(missing)?;
            issued(&token, tokens, now).await?
        }
    })
}

async fn issued(token: &Token, tokens: &Tokens, now: Time) -> status::Result<Who> {
    let day = |at: Time| at.format("%Y-%m-%d %H:%M UTC").to_string();
    let proved = jwt::recorded(token).ok();
    let revoked = match &proved {
        Some(proved) => tokens.revoked(&proved.carried).await?,
        None => None,
    };
    let ended = match (token.revoked_at, revoked) {
        (Some(at), _) => Some(format!("the token was revoked on {}", day(at))),
        (None, Some(_)) => Some("the token was revoked".to_owned()),
        (None, None) if token.expires_at <= now => Some(format!("the token expired on {}", day(token.expires_at))),
        (None, None) => None,
    };
    let origin = format!("issued by {} on {}", token.issued_by, day(token.issued_at));
    Ok(Who::Token { scope: proved.map(|proved| Box::new(proved.scope)), origin, ended })
}
