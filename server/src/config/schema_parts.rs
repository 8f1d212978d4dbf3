//! The parts of a settings schema that say something of one place in the settings.

use serde_json::Value;
use std::collections::HashSet;

/// The schemas of the key `key` of a value that fits `parts`, or of its elements.
pub(super) fn children<'s>(root: &'s Value, parts: &[&'s Value], key: Option<&str>) -> Vec<&'s Value> {
    alternatives(root, parts)
        .into_iter()
        .filter_map(|part| match key {
            Some(key) => part.get("properties").and_then(|p| p.get(key)).or_else(|| part.get("additionalProperties")),
            None => part.get("items"),
        })
        .collect()
}

/// `parts` with their references followed, and every schema that they combine: each once, however many ways lead there. Otherwise a
/// choice within a choice would double what is to be done for each level of the settings.
pub(super) fn alternatives<'s>(root: &'s Value, parts: &[&'s Value]) -> Vec<&'s Value> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    let mut left: Vec<&Value> = parts.iter().rev().copied().collect();
    while let Some(part) = left.pop() {
        // The place in memory tells the parts of one schema apart.
        if !seen.insert(std::ptr::from_ref(part)) {
            continue;
        }
        all.push(part);
        let target = part.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
        let combined = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|key| part.get(key)?.as_array()).flatten();
        let before = left.len();
        left.extend(target.and_then(|pointer| root.pointer(pointer)).into_iter().chain(combined));
        left[before..].reverse();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{alternatives, children};
    use serde_json::{Value, json};

    /// Row 40: forty levels, to each of which eight ways lead, are 8^40 ways. A test that walks them does not end.
    #[test]
    fn a_part_of_a_schema_is_looked_at_once_however_many_ways_lead_to_it() {
        let part = |n: usize| {
            let next = json!({ "properties": { "a": { "$ref": format!("#/$defs/{}", n + 1) } } });
            let twice = json!({ "allOf": [{ "$ref": format!("#/$defs/{n}x") }, { "$ref": format!("#/$defs/{n}x") }] });
            [(n.to_string(), json!({ "allOf": [twice, twice, twice, twice] })), (format!("{n}x"), next)]
        };
        let mut parts: serde_json::Map<String, Value> = (0..40).flat_map(part).collect();
        parts.insert("40".to_owned(), json!({ "format": "path-or-url" }));
        let schema = json!({ "$defs": parts, "$ref": "#/$defs/0" });
        let last = (0..40).fold(vec![&schema], |here, _| children(&schema, &here, Some("a")));
        assert_eq!(last.len(), 1);
        let is_path = |part: &&Value| part["format"] == "path-or-url";
        assert_eq!(alternatives(&schema, &last).into_iter().filter(is_path).count(), 1);
        let circle = json!({ "allOf": [{ "$ref": "#" }, { "$ref": "#" }], "properties": { "a": true } });
        assert_eq!(children(&circle, &[&circle], Some("a")), [&json!(true)]);
    }
}
