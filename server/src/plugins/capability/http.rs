//! Calls of services: to granted hosts only, by the server's own connections.

use crate::model::egress::{HostRule, Rule};
use crate::outbound::gate::{Answer, CALL_TIMEOUT, Call, Failure};
use crate::plugins::bindings::http::{Field, FieldValue, Host, HttpError, Request, Response};
use crate::plugins::error::{Breach, Kind};
use crate::plugins::instance::Guest;
use crate::plugins::power::denied;
use crate::plugins::tally::Gated;
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;
use zeroize::Zeroizing;

/// Calls of one step, or of one call of a reporter.
const CALLS_MAX: u32 = 200;
/// Largest body of an answer where the guest does not say.
const BODY_BYTES: u32 = 1 << 20;
/// Largest body of an answer whatever the guest says.
const BODY_BYTES_MAX: u32 = 8 << 20;
const FIELDS_MAX: usize = 100;
const FIELDS_BYTES_MAX: usize = 64 << 10;
const URL_BYTES_MAX: usize = 16 << 10;
/// Fields that are about the connection, which is the host's.
const HOST_FIELDS: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a guest has called.
#[derive(Debug, Default)]
pub struct HttpMeter {
    n_calls: u32,
    n_bytes: u64,
}

impl HttpMeter {
    fn call(&mut self) -> Result<(), Breach> {
        self.n_calls += 1;
        if self.n_calls > CALLS_MAX {
            let message =
                format!("called services more than {CALLS_MAX} times, which is the limit of one call of a plugin");
            return Err(Breach::new(Kind::Quota, message));
        }
        Ok(())
    }

    fn bytes(&mut self, n_bytes: usize, max: u64) -> Result<(), Breach> {
        self.n_bytes += n_bytes as u64;
        if self.n_bytes > max {
            let limit = crate::model::size::Size(max);
            let message = format!("sent and received more by HTTP than its limit `http_bytes` = {limit} allows");
            return Err(Breach::new(Kind::Quota, message));
        }
        Ok(())
    }
}

fn invalid<T>(why: impl Into<String>) -> Result<T, HttpError> {
    Err(HttpError::Invalid(why.into()))
}

/// The URL of a call; what is checked here is what is called, so whatever could be read in two ways is refused.
fn url(text: &str) -> Result<Url, HttpError> {
    if text.len() > URL_BYTES_MAX {
        return invalid(format!("a URL has at most {URL_BYTES_MAX} bytes"));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return invalid("the URL holds a blank or a control character: encode it");
    }
    let url = Url::parse(text).map_err(|error| HttpError::Invalid(format!("this is no URL: {error}")))?;
    if !matches!(url.scheme(), "https" | "http") {
        return invalid(format!("`{}` is neither `https` nor `http`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return invalid("the URL names a user: send a field `Authorization` instead");
    }
    if url.fragment().is_some() {
        return invalid("the URL has a fragment, which is nothing that a service sees");
    }
    Ok(url)
}

fn method(text: &str) -> Result<Method, HttpError> {
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT | Method::TRACE) => invalid(format!("`{text}` is no method for plugins")),
        Ok(method) => Ok(method),
        Err(_) => invalid("the method is none"),
    }
}

/// `hooks.example.org:443`, with `http://` before it where it is plain, as a grant would be written.
fn as_grant(url: &Url) -> String {
    let before = if url.scheme() == "http" { "http://" } else { "" };
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{before}{}:{port}", url.host_str().unwrap_or_default())
}

fn is_allowed(rules: &[Rule], url: &Url) -> bool {
    rules.iter().any(|rule| matches!(rule, Rule::Host(host) if host.allows(url)))
}

impl Guest {
    fn http_denied(&self, url: &Url) -> Option<HttpError> {
        let (rules, grant) = (&self.powers.http, as_grant(url));
        (!is_allowed(rules, url)).then(|| {
            let hosts: Vec<String> =
                rules.iter().filter(|rule| matches!(rule, Rule::Host(_))).map(|rule| format!("`{rule}`")).collect();
            let why = denied(&self.name, &format!("call `{grant}`"), &format!("http = [\"{grant}\"]"));
            let granted = if hosts.is_empty() { String::new() } else { format!("; granted are {}", hosts.join(", ")) };
            HttpError::Denied(why + &granted)
        })
    }

