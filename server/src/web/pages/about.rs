//! `GET /about`.

use super::{Maker, answer};
use crate::render::context::about::About;
use crate::web::Result;
use actix_web::HttpResponse;

/// The page.
pub async fn show(maker: Maker) -> Result<HttpResponse> {
    answer(&About::page(maker.site))
}
