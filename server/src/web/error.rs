//! The one place that knows status codes: what can go wrong, as an answer for people (a page) or for scripts (JSON).

use super::{AppState, pages};
use crate::status;
use crate::web::auth::oidc::Trouble;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW, CACHE_CONTROL, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, ResponseError, web};
use serde::Serialize;
use std::collections::BTreeMap;

/// Why a request was not answered as asked. Handlers return it; the edge renders it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What `status` says.
    #[error(transparent)]
    Status(#[from] status::Error),
    /// A sign-in at a provider did not succeed.
    #[error(transparent)]
    SignIn(#[from] Trouble),
    /// No credentials, or bad ones; the sentence is the one clear reason.
    #[error("{why}")]
    Unauthenticated {
        /// What is wrong and what to do.
        why: String,
        /// Credentials were given, and are bad.
        is_bad: bool,
    },
    /// Who asks cannot be said at this moment.
    #[error(
        "the keys of the issuer `{issuer}` cannot be had at this moment, so its tokens cannot be checked; try again in a minute"
    )]
    NoKeys {
        /// Its name in `[auth.jwt]`.
        issuer: String,
    },
    /// The request cannot be understood; the sentence says what and where.
    #[error("{0}")]
    BadRequest(String),
    /// Arguments in the URL that cannot be understood, each with why.
    #[error("{}", fields.iter().map(|(f, why)| format!("`{f}`: {why}")).collect::<Vec<_>>().join("; "))]
    BadArguments {
        /// Argument to reason.
        fields: BTreeMap<String, String>,
    },
    /// The body is not of the type that is wanted here.
    #[error("send the body as `Content-Type: application/json`")]
    WrongContentType,
    /// The body is not of the type that a form's is.
    #[error("send the form as `Content-Type: application/x-www-form-urlencoded`")]
    WrongFormType,
    /// A browser sent its cookie with what no page of ours asked for, or without what our forms carry.
    #[error(
        "this was not sent by a page of this site, or by one that is too old: go back, load the page again and send it once more"
    )]
    CrossSite,
    /// The body is larger than it may be.
    #[error("the body is larger than {0} bytes; send less")]
    TooLarge(usize),
    /// The body is packed.
    #[error("send the body as it is, without `Content-Encoding`")]
    WrongCoding,
    /// The body did not come within so many seconds.
    #[error("the body did not come within {0} seconds; send it again")]
    TooSlow(u64),
    /// The path is there, the method is not.
    #[error("this address answers {0} only")]
    MethodNotAllowed(&'static str),
    /// Outside the path of `public_url`.
    #[error("nothing is served here; this site starts at {0}")]
    OutsidePrefix(String),
    /// A handler panicked while it answered the request of this id.
    #[error("an internal error")]
    Panicked(String),
}

/// What a handler returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A cookie that goes with the answer to a request, also where that is an error; among the request's extensions.
#[derive(Debug, Clone)]
pub struct WithCookie(pub Cookie<'static>);

/// An error as its answer shows it; also the context of the error page.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorView {
    /// The status code.
    #[serde(skip)]
    pub status: u16,
    /// A sentence for people.
    pub error: String,
    /// A word for scripts.
    pub code: &'static str,
    /// Finds the request in the log.
    pub request_id: String,
    /// Each wrong field and why; left out where there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Which limit was reached, where one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitView>,
    /// Where to go instead, where there is such a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint_url: Option<String>,
}

/// A limit that was reached.
#[derive(Debug, Clone, Serialize)]
pub struct LimitView {
    /// Its key, as the configuration writes it.
    pub name: &'static str,
    /// How much is allowed, in words.
    pub max: String,
    /// When to come again.
    pub retry_after_s: u64,
}

impl Error {
    /// A bad token, with the one reason.
    pub fn bad_token(why: impl Into<String>) -> Self {
        Self::Unauthenticated { why: why.into(), is_bad: true }
    }

