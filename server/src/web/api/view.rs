//! `GET /view/<name>.json`: a view for machines.

use crate::web::Result;
use actix_web::{HttpResponse, web};

/// The view's builders with what each does.
pub async fn show(name: web::Path<String>) -> Result<HttpResponse> {
    Err(crate::web::Error::no_page(&name))
}
