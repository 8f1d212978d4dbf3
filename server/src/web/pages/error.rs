//! The page of every error.

use super::{Maker, html};
use crate::render::context::error::ErrorContext;
use crate::render::words;
use crate::web::AppState;
use crate::web::error::ErrorView;
use actix_web::HttpRequest;

/// The whole HTML page that says what went wrong and where to go.
pub fn render(request: &HttpRequest, state: &AppState, view: &ErrorView) -> String {
    let maker = Maker::of(request, state);
    let may_help = matches!(view.status, 401 | 404) && maker.site.viewer.is_none() && maker.site.login.is_some();
    let own = ErrorContext {
        sign_in: may_help.then(|| match request.method().is_safe() {
            true => maker.links.login_to(&request.uri().to_string()),
            false => maker.links.login(),
        }),
        status: view.status,
        sentence: view.error.clone(),
        code: view.code.to_owned(),
        request_id: view.request_id.clone(),
        fields: view.fields.clone(),
        was_sent: !request.method().is_safe(),
        hint_url: view.hint_url.clone(),
        ..ErrorContext::default()
    };
    html(&ErrorContext::page(maker.site, own)).unwrap_or_else(|error| {
        tracing::error!("the error page cannot be made: {error}");
        words::escape(&view.error)
    })
}
