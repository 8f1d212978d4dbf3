//! `GET /about`.

use super::{Maker, answer};
use crate::render::context::about::About;
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};

/// The page.
pub async fn show(state: web::Data<AppState>) -> Result<HttpResponse> {
    answer(&About::page(Maker::new(&state).site))
}
