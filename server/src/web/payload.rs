//! Bodies of requests: not more than is wanted, not packed, and not for ever.

use super::auth::still_stands;
use super::{Error, Result};
use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::web::{Bytes, Payload};
use std::time::Duration;

/// A body must have come within this time: 256 KiB by the slowest line that anybody works with.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The whole body, of at most `max` bytes.
///
/// # Errors
/// `TooLarge`, `TooSlow`, `WrongCoding` where it is packed (what it unpacks to has no bound), `BadRequest` where it breaks off, and what
/// there is to say to who lost their rights while it came.
pub async fn read(request: &HttpRequest, payload: Payload, max: usize) -> Result<Bytes> {
    let mut codings = request.headers().get_all(CONTENT_ENCODING);
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Error::WrongCoding);
    }
    match tokio::time::timeout(BODY_TIMEOUT, payload.to_bytes_limited(max)).await {
        Ok(Ok(Ok(bytes))) => still_stands(request).await.map(|()| bytes),
        Ok(Ok(Err(error))) => Err(Error::BadRequest(format!("the body broke off: {error}"))),
        Ok(Err(_)) => Err(Error::TooLarge(max)),
        Err(_) => Err(Error::TooSlow(BODY_TIMEOUT.as_secs())),
    }
}
