//! Secrets that the settings hand over. A plugin passes them on without seeing them.

use crate::error::HostError;
use crate::host::Host;
use crate::outside::Outside;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A secret of the team, by its name. In settings the configuration writes `{ secret = "name" }`; the value stays with the host,
/// which puts it into the environment of commands ([`crate::Command::env`]) and the fields of HTTP requests
/// ([`crate::http::Request::bearer`]) where the plugin names it.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use weir_plugin_sdk::{Command, Secret};
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Settings {
///     /// What the registry asks for.
///     token: Secret,
/// }
///
/// let settings: Settings = serde_json::from_str(r#"{ "token": { "$secret": "registry" } }"#).unwrap();
/// let publish = Command::program(["cargo", "publish"]).env("CARGO_REGISTRY_TOKEN", &settings.token);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    #[serde(rename = "$secret")]
    name: String,
}

impl Secret {
    /// The secret of this name; where the settings do not hand it over, using it is refused.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// Its name in the team's configuration; not its value.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    /// Fits what the configuration says and what the host makes of it.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": { "secret": { "type": "string" }, "$secret": { "type": "string" } },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

/// A plain text, or a secret in its place: for settings that people may want to hide.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Text {
    /// As it stands in the configuration.
    Plain(String),
    /// The host knows it.
    Secret(Secret),
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::Plain(text.clone())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl From<Secret> for Text {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

impl From<&Secret> for Text {
    fn from(secret: &Secret) -> Self {
        Self::Secret(secret.clone())
    }
}

impl Outside {
    /// The secret's value, for what cannot be done without it; needs the capability `secret-reveal` and its grant.
    ///
    /// # Errors
    /// Where it is not granted, the settings do not hand the secret over, or it cannot be read.
    pub fn reveal(&mut self, secret: &Secret) -> Result<String, HostError> {
        self.host().reveal(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, Text};
    use serde_json::{Value, from_value, json};

    fn fits<T: schemars::JsonSchema>(value: &Value) -> bool {
        let settings = schemars::generate::SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
        let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
        jsonschema::validator_for(&schema).unwrap().is_valid(value)
    }

    #[test]
    fn the_schema_takes_what_the_configuration_says_and_what_the_host_makes_of_it() {
        for value in [json!({ "secret": "token" }), json!({ "$secret": "token" })] {
            assert!(fits::<Secret>(&value) && fits::<Text>(&value), "{value}");
        }
        for value in [
            json!({}),
            json!({ "$secret": "a", "secret": "b" }),
            json!({ "$secret": 7 }),
            json!({ "x": "y" }),
            json!(7),
        ] {
            assert!(!fits::<Secret>(&value) && !fits::<Text>(&value), "{value}");
        }
        assert!(fits::<Text>(&json!("plain")) && !fits::<Secret>(&json!("plain")));
    }

    #[test]
    fn only_what_the_host_hands_over_is_a_secret() {
        let secret: Secret = from_value(json!({ "$secret": "token" })).unwrap();
        assert_eq!(secret, Secret::named("token"));
        for value in [json!({ "secret": "token" }), json!("token"), json!({ "$secret": "a", "more": 1 })] {
            assert!(from_value::<Secret>(value.clone()).is_err(), "{value}");
        }
        let texts: Vec<Text> = from_value(json!(["plain", { "$secret": "token" }])).unwrap();
        assert_eq!(texts, [Text::from("plain"), Text::from(secret)]);
    }
}
