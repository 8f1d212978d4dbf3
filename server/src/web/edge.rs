//! What stands around every handler: a request id, credentials to a scope, headers for safety, panics caught, errors shaped.

use super::api::body::is_json;
use super::auth::origin::{self, Origin};
use super::auth::session::Signed;
use super::auth::{Credentials, address};
use super::lane::Turn;
use super::{AppState, Error};
use crate::model::scope::Scope;
use crate::model::whose::Whose;
use crate::render::context::Viewer;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ContentEncoding, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpRequest, web};
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bodies under this many bytes are not worth compressing: they fit one packet.
const COMPRESS_BYTES_MIN: u64 = 1_200;

/// So long the answer is held back that somebody asks too often.
const REFUSED_AFTER: std::time::Duration = std::time::Duration::from_millis(250);

/// Everything comes from ourselves; no inline script, no plug-ins, no frames of others.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

/// The outermost layer.
pub async fn around(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> actix_web::Result<ServiceResponse<BoxBody>> {
    let id = request_id();
    let data = request.app_data::<web::Data<AppState>>().cloned();
    let state = data.as_ref().map(|data| data.get_ref());
    let asked = (request.method().clone(), request.path().to_owned());
    let mut answer = match credentials(&request, state).await {
        Ok(()) => {
            let _turn = turn(&request, state).await;
            match AssertUnwindSafe(next.call(request)).catch_unwind().await {
                Ok(answer) => answer?.map_into_boxed_body(),
                Err(_) => {
                    tracing::error!(request_id = id, path = asked.1, "a handler panicked");
                    // The request is gone with the handler; actix renders this without us.
                    return Err(Error::Panicked(id).into());
                }
            }
        }
        Err(error) => {
            let request = request.into_parts().0;
            let answer = error.answer(&request, state, &id);
            ServiceResponse::new(request, answer)
        }
    };
    if let Some(shaped) = shape(&answer, state, &id) {
        answer = ServiceResponse::new(answer.into_parts().0, shaped);
    }
    protect(&mut answer, &id);
    tracing::debug!(request_id = id, method = %asked.0, path = asked.1, status = answer.status().as_u16(), "answered");
    Ok(answer)
}

/// Marks bodies that are too small to be compressed; stands inside the layer that compresses.
pub async fn spare_small_bodies(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> actix_web::Result<ServiceResponse<impl MessageBody>> {
    let mut answer = next.call(request).await?;
    if matches!(answer.response().body().size(), BodySize::Sized(n) if n < COMPRESS_BYTES_MIN)
        && !answer.headers().contains_key(CONTENT_ENCODING)
    {
        let identity = HeaderValue::from_static(ContentEncoding::Identity.as_str());
        answer.headers_mut().insert(CONTENT_ENCODING, identity);
    }
    Ok(answer)
}

/// Who asks, put into the request's extensions as handlers take it from there. What may change something counts only where a page of our
/// own sent the cookie with it: a form may come from a browser that does not say (its `csrf` decides then), the doors for scripts want to
/// be told, and JSON.
async fn credentials(request: &ServiceRequest, state: Option<&AppState>) -> Result<(), Error> {
    let Some(state) = state else { return Ok(()) };
    let (scope, signed) = match Credentials::of(request.headers()).prove(state).await {
        Ok(proved) => proved,
        Err(error) => return count(request, state, &Scope::anonymous()).await.and(Err(error)),
    };
    if !is_free(request.match_info().as_str(), state.prefix()) {
        count(request, state, &scope).await?;
    }
    if signed.is_some() && !request.method().is_safe() {
        let from = origin::of(request.headers(), &state.public_url);
        // As it is routed: `%61pi/` is `api/`, too.
        let path = request.match_info().as_str();
        let is_script = path.strip_prefix(state.prefix()).is_some_and(|path| path.starts_with("api/"));
        if from == Origin::Other || is_script && from == Origin::Unknown {
            return Err(Error::CrossSite);
        }
        if is_script && !is_json(request.headers()) {
            return Err(Error::WrongContentType);
        }
    }
    if let Some(signed) = &signed {
        // Two requests at once may write it twice, which is as well.
        if let Err(error) = state.status.sessions().touch(&signed.session).await {
            let id = &signed.session.id;
            tracing::warn!(error = &error as &dyn std::error::Error, "the use of {id} cannot be written down");
        }
    }
    let mut extensions = request.extensions_mut();
    if scope.is_signed_in() {
        let csrf = signed.as_ref().map(Signed::csrf).unwrap_or_default();
        extensions.insert(Viewer { name: scope.subject.clone(), csrf });
    }
    extensions.insert(scope);
    if let Some(signed) = signed {
        extensions.insert(signed);
    }
    Ok(())
}

/// A turn among the calls of who asks. An owner waits for nobody, nor does what pages are drawn with.
async fn turn(request: &ServiceRequest, state: Option<&AppState>) -> Option<Turn> {
    let state = state.filter(|state| !is_free(request.match_info().as_str(), state.prefix()))?;
    let whose = {
        let extensions = request.extensions();
        let scope = extensions.get::<Scope>().filter(|scope| !scope.is_owner())?;
        Whose::of(scope, address::of(request.request(), &state.status.config().server))
    };
    state.lanes.turn(whose).await
}

/// Whether asking for it counts for nobody: what pages are drawn with, and the operator's probes.
fn is_free(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|own| matches!(own, "healthz" | "readyz") || own.starts_with("asset/"))
}

/// Counts a request for who asks. Credentials that are refused count for where they come from, whatever they were for, so that guessing
/// is slow.
async fn count(request: &ServiceRequest, state: &AppState, scope: &Scope) -> Result<(), Error> {
    let config = state.status.config();
    address::tell_unbelieved(request.request(), &config.server);
    let address = address::of(request.request(), &config.server);
    let counted = state.status.count_call(scope, address);
    if counted.is_err() {
        // Who asks again at once shall not cost more than who waits.
        tokio::time::sleep(REFUSED_AFTER).await;
    }
    Ok(counted?)
}

/// The answer to an error that a handler returned, in the shape that fits the request.
fn shape(answer: &ServiceResponse<BoxBody>, state: Option<&AppState>, id: &str) -> Option<actix_web::HttpResponse> {
    let error = answer.response().error()?.as_error::<Error>()?;
    let request: &HttpRequest = answer.request();
    Some(error.answer(request, state, id))
}

/// Headers that every answer carries.
fn protect(answer: &mut ServiceResponse<BoxBody>, id: &str) {
    let headers = answer.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY, CSP),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|v| v == ContentEncoding::Identity.as_str()) {
        headers.remove(CONTENT_ENCODING);
    }
    let id = HeaderValue::from_str(id).expect("hex digits are a header value");
    headers.insert(HeaderName::from_static("x-request-id"), id);
}

