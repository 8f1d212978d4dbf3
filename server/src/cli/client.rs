//! Talking to a running server: where it is, who one is, and what its answers mean for the exit code.

use super::saved::Saved;
use crate::model::one_line::one_line;
use crate::outbound;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use url::Url;

/// Where a server is when nobody says otherwise: the address of the sample configuration.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8010/";
/// A short call is answered within this time.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a short answer at most.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// A server that says to come again later than this is asked again after this time.
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// Exit code for what cannot be done as things stand, such as stopping a build that has ended.
pub const FAILED: u8 = 1;
/// Exit code for what the caller did wrong.
pub const USAGE: u8 = 2;
/// Exit code for a server that cannot be reached or does not allow it.
pub const NOT_ALLOWED: u8 = 3;

/// Which server, as whom.
#[derive(Debug, Clone, clap::Args)]
pub struct Connection {
    /// The server's address; without it that of ./weir.toml, else http://127.0.0.1:8010/
    #[arg(long, value_name = "URL", env = "WEIR_SERVER_URL")]
    server: Option<Url>,
    /// A token from `weir token issue`; better in the variable WEIR_TOKEN, since others see command lines. Without one that of
    /// `weir login`
    #[arg(long, value_name = "TOKEN", env = "WEIR_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Why a command ends without having done what it should.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// For people: what and what to do.
    pub message: String,
    /// How to exit.
    pub code: u8,
    /// Trying again later may help.
    pub is_passing: bool,
    /// When to try again, where the server says so.
    pub again: Option<Duration>,
}

impl Failure {
    /// Prints it and says how to exit.
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            // Part of it may be what a server said.
            let lines: Vec<String> = self.message.lines().map(one_line).collect();
            eprintln!("weir: {}", lines.join("\n"));
        }
        ExitCode::from(self.code)
    }

    /// What the caller did wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: USAGE, is_passing: false, again: None }
    }

    /// The server is not there, for now.
    pub fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: NOT_ALLOWED, is_passing: true, again: None }
    }

    /// Something that no second try changes.
    fn lasting(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: NOT_ALLOWED, is_passing: false, again: None }
    }
}

/// A server to talk to.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

impl Connection {
    /// Whether a server was named, by an argument or by the environment.
    pub fn names_a_server(&self) -> bool {
        self.server.is_some()
    }

    /// Whether somebody said as whom.
    pub fn has_token(&self) -> bool {
        self.token.as_ref().is_some_and(|token| !token.trim().is_empty())
    }

    /// To that server, with the token of the environment or of a saved login.
    pub fn to(server: Url) -> Self {
        Self { server: Some(server), token: std::env::var("WEIR_TOKEN").ok() }
    }

    /// The token that was given, and not saved.
    pub fn given_token(&self) -> Option<String> {
        self.token.as_deref().map(str::trim).filter(|token| !token.is_empty()).map(str::to_owned)
    }

    /// The client for it.
    ///
    /// # Errors
    /// Where the address is of no use.
    pub fn client(self) -> Result<Client, Failure> {
        let token = self.given_token();
        // What cannot be read matters only to who needs it.
        let mut saved = match token {
            Some(_) => Saved::read().unwrap_or_default(),
            None => Saved::read().map_err(|error| Failure::usage(format!("{error:#}")))?,
        };
        let mut base = match self.server.or_else(configured).or_else(|| saved.current.take()) {
            Some(url) => url,
            None => DEFAULT_SERVER.parse().expect("the default address is one"),
        };
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(Failure::usage(format!(
                "`{base}` is no address of a server; give one such as {DEFAULT_SERVER}"
            )));
        }
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let http = outbound::client().map_err(|error| Failure::lasting(format!("{error:#}")))?;
        let token = token.or_else(|| saved.tokens.remove(&base));
        Ok(Client { http, base, token })
    }
}

/// The `public_url` of the configuration in the current folder.
fn configured() -> Option<Url> {
    let file = Path::new("weir.toml");
    // A configuration that cannot be used has no address; the default is tried and named when it fails.
    file.exists().then(|| super::local::config(file).ok()).flatten().map(|config| config.server.public_url.clone())
}

impl Client {
    /// The server's address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The same server, as the bearer of `token`.
    #[must_use]
    pub fn with_token(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    /// The address of a path, each element quoted as it must be.
    pub fn url<'a>(&self, elements: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("http addresses have paths").pop_if_empty().extend(elements);
        url
    }

    /// Asks for JSON.
    ///
    /// # Errors
    /// What the server says, or that it is not there.
    pub async fn get(&self, url: Url) -> Result<Value, Failure> {
        self.call(Method::GET, url, None).await
    }

