//! One file a page. A handler asks `status`, makes the page's context and has `render` fill the template; it writes no HTML.

/// `/about`.
pub mod about;
/// `/account`.
pub mod account;
/// Buttons: stop, rebuild, cancel.
pub mod act;
/// A file that outlives its build.
pub mod artifact;
/// Files that pages need.
pub mod asset;
/// `/audit`, and a team's.
pub mod audit;
/// A build.
pub mod build;
/// A builder.
pub mod builder;
/// `/can`.
pub mod can;
/// The page of every error.
pub mod error;
/// The force form.
pub mod force;
/// `/`.
pub mod front;
/// A log.
pub mod log;
/// `/login`.
pub mod login;
/// `/logout`.
pub mod logout;
/// `/plugins`.
pub mod plugins;
/// To a provider of sign-in and back.
pub mod provider;
/// A step.
pub mod step;
/// A team.
pub mod team;
/// A view, and everything.
pub mod waterfall;

use super::{AppState, Error, Result};
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::render::context::{Context, Page, Site, Viewer};
use crate::render::links::Links;
use crate::render::template;
use crate::status;
use actix_web::dev::Payload;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, LOCATION, VARY};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, web};
use std::future::{Ready, ready};

/// What every page is made with; a handler takes it as an argument.
pub struct Maker {
    links: Links,
    now: Time,
    site: Site,
}

impl Maker {
    fn new(state: &AppState, viewer: Option<&Viewer>, scope: Option<&Scope>) -> Self {
        let config = state.status.config();
        let links = Links::new(&state.public_url);
        let now = state.clock.now();
        let mut site = Site::new(&config.server.title, &links, now, viewer.cloned());
        if config.auth.users.is_empty() && config.auth.oidc.is_empty() {
            site.login = None;
        }
        if scope.is_some_and(|scope| state.status.get(scope).may_ask_who_can()) {
            site = site.for_who_administers(&links);
        }
        Self { links, now, site }
    }

    /// For an answer to `request`, whoever makes it.
    pub(super) fn of(request: &HttpRequest, state: &AppState) -> Self {
        let extensions = request.extensions();
        Self::new(state, extensions.get(), extensions.get())
    }
}

impl FromRequest for Maker {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let state = request.app_data::<web::Data<AppState>>().expect("every route has the state");
        ready(Ok(Self::of(request, state)))
    }
}

/// A team's title, for breadcrumbs of what the asker was already allowed to read.
fn team_title(state: &AppState, team: &str) -> String {
    state.status.config().teams.get(team).map_or_else(|| team.to_owned(), |t| t.title.clone())
}

/// The page as HTML.
fn html<C: Context>(page: &Page<C>) -> Result<String> {
    template::render(page).map_err(|e| {
        let context = format!("the template {} cannot be filled", C::TEMPLATE);
        Error::Status(status::Error::Internal(anyhow::Error::new(e).context(context)))
    })
}

/// The page as an answer that each asker's browser asks for anew.
fn answer<C: Context>(page: &Page<C>) -> Result<HttpResponse> {
    let mut answer = html_answer(html(page)?);
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.append(VARY, HeaderValue::from_static("Authorization, Cookie, Accept"));
    Ok(answer)
}

/// What a form that was taken leads to; fetched with GET, so that loading it again sends nothing twice.
fn see_other(link: String) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, link)).insert_header((CACHE_CONTROL, "no-store")).finish()
}

fn html_answer(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(body)
}
