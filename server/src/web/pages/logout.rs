//! `/logout`: ends the session of this browser.

use super::{Maker, answer};
use crate::render::context::login::Logout;
use crate::render::links::Links;
use crate::status::rights::Identity;
use crate::web::auth::session::{Signed, forget_session};
use crate::web::extract::Form;
use crate::web::{AppState, Error, Result};
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};

/// `GET /logout`: asks, because a link may be followed without being meant.
pub async fn show(request: HttpRequest, maker: Maker) -> Result<HttpResponse> {
    let csrf = Signed::of(&request).map(|signed| signed.csrf()).unwrap_or_default();
    answer(&Logout::page(maker.site, Logout { action: maker.links.logout(), csrf }))
}

/// `POST /logout`.
pub async fn sign_out(
    state: web::Data<AppState>,
    request: HttpRequest,
    Form(_nothing): Form<Vec<(String, String)>>,
) -> Result<HttpResponse> {
    let session = Signed::of(&request).ok_or_else(Error::no_session)?.session;
    state.status.sessions().end(&session.identity, &session.id, &session).await?;
    let to = match &session.identity {
        // The provider would let them in again unasked, and so anybody who uses this browser next.
        Identity::Foreign { issuer, .. } if state.status.config().auth.oidc.contains_key(issuer) => {
            Links::new(&state.public_url).login_left(issuer)
        }
        _ => state.prefix().to_owned(),
    };
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((LOCATION, to)).insert_header((CACHE_CONTROL, "no-store"));
    Ok(answer.cookie(forget_session(&state)).finish())
}
