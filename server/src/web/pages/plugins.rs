//! `GET /plugins`.

use super::{Maker, answer};
use crate::render::context::plugins::PluginsContext;
use crate::web::extract::Asker;
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};

/// The page.
pub async fn show(state: web::Data<AppState>, Asker(scope): Asker, maker: Maker) -> Result<HttpResponse> {
    let plugins = state.status.get(&scope).plugins().await?;
    answer(&PluginsContext::page(maker.site, plugins, maker.now))
}
