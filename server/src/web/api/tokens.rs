//! Tokens: issued, listed, ended; and who one is oneself.

use super::body;
use crate::status::document;
use crate::status::revocation::Target;
use crate::web::auth::issue::{self, Wish, issue};
use crate::web::auth::still_stands;
use crate::web::extract::{Asker, Query, SignedIn};
use crate::web::{AppState, Error, Result};
use actix_web::http::header::{CACHE_CONTROL, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

/// Characters of what is revoked at most.
const VALUE_MAX: usize = 255;

/// The arguments of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    team: Option<String>,
    live: bool,
}

/// What is to be revoked: one of the three.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Revocation {
    issuer: Option<String>,
    jti: Option<String>,
    subject: Option<String>,
    key: Option<String>,
}

/// `GET /api/v2/tokens?team=T&live=true`: tokens of a team, or all of them, newest first; `live` are those that have not ended. Never a
/// token itself.
pub async fn list(
    SignedIn(scope): SignedIn,
    state: web::Data<AppState>,
    Query(wanted): Query<Wanted>,
) -> Result<HttpResponse> {
    let tokens = state.status.tokens().list(&scope, wanted.team.as_deref(), wanted.live).await?;
    let tokens = tokens.iter().map(document::token).collect();
    Ok(private(HttpResponse::Ok()).json(document::collection("tokens", tokens)))
}

/// `POST /api/v2/tokens`: issues one.
pub async fn create(
    SignedIn(scope): SignedIn,
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let wish: Wish = body::read(&request, payload, &issue::KEYS).await?;
    let (config, tokens) = (state.status.config(), state.status.tokens());
    let issued = issue(&scope, wish, &state.keys, &config, &tokens).await?;
    // It may have waited. A token that nobody was shown is nobody's.
    still_stands(&request).await?;
    Ok(private(HttpResponse::Created()).json(issued))
}

/// `POST /api/v2/tokens/<jti>/revoke`.
pub async fn revoke(
    SignedIn(scope): SignedIn,
    state: web::Data<AppState>,
    jti: web::Path<String>,
) -> Result<HttpResponse> {
    state.status.tokens().revoke(&scope, &jti).await?;
    Ok(private(HttpResponse::Ok()).json(json!({ "jti": *jti, "revoked": true })))
}

/// `POST /api/v2/revocations`: ends everything of a subject or of a key, or one token of a foreign issuer.
pub async fn revoke_all(
    SignedIn(scope): SignedIn,
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let wanted: Revocation = body::read(&request, payload, &["issuer", "jti", "subject", "key"]).await?;
    let issuer = Target::issuer(&state.status.config().auth, wanted.issuer.as_deref())?;
    let target = match (wanted.jti, wanted.subject, wanted.key) {
        (Some(jti), None, None) => Target::Token { issuer, jti },
        (None, Some(subject), None) => Target::Subject { issuer, subject },
        (None, None, Some(kid)) => Target::Key { issuer, kid },
        _ => {
            let why = "name one of `jti`, `subject` and `key`, and an `issuer` where it is not this server";
            return Err(Error::BadRequest(why.to_owned()));
        }
    };
    if target.value().is_empty() || target.value().len() > VALUE_MAX {
        return Err(Error::BadRequest(format!("what is revoked has 1 to {VALUE_MAX} characters")));
    }
    state.status.tokens().revoke_all(&scope, target).await?;
    Ok(private(HttpResponse::Ok()).json(json!({ "revoked": true })))
}

/// `GET /api/v2/me`: who one is, as the server takes it.
pub async fn me(Asker(scope): Asker) -> HttpResponse {
    let me: Value = document::scope(&scope);
    private(HttpResponse::Ok()).json(document::collection("me", vec![me]))
}

/// For the one who asks alone.
fn private(mut answer: actix_web::HttpResponseBuilder) -> actix_web::HttpResponseBuilder {
    answer.insert_header((CACHE_CONTROL, "no-store")).append_header((VARY, "Authorization, Cookie"));
    answer
}
