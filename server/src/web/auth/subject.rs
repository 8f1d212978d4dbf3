//! Of whom `can` is asked: a subject as it is written, with what had to be looked up of a token.

use super::{Keys, jwt};
use crate::config::Config;
use crate::model::time::Time;
use crate::status::Error;
use crate::status::can::{Subject, Who};
use crate::status::get::Get;
use crate::status::revocation::Revoked;
use crate::status::rights::Identity;
use crate::status::token::{Token, Tokens};
use crate::web;

/// Where tokens are looked up: what is recorded of them, and the keys that they are checked with.
pub struct Known<'a> {
    /// What is recorded.
    pub tokens: &'a Tokens,
    /// Keys of our own.
    pub keys: &'a Keys,
    /// Who asks, and hears of tokens of their own teams alone; none where all may be told.
    pub asker: Option<&'a Get>,
}

/// Reads a subject and looks up what it names; without `known` no token is known.
///
/// # Errors
/// `Invalid` naming what is wrong, `NotFound` for a token that was never issued here or that who asks may not hear of.
pub async fn read(text: &str, config: &Config, known: Option<Known<'_>>, now: Time) -> web::Result<Who> {
    let subject = Subject::parse(text.trim(), &config.auth).map_err(|why| Error::invalid("subject", why))?;
    let missing = |id: &str| Error::not_found("token", id);
    Ok(match subject {
        Subject::Anonymous => Who::Anonymous,
        Subject::User(name) => Who::Known(Identity::User { name }),
        Subject::Claims(issuer, claims) => {
            let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or("somebody").to_owned();
            Who::Known(Identity::Foreign { issuer, name: subject.clone(), subject, claims })
        }
        Subject::Personal(id) => {
            let known = known.ok_or_else(|| missing(&id))?;
            known.tokens.personal(config, &id, known.asker).await?
        }
        Subject::Token(jti) => {
            let known = known.ok_or_else(|| missing(&jti))?;
            let is_told =
                |token: &Token| known.asker.is_none_or(|asker| asker.may_ask_about_token_of(token.team.as_deref()));
            let token = known.tokens.find(&jti).await?.filter(is_told).ok_or_else(|| missing(&jti))?;
            issued(&token, config, &known, now).await?
        }
    })
}

async fn issued(token: &Token, config: &Config, known: &Known<'_>, now: Time) -> web::Result<Who> {
    if token.is_from_elsewhere() {
        let why = "this token was issued where the database of this server was not at hand: its uses are counted here, and what it is good \
                   for stands in the token alone";
        return Err(Error::invalid("subject", why).into());
    }
    let day = |at: Time| at.format("%Y-%m-%d %H:%M UTC").to_string();
    let proved = jwt::recorded(token).ok();
    let revoked = match &proved {
        Some(proved) => known.tokens.revoked(&proved.carried).await?,
        None => None,
    };
    let is_checked = token.kid.is_empty() || known.keys.has(&config.auth, &token.kid).await?;
    let ended = match (token.revoked_at, revoked) {
        (Some(at), _) => Some(format!("the token was revoked on {}", day(at))),
        (None, Some(Revoked::Token)) => Some("the token was revoked".to_owned()),
        (None, Some(Revoked::Subject)) => Some(format!("all tokens of {} up to then were revoked", token.subject)),
        (None, Some(Revoked::Key)) => Some(format!("the key {} that signed the token was revoked", token.kid)),
        (None, None) if token.expires_at <= now => Some(format!("the token expired on {}", day(token.expires_at))),
        (None, None) if !is_checked => {
            Some(format!("the key {} that signed the token is no key of this server any more", token.kid))
        }
        (None, None) => None,
    };
    let key = if token.kid.is_empty() { ", by a key that was not recorded" } else { "" };
    let origin = format!("issued by {} on {}{key}", token.issued_by, day(token.issued_at));
    let uses = proved.as_ref().and_then(|proved| proved.scope.narrowed().uses);
    let n_left = uses.map(|max| token.n_left(max));
    Ok(Who::Token { scope: proved.map(|proved| Box::new(proved.scope)), origin, ended, n_left })
}
