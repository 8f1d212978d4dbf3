//! `GET /api/v2/can`: whether somebody may do something, and by which rule.

use crate::model::scope::Scope;
use crate::status;
use crate::status::can::{Object, Verdict, parse_action};
use crate::web::auth::subject::{self, Known};
use crate::web::extract::{Asker, Query};
use crate::web::{AppState, Error, Result};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// Who, what, to what.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Question {
    /// `anonymous`, `user:NAME`, `token:JTI`, `personal:ID`, `ISSUER:claim=value`.
    pub subject: Option<String>,
    /// `read`, `force` and so on.
    pub action: Option<String>,
    /// `TEAM/BUILDER`, `TEAM`, `view:NAME`, `instance`.
    pub object: Option<String>,
}

/// Asks `status`, in the name of who asks.
///
/// # Errors
/// `Invalid` naming each part of the question that cannot be understood, `NotFound` for what one may not ask about.
pub async fn ask(state: &AppState, scope: &Scope, question: &Question) -> Result<Verdict> {
    let get = state.status.get(scope);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut fields = BTreeMap::new();
    let action = parse_action(&text(&question.action)).map_err(|why| fields.insert("action".to_owned(), why)).ok();
    let object = Object::parse(&text(&question.object)).map_err(|why| fields.insert("object".to_owned(), why)).ok();
    let config = state.status.config();
    let tokens = state.status.tokens();
    let known = Known { tokens: &tokens, keys: &state.keys, asker: Some(&get) };
    let who = subject::read(&text(&question.subject), &config, Some(known), state.clock.now()).await;
    match (who, action, object) {
        (Ok(who), Some(action), Some(object)) => Ok(get.can(&who, action, &object)?),
        (Err(Error::Status(status::Error::Invalid { fields: others })), ..) => {
            fields.extend(others);
            Err(status::Error::Invalid { fields }.into())
        }
        (Err(error), ..) => Err(error),
        (Ok(_), ..) => Err(status::Error::Invalid { fields }.into()),
    }
}

/// The answer.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    Query(question): Query<Question>,
) -> Result<HttpResponse> {
    if !state.status.get(&scope).may_ask_who_can() {
        return Err(Error::no_page("/api/v2/can"));
    }
    let verdict = ask(&state, &scope, &question).await?;
    let answer = json!({ "allowed": verdict.allowed, "reasons": verdict.reasons });
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "private, no-store")).json(answer))
}
