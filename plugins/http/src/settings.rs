//! What stands under `with`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use weir_plugin_sdk::{Secret, Text};

/// A call of a service, and what it shall answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to call: `https`, or `http` where the grant says so.
    #[schemars(regex(pattern = r"^(https?://|\{\{)"))]
    pub url: String,
    /// Without it `GET`, or `POST` where there is something to send.
    #[schemars(length(min = 1))]
    pub method: Option<String>,
    /// Header fields: texts, or secrets of the team (`{ secret = "name" }`).
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// A secret that is sent as `Authorization: Bearer`.
    pub bearer: Option<Secret>,
    /// A text to send.
    pub body: Option<String>,
    /// A document to send, as JSON.
    pub json: Option<Value>,
    /// How long the service may take to answer, in seconds.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 30))]
    pub timeout_s: u8,
    /// Status codes that are good: numbers, or classes such as `"2xx"`.
    #[serde(default = "good")]
    #[schemars(length(min = 1))]
    pub expect: Vec<Expected>,
    /// So often it is tried again when the service cannot be reached, does not answer in time, or answers 429 or 5xx.
    #[serde(default)]
    #[schemars(range(max = 10))]
    pub retries: u8,
    /// How long to wait before the first of them, in seconds; before each other one twice as long, at most a minute.
    #[serde(default = "two")]
    #[schemars(range(max = 60))]
    pub retry_delay_s: u8,
    /// So many redirects are followed. Each is a call of its own, to a host that is granted; secrets go to the first host only.
    #[serde(default)]
    #[schemars(range(max = 10))]
    pub redirects: u8,
    /// Where the answer's body goes.
    pub save: Option<Save>,
}

/// Where an answer goes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Save {
    /// The property that becomes the body, at most 64 KiB: what JSON says it is where the service says that it is JSON, else text.
    #[schemars(length(min = 1, max = 100))]
    pub property: Option<String>,
    /// The log that the body goes to.
    #[schemars(length(min = 1, max = 100))]
    pub log: Option<String>,
}

/// A status code, or a class of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Expected {
    /// This one.
    Code(#[schemars(range(min = 100, max = 599))] u16),
    /// All that begin so.
    Class(#[schemars(regex(pattern = "^[1-5]xx$"))] String),
}

impl Expected {
    /// Whether the status is one of these.
    pub fn fits(&self, status: u16) -> bool {
        match self {
            Self::Code(code) => *code == status,
            Self::Class(class) => class.strip_suffix("xx") == Some((status / 100).to_string().as_str()),
        }
    }
}

fn thirty() -> u8 {
    30
}

fn two() -> u8 {
    2
}

fn good() -> Vec<Expected> {
    vec![Expected::Class("2xx".to_owned())]
}
