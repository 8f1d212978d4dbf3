//! `/account`: somebody's own page, and what they do there. Only a session comes here: a token makes no tokens.

use super::{Maker, html, html_answer};
use crate::render::context::account::{Account, AccountPage, TokenMade};
use crate::render::context::field::Refused;
use crate::status::personal::TokenWish;
use crate::status::rights::Identity;
use crate::status::{self, session::Session};
use crate::web::auth::session::{Signed, forget_session};
use crate::web::error::sentence;
use crate::web::extract::{Asker, Form, Query};
use crate::web::{AppState, Error, Result};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What was just done, by the word in the address.
const DONE: [(&str, &str); 2] =
    [("session", "That session has ended."), ("token", "The token is revoked; nobody can use it any more.")];

/// The arguments.
#[derive(Debug, Deserialize)]
pub struct Arguments {
    done: Option<String>,
}

/// A form without fields of its own.
type Bare = Form<Vec<(String, String)>>;

/// `GET /account`.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    request: HttpRequest,
    maker: Maker,
    Query(Arguments { done }): Query<Arguments>,
) -> Result<HttpResponse> {
    let Some(signed) = Signed::of(&request) else {
        return Ok(see(&maker.links.login_to(&maker.links.account())).finish());
    };
    let done = done.and_then(|done| DONE.iter().find(|(word, _)| *word == done)).map(|(_, sentence)| *sentence);
    let asked = Asked { scope: &scope, session: &signed.session, done };
    page(&state, maker, asked, None).await
}

/// `GET` of a form's address leads to the page with the forms: whoever opens what a refused form left in the address bar finds it there.
pub async fn to_account(maker: Maker) -> HttpResponse {
    see(&maker.links.account()).finish()
}

/// `POST /account/tokens`: makes a token and shows it, this once.
pub async fn make_token(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    request: HttpRequest,
    maker: Maker,
    Form(wish): Form<TokenWish>,
) -> Result<HttpResponse> {
    let session = session(&request)?;
    match state.status.personal_tokens().make(&session, &scope, wish.clone()).await {
        Ok((secret, token)) => {
            let page = TokenMade::page(maker.site, &token, secret.expose(), &maker.links, maker.now);
            Ok(unstored(html_answer(html(&page)?)))
        }
        Err(error @ (status::Error::Invalid { .. } | status::Error::Limit { .. })) => {
            let asked = Asked { scope: &scope, session: &session, done: None };
            let mut answer = page(&state, maker, asked, Some(&refused(wish, &error))).await?;
            Error::from(error).mark(&mut answer);
            Ok(answer)
        }
        Err(error) => Err(error.into()),
    }
}

/// What was typed, and what is wrong with it.
fn refused(wish: TokenWish, error: &status::Error) -> Refused {
    let TokenWish { name, team, role, days } = wish;
    let typed = [("name", name), ("team", team), ("role", role), ("days", days)];
    let typed = typed.map(|(field, value)| (field.to_owned(), value)).into();
    match error {
        status::Error::Invalid { fields } => Refused { typed, fields: fields.clone(), whole: None },
        other => Refused { typed, fields: BTreeMap::new(), whole: Some(sentence(&other.to_string())) },
    }
}

/// `POST /account/tokens/<id>`: revokes it.
pub async fn revoke_token(
    state: web::Data<AppState>,
    request: HttpRequest,
    maker: Maker,
    id: web::Path<String>,
    Form(_nothing): Bare,
) -> Result<HttpResponse> {
    state.status.personal_tokens().revoke(&*session(&request)?, &id).await?;
    Ok(see(&format!("{}?done=token", maker.links.account())).finish())
}

/// `POST /account/sessions/<id>`: ends it.
pub async fn end_session(
    state: web::Data<AppState>,
    request: HttpRequest,
    maker: Maker,
    id: web::Path<String>,
    Form(_nothing): Bare,
) -> Result<HttpResponse> {
    let session = session(&request)?;
    state.status.sessions().end(&session.identity, &id, &session).await?;
    match *session.id == **id {
        true => Ok(see(&maker.links.front()).cookie(forget_session(&state)).finish()),
        false => Ok(see(&format!("{}?done=session", maker.links.account())).finish()),
    }
}

/// `POST /account/sessions`: ends all of them, this one too.
pub async fn end_sessions(
    state: web::Data<AppState>,
    request: HttpRequest,
    maker: Maker,
    Form(_nothing): Bare,
) -> Result<HttpResponse> {
    let session = session(&request)?;
    state.status.sessions().end_everywhere(&session.identity, &session).await?;
    Ok(see(&maker.links.front()).cookie(forget_session(&state)).finish())
}

/// Who asks for the page, and what they just did.
struct Asked<'a> {
    scope: &'a crate::model::scope::Scope,
    session: &'a Session,
    done: Option<&'static str>,
}

async fn page(state: &AppState, maker: Maker, asked: Asked<'_>, refused: Option<&Refused>) -> Result<HttpResponse> {
    let (session, identity) = (asked.session, &asked.session.identity);
    let tokens = state.status.personal_tokens();
    let by = match identity {
        Identity::User { .. } => "a password".to_owned(),
        Identity::Foreign { issuer, .. } => {
            let config = state.status.config();
            config.auth.oidc.get(issuer).map_or_else(|| issuer.clone(), |provider| provider.title.clone())
        }
    };
    let page = AccountPage {
        session,
        reach: &tokens.reach(asked.scope),
        sessions: &state.status.sessions().list(identity).await?,
        tokens: &tokens.list(identity).await?,
        refused,
        done: asked.done,
        by,
    };
    Ok(unstored(html_answer(html(&Account::page(maker.site, &page, &maker.links, maker.now))?)))
}

/// The session that a posted form came with.
fn session(request: &HttpRequest) -> Result<std::sync::Arc<Session>> {
    Ok(Signed::of(request).ok_or_else(Error::no_session)?.session)
}

/// An answer that no browser keeps.
fn unstored(mut answer: HttpResponse) -> HttpResponse {
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// On to `href`, by GET.
fn see(href: &str) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((LOCATION, href)).insert_header((CACHE_CONTROL, "no-store"));
    answer
}
