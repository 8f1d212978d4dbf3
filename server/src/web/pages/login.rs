//! `/login`: signing in with a password, and the ways to providers.

use super::{Maker, html, html_answer};
use crate::config::issuer::Provider;
use crate::model::secret::SecretValue;
use crate::render::context::Anchor;
use crate::render::context::login::Login;
use crate::render::links::with_query;
use crate::web::auth::password::Outcome;
use crate::web::auth::session::{self, Proved, Signed, begin_session};
use crate::web::auth::{address, origin, target};
use crate::web::extract::{Query, form};
use crate::web::{AppState, Result};
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, COOKIE, HeaderValue, LOCATION, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

/// The cookie that the form belongs to before anybody is signed in: so that nobody can be signed in, unseen, as somebody else.
const BEFORE: &str = "weir-login";

/// Where to go on.
#[derive(Debug, Deserialize)]
pub struct To {
    to: Option<String>,
    left: Option<String>,
}

/// The posted form.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    to: String,
}

/// `GET /login`.
pub async fn show(
    state: web::Data<AppState>,
    request: HttpRequest,
    maker: Maker,
    Query(To { to, left }): Query<To>,
) -> Result<HttpResponse> {
    let to = to.and_then(|to| target::safe(&state.public_url, &to));
    let to = to.or_else(|| target::referrer(&state.public_url, &request));
    if Signed::of(&request).is_some() {
        return Ok(go_on(&state, to.as_deref(), None));
    }
    let config = state.status.config();
    let left = left.and_then(|name| config.auth.oidc.get(&name));
    let left = left.map(|provider| Anchor {
        text: provider.title.clone(),
        href: maker.links.provider_leave(&provider.name),
        is_current: false,
    });
    page(&state, &request, maker, Login { to: to.unwrap_or_default(), left, ..Login::default() })
}

/// `POST /login`.
pub async fn sign_in(
    state: web::Data<AppState>,
    request: HttpRequest,
    maker: Maker,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let before = befores(&state, &request);
    let is_proved = |given: &str| before.iter().any(|secret| session::is_csrf(secret, given));
    let from = origin::of(request.headers(), &state.public_url);
    let Given { name, password, to } = form(&request, payload, from, is_proved).await?;
    let (config, password) = (state.status.config(), SecretValue::new(password));
    let address = address::of(&request, &config.server);
    let outcome = state.passwords.check(&config, (&name, password), address, state.clock.now()).await;
    let (status, problem, wait_s) = match outcome {
        Outcome::Proved(identity) => {
            let proved = Proved { identity, provider: None, refresh_at: None };
            let cookie = begin_session(&state, &request, proved).await?;
            return Ok(go_on(&state, target::safe(&state.public_url, &to).as_deref(), Some(cookie)));
        }
        Outcome::Wrong => {
            state.status.sessions().failed(&name, &address.to_string()).await?;
            let problem = "This name and this password do not belong together. Check both and try again.".to_owned();
            (StatusCode::UNPROCESSABLE_ENTITY, problem, None)
        }
        Outcome::Wait(wait_s) => {
            state.status.sessions().held_back(&name, &address.to_string()).await?;
            let problem = format!("There were too many tries. The next one may be made in {wait_s} s.");
            (StatusCode::TOO_MANY_REQUESTS, problem, Some(wait_s))
        }
    };
    let own = Login { name, to, problem: Some(problem), ..Login::default() };
    let mut answer = page(&state, &request, maker, own)?;
    *answer.status_mut() = status;
    if let Some(wait_s) = wait_s {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
    }
    Ok(answer)
}

/// The page, with a form that belongs to this browser.
fn page(state: &AppState, request: &HttpRequest, maker: Maker, own: Login) -> Result<HttpResponse> {
    let known = befores(state, request).into_iter().next();
    let secret = known.clone().unwrap_or_else(session::new_secret);
    let auth = &state.status.config().auth;
    let to: Vec<_> = Some(("to".to_owned(), own.to.clone())).filter(|(_, to)| !to.is_empty()).into_iter().collect();
    let button = |(name, provider): (&String, &Provider)| Anchor {
        text: format!("Sign in with {}", provider.title),
        href: with_query(&maker.links.provider(name), &to),
        is_current: false,
    };
    let own = Login {
        action: maker.links.login(),
        csrf: session::csrf(&secret),
        has_passwords: !auth.users.is_empty(),
        providers: auth.oidc.iter().map(button).collect(),
        ..own
    };
    let mut answer = html_answer(html(&Login::page(maker.site, own))?);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if known.is_none() {
        set(&mut answer, &session::cookie(&state.public_url, BEFORE, &secret));
    }
    Ok(answer)
}

/// What forms of this browser may belong to.
fn befores(state: &AppState, request: &HttpRequest) -> Vec<String> {
    let headers = request.headers().get_all(COOKIE).filter_map(|header| header.to_str().ok());
    session::values(headers, &state.public_url, BEFORE)
}

/// On to `to`, or to the front page.
fn go_on(state: &AppState, to: Option<&str>, cookie: Option<Cookie<'static>>) -> HttpResponse {
    let mut answer = HttpResponse::SeeOther();
    answer.insert_header((LOCATION, to.unwrap_or(state.prefix()))).insert_header((CACHE_CONTROL, "no-store"));
    if let Some(cookie) = cookie {
        answer.cookie(cookie);
    }
    answer.finish()
}

/// Adds a cookie to an answer.
fn set(answer: &mut HttpResponse, cookie: &Cookie<'_>) {
    // Names and values of ours are always such; a header that cannot be is none.
    if let Err(error) = answer.add_cookie(cookie) {
        tracing::error!("a cookie cannot be set: {error}");
    }
}