    /// No credentials where some are needed.
    pub fn no_token() -> Self {
        let why = "this needs a token: send it as `Authorization: Bearer TOKEN`; `weir token issue` makes one";
        Self::Unauthenticated { why: why.to_owned(), is_bad: false }
    }

    /// A form whose sender is not signed in, or not any more.
    pub fn no_session() -> Self {
        let why = "you are not signed in, or not any more: sign in, then send the form once more";
        Self::Unauthenticated { why: why.to_owned(), is_bad: false }
    }

    /// A page that is not there.
    pub fn no_page(path: &str) -> Self {
        Self::Status(status::Error::not_found("page", path))
    }

    /// Status code and code word.
    fn codes(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Status(error) => match error {
                status::Error::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found"),
                status::Error::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
                status::Error::UsedUp { .. } => (StatusCode::FORBIDDEN, "token_used_up"),
                status::Error::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
                status::Error::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
                status::Error::Limit { .. } | status::Error::OverQuota(_) => (StatusCode::TOO_MANY_REQUESTS, "limit"),
                status::Error::NoRoom(_) => (StatusCode::INSUFFICIENT_STORAGE, "no_room"),
                status::Error::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
                status::Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            },
            Self::SignIn(trouble) => match trouble {
                Trouble::Unreachable { .. } => (StatusCode::BAD_GATEWAY, "provider_unreachable"),
                Trouble::Refused { .. } => (StatusCode::FORBIDDEN, "sign_in_refused"),
                Trouble::NotBegun => (StatusCode::BAD_REQUEST, "sign_in_not_begun"),
                Trouble::Untrusted { .. } => (StatusCode::BAD_GATEWAY, "sign_in_untrusted"),
            },
            Self::Unauthenticated { .. } => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::NoKeys { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::BadRequest(_) | Self::BadArguments { .. } => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::WrongContentType | Self::WrongFormType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross_site"),
            Self::WrongCoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_coding"),
            Self::TooSlow(_) => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::OutsidePrefix(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::Panicked(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// The error as its answer shows it.
    fn view(&self, request_id: &str) -> ErrorView {
        let (status, code) = self.codes();
        let fields = match self {
            Self::Status(status::Error::Invalid { fields }) | Self::BadArguments { fields } => short(fields),
            _ => BTreeMap::new(),
        };
        let hint_url = match self {
            Self::OutsidePrefix(url) => Some(url.clone()),
            _ => None,
        };
        let limit = match self {
            Self::Status(status::Error::OverQuota(over)) => {
                let (name, max) = (over.quota, over.limit.clone());
                Some(LimitView { name, max, retry_after_s: over.again().as_secs() })
            }
            _ => None,
        };
        let error = sentence(&cut(&self.to_string(), SENTENCE_MAX));
        ErrorView { status: status.as_u16(), error, code, request_id: request_id.to_owned(), fields, limit, hint_url }
    }

    /// Makes a page that tells of the error, and keeps what was typed, the answer to it.
    pub(super) fn mark(&self, page: &mut HttpResponse) {
        *page.status_mut() = self.codes().0;
        self.label(page);
    }

    /// Headers that belong to the error.
    fn label(&self, answer: &mut HttpResponse) {
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.append(VARY, HeaderValue::from_static("Authorization, Cookie, Accept"));
        match self {
            Self::Unauthenticated { why, is_bad } => {
                let quoted: String =
                    why.chars().filter(|c| matches!(c, ' '..='~') && *c != '"' && *c != '\\').collect();
                let value = match is_bad {
                    true => format!("Bearer realm=\"weir\", error=\"invalid_token\", error_description=\"{quoted}\""),
                    false => "Bearer realm=\"weir\"".to_owned(),
                };
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_str(&value).expect("printable ASCII is a header value"),
                );
            }
            Self::MethodNotAllowed(allow) => {
                headers.insert(ALLOW, HeaderValue::from_static(allow));
            }
            Self::Status(status::Error::Unavailable) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::Status(status::Error::OverQuota(over)) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(over.again().as_secs()));
            }
            Self::NoKeys { .. } => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
            }
            _ => {}
        }
    }

