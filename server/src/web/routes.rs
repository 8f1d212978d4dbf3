//! Every route on one screen: path, method, handler. Paths stand under the path of `public_url`.
//!
//! To add a page: write `pages/x.rs` with `pub async fn show(...) -> web::Result<HttpResponse>` and add one line to `routes`.

use super::{AppState, api, error, extract, health, live, pages};
use actix_web::http::{Method, header};
use actix_web::{Handler, HttpRequest, HttpResponse, Resource, Responder, Route, guard, web};

/// A route as tests and documents name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Door {
    /// `GET` (and so `HEAD`) or `POST`.
    pub method: &'static str,
    /// Its path under the prefix, with names in braces, as it stands below.
    pub path: String,
}

/// Where routes are put, and remembered: in an application's configuration, or only on the list.
struct Table<'c> {
    config: Option<&'c mut web::ServiceConfig>,
    doors: Vec<Door>,
}

/// Puts the routes under the prefix into an application.
pub fn routes(c: &mut web::ServiceConfig) {
    table(&mut Table { config: Some(c), doors: Vec::new() });
}

/// Puts the operator's probes into an application: they are answered with and without the prefix.
pub fn probes(c: &mut web::ServiceConfig) {
    probe_table(&mut Table { config: Some(c), doors: Vec::new() });
}

/// Every route under the prefix.
pub fn doors() -> Vec<Door> {
    let mut list = Table { config: None, doors: Vec::new() };
    table(&mut list);
    list.doors
}

/// The routes under the prefix. A longer, more exact path stands before one that would swallow it.
#[rustfmt::skip]
fn table(c: &mut Table<'_>) {
    probe_table(c);
    c.add(&["GET"], "", web::resource("").to(to_front));
    // Pages.
    c.add(&["GET"], "/?{arguments}", waterfall_from_front());
    get(c, "/", pages::front::show);
    get(c, "/waterfall", pages::waterfall::all);
    get(c, "/about", pages::about::show);
    get(c, "/plugins", pages::plugins::show);
    get(c, "/auth/oidc/{name}", pages::provider::begin);
    get(c, "/auth/oidc/{name}/callback", pages::provider::finish);
    get(c, "/auth/oidc/{name}/leave", pages::provider::leave);
    get(c, "/audit", pages::audit::all);
    get(c, "/can", pages::can::show);
    get_and_post(c, "/login", pages::login::show, pages::login::sign_in);
    get_and_post(c, "/logout", pages::logout::show, pages::logout::sign_out);
    get(c, "/account", pages::account::show);
    get_and_post(c, "/account/tokens", pages::account::to_account, pages::account::make_token);
    get_and_post(c, "/account/tokens/{id}", pages::account::to_account, pages::account::revoke_token);
    get_and_post(c, "/account/sessions", pages::account::to_account, pages::account::end_sessions);
    get_and_post(c, "/account/sessions/{id}", pages::account::to_account, pages::account::end_session);
    get(c, "/asset/{name}", pages::asset::show);
    get(c, "/team/{team}", pages::team::show);
    get(c, "/team/{team}/audit", pages::audit::team);
    get(c, "/team/{team}/builder/{builder}", pages::builder::show);
    get(c, "/team/{team}/builder/{builder}/build/{number}", pages::build::show);
    get_and_post(c, "/team/{team}/builder/{builder}/force", pages::force::show, pages::force::send);
    get_and_post(c, "/team/{team}/builder/{builder}/build/{number}/stop", pages::act::to_build, pages::act::stop);
    get_and_post(c, "/team/{team}/builder/{builder}/build/{number}/rebuild", pages::act::to_build, pages::act::rebuild);
    get_and_post(c, "/team/{team}/builder/{builder}/request/{id}/cancel", pages::act::to_builder, pages::act::cancel);
    get(c, "/team/{team}/builder/{builder}/build/{number}/step/{step}", pages::step::show);
    get(c, "/team/{team}/builder/{builder}/build/{number}/step/{step}/log/{slug}", pages::log::show);
    get(c, "/team/{team}/builder/{builder}/build/{number}/artifact/{name:.+}", pages::artifact::show);
    // For machines.
    get(c, "/view/{name}.json", api::view::show);
    get(c, "/view/{name}", pages::waterfall::view);
    get(c, "/waterfall.json", api::view::waterfall);
    get_and_post(c, "/api/v2/teams/{team}/builders/{builder}/force", api::control::force_form, api::control::force);
    get(c, "/api/v2/teams/{team}/builders/{builder}/builds/{number}", api::read::build);
    get(c, "/api/v2/teams/{team}/builders/{builder}/builds/{number}/artifacts", api::findings::artifacts);
    get(c, "/api/v2/teams/{team}/builders/{builder}/builds/{number}/steps/{step}/test_results", api::findings::test_results);
    post(c, "/api/v2/teams/{team}/builders/{builder}/builds/{number}/stop", api::control::stop);
    post(c, "/api/v2/teams/{team}/builders/{builder}/builds/{number}/rebuild", api::control::rebuild);
    get(c, "/api/v2/buildrequests/{id}", api::read::request);
    get(c, "/api/v2/plugins", api::read::plugins);
    get(c, "/api/v2/audit", api::audit::list);
    get(c, "/api/v2/can", api::can::show);
    post(c, "/api/v2/buildrequests/{id}/cancel", api::control::cancel);
    post(c, "/api/v2/reload", api::reload::all);
    post(c, "/api/v2/teams/{team}/reload", api::reload::team);
    get(c, "/api/v2/me", api::tokens::me);
    get_and_post(c, "/api/v2/tokens", api::tokens::list, api::tokens::create);
    post(c, "/api/v2/tokens/{jti}/revoke", api::tokens::revoke);
    post(c, "/api/v2/revocations", api::tokens::revoke_all);
    // Live.
    // A page's live stream stands at `/sse` and the page's own path.
    get(c, "/sse/waterfall", live::events::waterfall);
    get(c, "/sse/view/{name}", live::events::view);
    get(c, "/sse/team/{team}", live::events::team);
    get(c, "/sse/team/{team}/builder/{builder}", live::events::builder);
    get(c, "/sse/team/{team}/builder/{builder}/build/{number}", live::events::build);
    get(c, "/sse/team/{team}/builder/{builder}/build/{number}/step/{step}/log/{slug}", live::log::follow);
    get(c, "/team/{team}/builder/{builder}/build/{number}/step/{step}/log/{slug}/raw", live::raw::show);
}

