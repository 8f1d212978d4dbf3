//! `GET /team/<team>/builder/<builder>/build/<n>/step/<s>`; a step is named by its number from 0 or its name. `outcome=` and
//! `offset=` choose among its test results.

use super::{Maker, answer, team_title};
use crate::render::context::build::StepContext;
use crate::render::context::findings::TESTS_PAGE;
use crate::status;
use crate::web::api::findings::Wanted;
use crate::web::extract::{Asker, Query};
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};

/// The page.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String, i64, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<HttpResponse> {
    let (team, builder, number, step) = path.into_inner();
    let outcome = wanted.outcome()?;
    let get = state.status.get(&scope);
    let page = get.build(&team, &builder, number).await?;
    let found = page.build.step(&step).ok_or_else(|| status::Error::not_found("step", step.as_str()))?;
    let index = page.build.steps.iter().position(|s| s.id == found.id).expect("it was found there");
    let tests = match found.tests.all() {
        0 => None,
        _ => Some(get.test_results((&team, &builder, number), &step, outcome, wanted.offset(), TESTS_PAGE).await?),
    };
    let (links, now) = (&maker.links, maker.now);
    answer(&StepContext::page(maker.site, &page, index, tests.as_ref(), &team_title(&state, &team), (links, now)))
}
