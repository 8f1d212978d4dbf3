//! Buttons on the pages of builders and builds: stop, rebuild, cancel. Each leads to a page that says what became of it; who was too late
//! is led there, too.

use super::{Maker, build, see_other};
use crate::model::id::BuildRequestId;
use crate::model::name::BuilderKey;
use crate::model::scope::Scope;
use crate::render::context::build::Refused;
use crate::status;
use crate::web::error::sentence;
use crate::web::extract::{Asker, Form};
use crate::web::{AppState, Error, Result};
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// What such a form holds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Why {
    /// For people; may be empty.
    reason: String,
}

/// `POST .../build/<n>/stop`.
pub async fn stop(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String, i64)>,
    Form(why): Form<Why>,
) -> Result<HttpResponse> {
    let (team, builder, number) = path.into_inner();
    match state.status.control(&scope).stop(&team, &builder, number, &why.reason).await {
        Ok(()) | Err(status::Error::Conflict(_)) => {}
        Err(error) => return again(&state, &scope, maker, &(team, builder, number), why, error).await,
    }
    Ok(see_other(maker.links.stopped(&BuilderKey::new(team, builder), number)))
}

/// `POST .../build/<n>/rebuild`.
pub async fn rebuild(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String, i64)>,
    Form(why): Form<Why>,
) -> Result<HttpResponse> {
    let (team, builder, number) = path.into_inner();
    let forced = match state.status.control(&scope).rebuild(&team, &builder, number, &why.reason).await {
        Ok(forced) => forced,
        Err(error) => return again(&state, &scope, maker, &(team, builder, number), why, error).await,
    };
    let key = BuilderKey::new(team, builder);
    let request = forced.buildrequests.into_values().next();
    Ok(see_other(request.map_or_else(|| maker.links.builder(&key), |id| maker.links.request(&key, id))))
}

/// The build's page once more, with why it was not done and with the reason as it was typed; only who may not or asks for what there is
/// not gets no page.
async fn again(
    state: &AppState,
    scope: &Scope,
    maker: Maker,
    path: &(String, String, i64),
    why: Why,
    error: status::Error,
) -> Result<HttpResponse> {
    let is_for_now = matches!(
        error,
        status::Error::Limit { .. }
            | status::Error::OverQuota(_)
            | status::Error::Conflict(_)
            | status::Error::UsedUp { .. }
    );
    if !is_for_now {
        return Err(error.into());
    }
    let refused = Refused { why: sentence(&error.to_string()), reason: why.reason };
    let mut page = build::page(state, scope, maker, path, false, Some(&refused)).await?;
    Error::from(error).mark(&mut page);
    Ok(page)
}

/// `POST .../request/<id>/cancel`.
pub async fn cancel(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String, i64)>,
    Form(why): Form<Why>,
) -> Result<HttpResponse> {
    let (team, builder, id) = path.into_inner();
    let (key, id) = (BuilderKey::new(team, builder), BuildRequestId(id));
    // Where it is not there, the refusal below says so and is recorded.
    if state.status.get(&scope).request(id).await.is_ok_and(|page| page.request.builder != key) {
        return Err(Error::Status(status::Error::not_found("build request", id.to_string())));
    }
    match state.status.control(&scope).cancel(id, &why.reason).await {
        Ok(()) | Err(status::Error::Conflict(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(see_other(maker.links.request(&key, id)))
}

/// `GET` of a build's button leads to the build: whoever signed in meanwhile finds it there.
pub async fn to_build(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String, i64)>,
) -> Result<HttpResponse> {
    let (team, builder, number) = path.into_inner();
    let key = state.status.get(&scope).builder(&team, &builder)?.builder.key.clone();
    Ok(see_other(maker.links.build(&key, number)))
}

/// `GET` of a request's button leads to its builder.
pub async fn to_builder(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String, i64)>,
) -> Result<HttpResponse> {
    let (team, builder, id) = path.into_inner();
    let key = state.status.get(&scope).builder(&team, &builder)?.builder.key.clone();
    Ok(see_other(maker.links.request(&key, BuildRequestId(id))))
}