    /// The answer for a script.
    fn json(&self, request_id: &str) -> HttpResponse {
        HttpResponse::build(self.codes().0).json(self.view(request_id))
    }

    /// The answer that fits `request`, logged where the fault is ours. Called once for each error, by the edge.
    pub(super) fn answer(&self, request: &HttpRequest, state: Option<&AppState>, request_id: &str) -> HttpResponse {
        if let Self::Status(status::Error::Internal(source)) = self {
            tracing::error!(request_id, path = request.path(), "internal error: {source:#}");
        }
        let mut answer = match state {
            Some(state) if wants_page(request) => HttpResponse::build(self.codes().0)
                .content_type("text/html; charset=utf-8")
                .body(pages::error::render(request, state, &self.view(request_id))),
            _ => self.json(request_id),
        };
        self.label(&mut answer);
        if let Some(WithCookie(cookie)) = request.extensions().get()
            && let Err(error) = answer.add_cookie(cookie)
        {
            tracing::error!(request_id, "a cookie cannot be set: {error}");
        }
        answer
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.codes().0
    }

    /// Where no edge renders it: JSON. Only a panic comes this far, because the request is gone with its handler.
    fn error_response(&self) -> HttpResponse {
        let request_id = if let Self::Panicked(id) = self { id } else { "" };
        let mut answer = self.json(request_id);
        self.label(&mut answer);
        answer
    }
}

/// Whether a person asks: never at the doors for scripts; elsewhere unless JSON and no HTML is wanted.
fn wants_page(request: &HttpRequest) -> bool {
    let path = request.match_info().as_str();
    if path.contains("/api/") || path.contains("/sse/") || path.ends_with(".json") || path.ends_with("/raw") {
        return false;
    }
    let accept = request.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accept.contains("text/html") || !accept.contains("application/json")
}

/// Wrong fields that an answer names at most, and characters of what it says: nobody makes it say back what they sent a thousandfold.
const FIELDS_MAX: usize = 32;
const FIELD_MAX: usize = 300;
const SENTENCE_MAX: usize = 2_000;

/// The first of `fields`, each cut.
fn short(fields: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    fields.iter().take(FIELDS_MAX).map(|(field, why)| (cut(field, FIELD_MAX), cut(why, FIELD_MAX))).collect()
}

/// The first `max` characters of `text`.
fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// A sentence as people write it: capital first, full stop last.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

/// A path under the prefix that is no page.
pub(super) async fn unknown_page(request: HttpRequest) -> Result<HttpResponse> {
    Err(Error::no_page(request.path()))
}

/// A path outside the prefix.
pub(super) async fn outside_prefix(state: web::Data<AppState>) -> Result<HttpResponse> {
    Err(Error::OutsidePrefix(state.prefix().to_owned()))
}

/// A method that the path does not know.
pub(super) async fn method_not_allowed(allow: &'static str) -> Result<HttpResponse> {
    Err(Error::MethodNotAllowed(allow))
}

#[cfg(test)]
mod tests {
    use super::{Error, status};
    use std::collections::BTreeMap;

    #[test]
    fn sentences_begin_with_a_capital_and_names_of_fields_stay_as_they_are() {
        let fields = BTreeMap::from([("branch".to_owned(), "must not begin with `-`".to_owned())]);
        let errors = [Error::BadArguments { fields: fields.clone() }, status::Error::Invalid { fields }.into()];
        for error in errors {
            assert_eq!(error.view("1").error, "`branch`: must not begin with `-`.");
        }
        assert_eq!(Error::WrongContentType.view("1").error, "Send the body as `Content-Type: application/json`.");
    }
}
