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
    let page = state.status.get(&scope).team(&team)?;
    answer(&TeamContext::page(maker.site, &page, &maker.links, maker.now))
}
