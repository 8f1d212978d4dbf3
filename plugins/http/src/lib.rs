//! The step plugin `http`: calls a service and checks what it answers.

/// Where a redirect leads.
mod redirect;
/// What stands under `with`.
mod settings;
#[cfg(test)]
mod tests;

use settings::Settings;
use std::time::Duration;
use weir_plugin_sdk::http::{Request, Response};
use weir_plugin_sdk::{Capability, Context, Error, HostError, Level, Outcome, Refusal, Step, Text};

/// Longest wait between two tries.
const DELAY_MAX: Duration = Duration::from_secs(60);
/// Of an answer that was not expected, so much is shown.
const SHOWN_BYTES_MAX: usize = 2 << 10;
/// Largest body that becomes a property; the server keeps properties small as well.
const PROPERTY_BYTES_MAX: usize = 64 << 10;

/// The step.
pub struct Http;

impl Step for Http {
    type Settings = Settings;
    const NAME: &'static str = "http";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Calls a service and checks what it answers";
    const CAPABILITIES: &'static [Capability] = &[Capability::http("calls the URL that the settings name")];
    const SETTINGS_SCHEMA: Option<&'static str> = Some(include_str!("settings.json"));

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        let request = request(&settings)?;
        let mut delay = Duration::from_secs(settings.retry_delay_s.into());
        let mut n_left = settings.retries;
        let call = Duration::from_secs(settings.timeout_s.into()) * (1 + u32::from(settings.redirects));
        // At most: a call that is answered takes less than its timeout.
        let mut used = Duration::ZERO;
        loop {
            used += call;
            let answer = follow(cx, request.clone(), settings.redirects);
            let wait = match &answer {
                Ok((_, response)) if settings.is_expected(response.status) => None,
                Ok((_, response)) => is_passing(response.status).then(|| retry_after(response).unwrap_or(delay)),
                Err(HostError { kind: Refusal::RateLimited(wait), .. }) => Some(*wait),
                Err(error) => error.is_temporary().then_some(delay),
            };
            let wait = wait.filter(|_| n_left > 0).map(|wait| wait.min(DELAY_MAX));
            // Over its deadline the host would end the step, and nobody would read what the service said.
            match wait.filter(|wait| used + *wait + call < cx.deadline()) {
                Some(wait) => {
                    n_left -= 1;
                    used += wait;
                    delay = (delay * 2).min(DELAY_MAX);
                    again(cx, wait, n_left)?;
                }
                None => return judge(cx, &settings, &request, answer),
            }
        }
    }
}

impl Settings {
    fn is_expected(&self, status: u16) -> bool {
        self.expect.iter().any(|expected| expected.fits(status))
    }
}

/// The call as it is made first.
fn request(settings: &Settings) -> Result<Request, Error> {
    if settings.body.is_some() && settings.json.is_some() {
        return Err(Error::setting("/json", "`body` is sent already: write one of them"));
    }
    if let Some(save) = &settings.save
        && save.property.is_none()
        && save.log.is_none()
    {
        return Err(Error::setting("/save", "names neither a `property` nor a `log`"));
    }
    let has_body = settings.body.is_some() || settings.json.is_some();
    let method = settings.method.clone().unwrap_or_else(|| if has_body { "POST" } else { "GET" }.to_owned());
    let mut request = Request::new(method, &settings.url).timeout(Some(Duration::from_secs(settings.timeout_s.into())));
    for (name, value) in &settings.headers {
        request = request.field(name, value.clone());
    }
    if let Some(secret) = &settings.bearer {
        request = request.bearer(secret);
    }
    Ok(match (&settings.body, &settings.json) {
        (Some(text), _) => request.body(text.clone()),
        (_, Some(document)) if settings.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) => {
            request.body(document.to_string())
        }
        (_, Some(document)) => request.json(document),
        (None, None) => request,
    })
}

/// Makes a call and follows its redirects; returns where they led.
fn follow(cx: &mut Context, mut request: Request, n_redirects: u8) -> Result<(String, Response), HostError> {
    let mut n_left = n_redirects;
    loop {
        let sent = cx.send(&request);
        let said = match &sent {
            Ok(response) => format!("{}, {} bytes", response.status, response.body.len()),
            Err(error) => error.message.clone(),
        };
        cx.log(Level::Info, &format!("{}: {said}", shown(&request)));
        let response = sent?;
        let location = response.field("location").filter(|_| matches!(response.status, 301 | 302 | 303 | 307 | 308));
        match location {
            Some(location) if n_left > 0 => {
                n_left -= 1;
                request = redirected(request, location, response.status);
            }
            _ => return Ok((request.url, response)),
        }
    }
}

