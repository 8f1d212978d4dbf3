//! What a reporter implements: a plugin that tells the outside what happened.

use crate::capability::Capability;
use crate::error::Error;
use crate::outside::{AnyHost, Outside};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ops::{Deref, DerefMut};

/// Something that happened and is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The same whenever it is told again: hand it on, so that who hears it twice can drop it once.
    pub id: String,
    /// A dotted name: `build.finished`. Others may come; say [`Error::failed`] of those that you cannot tell.
    pub kind: String,
    /// When it happened, RFC 3339 in UTC.
    pub at: String,
    /// The document of that kind, which holds `id`, `kind` and `at` as well; `docs/reporter-events.md` describes it.
    pub payload: Value,
}

/// What became of an event: it arrived, perhaps with a few words on how, or it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event's id.
    pub event: String,
    /// [`Error::Retryable`] and [`Error::RetryableAfter`] are tried again, with longer and longer waits; everything else is given up.
    pub outcome: Result<Option<String>, Error>,
}

/// A reporter. Each call gets a fresh instance of the component: nothing is kept from one call to the next, but what is put into
/// [`crate::state`].
///
/// An event is told at least once: where the server dies between telling it and noting that, it is told again, with the same id.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use weir_plugin_sdk::http::Request;
/// use weir_plugin_sdk::reporter::{Event, ReportContext, Reporter};
/// use weir_plugin_sdk::{Capability, Error, Secret};
///
/// /// What the configuration says under `with`.
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     /// Where the room's messages are posted.
///     room: String,
///     /// What the room asks for.
///     token: Secret,
/// }
///
/// struct Room;
///
/// impl Reporter for Room {
///     type Settings = Settings;
///     const NAME: &'static str = "room";
///     const VERSION: &'static str = "0.1.0";
///     const SUMMARY: &'static str = "Says in a room how a build ended";
///     const CAPABILITIES: &'static [Capability] = &[Capability::http("posts to the room that the settings name")];
///
///     fn tell(cx: &mut ReportContext, settings: &Settings, event: &Event) -> Result<Option<String>, Error> {
///         let build = &event.payload["build"];
///         let text = format!("{} #{}: {}", build["builder"], build["number"], build["results_word"]);
///         let message = Request::post(&settings.room).bearer(&settings.token).json(&serde_json::json!({ "text": text }));
///         let answer = cx.send(&message)?;
///         match answer.status {
///             200..300 => Ok(None),
///             429 | 500.. => Err(Error::Retryable(format!("the room answered {}", answer.status))),
///             status => Err(Error::failed(format!("the room answered {status}"))),
///         }
///     }
/// }
///
/// weir_plugin_sdk::export_reporter!(Room);
///
/// // The same reporter against a scripted host, natively:
/// use weir_plugin_sdk::{http::Response, testing::Script};
/// let script = Script::new()
///     .secret("room", "s3cret")
///     .responds("POST", "https://room.example.org/", Response::new(200, ""));
/// let settings = serde_json::from_str(r#"{ "room": "https://room.example.org/", "token": { "$secret": "room" } }"#).unwrap();
/// let event = Event {
///     id: "core/room/7".to_owned(),
///     kind: "build.finished".to_owned(),
///     at: "2026-11-22T12:00:00Z".to_owned(),
///     payload: serde_json::json!({ "build": { "builder": "linux", "number": 3, "results_word": "failure" } }),
/// };
/// let told = Room::report(&mut script.reporter("room"), &settings, std::slice::from_ref(&event));
/// assert_eq!(told[0].outcome, Ok(None));
/// assert_eq!(script.requests()[0].body.as_deref(), Some(br##"{"text":"\"linux\" #3: \"failure\""}"##.as_slice()));
/// ```
pub trait Reporter {
    /// What stands under `with` in the configuration. Derive `JsonSchema` and deny unknown fields: a misspelt setting is then found
    /// by `weir check`.
    type Settings: DeserializeOwned + JsonSchema;
    /// What the plugin calls itself.
    const NAME: &'static str;
    /// The plugin's version.
    const VERSION: &'static str;
    /// One sentence.
    const SUMMARY: &'static str;
    /// What it wants to do; whatever it uses without naming it here refuses the load.
    const CAPABILITIES: &'static [Capability];
    /// The JSON Schema of the settings as text; see [`crate::Step::SETTINGS_SCHEMA`]. [`settings_schema`] makes it.
    const SETTINGS_SCHEMA: Option<&'static str> = None;

