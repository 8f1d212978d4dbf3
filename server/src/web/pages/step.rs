//! `GET /team/<team>/builder/<builder>/build/<n>/step/<s>`; a step is named by its number from 0 or its name.

use super::{Maker, answer, team_title};
use crate::render::context::build::StepContext;
use crate::status;
use crate::web::extract::Asker;
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};

/// The page.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    path: web::Path<(String, String, i64, String)>,
) -> Result<HttpResponse> {
    let (team, builder, number, step) = path.into_inner();
    let page = state.status.get(&scope).build(&team, &builder, number).await?;
    let steps = &page.build.steps;
    let by_number = step.parse::<i32>().ok().and_then(|n| steps.iter().position(|s| s.number == n));
    let index = by_number
        .or_else(|| steps.iter().position(|s| s.name == step))
        .ok_or_else(|| status::Error::not_found("step", step))?;
    let maker = Maker::new(&state);
    answer(&StepContext::page(maker.site, &page.build, index, &team_title(&state, &team), &maker.links, maker.now))
}