/// Names one request in the log: unlike any other of this process, and most likely of any other.
fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static SEED: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    let seed = SEED.get_or_init(rand::random);
    format!("{seed:08x}{:06x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::{around, is_free};
    use actix_web::middleware::from_fn;
    use actix_web::{App, HttpResponse, test, web};

    #[actix_web::test]
    async fn only_the_probes_and_what_pages_are_drawn_with_count_for_nobody() {
        for free in ["healthz", "readyz", "asset/style.css"] {
            assert!(is_free(&format!("/{free}"), "/") && is_free(&format!("/ci/{free}"), "/ci/"), "{free}");
        }
        let counted = [
            "/",
            "/team/core/builder/healthz",
            "/team/core/builder/readyz",
            "/team/core/builder/full/build/1/artifact/asset/x",
            "/ci/healthz",
            "/healthz/",
            "/assets",
        ];
        for path in counted {
            assert!(!is_free(path, "/"), "{path}");
        }
        assert!(!is_free("/healthz", "/ci/"));
    }

    #[actix_web::test]
    async fn a_panic_in_a_handler_is_a_500_that_names_the_request_and_the_next_one_is_answered() {
        let broken = web::to(|| async { if true { panic!("on purpose") } else { HttpResponse::Ok().finish() } });
        let fine = web::to(|| async { HttpResponse::Ok().finish() });
        let app = App::new().wrap(from_fn(around)).route("/broken", broken).route("/", fine);
        let app = test::init_service(app).await;
        let error =
            test::try_call_service(&app, test::TestRequest::get().uri("/broken").to_request()).await.unwrap_err();
        let answer = error.as_response_error().error_response();
        assert_eq!(answer.status().as_u16(), 500);
        let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(json["request_id"].as_str().is_some_and(|id| id.len() == 14), "{json}");
        assert!(!json.to_string().contains("on purpose"), "{json}");
        let answer = test::call_service(&app, test::TestRequest::get().uri("/").to_request()).await;
        assert_eq!(answer.status().as_u16(), 200);
    }
}