    /// The value of a field; secrets are read here and forgotten.
    async fn field_value(&mut self, url: &Url, value: FieldValue) -> wasmtime::Result<Result<HeaderValue, HttpError>> {
        let (handle, before) = match &value {
            FieldValue::Plain(text) => return Ok(header_value(text.as_bytes())),
            FieldValue::Secret(handle) => (handle, ""),
            FieldValue::Bearer(handle) => (handle, "Bearer "),
        };
        let fits = |hosts: Vec<HostRule>| hosts.iter().any(|host| host.allows(url));
        if self.secret_hosts(handle)?.is_some_and(|hosts| !fits(hosts)) {
            let why = self.secret_bound(handle, &format!("send `{}` the", as_grant(url)))?;
            return Ok(Err(HttpError::Denied(why.unwrap_or_default())));
        }
        Ok(match self.secret_value(handle).await? {
            Ok(secret) => header_value(
                Zeroizing::new([before.as_bytes(), secret.expose().as_bytes()].concat()).as_slice(),
            )
            .map(|mut value| {
                value.set_sensitive(true);
                value
            }),
            Err(why) => invalid(why.to_string()),
        })
    }

    async fn fields(&mut self, url: &Url, fields: Vec<Field>) -> wasmtime::Result<Result<HeaderMap, HttpError>> {
        let mut map = HeaderMap::new();
        if fields.len() > FIELDS_MAX {
            return Ok(invalid(format!("a call has at most {FIELDS_MAX} fields")));
        }
        let mut n_bytes = 0;
        for field in fields {
            let Ok(name) = HeaderName::from_bytes(field.name.as_bytes()) else {
                return Ok(invalid("the name of a field is none"));
            };
            if HOST_FIELDS.contains(&name.as_str()) {
                return Ok(invalid(format!("the field `{name}` is the server's to set")));
            }
            let value = match self.field_value(url, field.value).await? {
                Ok(value) => value,
                Err(HttpError::Invalid(why)) => return Ok(invalid(format!("the field `{name}`: {why}"))),
                Err(error) => return Ok(Err(error)),
            };
            n_bytes += name.as_str().len() + value.len();
            if n_bytes > FIELDS_BYTES_MAX {
                return Ok(invalid(format!("the fields have more than {FIELDS_BYTES_MAX} bytes")));
            }
            map.append(name, value);
        }
        Ok(Ok(map))
    }

