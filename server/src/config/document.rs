//! One TOML document outside the configuration, as JSON: settings and grants that somebody hands to a command.

use super::value::to_json;
use figment::providers::{Format, Toml};
use figment::value::Value;

/// The document as JSON.
///
/// # Errors
/// What is wrong with the text, with line and column.
pub fn from_toml(text: &str) -> Result<serde_json::Value, String> {
    Toml::from_str::<Value>(text).map(|value| to_json(&value)).map_err(|error| error.to_string().trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::from_toml;
    use serde_json::json;

    #[test]
    fn a_document_keeps_its_types_and_a_broken_one_says_where() {
        let text = "command = [\"make\"]\nn = 3\nhalf = 0.5\n[env]\nA = \"1\"\n";
        let value = json!({ "command": ["make"], "n": 3, "half": 0.5, "env": { "A": "1" } });
        assert_eq!(from_toml(text), Ok(value));
        assert!(from_toml("a = 1\nb = \n").unwrap_err().contains("line 2, column 5"));
    }
}