    /// Tells one event; returns a few words on how it arrived, where there is something to say.
    ///
    /// # Errors
    /// Where it did not arrive.
    fn tell(cx: &mut ReportContext, settings: &Self::Settings, event: &Event) -> Result<Option<String>, Error>;

    /// Tells events in their order and says of each what became of it. Implement it only where several can be told at once.
    fn report(cx: &mut ReportContext, settings: &Self::Settings, events: &[Event]) -> Vec<Delivery> {
        let tell = |event: &Event| Delivery { event: event.id.clone(), outcome: Self::tell(cx, settings, event) };
        events.iter().map(tell).collect()
    }
}

/// A reporter's way to the outside: what stands at [`Outside`].
pub struct ReportContext {
    name: String,
    outside: Outside,
}

impl ReportContext {
    /// A context over the host; the SDK and tests make it.
    pub fn new(name: String, host: AnyHost) -> Self {
        Self { name, outside: Outside::new(host) }
    }

    /// What the team calls this reporter.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Deref for ReportContext {
    type Target = Outside;

    fn deref(&self) -> &Outside {
        &self.outside
    }
}

impl DerefMut for ReportContext {
    fn deref_mut(&mut self) -> &mut Outside {
        &mut self.outside
    }
}

#[cfg(not(target_family = "wasm"))]
impl crate::testing::Script {
    /// A reporter's context over this script; the team calls it `name`.
    pub fn reporter(&self, name: &str) -> ReportContext {
        ReportContext::new(name.to_owned(), self.host())
    }
}

/// The JSON Schema of a reporter's settings, as the descriptor carries it.
pub fn settings_schema<R: Reporter>() -> Value {
    crate::step::schema_of::<R::Settings>()
}

/// Makes a component of a [`Reporter`]: `weir_plugin_sdk::export_reporter!(MyReporter);`, once in the crate. Does nothing natively.
#[macro_export]
macro_rules! export_reporter {
    ($reporter:ty) => {
        #[cfg(target_family = "wasm")]
        #[doc(hidden)]
        mod __weir_component {
            pub struct Component;
            impl $crate::guest::bindings::exports::weir::plugin::metadata::Guest for Component {
                fn describe() -> $crate::guest::bindings::exports::weir::plugin::metadata::Descriptor {
                    $crate::guest::reporter::describe::<$reporter>()
                }
            }
            impl $crate::guest::reporter::bindings::exports::weir::plugin::reporter_handler::Guest for Component {
                fn report(
                    context: $crate::guest::reporter::bindings::exports::weir::plugin::reporter_handler::Context,
                    events: Vec<$crate::guest::reporter::bindings::exports::weir::plugin::reporter_handler::Event>,
                ) -> Vec<$crate::guest::reporter::bindings::exports::weir::plugin::reporter_handler::Delivery> {
                    $crate::guest::reporter::report::<$reporter>(context, events)
                }
            }
            use super::*;
            use $crate::guest::bindings::exports::weir::plugin::metadata;
            metadata::__export_weir_plugin_metadata_0_1_0_cabi!(
                Component with_types_in $crate::guest::bindings::exports::weir::plugin::metadata
            );
            $crate::guest::reporter::bindings::export!(Component with_types_in $crate::guest::reporter::bindings);
        }
    };
}
