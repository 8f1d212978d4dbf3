//! The settings of a plugin as a table, from the JSON Schema that it brings.

use serde_json::Value;
use std::fmt::Write as _;

/// Widest name that others are lined up with.
const NAME_CHARS_MAX: usize = 20;

/// One setting in a line: name, type, whether it must be there or what it is without, and its description.
pub fn settings_table(schema: &Value) -> String {
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|p| !p.is_empty()) else {
        return "  none\n".to_owned();
    };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let width = properties.keys().map(|name| name.chars().count()).max().unwrap_or(0).min(NAME_CHARS_MAX);
    let mut text = String::new();
    for (name, setting) in properties {
        let need = match setting.get("default") {
            _ if required.contains(&name.as_str()) => ", required".to_owned(),
            Some(default) => format!(", else {default}"),
            None => String::new(),
        };
        let kind = type_of(schema, setting);
        writeln!(text, "  {name:<width$}  {kind}{need}").expect("writing to a string never fails");
        for line in description(schema, setting).lines() {
            writeln!(text, "  {:<width$}    {line}", "").expect("writing to a string never fails");
        }
    }
    text
}

/// The definition that a reference of the same document means.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|r| root.pointer(r.strip_prefix('#')?));
    reference.unwrap_or(schema)
}

fn description<'a>(root: &'a Value, setting: &'a Value) -> &'a str {
    let of = |schema: &'a Value| schema.get("description").and_then(Value::as_str);
    of(setting).or_else(|| of(resolve(root, setting))).unwrap_or_default()
}

/// A type in words; one level of choices and lists is spelt out.
fn type_of(root: &Value, setting: &Value) -> String {
    let schema = resolve(root, setting);
    let choices = ["anyOf", "oneOf"].into_iter().find_map(|key| schema.get(key)?.as_array());
    if let Some(choices) = choices {
        let mut words: Vec<String> = Vec::new();
        for word in choices.iter().map(|choice| plain_type(resolve(root, choice))) {
            if word != "null" && !words.contains(&word) {
                words.push(word);
            }
        }
        return words.join(" or ");
    }
    plain_type(schema)
}

fn plain_type(schema: &Value) -> String {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    let words: Vec<&str> = match schema.get("type") {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).filter(|word| *word != "null").collect(),
        _ => vec!["any value"],
    };
    let format = schema.get("format").and_then(Value::as_str);
    match (words.as_slice(), schema.pointer("/items/type").and_then(Value::as_str), format) {
        (["array"], Some(of), _) => format!("list of {of}"),
        (["array"], None, _) => "list".to_owned(),
        (["object"], ..) => "table".to_owned(),
        (["string"], _, Some(format)) => format!("string ({format})"),
        (words, ..) => words.join(" or "),
    }
}

#[cfg(test)]
mod tests {
    use super::settings_table;
    use serde_json::json;

    #[test]
    fn each_setting_has_its_type_its_default_and_its_words() {
        let schema = json!({
            "properties": {
                "command": { "description": "What to run.", "$ref": "#/$defs/Line" },
                "log": { "type": ["string", "null"] },
                "codes": { "type": "array", "items": { "type": "integer" }, "default": [0] },
                "mode": { "enum": ["a", "b"] },
            },
            "required": ["command"],
            "$defs": { "Line": { "anyOf": [{ "type": "string", "format": "shell" }, { "type": "array", "items": { "type": "string" } }] } },
        });
        let table = "  codes    list of integer, else [0]\n  command  string (shell) or list of string, required\n             What \
                     to run.\n  log      string\n  mode     \"a\" or \"b\"\n";
        assert_eq!(settings_table(&schema), table);
        assert_eq!(settings_table(&json!({ "type": "object" })), "  none\n");
    }
}
