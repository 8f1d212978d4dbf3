//! Calls of a provider: with deadlines, a bound on answers, no redirects, and never from TLS down to plain HTTP.

use crate::outbound;
use openidconnect::http::Response;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A call ends after this time: somebody waits for the page.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer. Key sets and claims of large organisations have some ten thousand bytes.
const BODY_BYTES_MAX: usize = 512 << 10;

/// A way to one provider.
#[derive(Clone)]
pub struct Wire {
    client: reqwest::Client,
    tls_only: bool,
}

/// Why there is no answer. Says nothing of what was sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WireError(String);

impl Wire {
    /// A way to a provider whose issuer is `issuer`: where that is `https`, so is everything that its documents name.
    ///
    /// # Errors
    /// Where the machine has no usable certificates.
    pub fn new(issuer: &str) -> anyhow::Result<Self> {
        Ok(Self { client: outbound::client()?, tls_only: !issuer.starts_with("http://") })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, WireError> {
        if self.tls_only && request.uri().scheme_str() != Some("https") {
            let host = request.uri().host().unwrap_or_default();
            return Err(WireError(format!("its documents name `{host}` without https")));
        }
        let request = reqwest::Request::try_from(request).map_err(told)?;
        let called = async {
            let answer = self.client.execute(request).await.map_err(told)?;
            let mut response = Response::builder().status(answer.status());
            for (name, value) in answer.headers() {
                response = response.header(name, value);
            }
            let body = outbound::read(answer, BODY_BYTES_MAX).await.map_err(|error| WireError(format!("{error:#}")))?;
            response.body(body).map_err(|error| WireError(error.to_string()))
        };
        let waited = tokio::time::timeout(CALL_TIMEOUT, called).await;
        waited.unwrap_or_else(|_| Err(WireError(format!("no answer within {} seconds", CALL_TIMEOUT.as_secs()))))
    }
}

/// An error and what lies behind it, without the URL: that of a callback holds a code.
fn told(error: reqwest::Error) -> WireError {
    WireError(format!("{:#}", anyhow::Error::new(error.without_url())))
}

impl<'c> AsyncHttpClient<'c> for Wire {
    type Error = WireError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, WireError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}
