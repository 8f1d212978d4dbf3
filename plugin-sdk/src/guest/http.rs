//! Calls of services, by the host.

use super::imports::{http, secrets};
use super::{convert, millis};
use crate::error::HostError;
use crate::http::{FieldValue, Request, Response};
use crate::secret::Text;

/// Sends a request and waits for the whole answer.
pub fn send(request: &Request) -> Result<Response, HostError> {
    let handle = |(_, value): &(String, FieldValue)| match value {
        FieldValue::Text(Text::Plain(_)) => Ok(None),
        FieldValue::Text(Text::Secret(secret)) | FieldValue::Bearer(secret) => convert::handle(secret).map(Some),
    };
    // They live until the host has taken them.
    let handles: Vec<Option<secrets::Secret>> = request.fields.iter().map(handle).collect::<Result<_, _>>()?;
    let field = |((name, value), handle): (&(String, FieldValue), _)| {
        let value = match (value, handle) {
            (FieldValue::Text(Text::Plain(text)), _) => http::FieldValue::Plain(text.clone()),
            (FieldValue::Text(Text::Secret(_)), Some(handle)) => http::FieldValue::Secret(handle),
            (FieldValue::Bearer(_), Some(handle)) => http::FieldValue::Bearer(handle),
            (_, None) => return None,
        };
        Some(http::Field { name: name.clone(), value })
    };
    let answer = http::send(&http::Request {
        method: request.method.clone(),
        url: request.url.clone(),
        fields: request.fields.iter().zip(handles.iter().map(Option::as_ref)).filter_map(field).collect(),
        body: request.body.clone(),
        timeout: request.timeout.map(millis),
        max_body: request.max_body_bytes,
    })?;
    Ok(Response { status: answer.status, fields: answer.fields, body: answer.body })
}
