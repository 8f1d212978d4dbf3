//! `GET /team/<team>/builder/<builder>`.

use super::{Maker, answer, team_title};
use crate::render::context::builder::{BuilderContext, BuilderPage};
use crate::web::extract::{Asker, Query as Arguments};
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// Builds on one page.
const BUILDS: usize = 40;

/// Which builds.
#[derive(Debug, Deserialize)]
pub struct Query {
    /// Those with a number under this one.
    before: Option<i64>,
}

/// The page.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String)>,
    Arguments(query): Arguments<Query>,
) -> Result<HttpResponse> {
    let (team, builder) = path.into_inner();
    let get = state.status.get(&scope);
    let status = get.builder(&team, &builder)?;
    let force = get.force_form(&team, &builder)?;
    let mut builds = get.builds(&team, &builder, query.before, BUILDS + 1).await?;
    let has_older = builds.len() > BUILDS;
    builds.truncate(BUILDS);
    let page = BuilderPage {
        status: &status,
        builds: &builds,
        before: query.before,
        has_older,
        force: force.as_deref(),
        team_title: &team_title(&state, &team),
    };
    answer(&BuilderContext::page(maker.site, page, &maker.links, maker.now))
}
