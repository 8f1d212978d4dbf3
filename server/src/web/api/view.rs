//! `/view/<name>.json` and `/waterfall.json`: a view for machines, narrowed by the same arguments as its page.

use crate::status::document;
use crate::status::view::ViewPage;
use crate::web::extract::{Asker, ViewQuery};
use crate::web::{AppState, Result, aside};
use actix_web::http::header::{CACHE_CONTROL, ContentType, VARY};
use actix_web::{HttpResponse, web};

/// `GET /view/<name>.json`.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    name: web::Path<String>,
    query: ViewQuery,
) -> Result<HttpResponse> {
    let page = state.status.get(&scope.at_feed()).view(&name, &query.narrowing).await?;
    answer(page).await
}

/// `GET /waterfall.json`.
pub async fn waterfall(state: web::Data<AppState>, Asker(scope): Asker, query: ViewQuery) -> Result<HttpResponse> {
    let page = state.status.get(&scope.at_feed()).waterfall(&query.narrowing).await?;
    answer(page).await
}

async fn answer(page: ViewPage) -> Result<HttpResponse> {
    let body = aside(move || document::view(&page).to_string()).await?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "private, no-cache")).append_header((VARY, "Authorization, Cookie"));
    Ok(answer.content_type(ContentType::json()).body(body))
}
