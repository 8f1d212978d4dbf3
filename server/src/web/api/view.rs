//! `/view/<name>.json` and `/waterfall.json`: a view for machines, narrowed by the same arguments as its page.

use super::shape;
use crate::status::resource::BuilderStatus;
use crate::status::view::ViewPage;
use crate::web::extract::{Asker, ViewQuery};
use crate::web::{AppState, Result};
use actix_web::http::header::{CACHE_CONTROL, VARY};
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

/// Waiting requests of a builder that are listed; of the others there is the count.
const PENDING_LISTED: usize = 20;

/// `GET /view/<name>.json`.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    name: web::Path<String>,
    query: ViewQuery,
) -> Result<HttpResponse> {
    let page = state.status.get(&scope).view(&name, &query.narrowing).await?;
    Ok(answer(&page))
}

/// `GET /waterfall.json`.
pub async fn waterfall(state: web::Data<AppState>, Asker(scope): Asker, query: ViewQuery) -> Result<HttpResponse> {
    let page = state.status.get(&scope).waterfall(&query.narrowing).await?;
    Ok(answer(&page))
}

fn answer(page: &ViewPage) -> HttpResponse {
    let builders: Vec<_> = page.columns.iter().map(|column| builder(&column.status)).collect();
    let view = json!({ "name": page.name, "title": page.title, "team": page.team, "event": page.as_of });
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .append_header((VARY, "Authorization, Cookie"))
        .json(json!({ "view": view, "builders": builders }))
}

/// One builder with what it does.
fn builder(status: &BuilderStatus) -> Value {
    let key = &status.builder.key;
    json!({
        "name": key.to_string(),
        "builderid": status.builder.id,
        "team": key.team,
        "builder": key.name,
        "description": status.builder.description,
        "categories": status.builder.categories,
        "state": status.state,
        "last": status.last.as_deref().map(shape::build),
        "last_since": shape::seconds(status.last_since),
        "running": status.running.iter().map(|build| shape::build(build)).collect::<Vec<_>>(),
        "pending": status.pending.iter().take(PENDING_LISTED).map(|request| shape::request(request)).collect::<Vec<_>>(),
        "n_pending": status.pending.len(),
        "next": shape::seconds(status.next),
    })
}
