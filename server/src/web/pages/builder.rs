//! `GET /team/<team>/builder/<builder>`.

use super::{Maker, answer, team_title};
use crate::model::id::BuildRequestId;
use crate::model::scope::Scope;
use crate::render::context::builder::{BuilderContext, BuilderPage};
use crate::render::context::field::Refused;
use crate::status;
use crate::status::get::{Get, RequestPage};
use crate::web::extract::{Asker, Query as Arguments};
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};
use serde::Deserialize;

/// Builds on one page.
const BUILDS: usize = 40;

/// Which builds, and what to tell besides.
#[derive(Debug, Default, Deserialize)]
pub struct Query {
    /// Those with a number under this one.
    before: Option<i64>,
    /// What became of this request.
    request: Option<i64>,
}

/// The page.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String)>,
    Arguments(query): Arguments<Query>,
) -> Result<HttpResponse> {
    page(&state, &scope, maker, &path, query, None).await
}

/// The page with the force form as it was sent and `refused`, where it was.
pub(super) async fn page(
    state: &AppState,
    scope: &Scope,
    maker: Maker,
    (team, builder): &(String, String),
    query: Query,
    refused: Option<&Refused>,
) -> Result<HttpResponse> {
    let get = state.status.get(scope);
    let status = get.builder(team, builder)?;
    let force = get.force_form(team, builder)?;
    let mut builds = get.builds(team, builder, query.before, BUILDS + 1).await?;
    let has_older = builds.len() > BUILDS;
    builds.truncate(BUILDS);
    let request = request(&get, team, builder, query.request).await?;
    let page = BuilderPage {
        status: &status,
        builds: &builds,
        before: query.before,
        has_older,
        force: force.as_deref(),
        offers: state.status.control(scope).offers(team, builder)?,
        refused,
        request: request.as_ref(),
        team_title: &team_title(state, team),
    };
    answer(&BuilderContext::page(maker.site, page, &maker.links, maker.now))
}

/// What became of the request that is asked for; none where this builder has no such request.
async fn request(get: &Get, team: &str, builder: &str, id: Option<i64>) -> Result<Option<RequestPage>> {
    let Some(id) = id else { return Ok(None) };
    match get.request(BuildRequestId(id)).await {
        Ok(page) => {
            Ok(Some(page).filter(|page| page.request.builder.team == team && page.request.builder.name == builder))
        }
        Err(status::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
