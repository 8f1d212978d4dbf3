//! Calls of services. Needs `http`, granted host by host; every connection is made by the server.

use crate::error::HostError;
use crate::host::Host;
use crate::outside::Outside;
use crate::secret::{Secret, Text};
use std::time::Duration;

/// The value of a request's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// A text, or a secret.
    Text(Text),
    /// `Bearer ` and the secret.
    Bearer(Secret),
}

/// A request to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` ...
    pub method: String,
    /// `https`, or `http` where the grant says so; no user, no fragment.
    pub url: String,
    /// Header fields.
    pub fields: Vec<(String, FieldValue)>,
    /// What is sent.
    pub body: Option<Vec<u8>>,
    /// At most 30 seconds, which is also what none means.
    pub timeout: Option<Duration>,
    /// Largest body of the answer; none is 1 MiB.
    pub max_body_bytes: Option<u32>,
}

impl Request {
    /// A request with this method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            fields: Vec::new(),
            body: None,
            timeout: None,
            max_body_bytes: None,
        }
    }

    /// Asks for what is there.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Sends something there.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header field: a text, or a [`Secret`].
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Text>) -> Self {
        self.fields.push((name.into(), FieldValue::Text(value.into())));
        self
    }

    /// Adds `Authorization: Bearer ` and the secret.
    #[must_use]
    pub fn bearer(mut self, secret: &Secret) -> Self {
        self.fields.push(("authorization".to_owned(), FieldValue::Bearer(secret.clone())));
        self
    }

    /// Sends these bytes.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends this document, and says that it is JSON.
    #[must_use]
    pub fn json(self, document: &serde_json::Value) -> Self {
        self.field("content-type", "application/json").body(document.to_string())
    }

    /// Gives up after so long; at most 30 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// Refuses an answer with a larger body; none is 1 MiB.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: u32) -> Self {
        self.max_body_bytes = Some(bytes);
        self
    }
}

/// What a service answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code. A redirect is an answer like others: following it is a new request.
    pub status: u16,
    /// Header fields; names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer with this status and body, for tests.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, fields: Vec::new(), body: body.into() }
    }

    /// It is a 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Outside {
    /// Sends a request and waits for the whole answer.
    ///
    /// ```
    /// use weir_plugin_sdk::{Context, Error, http::Request};
    ///
    /// fn is_up(cx: &mut Context) -> Result<bool, Error> {
    ///     let answer = cx.send(&Request::get("https://example.org/health").field("accept", "text/plain"))?;
    ///     Ok(answer.is_success() && answer.text() == "ok")
    /// }
    /// # use weir_plugin_sdk::{http::Response, testing::Script};
    /// # let script = Script::new().responds("GET", "https://example.org/health", Response::new(200, "ok"));
    /// # assert!(is_up(&mut script.context()).unwrap());
    /// ```
    ///
    /// # Errors
    /// Where it is not granted, the address may not be reached, or there was no answer in time or within the size
    /// ([`HostError::is_temporary`] says whether trying again makes sense). A 4xx or 5xx is an answer.
    pub fn send(&mut self, request: &Request) -> Result<Response, HostError> {
        self.host().send(request)
    }
}
