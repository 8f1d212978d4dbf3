//! What a plugin says of itself, checked.

use super::bindings::metadata;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

const SCHEMA_BYTES_MAX: usize = 1 << 20;
/// Of a name or version.
const NAME_BYTES_MAX: usize = 100;
/// Of a sentence for people.
const SENTENCE_BYTES_MAX: usize = 4 << 10;
const CAPABILITIES_MAX: usize = 100;

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Descriptor {
    /// What it calls itself.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Runs steps; otherwise it is a reporter.
    pub is_step: bool,
    /// One sentence.
    pub summary: String,
    /// JSON Schema 2020-12 of its settings.
    pub settings_schema: Arc<Value>,
    /// What it wants to do.
    pub capabilities: Vec<Capability>,
}

/// One thing that a plugin wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// Its name in the contract.
    pub kind: String,
    /// Why, with the hosts that it names.
    pub reason: String,
}

impl Capability {
    /// The parameters are for whoever grants: they are read with the reason and decide nothing.
    fn from_guest(said: metadata::Capability) -> Result<Self, String> {
        let kind = &said.kind;
        let params: Value = match said.params.len() {
            0 => Value::Null,
            n if n > SENTENCE_BYTES_MAX => {
                return Err(format!("the parameters of its capability `{kind}` are too long"));
            }
            _ => serde_json::from_str(&said.params)
                .map_err(|e| format!("the parameters of its capability `{kind}` are no JSON: {e}"))?,
        };
        let hosts: Vec<&str> = params["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut reason = said.reason;
        if !hosts.is_empty() {
            reason = format!("{reason} ({})", hosts.join(", "));
        }
        check_text(("parameters of a capability", &reason, 2 * SENTENCE_BYTES_MAX))?;
        Ok(Self { kind: said.kind, reason })
    }
}

impl Descriptor {
    /// Checks what the plugin answered.
    ///
    /// # Errors
    /// A sentence that says what makes no sense.
    pub fn from_guest(said: metadata::Descriptor) -> Result<Self, String> {
        if said.settings_schema.len() > SCHEMA_BYTES_MAX {
            return Err(format!("its settings schema has more than {SCHEMA_BYTES_MAX} bytes"));
        }
        let schema: Value =
            serde_json::from_str(&said.settings_schema).map_err(|e| format!("its settings schema is no JSON: {e}"))?;
        super::schema::compile(&schema).map_err(|e| format!("its settings schema is no JSON Schema: {e}"))?;
        let texts = [("name", &said.name, NAME_BYTES_MAX), ("version", &said.version, NAME_BYTES_MAX)];
        let capabilities = said.capabilities.iter();
        let capabilities = capabilities
            .flat_map(|c| [("capability", &c.kind, NAME_BYTES_MAX), ("reason", &c.reason, SENTENCE_BYTES_MAX)]);
        texts
            .into_iter()
            .chain([("summary", &said.summary, SENTENCE_BYTES_MAX)])
            .chain(capabilities)
            .try_for_each(check_text)?;
        if said.capabilities.len() > CAPABILITIES_MAX {
            return Err(format!("names more than {CAPABILITIES_MAX} capabilities"));
        }
        let is_step = match said.kind.as_str() {
            "step" => true,
            "reporter" => false,
            other => return Err(format!("calls itself a `{other}`; this server knows `step` and `reporter`")),
        };
        let capabilities = said.capabilities.into_iter().map(Capability::from_guest).collect::<Result<_, _>>()?;
        Ok(Self {
            name: said.name,
            version: said.version,
            is_step,
            summary: said.summary,
            settings_schema: Arc::new(schema),
            capabilities,
        })
    }
}

/// What people read in pages, logs and terminals is short, and nothing that a terminal would obey.
fn check_text((what, text, bytes_max): (&str, &String, usize)) -> Result<(), String> {
    if text.len() > bytes_max {
        return Err(format!("its {what} has more than {bytes_max} bytes"));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(format!("its {what} holds control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Capability, metadata};

    fn read(params: &str) -> Result<Capability, String> {
        let (kind, reason) = ("http".to_owned(), "calls the forge".to_owned());
        Capability::from_guest(metadata::Capability { kind, params: params.to_owned(), reason })
    }

    #[test]
    fn the_hosts_that_a_plugin_asks_for_stand_with_its_reason() {
        assert_eq!(read("{}").unwrap().reason, "calls the forge");
        assert_eq!(read("").unwrap().reason, "calls the forge");
        let asked = read(r#"{ "hosts": ["a.example:443", "b.example:443"] }"#).unwrap();
        assert_eq!(asked.reason, "calls the forge (a.example:443, b.example:443)");
        assert!(read("hosts").unwrap_err().contains("are no JSON"));
        assert!(read(r#"{ "hosts": ["a\u0007"] }"#).unwrap_err().contains("control characters"));
    }
}
