//! `GET /can`: who may do what, for those who administer.

use super::{Maker, answer};
use crate::render::context::can::{Asked, CanContext};
use crate::status::{Error as StatusError, can};
use crate::web::api::can::{Question, ask};
use crate::web::extract::{Asker, Query};
use crate::web::{AppState, Error, Result};
use actix_web::{HttpResponse, web};

/// The form, and the answer where something was asked.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    Query(question): Query<Question>,
    maker: Maker,
) -> Result<HttpResponse> {
    if !state.status.get(&scope).may_ask_who_can() {
        return Err(Error::no_page("/can"));
    }
    let asked = Asked {
        subject: question.subject.clone().unwrap_or_default(),
        action: question.action.clone().unwrap_or_else(|| "read".to_owned()),
        object: question.object.clone().unwrap_or_default(),
    };
    let said = if asked.subject.is_empty() && asked.object.is_empty() {
        None
    } else {
        match ask(&state, &scope, &question).await {
            Ok(verdict) => Some(Ok(verdict)),
            Err(Error::Status(StatusError::Invalid { fields })) => {
                Some(Err(fields.into_values().collect::<Vec<_>>().join("; ")))
            }
            Err(Error::Status(error @ StatusError::NotFound { .. })) => Some(Err(error.to_string())),
            Err(error) => return Err(error),
        }
    };
    answer(&CanContext::page(
        maker.site,
        asked,
        said.map(|said: std::result::Result<can::Verdict, String>| said),
        &maker.links,
    ))
}
