//! `GET /team/<team>/builder/<builder>/build/<n>`.

use super::{Maker, answer, team_title};
use crate::render::context::build::{BuildContext, telling_log};
use crate::web::extract::Asker;
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};

/// Lines of the log's end that the page shows.
const TAIL: i64 = 40;

/// The page.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String, i64)>,
) -> Result<HttpResponse> {
    let (team, builder, number) = path.into_inner();
    let get = state.status.get(&scope);
    let page = get.build(&team, &builder, number).await?;
    let tail = match telling_log(&page.build) {
        Some((_, log)) => get.log_lines(log.id, (log.n_lines - TAIL).max(0), TAIL as usize).await?,
        None => Vec::new(),
    };
    answer(&BuildContext::page(maker.site, &page, &tail, &team_title(&state, &team), &maker.links, maker.now))
}
