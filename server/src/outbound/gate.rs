//! A plugin's way out: calls to granted services, over connections that the server makes to addresses that it has checked.
//!
//! Each plugin has a gate for each team that uses it, with connections, permits and a rate of its own: what one team's steps do slows
//! no other's. A kept connection goes to an address that was checked when it was made; when grants change, the gate is a new one.

use super::rate::Buckets;
use super::resolve::{Checked, NoAddress, Resolve, SystemResolver};
use crate::model::egress::Rule;
use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use std::collections::HashMap;
use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// A connection must stand after this time, waiting for its turn included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A call ends after this time.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Calls of one gate at the same time.
pub const CALLS_AT_ONCE: usize = 8;
/// Fields of an answer, names and values summed.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// Unused connections are closed after this time.
const IDLE: Duration = Duration::from_secs(30);
/// Unused connections that are kept for each host.
const IDLE_MAX: usize = 2;

/// A call that was checked against the grants.
#[derive(Debug)]
pub struct Call {
    /// What to do.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// With what.
    pub fields: HeaderMap,
    /// And with what body.
    pub body: Bytes,
    /// Ends it; at most [`CALL_TIMEOUT`].
    pub timeout: Duration,
    /// Largest body of the answer.
    pub body_max: usize,
}

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header fields in their order.
    pub fields: Vec<(String, String)>,
    /// The body as it came: nothing is unpacked.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The name has no address that may be connected to.
    Denied(String),
    /// The name has no address.
    Resolve(String),
    /// No connection, or it broke off.
    Connect(String),
    /// No trust.
    Tls(String),
    /// It took too long.
    Timeout,
    /// The answer's body, or its head, is larger than this.
    TooLarge(usize),
    /// Too many calls; not before this time.
    RateLimited(Duration),
}

/// Every gate.
pub struct Gates {
    resolver: Arc<dyn Resolve>,
    gates: Mutex<HashMap<(String, String), Arc<Gate>>>,
}

/// See the head of this file.
pub struct Gate {
    rules: Arc<[Rule]>,
    client: reqwest::Client,
    permits: Semaphore,
    buckets: Mutex<Buckets>,
}

impl Default for Gates {
    fn default() -> Self {
        Self::new(Arc::new(SystemResolver))
    }
}

impl fmt::Debug for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gates").finish_non_exhaustive()
    }
}

impl Gates {
    /// No gate yet; names are asked of `resolver`.
    pub fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, gates: Mutex::default() }
    }

    /// The gate of a plugin as a team uses it, under these grants. Blocks as long as reading the machine's certificates takes, the
    /// first time.
    ///
    /// # Errors
    /// A sentence, where the machine has no usable certificates.
    pub fn gate(&self, plugin: &str, team: &str, rules: &[Rule]) -> Result<Arc<Gate>, String> {
        let key = (plugin.to_owned(), team.to_owned());
        if let Some(gate) = self.known(&key).filter(|gate| *gate.rules == *rules) {
            return Ok(gate);
        }
        // Two that make it at the same time make two; the later one is kept.
        let gate = Arc::new(Gate::new(rules.into(), Arc::clone(&self.resolver))?);
        self.gates.lock().expect("no holder of the gates panics").insert(key, Arc::clone(&gate));
        Ok(gate)
    }

    fn known(&self, key: &(String, String)) -> Option<Arc<Gate>> {
        self.gates.lock().expect("no holder of the gates panics").get(key).cloned()
    }
}

impl Gate {
    fn new(rules: Arc<[Rule]>, resolver: Arc<dyn Resolve>) -> Result<Self, String> {
        super::install_tls();
        let client = reqwest::Client::builder()
            .dns_resolver(Checked { resolver, rules: Arc::clone(&rules) })
            // What a redirect leads to is another call, with all checks.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // Neither a proxy of the environment: it would connect to what was never checked.
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("this server has no HTTP client: {}", chain(&error)))?;
        Ok(Self { rules, client, permits: Semaphore::new(CALLS_AT_ONCE), buckets: Mutex::default() })
    }

    /// Makes a call that was checked against this gate's grants.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(&self, call: Call) -> Result<Answer, Failure> {
        let host = format!("{:?}:{:?}", call.url.host_str(), call.url.port_or_known_default());
        let taken = self.buckets.lock().expect("no holder of the buckets panics").take(&host, Instant::now());
        taken.map_err(Failure::RateLimited)?;
        let timeout = call.timeout.min(CALL_TIMEOUT);
        tokio::time::timeout(timeout, self.exchange(call)).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn exchange(&self, call: Call) -> Result<Answer, Failure> {
        let permit = tokio::time::timeout(CONNECT_TIMEOUT, self.permits.acquire()).await;
        let _permit = permit.map_err(|_| Failure::Timeout)?.expect("the permits are never closed");
        let request = self.client.request(call.method, call.url).headers(call.fields);
        let request = if call.body.is_empty() { request } else { request.body(call.body) };
        let response = request.send().await.map_err(failure)?;
        let status = response.status().as_u16();
        let n_head: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if n_head > HEAD_BYTES_MAX {
            return Err(Failure::TooLarge(HEAD_BYTES_MAX));
        }
        let field = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let fields = response.headers().iter().map(field).collect();
        let body = read(response, call.body_max).await?;
        Ok(Answer { status, fields, body })
    }
}

/// The whole body, as long as it is no larger than `max`.
async fn read(mut response: reqwest::Response, max: usize) -> Result<Vec<u8>, Failure> {
    if response.content_length().is_some_and(|length| length > max as u64) {
        return Err(Failure::TooLarge(max));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > max {
            return Err(Failure::TooLarge(max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What went wrong, in our words; the URL is left out because who called knows it.
fn failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut source = error.source();
    while let Some(inner) = source {
        match inner.downcast_ref::<NoAddress>() {
            Some(NoAddress::Refused(why)) => return Failure::Denied(why.clone()),
            Some(NoAddress::None(why)) => return Failure::Resolve(why.clone()),
            None => {}
        }
        if inner.downcast_ref::<rustls::Error>().is_some() {
            return Failure::Tls(inner.to_string());
        }
        // An I/O error keeps what it wraps to itself.
        if let Some(wrapped) = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
            && let Some(tls) = wrapped.downcast_ref::<rustls::Error>()
        {
            return Failure::Tls(tls.to_string());
        }
        source = inner.source();
    }
    if error.is_timeout() { Failure::Timeout } else { Failure::Connect(chain(&error)) }
}

/// An error and what lies behind it.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
