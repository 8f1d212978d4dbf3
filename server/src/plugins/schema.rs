//! What a plugin's JSON Schema says about its settings: which strings are lines for the shell, and whether settings fit.

use crate::config::settings_schema;
use serde_json::Value;

/// How deep references and choices are followed: as deep as those of an accepted schema go.
const DEPTH_MAX: usize = 128;

/// Whether the string at `pointer` in the settings has `format`, by any part of the schema that applies to it.
pub fn has_format(schema: &Value, pointer: &str, format: &str) -> bool {
    let path: Vec<String> = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    search(schema, schema, &path, format, 0)
}

fn search(root: &Value, schema: &Value, path: &[String], format: &str, depth: usize) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    let alternatives = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|r| root.pointer(r.strip_prefix('#')?));
    let conditional = ["then", "else"].into_iter().filter_map(|key| schema.get(key));
    if alternatives.chain(reference).chain(conditional).any(|s| search(root, s, path, format, depth + 1)) {
        return true;
    }
    let Some((part, rest)) = path.split_first() else {
        return schema.get("format").and_then(Value::as_str) == Some(format);
    };
    let index: Option<usize> = part.parse().ok();
    let named = schema.get("properties").and_then(|p| p.get(part));
    let placed = index.and_then(|n| schema.get("prefixItems")?.get(n));
    let other = ["additionalProperties", "items"].into_iter().filter_map(|key| schema.get(key));
    let patterns = schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(|p| p.values());
    // Rather one place too many: a value too much quoted is a nuisance, one too few a hole.
    named.into_iter().chain(placed).chain(other).chain(patterns).any(|s| search(root, s, rest, format, depth + 1))
}

/// A schema ready to check settings.
///
/// # Errors
/// Says what is wrong with the schema. References to other documents are: nothing is fetched.
pub fn compile(schema: &Value) -> Result<jsonschema::Validator, String> {
    settings_schema::compile(schema)
}

/// What does not fit, as one sentence; none where all fits.
pub fn misfit(validator: &jsonschema::Validator, settings: &Value) -> Option<String> {
    if let Some(why) = settings_schema::too_much(settings) {
        return Some(why);
    }
    let said: Vec<String> = validator
        .iter_errors(settings)
        .take(5)
        .map(|error| {
            let place = error.instance_path().to_string();
            if place.is_empty() { error.to_string() } else { format!("{place}: {error}") }
        })
        .collect();
    if said.is_empty() { None } else { Some(said.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::{compile, has_format, misfit};
    use serde_json::json;

    #[test]
    fn the_format_of_a_setting_is_found_through_choices_references_and_lists() {
        let schema = json!({
            "properties": {
                "command": { "anyOf": [{ "type": "string", "format": "shell" }, { "type": "array", "items": { "type": "string" } }] },
                "lines": { "items": { "$ref": "#/$defs/line" } },
                "by~name/x": { "additionalProperties": { "format": "shell" } },
                "plain": { "type": "string" },
            },
            "$defs": { "line": { "type": "string", "format": "shell" }, "circle": { "$ref": "#/$defs/circle" } },
        });
        for (pointer, is_shell) in [
            ("/command", true),
            ("/command/0", false),
            ("/lines/3", true),
            ("/by~0name~1x/a", true),
            ("/plain", false),
            ("/unknown", false),
        ] {
            assert_eq!(has_format(&schema, pointer, "shell"), is_shell, "{pointer}");
        }
        assert!(!has_format(&json!({ "$ref": "#" }), "", "shell"));
    }

    #[test]
    fn settings_that_do_not_fit_are_told_with_their_place() {
        let schema = json!({ "properties": { "n": { "type": "integer" } }, "additionalProperties": false });
        let validator = compile(&schema).unwrap();
        assert_eq!(misfit(&validator, &json!({ "n": 1 })), None);
        let said = misfit(&validator, &json!({ "n": "x", "m": 1 })).unwrap();
        assert!(said.contains("/n") && said.contains("'m'"), "{said}");
    }

    #[test]
    fn a_schema_fetches_nothing() {
        assert!(compile(&json!({ "$ref": "https://example.org/schema.json" })).is_err());
        assert!(compile(&json!({ "type": 7 })).is_err());
    }
}
