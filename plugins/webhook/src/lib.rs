//! The reporter plugin `webhook`: posts what happened, as JSON, to a URL.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use weir_plugin_sdk::http::{Request, Response};
use weir_plugin_sdk::reporter::{Event, ReportContext, Reporter};
use weir_plugin_sdk::{Capability, Error, Secret, Text};

/// What stands under `with`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to: `https`, or `http` where the grant says so.
    #[schemars(regex(pattern = "^https?://"))]
    pub url: String,
    /// A secret that proves who posts: `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// More header fields; a value may be a secret.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// How long the receiver may take to answer, in seconds.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 30))]
    pub timeout_s: u8,
}

fn ten() -> u8 {
    10
}

/// The reporter.
pub struct Webhook;

impl Reporter for Webhook {
    type Settings = Settings;
    const NAME: &'static str = "webhook";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Posts what happened, as JSON, to a URL";
    const CAPABILITIES: &'static [Capability] = &[Capability::http("posts to the URL that the settings name")];
    const SETTINGS_SCHEMA: Option<&'static str> = Some(include_str!("settings.json"));

    fn tell(cx: &mut ReportContext, settings: &Settings, event: &Event) -> Result<Option<String>, Error> {
        let answer = cx.send(&request(settings, event)).map_err(|error| match error.is_temporary() {
            true => Error::Retryable(error.message),
            false => Error::Failed(error.message),
        })?;
        judge(&answer)
    }
}

/// The event as it is posted. The receiver tells by the key that it has had it before.
fn request(settings: &Settings, event: &Event) -> Request {
    let mut request = Request::post(&settings.url)
        .json(&event.payload)
        .field("idempotency-key", &event.id)
        .field("x-weir-event", &event.kind)
        .timeout(Some(Duration::from_secs(settings.timeout_s.into())));
    if let Some(token) = &settings.token {
        request = request.bearer(token);
    }
    settings.headers.iter().fold(request, |request, (name, value)| request.field(name, value.clone()))
}

/// Whether it arrived. The answer's text is not repeated: it may be anything.
fn judge(answer: &Response) -> Result<Option<String>, Error> {
    let status = answer.status;
    let said = format!("the receiver answered {status}");
    match status {
        200..=299 => Ok(Some(said)),
        300..=399 => Err(Error::failed(format!("{said}, another address: write that one as `url`"))),
        401 | 403 => Err(Error::failed(format!("{said}: it does not take `token`"))),
        408 | 425 | 429 | 500..=599 => {
            // In seconds; a date is read as no wish at all.
            let after: Option<u64> = answer.field("retry-after").and_then(|text| text.trim().parse().ok());
            Err(match after {
                Some(seconds) => Error::RetryableAfter(said, Duration::from_secs(seconds)),
                None => Error::Retryable(said),
            })
        }
        _ => Err(Error::failed(said)),
    }
}

weir_plugin_sdk::export_reporter!(Webhook);

#[cfg(test)]
mod tests {
    use super::{Event, Reporter, Settings, Webhook};
    use expect_test::expect_file;
    use serde_json::{Value, json};
    use std::time::Duration;
    use weir_plugin_sdk::http::{FieldValue, Request, Response};
    use weir_plugin_sdk::reporter::settings_schema;
    use weir_plugin_sdk::testing::Script;
    use weir_plugin_sdk::{Error, HostError, Refusal};

    const URL: &str = "https://hooks.example.org/weir";

    fn event() -> Event {
        Event {
            id: "core/hook/17".to_owned(),
            kind: "build.finished".to_owned(),
            at: "2026-11-22T12:00:00Z".to_owned(),
            payload: json!({ "id": "core/hook/17", "build": { "number": 3 } }),
        }
    }

    fn tell(script: &Script, settings: Value) -> Result<Option<String>, Error> {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        Webhook::tell(&mut script.reporter("hook"), &settings, &event())
    }

    /// What comes of an answer.
    fn answered(response: Response) -> Result<Option<String>, Error> {
        tell(&Script::new().responds("POST", URL, response), json!({ "url": URL }))
    }

    fn sent(settings: Value) -> Request {
        let script = Script::new().secret("webhook", "s3cret").responds("POST", URL, Response::new(204, ""));
        tell(&script, settings).unwrap();
        script.requests().remove(0)
    }

    #[test]
    fn the_document_is_posted_as_it_is_under_a_key_that_stays() {
        let request = sent(json!({ "url": URL }));
        let body: Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
        assert_eq!((request.method.as_str(), body), ("POST", event().payload));
        let field = |name: &str| request.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let plain = |text: &str| Some(FieldValue::Text(text.into()));
        assert_eq!(field("content-type"), plain("application/json"));
        assert_eq!(field("idempotency-key"), plain("core/hook/17"));
        assert_eq!(field("x-weir-event"), plain("build.finished"));
        assert_eq!(field("authorization"), None);
        assert_eq!(request.timeout, Some(Duration::from_secs(10)));
    }

    #[test]
    fn secrets_go_out_by_name_and_are_never_seen() {
        let secret = json!({ "$secret": "webhook" });
        let request =
            sent(json!({ "url": URL, "token": secret, "headers": { "x-key": secret, "x-site": "a" }, "timeout_s": 3 }));
        let said = format!("{request:?}");
        assert!(said.contains("Bearer(Secret { name: \"webhook\" })") && said.contains("x-key"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
        assert_eq!(request.timeout, Some(Duration::from_secs(3)));
    }

    #[test]
    fn what_may_work_later_is_tried_again_and_nothing_else() {
        for status in [200, 201, 202, 204] {
            assert!(answered(Response::new(status, "")).is_ok(), "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            let answer = answered(Response::new(status, "secret"));
            assert_eq!(answer, Err(Error::Retryable(format!("the receiver answered {status}"))));
        }
        for status in [302, 400, 401, 403, 404, 410, 422] {
            assert!(matches!(answered(Response::new(status, "")), Err(Error::Failed(_))), "{status}");
        }
    }

    #[test]
    fn a_receiver_may_ask_to_be_left_alone() {
        let mut busy = Response::new(429, "");
        busy.fields.push(("retry-after".to_owned(), "120".to_owned()));
        let wait = Duration::from_secs(120);
        assert_eq!(answered(busy), Err(Error::RetryableAfter("the receiver answered 429".to_owned(), wait)));
    }

    #[test]
    fn a_receiver_that_is_away_is_tried_again_and_one_that_is_not_granted_is_not() {
        let with = |kind| Script::new().replies("POST", URL, Err(HostError::new(kind, "why")));
        for kind in [Refusal::Unreachable, Refusal::Timeout] {
            assert_eq!(tell(&with(kind), json!({ "url": URL })), Err(Error::Retryable("why".to_owned())));
        }
        for kind in [Refusal::Denied, Refusal::Invalid] {
            assert_eq!(tell(&with(kind), json!({ "url": URL })), Err(Error::failed("why")));
        }
    }

    #[test]
    fn the_schema_in_the_component_is_that_of_the_settings() {
        expect_file!["settings.json"].assert_eq(&format!("{:#}\n", settings_schema::<Webhook>()));
    }
}
