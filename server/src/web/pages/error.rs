//! The page of every error.

use crate::web::AppState;
use crate::web::error::ErrorView;

/// The whole HTML page that says what went wrong and where to go.
pub fn render(_state: &AppState, view: &ErrorView) -> String {
    view.error.replace('&', "&amp;").replace('<', "&lt;")
}
