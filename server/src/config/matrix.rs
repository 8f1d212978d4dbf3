//! Matrices: one builder for each combination of values, and `{{key}}` replaced by them.

use super::read::{At, Reader, kind_of, one_of};
use super::value::Any;
use std::collections::BTreeMap;

/// A matrix as written: the values of each key.
pub type Matrix = BTreeMap<String, Vec<At<Any>>>;

/// One combination: each key with its value and how it is written.
#[derive(Debug, Clone, Default)]
pub struct Combination(pub BTreeMap<String, (serde_json::Value, String)>);

/// Builders that one table may become.
pub const BUILDERS_MAX: usize = 10_000;

/// Every combination of `matrix`; one empty one where there is no matrix. Says what is wrong with it.
pub fn combinations(matrix: Option<&At<Matrix>>, reader: &Reader<'_>) -> Vec<Combination> {
    let mut all = vec![Combination::default()];
    let Some(At { value: keys, path }) = matrix else { return all };
    let n: usize = keys.values().fold(1, |n, values| n.saturating_mul(values.len().max(1)));
    if n > BUILDERS_MAX {
        let diagnostic = reader.wrong(path, "matrix-size", format!("this matrix makes {n} builders"));
        reader.note(diagnostic.expected(format!("at most {BUILDERS_MAX}")));
        return all;
    }
    for (key, values) in keys {
        let values: Vec<_> = values.iter().filter_map(|value| written(value, reader)).collect();
        if values.is_empty() {
            let path = path.key(key);
            if reader.sources.value(&path).and_then(|v| v.as_array()).is_some_and(<[_]>::is_empty) {
                reader.note(reader.wrong(&path, "empty-list", format!("the matrix has no value of `{key}`")));
            }
            continue;
        }
        let mut wider = Vec::with_capacity(all.len() * values.len());
        for combination in &all {
            for value in &values {
                let mut combination = combination.clone();
                combination.0.insert(key.clone(), value.clone());
                wider.push(combination);
            }
        }
        all = wider;
    }
    all
}

/// A value and how it is written; a number with a fraction is refused, because `2.10` is written `2.1`.
fn written(value: &At<Any>, reader: &Reader<'_>) -> Option<(serde_json::Value, String)> {
    use serde_json::Value as Json;
    let text = match &value.value.0 {
        Json::String(text) => text.clone(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) if !number.is_f64() => number.to_string(),
        _ => {
            let kind = reader.sources.value(&value.path).map(kind_of).unwrap_or_default();
            let diagnostic = reader.wrong(&value.path, "wrong-type", format!("this is {kind}"));
            reader
                .note(diagnostic.expected("a string, a whole number, `true` or `false`; `\"2.10\"` needs its quotes"));
            return None;
        }
    };
    Some((value.value.0.clone(), text))
}

/// `text` with `{{key}}` replaced; another placeholder stays as it is and is the answer's second part.
pub fn fill(text: &str, combination: &Combination) -> (String, Option<String>) {
    let mut filled = String::with_capacity(text.len());
    let mut unknown = None;
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(end) = rest[start..].find("}}").map(|end| start + end) else { break };
        let key = rest[start + 2..end].trim();
        filled.push_str(&rest[..start]);
        match combination.0.get(key) {
            Some((_, value)) => filled.push_str(value),
            None => {
                filled.push_str(&rest[start..end + 2]);
                unknown.get_or_insert_with(|| key.to_owned());
            }
        }
        rest = &rest[end + 2..];
    }
    filled.push_str(rest);
    (filled, unknown)
}

/// What to write where `{{key}}` is no key of the matrix.
pub fn keys_of(combination: &Combination) -> String {
    match combination.0.len() {
        0 => "no placeholder, because the builder has no matrix".to_owned(),
        _ => format!("a key of the matrix: {}", one_of(combination.0.keys().map(String::as_str))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Combination, fill};
    use serde_json::json;

    #[test]
    fn only_keys_of_the_matrix_are_replaced() {
        let combination = Combination([("v".to_owned(), (json!("2.3"), "2.3".to_owned()))].into());
        assert_eq!(fill("full-{{v}}-{{ v }}", &combination), ("full-2.3-2.3".to_owned(), None));
        assert_eq!(fill("{{branch}}/{{v}}", &combination), ("{{branch}}/2.3".to_owned(), Some("branch".to_owned())));
        assert_eq!(fill("{{v", &combination), ("{{v".to_owned(), None));
    }
}
