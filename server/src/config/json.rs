//! JSON with places: strictly as RFC 8259 has it, and no key twice.

use super::tree::{Data, Entry, Problem, Table, Tree};
use figment::value::{Empty, Tag, Value};
use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

const SYNTAX: &str = "json-syntax";

/// The document in `text`, and what may not stand in it.
///
/// # Errors
/// Where its syntax is wrong.
pub fn parse(text: &str) -> Result<(Tree, Vec<Problem>), Problem> {
    // What is JSON is said by serde_json, strictly and to a bounded depth; the other parser knows places.
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        let line_start = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let at = text.floor_char_boundary((line_start + error.column().saturating_sub(1)).min(text.len()));
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or_default().to_owned();
        return Err(
            Problem::new(at..at, SYNTAX, what).expected("JSON, without comments and without a comma at the end")
        );
    }
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
    let Some(root) = parsed.ok().and_then(|parsed| parsed.value) else {
        return Err(Problem::new(0..0, SYNTAX, "this is no JSON that can be located"));
    };
    let mut problems = Vec::new();
    let root = tree(&root, &mut problems);
    match root.data {
        Data::Table(_) => Ok((root, problems)),
        _ => {
            Err(Problem::new(root.span, "wrong-type", "this document is no object").expected("keys with their values"))
        }
    }
}

/// The depth is bounded: serde_json reads no more than 128 in each other.
fn tree(value: &ast::Value<'_>, problems: &mut Vec<Problem>) -> Tree {
    let data = match value {
        ast::Value::StringLit(text) => Data::Scalar(Value::from(text.value.as_ref())),
        ast::Value::NumberLit(number) => Data::Scalar(self::number(number.value)),
        ast::Value::BooleanLit(boolean) => Data::Scalar(Value::from(boolean.value)),
        ast::Value::NullKeyword(_) => Data::Scalar(Value::Empty(Tag::Default, Empty::Unit)),
        ast::Value::Array(array) => Data::List(array.elements.iter().map(|element| tree(element, problems)).collect()),
        ast::Value::Object(object) => {
            let mut table = Table::default();
            for property in &object.properties {
                let value = tree(&property.value, problems);
                let name = property.name.range();
                let entry = Entry { key: property.name.as_str().to_owned(), span: name.start..name.end, value };
                table.add(entry, problems);
            }
            Data::Table(table)
        }
    };
    let range = value.range();
    Tree { span: range.start..range.end, data }
}

fn number(text: &str) -> Value {
    let signed = text.parse::<i64>().ok().map(Value::from);
    let unsigned = || text.parse::<u64>().ok().map(Value::from);
    let float = || text.parse::<f64>().ok().map(Value::from);
    signed.or_else(unsigned).or_else(float).expect("serde_json has read this number")
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::config::value::to_json;
    use serde_json::json;

    fn broken(text: &str) -> Vec<(&'static str, usize)> {
        match parse(text) {
            Ok((_, problems)) => problems.into_iter().map(|p| (p.rule, p.span.start)).collect(),
            Err(problem) => vec![(problem.rule, problem.span.start)],
        }
    }

    #[test]
    fn values_and_places() {
        let text = "{\"ß\": [1, -2.50, \"\\ud83d\\ude00\\/\", null], \"b\": {\"c\": true}}";
        let (tree, problems) = parse(text).unwrap();
        assert!(problems.is_empty());
        assert_eq!(to_json(&tree.value()), json!({"ß": [1, -2.5, "😀/", null], "b": {"c": true}}));
        let step = |key: &str| tree.step(&super::super::path::Part::Key(key.to_owned())).unwrap();
        assert_eq!(&text[step("b").0.unwrap()], "\"b\"");
        assert_eq!(&text[step("b").1.span.clone()], "{\"c\": true}");
        assert_eq!(&text[step("ß").1.span.clone()], "[1, -2.50, \"\\ud83d\\ude00\\/\", null]");
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_stands() {
        for (text, at) in [
            ("", 0),
            ("{\n  \"a\": 1,\n}", 12),
            ("{\"a\": 1} // no", 9),
            ("{a: 1}", 1),
            ("{\"a\": 'x'}", 6),
            ("{\"a\": 0x1F}", 7),
            ("{\"a\": 1 \"b\": 2}", 8),
        ] {
            assert_eq!(broken(text), [("json-syntax", at)], "{text}");
        }
        assert_eq!(broken("[1]"), [("wrong-type", 0)]);
        assert_eq!(broken("{\"a\": 1, \"a\": 2}"), [("duplicate-key", 9)]);
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(5_000), "]".repeat(5_000));
        assert_eq!(broken(&deep)[0].0, "json-syntax");
    }
}
