//! What a plugin says of itself, checked.

use super::bindings::metadata;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

const SCHEMA_BYTES_MAX: usize = 1 << 20;

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
    /// Why.
    pub reason: String,
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
        let is_step = match said.kind.as_str() {
            "step" => true,
            "reporter" => false,
            other => return Err(format!("calls itself a `{other}`; this server knows `step` and `reporter`")),
        };
        let capabilities =
            said.capabilities.into_iter().map(|c| Capability { kind: c.kind, reason: c.reason }).collect();
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