/// The call that a redirect asks for, as browsers make it: what was posted is fetched, unless the answer says to post it again.
fn redirected(mut request: Request, location: &str, status: u16) -> Request {
    let url = redirect::resolve(&request.url, location);
    if redirect::origin(&url) != redirect::origin(&request.url) {
        request.fields.retain(|(name, value)| {
            let is_private = ["authorization", "cookie"].iter().any(|private| name.eq_ignore_ascii_case(private));
            !is_private && matches!(value, weir_plugin_sdk::http::FieldValue::Text(Text::Plain(_)))
        });
    }
    if status == 303 || (matches!(status, 301 | 302) && request.method == "POST") {
        request.method = if request.method == "HEAD" { "HEAD" } else { "GET" }.to_owned();
        request.body = None;
        request.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    }
    request.url = url;
    request
}

/// Whether the same call may be answered better later.
fn is_passing(status: u16) -> bool {
    status == 429 || status >= 500
}

/// What the service asks for, in seconds; a date is read as no wish.
fn retry_after(response: &Response) -> Option<Duration> {
    response.field("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

fn again(cx: &mut Context, wait: Duration, n_left: u8) -> Result<(), Error> {
    let more = if n_left == 0 { "for the last time".to_owned() } else { format!("then {n_left} times more") };
    cx.log(Level::Info, &format!("trying again in {} s, {more}", wait.as_secs_f64()));
    if cx.sleep(wait) { Ok(()) } else { Err(Error::failed("stopped while it waited to try again")) }
}

/// How the step ends.
fn judge(
    cx: &mut Context,
    settings: &Settings,
    request: &Request,
    answer: Result<(String, Response), HostError>,
) -> Result<Outcome, Error> {
    let what = shown(request);
    let (url, response) = match answer {
        Ok(answer) => answer,
        // A service that is down is what the step looks for; a call that may not be made is not.
        Err(error) if error.is_temporary() || error.kind == Refusal::Failed => {
            return Ok(Outcome::failure(format!("{what}: {}", error.message)));
        }
        Err(error) => return Err(Error::failed(format!("{what}: {}", error.message))),
    };
    let via = if url == request.url { String::new() } else { format!(" by way of {}", without_query(&url)) };
    let said = format!("{what} answered {}{via}", response.status);
    if !settings.is_expected(response.status) {
        let text = response.text();
        let end = (0..=text.len().min(SHOWN_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        if end > 0 {
            cx.log(Level::Info, &text[..end]);
        }
        return Ok(Outcome::failure(said));
    }
    match save(cx, settings, &response)? {
        Some(why) => Ok(Outcome::failure(format!("{said}: {why}"))),
        None => Ok(Outcome::success(said)),
    }
}

/// Puts the body where it shall go, or says why it does not fit there.
fn save(cx: &mut Context, settings: &Settings, response: &Response) -> Result<Option<String>, Error> {
    let Some(save) = &settings.save else { return Ok(None) };
    if let Some(log) = &save.log {
        cx.append(log, &response.text())?;
    }
    let Some(property) = &save.property else { return Ok(None) };
    if response.body.len() > PROPERTY_BYTES_MAX {
        return Ok(Some(format!("its {} bytes are more than a property holds", response.body.len())));
    }
    let kind = response.field("content-type").unwrap_or_default().to_lowercase();
    let is_json = kind.contains("application/json") || kind.contains("+json");
    if is_json {
        match serde_json::from_slice::<serde_json::Value>(&response.body) {
            Ok(document) => cx.set_property(property, document)?,
            Err(error) => return Ok(Some(format!("it says that it is JSON and is not: {error}"))),
        }
    } else {
        cx.set_property(property, response.text().trim_end())?;
    }
    Ok(None)
}

/// `GET https://example.org/health`: what stands behind a `?` is for the service.
fn shown(request: &Request) -> String {
    format!("{} {}", request.method, without_query(&request.url))
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

weir_plugin_sdk::export_step!(Http);