    /// Sends JSON and reads JSON.
    ///
    /// # Errors
    /// What the server says, or that it is not there.
    pub async fn post(&self, url: Url, body: &Value) -> Result<Value, Failure> {
        self.call(Method::POST, url, Some(body)).await
    }

    /// Opens a live stream that goes on after `last_event`.
    ///
    /// # Errors
    /// What the server says, or that it is not there.
    pub async fn stream(&self, url: Url, last_event: Option<&str>) -> Result<Response, Failure> {
        let mut request = self.request(Method::GET, url).header("accept", "text/event-stream");
        if let Some(id) = last_event {
            request = request.header("last-event-id", id);
        }
        self.good(request.send().await.map_err(|error| self.unreachable(&error))?).await
    }

    fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn call(&self, method: Method, url: Url, body: Option<&Value>) -> Result<Value, Failure> {
        let mut request = self.request(method, url).header("accept", "application/json").timeout(CALL_TIMEOUT);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = self.good(request.send().await.map_err(|error| self.unreachable(&error))?).await?;
        let bytes = outbound::read(answer, ANSWER_BYTES_MAX).await;
        let bytes = bytes.map_err(|error| Failure::passing(format!("{}: {error:#}", self.base)))?;
        serde_json::from_slice(&bytes).map_err(|_| self.no_weir())
    }

    /// The answer, where it is a good one; else what it says.
    async fn good(&self, answer: Response) -> Result<Response, Failure> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        if status.is_redirection() {
            let to = answer.headers().get("location").and_then(|v| v.to_str().ok()).unwrap_or("another address");
            return Err(Failure::lasting(format!("{} leads to {to}; give that as --server", self.base)));
        }
        let is_passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let again = again(answer.headers());
        let bytes = outbound::read(answer, ANSWER_BYTES_MAX).await.unwrap_or_default();
        let said = serde_json::from_slice::<Value>(&bytes).ok();
        let Some(sentence) = said.as_ref().and_then(|said| said["error"].as_str()) else {
            let mut failure = self.no_weir();
            (failure.is_passing, failure.again) = (is_passing, again);
            failure.message = format!("{} (it answered {status})", failure.message);
            return Err(failure);
        };
        let mut message = sentence.to_owned();
        if status == StatusCode::UNAUTHORIZED && self.token.is_none() {
            message = "this needs a token: set WEIR_TOKEN to one that `weir token issue` printed, or say `weir login`"
                .to_owned();
        }
        for (field, why) in said.as_ref().and_then(|said| said["fields"].as_object()).into_iter().flatten() {
            message = format!("{message}\n  {field}: {}", why.as_str().unwrap_or_default());
        }
        let code = match status {
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => USAGE,
            StatusCode::CONFLICT => FAILED,
            _ => NOT_ALLOWED,
        };
        Err(Failure { message, code, is_passing, again })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let why = if error.is_timeout() { "no answer in time" } else { root_cause(error) };
        let message = format!("cannot reach the server at {}: {why}; is it running? --server names another", self.base);
        Failure::passing(message)
    }

    fn no_weir(&self) -> Failure {
        Failure::lasting(format!("{} does not answer as Weir does; --server names another", self.base))
    }
}

/// When the server says to come again, at most [`AGAIN_MAX`] from now.
fn again(headers: &HeaderMap) -> Option<Duration> {
    let after = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(after).min(AGAIN_MAX))
}

/// A few words for why there is no connection; the whole chain of errors is for nobody.
fn root_cause(error: &reqwest::Error) -> &'static str {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::ConnectionRefused => return "nothing listens there",
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::UnexpectedEof => return "it hung up",
                _ => {}
            }
        }
        cause = error.source();
    }
    "no connection"
}

/// Runs a client command to its end on this thread.
///
/// # Errors
/// Where the system gives no timers or sockets.
pub fn block_on(command: impl Future<Output = Result<ExitCode, Failure>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(command).unwrap_or_else(|failure| failure.report()))
}

#[cfg(test)]
mod tests {
    use super::again;
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
    use std::time::Duration;

    #[test]
    fn when_to_come_again_is_what_the_server_says_within_reason() {
        let said = |text: &'static str| again(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]));
        assert_eq!(said("7"), Some(Duration::from_secs(7)));
        assert_eq!(said("86400"), Some(Duration::from_secs(60)));
        assert_eq!((said("tomorrow"), again(&HeaderMap::new())), (None, None));
    }
}
