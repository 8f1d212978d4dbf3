//! A plugin's schema and the settings under it, bounded: both are foreign, and neither may cost more than it is worth to check.

use serde_json::Value;
use std::collections::HashMap;

/// Largest settings, as JSON in bytes: the same when they are checked and when a step or reporter runs.
pub const SETTINGS_BYTES_MAX: usize = 1 << 20;
/// How deep settings may nest.
pub const SETTINGS_DEPTH_MAX: usize = 64;
/// How many parts a schema may have with every reference replaced by what it refers to.
const PARTS_MAX: u64 = 20_000;
/// How deep it may nest then.
const DEPTH_MAX: usize = 128;
/// Memory that one pattern may compile to: what matching costs grows with it.
const PATTERN_BYTES_MAX: usize = 256 << 10;

/// A schema ready to check settings. Nothing is fetched, and no pattern backtracks.
///
/// # Errors
/// Says what is wrong with the schema.
pub fn compile(schema: &Value) -> Result<jsonschema::Validator, String> {
    // First: what goes in circles or doubles at each step would take the validator with it.
    Unfolding { root: schema, known: HashMap::new() }.parts(schema, 0)?;
    let patterns = jsonschema::PatternOptions::regex().size_limit(PATTERN_BYTES_MAX);
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(patterns)
        .build(schema)
        .map_err(|error| error.to_string())
}

/// Why settings are more than any plugin gets; none where they are not.
pub fn too_much(settings: &Value) -> Option<String> {
    if !is_shallow(settings, 0) {
        return Some(format!("settings nest over {SETTINGS_DEPTH_MAX} levels"));
    }
    let n_bytes = settings.to_string().len();
    let why = || format!("settings have {n_bytes} bytes as JSON, over {SETTINGS_BYTES_MAX}");
    (n_bytes > SETTINGS_BYTES_MAX).then(why)
}

fn is_shallow(value: &Value, depth: usize) -> bool {
    depth <= SETTINGS_DEPTH_MAX
        && match value {
            Value::Array(elements) => elements.iter().all(|value| is_shallow(value, depth + 1)),
            Value::Object(fields) => fields.values().all(|value| is_shallow(value, depth + 1)),
            _ => true,
        }
}

/// Counts what a schema would be without references. It is only counted, so this costs no more than the schema has bytes.
struct Unfolding<'s> {
    root: &'s Value,
    /// By reference: how many parts lie behind it, and how deep they go; none while they are being counted.
    known: HashMap<&'s str, Option<(u64, usize)>>,
}

