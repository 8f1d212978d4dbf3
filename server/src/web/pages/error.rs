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
    let own = ErrorContext {
        status: view.status,
        sentence: view.error.clone(),
        code: view.code.to_owned(),
        request_id: view.request_id.clone(),
        fields: view.fields.clone(),
        hint_url: view.hint_url.clone(),
        ..ErrorContext::default()
    };
    html(&ErrorContext::page(maker.site, own)).unwrap_or_else(|error| {
        tracing::error!("the error page cannot be made: {error}");
        words::escape(&view.error)
    })
}
