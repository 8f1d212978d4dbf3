//! People act: force, rebuild, stop, cancel. Who may is for `status` to say; here it is only asked that somebody is known at all.

use super::body;
use crate::config::builder::{Parameter, ParameterKind};
use crate::model::id::BuildRequestId;
use crate::status::control::ForceWish;
use crate::web::extract::{Asker, SignedIn};
use crate::web::{AppState, Result};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The keys of a force.
const FORCE_KEYS: [&str; 5] = ["branch", "revision", "reason", "properties", "parameters"];

/// Why somebody rebuilds, stops or cancels.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Why {
    reason: Option<String>,
}

impl Why {
    /// The reason, or none.
    fn text(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }
}

/// `POST /api/v2/teams/<team>/builders/<builder>/force`.
pub async fn force(
    SignedIn(scope): SignedIn,
    state: web::Data<AppState>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let (team, builder) = path.into_inner();
    let (mut wish, wrong): (ForceWish, _) = body::read_partly(&request, payload, &FORCE_KEYS).await?;
    wish.wrong = wrong;
    let forced = state.status.control(&scope).force(&team, &builder, wish).await?;
    Ok(accepted(forced))
}

/// `GET` of the same address: what may be given.
pub async fn force_form(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse> {
    let (team, builder) = path.into_inner();
    let form = state.status.get(&scope).force_form(&team, &builder)?;
    let parameters: Vec<_> = form.iter().flat_map(|form| &form.parameters).map(parameter).collect();
    let properties: Vec<_> = form.iter().flat_map(|form| &form.properties).collect();
    let answer = json!({ "enabled": form.is_some(), "parameters": parameters, "properties": properties });
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "private, no-cache")).json(answer))
}

/// `POST /api/v2/teams/<team>/builders/<builder>/builds/<n>/rebuild`.
pub async fn rebuild(
    SignedIn(scope): SignedIn,
    state: web::Data<AppState>,
    path: web::Path<(String, String, i64)>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let (team, builder, number) = path.into_inner();
    let why: Why = body::read(&request, payload, &["reason"]).await?;
    let forced = state.status.control(&scope).rebuild(&team, &builder, number, why.text()).await?;
    Ok(accepted(forced))
}

/// `POST /api/v2/teams/<team>/builders/<builder>/builds/<n>/stop`.
pub async fn stop(
    SignedIn(scope): SignedIn,
    state: web::Data<AppState>,
    path: web::Path<(String, String, i64)>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let (team, builder, number) = path.into_inner();
    let why: Why = body::read(&request, payload, &["reason"]).await?;
    state.status.control(&scope).stop(&team, &builder, number, why.text()).await?;
    Ok(accepted(json!({})))
}

/// `POST /api/v2/buildrequests/<id>/cancel`.
pub async fn cancel(
    SignedIn(scope): SignedIn,
    state: web::Data<AppState>,
    id: web::Path<i64>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let why: Why = body::read(&request, payload, &["reason"]).await?;
    state.status.control(&scope).cancel(BuildRequestId(*id), why.text()).await?;
    Ok(accepted(json!({})))
}

/// The wish is durable; its effect comes soon.
fn accepted(answer: impl Serialize) -> HttpResponse {
    HttpResponse::Accepted().insert_header((CACHE_CONTROL, "no-store")).json(answer)
}

/// One parameter of a force, as its form needs it.
fn parameter(parameter: &Parameter) -> Value {
    let (kind, pattern, choices) = match &parameter.kind {
        ParameterKind::String(pattern) => ("string", pattern.as_ref(), None),
        ParameterKind::Text(pattern) => ("text", pattern.as_ref(), None),
        ParameterKind::Int => ("int", None, None),
        ParameterKind::Bool => ("bool", None, None),
        ParameterKind::Choice(choices) => ("choice", None, Some(choices)),
    };
    json!({
        "name": parameter.name,
        "label": parameter.label,
        "type": kind,
        "pattern": pattern.map(regex::Regex::as_str),
        "choices": choices,
        "default": parameter.default,
        "required": parameter.required,
    })
}
