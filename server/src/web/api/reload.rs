//! The configuration loaded anew, by whoever may.

use super::body;
use crate::status::reload::ReloadAnswer;
use crate::web::extract::SignedIn;
use crate::web::{AppState, Result};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

/// `POST /api/v2/reload`: 200 where what was loaded is in force, 422 where its files are wrong and nothing changed.
pub async fn all(
    SignedIn(scope): SignedIn,
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let _nothing: Value = body::read(&request, payload, &[]).await?;
    Ok(told(&state.status.control(&scope).reload(None).await?))
}

/// `POST /api/v2/teams/<team>/reload`: the same for a team's admins, who are told of their own part.
pub async fn team(
    SignedIn(scope): SignedIn,
    state: web::Data<AppState>,
    team: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let _nothing: Value = body::read(&request, payload, &[]).await?;
    Ok(told(&state.status.control(&scope).reload(Some(team.as_str())).await?))
}

fn told(answer: &ReloadAnswer) -> HttpResponse {
    let no_store = (CACHE_CONTROL, "no-store");
    if answer.in_force {
        return HttpResponse::Ok().insert_header(no_store).json(answer);
    }
    let error = format!("nothing was reloaded, what is in force stays:\n{}", answer.wrong.join("\n"));
    let mut body = json!(answer);
    body["error"] = error.into();
    body["code"] = "wrong_configuration".into();
    HttpResponse::UnprocessableEntity().insert_header(no_store).json(body)
}
