//! The reporter plugin `build-told`: says in one line, posted to a URL, how a build ended.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use weir_plugin_sdk::http::Request;
use weir_plugin_sdk::reporter::{Event, ReportContext, Reporter};
use weir_plugin_sdk::{Capability, Error, Secret};

/// What stands under `with`. `weir check` reads people's configuration by it, so write the comments for those people.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where messages are posted.
    #[schemars(regex(pattern = "^https?://"))]
    pub url: String,
    /// A secret that proves who posts.
    pub token: Option<Secret>,
}

/// The reporter.
pub struct BuildTold;

impl Reporter for BuildTold {
    type Settings = Settings;
    const NAME: &'static str = "build-told";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Says in one line how a build ended";
    const CAPABILITIES: &'static [Capability] = &[Capability::http("posts to the URL that the settings name")];

    fn tell(cx: &mut ReportContext, settings: &Settings, event: &Event) -> Result<Option<String>, Error> {
        let build = &event.payload["build"];
        let word = |key: &str| build[key].as_str().unwrap_or_default();
        let text = format!("{} #{}: {}", word("builder"), build["number"], word("results_word"));
        let mut message = Request::post(&settings.url).json(&json!({ "text": text }));
        if let Some(token) = &settings.token {
            message = message.bearer(token);
        }
        let answer = cx.send(&message)?;
        match answer.status {
            200..=299 => Ok(None),
            // The server tries again later.
            429 | 500.. => Err(Error::Retryable(format!("the receiver answered {}", answer.status))),
            status => Err(Error::failed(format!("the receiver answered {status}"))),
        }
    }
}

weir_plugin_sdk::export_reporter!(BuildTold);

#[cfg(test)]
mod tests {
    use super::{BuildTold, Settings};
    use serde_json::json;
    use weir_plugin_sdk::http::Response;
    use weir_plugin_sdk::reporter::{Event, Reporter};
    use weir_plugin_sdk::testing::Script;

    #[test]
    fn a_build_is_told_in_one_line() {
        let script = Script::new().responds("POST", "https://chat.example.org/", Response::new(200, ""));
        let settings = Settings { url: "https://chat.example.org/".to_owned(), token: None };
        let event = Event {
            id: "core/1".to_owned(),
            kind: "build.finished".to_owned(),
            at: "2026-11-22T12:00:00Z".to_owned(),
            payload: json!({ "build": { "builder": "linux", "number": 3, "results_word": "failure" } }),
        };
        let told = BuildTold::report(&mut script.reporter("room"), &settings, std::slice::from_ref(&event));
        assert_eq!(told[0].outcome, Ok(None));
        assert_eq!(script.requests()[0].body.as_deref(), Some(br#"{"text":"linux #3: failure"}"#.as_slice()));
    }
}
