//! `/auth/oidc/<name>`: to a provider of sign-in and back.

use crate::render::links::Links;
use crate::web::auth::oidc::attempt::{Attempt, LIFE_S};
use crate::web::auth::oidc::{Answer, Trouble};
use crate::web::auth::session::{self, Proved, begin_session};
use crate::web::auth::{address, target};
use crate::web::error::WithCookie;
use crate::web::extract::Query;
use crate::web::{AppState, Error, Result};
use actix_web::cookie::{Cookie, time};
use actix_web::http::header::{CACHE_CONTROL, COOKIE, LOCATION, REFERRER_POLICY};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use serde::Deserialize;

/// Where to go on.
#[derive(Debug, Deserialize)]
pub struct To {
    to: Option<String>,
}

/// Begins a sign-in: on to the provider.
pub async fn begin(
    state: web::Data<AppState>,
    request: HttpRequest,
    name: web::Path<String>,
    Query(To { to }): Query<To>,
) -> Result<HttpResponse> {
    let to = to.and_then(|to| target::safe(&state.public_url, &to)).unwrap_or_default();
    let attempt = Attempt::new(&name, &to);
    let begun = state.providers.begin(&state.status.config(), &name, &state.public_url, &attempt).await;
    let url = noted(&state, &request, &name, begun.ok_or_else(|| Error::no_page(request.path()))?).await?;
    let mut cookie = cookie(&state, &attempt.state(), &attempt.cookie());
    cookie.set_max_age(time::Duration::seconds(LIFE_S));
    Ok(go(url.as_str()).cookie(cookie).finish())
}

/// The provider's answer: signed in, and on to where it began.
pub async fn finish(
    state: web::Data<AppState>,
    request: HttpRequest,
    name: web::Path<String>,
    Query(answer): Query<Answer>,
) -> Result<HttpResponse> {
    let config = state.status.config();
    if !config.auth.oidc.contains_key(name.as_str()) {
        return Err(Error::no_page(request.path()));
    }
    let headers = request.headers().get_all(COOKIE).filter_map(|header| header.to_str().ok());
    let kept = session::values(headers, &state.public_url, &Attempt::cookie_name(&answer.state));
    let begun = kept.iter().filter_map(|value| Attempt::of_cookie(&name, value));
    let attempt = begun.into_iter().find(|attempt| attempt.state() == answer.state).ok_or(Trouble::NotBegun);
    let attempt = noted(&state, &request, &name, attempt).await?;
    // Whatever becomes of it, it is spent: what comes back counts once.
    let mut spent = cookie(&state, &answer.state, "");
    spent.make_removal();
    request.extensions_mut().insert(WithCookie(spent.clone()));
    let proved = state.providers.finish(&config, &name, &state.public_url, &attempt, &answer).await;
    let proved = noted(&state, &request, &name, proved.ok_or_else(|| Error::no_page(request.path()))?).await?;
    let proved =
        Proved { identity: proved.identity, provider: proved.refresh_token, refresh_at: Some(proved.again_at) };
    let signed_in = begin_session(&state, &request, proved).await?;
    // It was the browser's to keep, so it is looked at again.
    let to = target::safe(&state.public_url, attempt.next());
    Ok(go(to.as_deref().unwrap_or(state.prefix())).cookie(signed_in).cookie(spent).finish())
}

/// On to where one signs out of the provider itself.
pub async fn leave(state: web::Data<AppState>, request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    let back = Links::new(&state.public_url).login_whole();
    let back = back.parse().map_err(|error| crate::status::Error::Internal(anyhow::Error::new(error)))?;
    let place = state.providers.leave(&state.status.config(), &name, back).await;
    Ok(go(place.ok_or_else(|| Error::no_page(request.path()))?.as_str()).finish())
}

/// What came of a step of a sign-in; where that is trouble, the audit says so.
async fn noted<T>(
    state: &AppState,
    request: &HttpRequest,
    provider: &str,
    outcome: std::result::Result<T, Trouble>,
) -> Result<T> {
    if let Err(trouble) = &outcome {
        let address = address::of(request, &state.status.config().server).to_string();
        state.status.sessions().unproved(provider, &address, &trouble.reason()).await?;
    }
    Ok(outcome?)
}

/// The cookie of an attempt: for the provider's answer alone.
fn cookie(state: &AppState, attempt: &str, value: &str) -> Cookie<'static> {
    session::cookie(&state.public_url, &Attempt::cookie_name(attempt), value)
}

fn go(to: &str) -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::SeeOther();
    // The provider's answer stands in the address: no other page shall hear of it.
    answer.insert_header((LOCATION, to)).insert_header((CACHE_CONTROL, "no-store"));
    answer.insert_header((REFERRER_POLICY, "no-referrer"));
    answer
}
