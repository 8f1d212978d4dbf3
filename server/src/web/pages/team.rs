//! `GET /team/<team>`.

use super::{Maker, answer};
use crate::render::context::team::TeamContext;
use crate::web::extract::Asker;
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};

/// The page.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    team: web::Path<String>,
) -> Result<HttpResponse> {
    let get = state.status.get(&scope);
    let (page, used) = (get.team(&team)?, get.team_use(&team).await?);
    answer(&TeamContext::page(maker.site, &page, &used, &maker.links, maker.now))
}