    /// Checks what the guest wants and makes it a call.
    async fn call(&mut self, request: Request) -> wasmtime::Result<Result<Call, HttpError>> {
        let (method, url) = match method(&request.method).and_then(|method| Ok((method, url(&request.url)?))) {
            Ok(checked) => checked,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(error) = self.http_denied(&url) {
            return Ok(Err(error));
        }
        if request.timeout == Some(0) {
            return Ok(invalid("a timeout of no length ends every call"));
        }
        let fields = match self.fields(&url, request.fields).await? {
            Ok(fields) => fields,
            Err(error) => return Ok(Err(error)),
        };
        Ok(Ok(Call {
            method,
            url,
            fields,
            body: Bytes::from(request.body.unwrap_or_default()),
            timeout: request.timeout.map_or(CALL_TIMEOUT, |ms| Duration::from_millis(ms.into())).min(CALL_TIMEOUT),
            body_max: request.max_body.unwrap_or(BODY_BYTES).min(BODY_BYTES_MAX) as usize,
        }))
    }

    /// Makes the call where the server makes its calls, not among the guests.
    async fn make(&mut self, call: Call) -> wasmtime::Result<Result<Answer, HttpError>> {
        let rules: Arc<[Rule]> = self.powers.http.as_slice().into();
        let used = self.used()?;
        let (gates, plugin, team) = (Arc::clone(&used.gates), used.plugin.clone(), used.team.clone());
        let stop = used.stop.clone();
        let sent = used.main.spawn(async move {
            let gate = tokio::task::spawn_blocking(move || gates.gate(&plugin, &team, &rules)).await;
            match gate {
                Ok(Ok(gate)) => gate.send(call).await,
                Ok(Err(why)) => Err(Failure::Tls(why)),
                Err(panic) => Err(Failure::Connect(format!("the server broke: {panic}"))),
            }
        });
        let sent = AbortOnDropHandle::new(sent);
        Ok(tokio::select! {
            biased;
            () = stop.cancelled() => Err(HttpError::Cancelled),
            sent = sent => sent?.map_err(in_contract),
        })
    }
}

fn header_value(bytes: &[u8]) -> Result<HeaderValue, HttpError> {
    // Says nothing of the value: it may be a secret.
    HeaderValue::from_bytes(bytes).or_else(|_| invalid("its value holds a line end or another control character"))
}

fn in_contract(failure: Failure) -> HttpError {
    let millis = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    match failure {
        Failure::Denied(why) => HttpError::Denied(why),
        Failure::Resolve(why) => HttpError::Resolve(why),
        Failure::Connect(why) => HttpError::Connect(why),
        Failure::Tls(why) => HttpError::Tls(why),
        Failure::Timeout => HttpError::Timeout,
        Failure::TooLarge(max) => HttpError::TooLarge(u32::try_from(max).unwrap_or(u32::MAX)),
        Failure::RateLimited(wait) => HttpError::RateLimited(millis(wait).max(1)),
    }
}

impl Guest {
    /// Checks a call, makes it and counts what passes.
    async fn exchange(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        self.http_meter.call()?;
        let max = self.limits.http_bytes.0;
        let mut call = match self.call(request).await? {
            Ok(call) => call,
            Err(error) => return Ok(Err(error)),
        };
        let n_fields: usize = call.fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        self.http_meter.bytes(call.url.as_str().len() + n_fields + call.body.len(), max)?;
        // An answer over what is left ends the guest, so no more than that is read.
        let left = usize::try_from(max - self.http_meter.n_bytes).unwrap_or(usize::MAX);
        let asked = call.body_max;
        call.body_max = asked.min(left);
        match self.make(call).await? {
            Ok(answer) => {
                let n_fields: usize = answer.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
                self.http_meter.bytes(n_fields + answer.body.len(), max)?;
                Ok(Ok(Response { status: answer.status, fields: answer.fields, body: answer.body }))
            }
            Err(HttpError::TooLarge(read)) if left < asked && read as usize == left => {
                self.http_meter.bytes(left + 1, max)?;
                Ok(Err(HttpError::TooLarge(read)))
            }
            Err(error) => Ok(Err(error)),
        }
    }
}

impl Host for Guest {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        self.used()?;
        let answer = self.exchange(request).await?;
        self.tally(Gated::Http, matches!(answer, Err(HttpError::Denied(_))));
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::{HttpMeter, as_grant, header_value, method, url};
    use crate::plugins::bindings::http::HttpError;

    fn said(text: &str) -> String {
        match url(text) {
            Ok(url) => url.to_string(),
            Err(HttpError::Invalid(why)) => why,
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn a_url_that_could_be_read_in_two_ways_is_refused() {
        for text in [
            "https://good.example@evil.example/",
            "https://u:p@good.example/",
            "https://good.example/a\r\nHost: evil.example",
            "https://good.example/a b",
            "https://good.example/\t",
            "https://good.example/#x",
            "ftp://good.example/",
            "file:///etc/passwd",
            "//good.example/",
            "/path",
            "",
        ] {
            assert!(matches!(url(text), Err(HttpError::Invalid(_))), "{text}: {}", said(text));
        }
        assert_eq!(said("HTTPS://Good.Example:443/a"), "https://good.example/a");
        assert_eq!(as_grant(&url("http://good.example/a").unwrap()), "http://good.example:80");
        assert_eq!(as_grant(&url("https://[::1]/a").unwrap()), "[::1]:443");
    }

    #[test]
    fn methods_and_values_that_reach_into_the_connection_are_refused() {
        assert!(method("PATCH").is_ok() && method("PURGE").is_ok());
        for text in ["CONNECT", "TRACE", "GET /x HTTP/1.1\r\n", "", "G T"] {
            assert!(method(text).is_err(), "{text}");
        }
        assert!(
            header_value(b"a\r\nb").is_err() && header_value(b"a\0").is_err() && header_value("é".as_bytes()).is_ok()
        );
    }

    #[test]
    fn calls_and_bytes_have_a_limit_that_is_named() {
        let mut meter = HttpMeter::default();
        meter.bytes(1024, 1024).unwrap();
        let said = meter.bytes(1, 1024).unwrap_err().to_string();
        assert_eq!(said, "sent and received more by HTTP than its limit `http_bytes` = 1 KiB allows");
        for _ in 0..200 {
            meter.call().unwrap();
        }
        assert!(meter.call().unwrap_err().to_string().contains("200 times"));
    }
}
