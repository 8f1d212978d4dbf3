//! `GET` of builds and build requests: enough to follow what one forced.

use crate::model::id::BuildRequestId;
use crate::status::document;
use crate::web::extract::Asker;
use crate::web::{AppState, Result};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde_json::Value;

/// `GET /api/v2/teams/<team>/builders/<builder>/builds/<n>`: the build with steps, logs and properties.
pub async fn build(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    path: web::Path<(String, String, i64)>,
) -> Result<HttpResponse> {
    let (team, builder, number) = path.into_inner();
    let page = state.status.get(&scope).build(&team, &builder, number).await?;
    Ok(answer(document::collection("builds", vec![document::build_page(&page)])))
}

/// `GET /api/v2/buildrequests/<id>`: the request with what became of it.
pub async fn request(state: web::Data<AppState>, Asker(scope): Asker, id: web::Path<i64>) -> Result<HttpResponse> {
    let page = state.status.get(&scope).request(BuildRequestId(*id)).await?;
    Ok(answer(document::collection("buildrequests", vec![document::whole_request(&page)])))
}

/// `GET /api/v2/plugins`: plugins that may be seen.
pub async fn plugins(state: web::Data<AppState>, Asker(scope): Asker) -> Result<HttpResponse> {
    let plugins = state.status.get(&scope).plugins().await?;
    Ok(answer(document::collection("plugins", plugins.iter().map(document::plugin).collect())))
}

fn answer(value: Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "private, no-cache")).json(value)
}
