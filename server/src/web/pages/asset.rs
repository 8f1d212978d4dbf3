//! `GET /asset/<name>`: files that pages need. A name belongs to one content for good.

use crate::render::asset;
use crate::web::{Error, Result};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};

/// The file.
pub async fn show(name: web::Path<String>) -> Result<HttpResponse> {
    let asset = asset::all().find(&name).ok_or_else(|| Error::no_page(&name))?;
    let mut answer = HttpResponse::Ok().content_type(asset.content_type).body(asset.text);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(answer)
}
