//! `GET /`.

use super::{Maker, answer};
use crate::render::context::front::Front;
use crate::web::extract::Asker;
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};

/// The page.
pub async fn show(state: web::Data<AppState>, Asker(scope): Asker, maker: Maker) -> Result<HttpResponse> {
    let get = state.status.get(&scope);
    answer(&Front::page(maker.site, &get.team_tallies(), &get.views(), scope.is_signed_in(), &maker.links))
}