#[rustfmt::skip]
fn probe_table(c: &mut Table<'_>) {
    get(c, "/healthz", health::healthz);
    get(c, "/readyz", health::readyz);
}

impl Table<'_> {
    /// One more resource; every route of the server comes through here, so that the list of doors is whole.
    fn add(&mut self, methods: &[&'static str], path: &str, resource: Resource) {
        self.doors.extend(methods.iter().map(|method| Door { method, path: path.to_owned() }));
        if let Some(config) = &mut self.config {
            config.service(resource);
        }
    }
}

/// `GET path`, and so `HEAD path`; every other method is 405.
fn get<F, Args>(c: &mut Table<'_>, path: &str, handler: F)
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let route = Route::new().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler);
    c.add(&["GET"], path, only(path, route, "GET, HEAD"));
}

/// `POST path`; every other method is 405.
fn post<F, Args>(c: &mut Table<'_>, path: &str, handler: F)
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    c.add(&["POST"], path, only(path, Route::new().method(Method::POST).to(handler), "POST"));
}

/// `GET`, `HEAD` and `POST` of one path.
fn get_and_post<F, A, G, B>(c: &mut Table<'_>, path: &str, read: F, act: G)
where
    F: Handler<A>,
    A: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
    G: Handler<B>,
    B: actix_web::FromRequest + 'static,
    G::Output: Responder + 'static,
{
    let route = Route::new().guard(guard::Any(guard::Get()).or(guard::Head())).to(read);
    let both = only(path, route, "GET, HEAD, POST").route(Route::new().method(Method::POST).to(act));
    c.add(&["GET", "POST"], path, both);
}

/// A resource with one route, whose other methods are answered with what would be allowed.
fn only(path: &str, route: Route, allow: &'static str) -> Resource {
    web::resource(path).route(route).default_service(web::to(move || error::method_not_allowed(allow)))
}

/// `/` with any of the Waterfall's arguments leads to `/waterfall` with them: people append them to the front page.
fn waterfall_from_front() -> Resource {
    let has_argument = guard::fn_guard(|c| extract::has_waterfall_argument(c.head().uri.query().unwrap_or_default()));
    web::resource("/").guard(has_argument).to(|request: HttpRequest, state: web::Data<AppState>| async move {
        let location = format!("{}waterfall?{}", state.prefix(), request.query_string());
        HttpResponse::Found().insert_header((header::LOCATION, location)).finish()
    })
}

/// The prefix without its slash at the end leads to the front page: relative links would go astray from there.
async fn to_front(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, state.prefix())).finish()
}
