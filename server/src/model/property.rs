//! Named values with a source that a build carries.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest name of a property that a configuration declares or a placeholder asks for, in characters: no page shows a longer one, and no
/// honest one comes near.
pub const NAME_CHARS_MAX: usize = 200;

/// One value and who set it (`Builder`, `Force`, `Step: git` ...).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Property {
    /// Any JSON value; most are strings.
    pub value: Value,
    /// Who set it, for people to read.
    pub source: String,
}

/// Properties by name. A later `set` wins, whatever was there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Properties(pub BTreeMap<String, Property>);

impl Properties {
    /// Sets `name`, replacing what was there.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>, source: impl Into<String>) {
        self.0.insert(name.into(), Property { value: value.into(), source: source.into() });
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).map(|p| &p.value)
    }

    /// The value of `name` where it is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Puts `other` over these: what `other` names wins.
    pub fn overlay(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}
