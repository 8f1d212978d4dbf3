//! The one HTTP client: every call out has deadlines, every answer that is read whole has a bound.

/// Calls for plugins.
pub mod gate;
/// How fast calls may follow each other.
mod rate;
/// From names to addresses.
pub mod resolve;

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use std::time::Duration;

/// A connection must stand after this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer may be silent for so long; live streams send something every 15 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(45);

/// A client that connects and reads with deadlines. It follows no redirect: where one leads is for the caller to decide.
///
/// # Errors
/// Where the system has no usable certificates.
pub fn client() -> anyhow::Result<reqwest::Client> {
    install_tls();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(SILENCE_MAX)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("no HTTP client can be made on this machine")
}

/// TLS needs a provider of its cryptography, once in the process.
fn install_tls() {
    // A second installation of the same provider is refused and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Reads a whole body of at most `max_bytes`.
///
/// # Errors
/// Where it breaks off, is silent for too long, or is larger.
pub async fn read(response: reqwest::Response, max_bytes: usize) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.context("the answer broke off")?;
        if body.len() + chunk.len() > max_bytes {
            bail!("the answer is larger than {max_bytes} bytes");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