impl<'s> Unfolding<'s> {
    /// How many parts `schema` has, and how deep they go.
    fn parts(&mut self, schema: &'s Value, depth: usize) -> Result<(u64, usize), String> {
        if depth > DEPTH_MAX {
            return Err(format!("it nests over {DEPTH_MAX} levels, references included"));
        }
        let (mut n_parts, mut levels) = (1_u64, 0);
        let mut add = |(parts, below): (u64, usize)| {
            n_parts = n_parts.saturating_add(parts);
            levels = levels.max(below + 1);
        };
        match schema {
            Value::Array(elements) => {
                for element in elements {
                    add(self.parts(element, depth + 1)?);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    match (key.as_str(), value) {
                        ("$ref", Value::String(to)) => add(self.behind(to, depth)?),
                        ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                            return Err(format!("it has `{key}`; refer to a part by `\"$ref\": \"#/...\"`"));
                        }
                        // It would give references below it another meaning.
                        ("$id", Value::String(_)) if depth > 0 => {
                            return Err("it has `$id` in a part; only the whole may have one".to_owned());
                        }
                        _ => add(self.parts(value, depth + 1)?),
                    }
                }
            }
            _ => {}
        }
        if n_parts > PARTS_MAX {
            return Err(format!("it has over {PARTS_MAX} parts, counting what it refers to wherever it does"));
        }
        if depth + levels > DEPTH_MAX {
            return Err(format!("it nests over {DEPTH_MAX} levels, references included"));
        }
        Ok((n_parts, levels))
    }

    fn behind(&mut self, to: &'s str, depth: usize) -> Result<(u64, usize), String> {
        match self.known.get(to) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(format!("`{to}` refers to itself: settings without an end are not for plugins")),
            None => {}
        }
        let target = to.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(target) = target else {
            return Err(format!(
                "`\"$ref\": \"{to}\"` is no part of it; only `#/...` is followed, and nothing is fetched"
            ));
        };
        self.known.insert(to, None);
        let counted = self.parts(target, depth + 1)?;
        self.known.insert(to, Some(counted));
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::{compile, too_much};
    use serde_json::{Value, json};

    fn refused(schema: &Value) -> String {
        compile(schema).expect_err("the schema is refused")
    }

    /// Row 40: thirty parts, each twice the next, are a thousand million.
    #[test]
    fn a_schema_that_unfolds_to_more_than_it_says_is_refused() {
        let mut parts = serde_json::Map::new();
        for n in 0..30 {
            let next = json!({ "$ref": format!("#/$defs/{}", n + 1) });
            parts.insert(n.to_string(), json!({ "allOf": [next, next] }));
        }
        parts.insert("30".to_owned(), json!({ "type": "object" }));
        let said = refused(&json!({ "$defs": parts, "$ref": "#/$defs/0" }));
        assert!(said.contains("over 20000 parts"), "{said}");
    }

    /// Row 40.
    #[test]
    fn a_schema_that_goes_in_circles_or_deep_by_references_is_refused() {
        for circle in [
            json!({ "$ref": "#" }),
            json!({ "properties": { "a": { "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] } } }),
            json!({ "$defs": { "a": { "not": { "$ref": "#/$defs/b" } }, "b": { "not": { "$ref": "#/$defs/a" } } } }),
        ] {
            assert!(refused(&circle).contains("refers to itself"), "{circle}");
        }
        // The long way round: what is counted already goes deep as well.
        for backwards in [false, true] {
            let name = |n: usize| if backwards { format!("{:05}", 20_000 - n) } else { format!("{n:05}") };
            let part = |n| (name(n), json!({ "not": { "$ref": format!("#/$defs/{}", name(n + 1)) } }));
            let mut parts: serde_json::Map<String, Value> = (0..10_000).map(part).collect();
            parts.insert(name(10_000), json!(true));
            let said = refused(&json!({ "$defs": parts }));
            assert!(said.contains("over 128 levels"), "{said}");
        }
    }

    /// Row 40.
    #[test]
    fn a_schema_refers_to_its_own_parts_only() {
        for to in ["https://example.org/s.json", "file:///etc/passwd", "other.json", "#anchor", "#/$defs/none"] {
            assert!(refused(&json!({ "$ref": to })).contains("nothing is fetched"), "{to}");
        }
        assert!(refused(&json!({ "$dynamicRef": "#a" })).contains("$dynamicRef"));
        assert!(refused(&json!({ "properties": { "a": { "$id": "x:y" } } })).contains("$id"));
        let good = json!({ "$id": "x:y", "$defs": { "a": { "type": "string" } }, "properties": { "a": { "$ref": "#/$defs/a" } } });
        assert!(compile(&good).is_ok());
    }

    /// Row 40: one that backtracks would look for longer than the sun shines.
    #[test]
    fn a_pattern_is_small_and_does_not_backtrack() {
        let validator = compile(&json!({ "pattern": "^(a+)+$" })).unwrap();
        assert!(!validator.is_valid(&json!("a".repeat(100_000) + "b")));
        for pattern in ["(?=a)b", "(a)\\1", "((a{100}){100}){100}"] {
            assert!(compile(&json!({ "pattern": pattern })).is_err(), "{pattern}");
        }
    }

    /// Row 41.
    #[test]
    fn settings_are_neither_huge_nor_deep() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(too_much(&nested(64)), None);
        assert!(too_much(&nested(65)).unwrap().contains("over 64 levels"));
        assert_eq!(too_much(&json!("x".repeat((1 << 20) - 2))), None);
        assert!(too_much(&json!("x".repeat((1 << 20) - 1))).unwrap().contains("1048577 bytes"));
    }
}
