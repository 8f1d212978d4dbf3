//! `GET /view/<name>` and `GET /waterfall`.

use super::{Maker, html, html_answer, team_title};
use crate::model::scope::Scope;
use crate::render::asset;
use crate::render::context::waterfall::{WaterfallContext, WaterfallPage};
use crate::status::view::ViewPage;
use crate::status::waterfall::{Window, lay_out};
use crate::web::conditional::{self, Tag};
use crate::web::extract::{Asker, ViewQuery};
use crate::web::{AppState, Result, aside};
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use std::sync::Arc;

/// As on every page, and style attributes besides: they hold the positions of the boxes, which are numbers of our own.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

/// Rows at most where the address does not say: what is to be shown is drawn coarser before a page gets taller than this.
const ROWS_MAX: usize = 400;

/// Seconds after which a page is no longer the same because ages on it are not.
const AGES_S: i64 = 60;

/// The Waterfall of a view.
pub async fn view(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    request: HttpRequest,
    name: web::Path<String>,
    query: ViewQuery,
) -> Result<HttpResponse> {
    let page = state.status.get(&scope).view(&name, &query.narrowing).await?;
    show(&state, &scope, maker, &request, (page, query)).await
}

/// The Waterfall of everything that may be seen.
pub async fn all(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    request: HttpRequest,
    query: ViewQuery,
) -> Result<HttpResponse> {
    let page = state.status.get(&scope).waterfall(&query.narrowing).await?;
    show(&state, &scope, maker, &request, (page, query)).await
}

async fn show(
    state: &AppState,
    scope: &Scope,
    maker: Maker,
    request: &HttpRequest,
    (page, query): (ViewPage, ViewQuery),
) -> Result<HttpResponse> {
    let tag = Tag::of(&[
        request.uri().to_string().as_bytes(),
        scope.worth().as_bytes(),
        &page.as_of.0.to_le_bytes(),
        &page.generation.to_le_bytes(),
        &(maker.now.timestamp() / AGES_S).to_le_bytes(),
        asset::all().css.hashed_name.as_bytes(),
        env!("CARGO_PKG_VERSION").as_bytes(),
    ]);
    if let Some(answer) = conditional::not_modified(request, &tag) {
        return Ok(answer);
    }
    let title = page.team.as_ref().map(|team| team_title(state, team));
    let mut answer = html_answer(aside(move || draw(&page, &query, maker, title.as_deref())).await??);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP));
    conditional::label(&mut answer, &tag);
    Ok(answer)
}

fn draw(page: &ViewPage, query: &ViewQuery, maker: Maker, title: Option<&str>) -> Result<String> {
    let columns: Vec<Vec<Arc<_>>> = page.columns.iter().map(|c| c.builds.clone()).collect();
    let rows_max = if query.narrowing.num_events.is_some() { page.num_events } else { page.num_events.min(ROWS_MAX) };
    let window = Window { first: page.first_time, last: page.last_time, rows_max };
    let layout = lay_out(&columns, window);
    let parts = WaterfallPage { page, layout: &layout, arguments: &query.arguments, reload_s: query.reload_s };
    html(&WaterfallContext::page(maker.site, parts, title, &maker.links, maker.now))
}
