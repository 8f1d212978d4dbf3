//! What a plugin's JSON Schema says about its settings: which strings are lines for the shell, and whether settings fit.

use crate::config::settings_schema;
use serde_json::Value;
use std::collections::HashSet;

/// Whether the string at `pointer` in the settings has `format`, by any part of the schema that applies to it.
pub fn has_format(schema: &Value, pointer: &str, format: &str) -> bool {
    let path: Vec<String> = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let mut seen = HashSet::new();
    let mut left: Vec<(&Value, &[String])> = vec![(schema, &path)];
    while let Some((part, path)) = left.pop() {
        // Each part once for each place in the settings: many ways may lead there, and some in circles.
        if !seen.insert((std::ptr::from_ref(part), path.len())) {
            continue;
        }
        if path.is_empty() && part.get("format").and_then(Value::as_str) == Some(format) {
            return true;
        }
        follow(schema, part, path, &mut left);
    }
    false
}

/// Notes what applies where `part` does, and what applies one step of `path` deeper.
fn follow<'s>(root: &'s Value, part: &'s Value, path: &'s [String], left: &mut Vec<(&'s Value, &'s [String])>) {
    let alternatives = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| part.get(key)?.as_array()).flatten();
    let reference = part.get("$ref").and_then(Value::as_str).and_then(|r| root.pointer(r.strip_prefix('#')?));
    let conditional = ["then", "else"].into_iter().filter_map(|key| part.get(key));
    left.extend(alternatives.chain(reference).chain(conditional).map(|here| (here, path)));
    let Some((name, rest)) = path.split_first() else { return };
    let index: Option<usize> = name.parse().ok();
    let named = part.get("properties").and_then(|p| p.get(name));
    let placed = index.and_then(|n| part.get("prefixItems")?.get(n));
    let other = ["additionalProperties", "items"].into_iter().filter_map(|key| part.get(key));
    let patterns = part.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(|p| p.values());
    // Rather one place too many: a value too much quoted is a nuisance, one too few a hole.
    left.extend(named.into_iter().chain(placed).chain(other).chain(patterns).map(|below| (below, rest)));
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

    /// Row 40: 2^40 ways lead through it. A test that walks them does not end.
    #[test]
    fn the_format_of_a_setting_is_looked_for_in_each_part_once() {
        let part = |n: usize| {
            let next = json!({ "$ref": format!("#/$defs/{}", n + 1) });
            (n.to_string(), json!({ "allOf": [next, next] }))
        };
        let parts: serde_json::Map<String, serde_json::Value> = (0..40).map(part).collect();
        let schema = json!({ "$defs": parts, "allOf": [{ "$ref": "#" }, { "$ref": "#/$defs/0" }] });
        assert!(!has_format(&schema, "/a", "shell"));
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
