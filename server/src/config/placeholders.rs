//! Placeholders in step settings, checked before any value is known: whether they can be read, and in lines for the shell whether a
//! value would stay one word where they stand.

use super::path::KeyPath;
use super::read::Reader;
use super::schema_parts::{alternatives, children};
use crate::model::placeholder;
use crate::model::property::NAME_CHARS_MAX;
use serde_json::Value;

/// How deep settings are followed; deeper ones are refused elsewhere.
const DEPTH_MAX: usize = 64;

/// Notes each string of `value` whose placeholders cannot be filled, whatever the values. `schema` tells what a line for the shell is.
pub fn check(value: &Value, path: &KeyPath, schema: &Value, reader: &Reader<'_>) {
    check_below(value, path, schema, &[schema], reader, 0);
}

/// Notes that `name`, the property that `path` declares, is too long: as a key where `is_key`, else as a value.
pub fn check_name(name: &str, path: &KeyPath, is_key: bool, reader: &Reader<'_>) {
    if name.chars().nth(NAME_CHARS_MAX).is_none() {
        return;
    }
    let message = "this name of a property is too long";
    let wrong = if is_key { Reader::wrong_key } else { Reader::wrong };
    reader.note(wrong(reader, path, "too-long", message).expected(format!("at most {NAME_CHARS_MAX} characters")));
}

fn check_below(value: &Value, path: &KeyPath, root: &Value, here: &[&Value], reader: &Reader<'_>, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::String(text) if text.contains("{{") => {
            let parts = alternatives(root, here);
            let is_shell_line = parts.iter().any(|part| part.get("format").and_then(Value::as_str) == Some("shell"));
            if let Err(error) = placeholder::check(text, is_shell_line) {
                reader.note(reader.wrong(path, "bad-placeholder", error.to_string()));
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                let below = children(root, here, Some(key));
                check_below(field, &path.key(key), root, &below, reader, depth + 1);
            }
        }
        Value::Array(elements) => {
            let below = children(root, here, None);
            for (index, element) in elements.iter().enumerate() {
                check_below(element, &path.index(index), root, &below, reader, depth + 1);
            }
        }
        _ => {}
    }
}
