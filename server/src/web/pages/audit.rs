//! `GET /audit`, and of a team.

use super::{Maker, answer, team_title};
use crate::render::context::audit::{AuditContext, AuditParts};
use crate::web::api::audit::Wanted;
use crate::web::extract::{Asker, Query};
use crate::web::{AppState, Result};
use actix_web::{HttpResponse, web};

/// Entries of one page.
const LIMIT: usize = 100;

/// All that one may read.
pub async fn all(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    Query(wanted): Query<Wanted>,
    maker: Maker,
) -> Result<HttpResponse> {
    let page = state.status.get(&scope).audit(wanted.wish(LIMIT)?).await?;
    let parts = AuditParts { team: None, page, arguments: &wanted.arguments() };
    answer(&AuditContext::page(maker.site, parts, &maker.links, maker.now))
}

/// A team's.
pub async fn team(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    team: web::Path<String>,
    Query(wanted): Query<Wanted>,
    maker: Maker,
) -> Result<HttpResponse> {
    let mut wish = wanted.wish(LIMIT)?;
    wish.team = Some(team.to_string());
    let page = state.status.get(&scope).audit(wish).await?;
    let title = team_title(&state, &team);
    let parts = AuditParts { team: Some((&team, &title)), page, arguments: &wanted.arguments() };
    answer(&AuditContext::page(maker.site, parts, &maker.links, maker.now))
}
