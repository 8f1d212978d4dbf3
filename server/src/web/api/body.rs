//! JSON bodies: bounded, of the right type, and where they are wrong it is said where.

use crate::status;
use crate::web::extract::BODY_BYTES_MAX;
use crate::web::{Error, Result, payload};
use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::web::{Bytes, Payload};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Reads the body as a JSON object with some of the keys `known`; no body at all is an empty object.
///
/// # Errors
/// As `read_partly`, and `Invalid` naming each wrong key.
pub async fn read<T: DeserializeOwned>(request: &HttpRequest, payload: Payload, known: &[&str]) -> Result<T> {
    let (whole, wrong) = read_partly(request, payload, known).await?;
    if wrong.is_empty() { Ok(whole) } else { Err(status::Error::Invalid { fields: wrong }.into()) }
}

/// Reads what can be read of the body, and says why the other keys are wrong: who looks at the values adds to that, so that
/// everything wrong is said at once.
///
/// # Errors
/// `WrongContentType`, `TooLarge`, `BadRequest` with line and column.
pub async fn read_partly<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    known: &[&str],
) -> Result<(T, BTreeMap<String, String>)> {
    let bytes = payload::read(request, payload, BODY_BYTES_MAX).await?;
    let is_empty = bytes.is_empty() && !request.headers().contains_key(CONTENT_TYPE);
    if !is_empty && !is_json(request.headers()) {
        return Err(Error::WrongContentType);
    }
    let mut object = parse(&bytes)?;
    let wrong: BTreeMap<_, _> = object.iter().filter_map(|(key, value)| why_wrong::<T>(key, value, known)).collect();
    object.retain(|key, _| !wrong.contains_key(key));
    let whole = serde_json::from_value(Value::Object(object));
    whole
        .map(|whole| (whole, wrong))
        .map_err(|error| Error::BadRequest(format!("the body cannot be understood: {error}")))
}

/// Whether the body is `application/json`, with or without parameters.
pub fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// The object that the bytes say.
fn parse(bytes: &Bytes) -> Result<Map<String, Value>> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Error::BadRequest("the body must be a JSON object, such as {\"branch\": \"main\"}".to_owned())),
        // serde_json's text ends in `at line L column C`.
        Err(error) => Err(Error::BadRequest(format!("the body is no JSON: {error}"))),
    }
}

/// Why `key` with `value` is wrong in a `T`, if it is. A `T` may be made of any one of its keys alone.
fn why_wrong<T: DeserializeOwned>(key: &str, value: &Value, known: &[&str]) -> Option<(String, String)> {
    if !known.contains(&key) {
        return Some((key.to_owned(), format!("unknown; known are {}", known.join(", "))));
    }
    let alone = Map::from_iter([(key.to_owned(), value.clone())]);
    serde_json::from_value::<T>(Value::Object(alone)).err().map(|error| (key.to_owned(), error.to_string()))
}
