//! Properties of the build.

use crate::plugins::bindings::properties::{Host, PropertyError};
use crate::plugins::bindings::types::Entry;
use crate::plugins::instance::Guest;
use serde_json::Value;

const NAME_BYTES_MAX: usize = 100;
/// What one step may set, values summed.
const SET_BYTES_MAX: usize = 256 << 10;

impl Host for Guest {
    async fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.step()?.host.properties().get(&name).map(Value::to_string))
    }

    async fn all(&mut self) -> wasmtime::Result<Vec<Entry>> {
        let properties = self.step()?.host.properties();
        Ok(properties.0.into_iter().map(|(key, p)| Entry { key, value: p.value.to_string() }).collect())
    }

    async fn set(&mut self, name: String, json: String) -> wasmtime::Result<Result<(), PropertyError>> {
        let step = self.step()?;
        if name.is_empty()
            || name.len() > NAME_BYTES_MAX
            || name.chars().any(|c| c.is_control() || c == '{' || c == '}')
        {
            let message =
                format!("a property's name has 1 to {NAME_BYTES_MAX} bytes without braces and control characters");
            return Ok(Err(PropertyError::Invalid(message)));
        }
        let value: Value = match serde_json::from_str(&json) {
            Ok(value) => value,
            Err(error) => return Ok(Err(PropertyError::Invalid(format!("the value of `{name}` is no JSON: {error}")))),
        };
        if step.property_bytes + json.len() > SET_BYTES_MAX {
            let message = format!("a step sets at most {SET_BYTES_MAX} bytes of properties");
            return Ok(Err(PropertyError::Limit(message)));
        }
        step.property_bytes += json.len();
        Ok(step.host.set_property(&name, value).await.map_err(PropertyError::Failed))
    }
}
