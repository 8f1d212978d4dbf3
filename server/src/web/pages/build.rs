//! `GET /team/<team>/builder/<builder>/build/<n>`.

use super::{Maker, answer, team_title};
use crate::model::scope::Scope;
use crate::render::context::build::{BuildContext, BuildParts, Refused, telling_log};
use crate::web::extract::{Asker, Query as Arguments};
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// Lines of the log's end that the page shows.
const TAIL: i64 = 40;

/// What the page is to tell besides.
#[derive(Debug, Deserialize)]
pub struct Query {
    /// `stop`: what became of a stop that was asked for.
    asked: Option<String>,
}

/// The page.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String, i64)>,
    Arguments(query): Arguments<Query>,
) -> Result<HttpResponse> {
    page(&state, &scope, maker, &path, query.asked.as_deref() == Some("stop"), None).await
}

/// The same, also where something was asked of the build and not done.
pub(super) async fn page(
    state: &AppState,
    scope: &Scope,
    maker: Maker,
    (team, builder, number): &(String, String, i64),
    has_asked_stop: bool,
    refused: Option<&Refused>,
) -> Result<HttpResponse> {
    let get = state.status.get(scope);
    let page = get.build(team, builder, *number).await?;
    let tail = match telling_log(&page.build) {
        Some((_, log)) => get.log_lines(log.id, (log.n_lines - TAIL).max(0), TAIL as usize).await?,
        None => Vec::new(),
    };
    let parts = BuildParts {
        page: &page,
        tail: &tail,
        offers: state.status.control(scope).offers(team, builder)?,
        has_asked_stop,
        refused,
        team_title: &team_title(state, team),
    };
    answer(&BuildContext::page(maker.site, parts, &maker.links, maker.now))
}
