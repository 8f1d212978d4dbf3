//! Matrices: one builder for each combination of values, and `{{key}}` replaced by them.

use super::read::{At, Reader, kind_of, one_of};
use super::value::Any;
use std::collections::BTreeMap;
use std::ops::Range;

/// A matrix as written: the values of each key.
pub type Matrix = BTreeMap<String, Vec<At<Any>>>;

/// One combination: each key with its value and how it is written.
#[derive(Debug, Clone, Default)]
pub struct Combination(pub BTreeMap<String, (serde_json::Value, String)>);

/// Every combination of `matrix`, the last key's values changing first; one empty one where there is no matrix. Says what is wrong with
/// it. The caller knows that there are not too many.
pub fn combinations<'a>(
    matrix: Option<&'a At<Matrix>>,
    reader: &Reader<'_>,
) -> impl Iterator<Item = Combination> + use<'a> {
    let axes = matrix.map(|matrix| axes(matrix, reader)).unwrap_or_default();
    let n: usize = axes.iter().map(|(_, values)| values.len()).product();
    // Each is made from its number: extending shorter ones would copy them once for each key.
    (0..n).map(move |number| {
        let mut left = number;
        let digits = axes.iter().rev().map(|(key, values)| {
            let value = &values[left % values.len()];
            left /= values.len();
            ((*key).clone(), value.clone())
        });
        Combination(digits.collect())
    })
}

/// A key with its values and how they are written.
type Axis<'a> = (&'a String, Vec<(serde_json::Value, String)>);

/// The keys that have values.
fn axes<'a>(At { value: keys, path }: &'a At<Matrix>, reader: &Reader<'_>) -> Vec<Axis<'a>> {
    let mut axes = Vec::with_capacity(keys.len());
    for (key, values) in keys {
        let values: Vec<_> = values.iter().filter_map(|value| written(value, reader)).collect();
        if values.is_empty() {
            let path = path.key(key);
            if reader.sources.value(&path).and_then(|v| v.as_array()).is_some_and(<[_]>::is_empty) {
                reader.note(reader.wrong(&path, "empty-list", format!("the matrix has no value of `{key}`")));
            }
            continue;
        }
        axes.push((key, values));
    }
    axes
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

/// The placeholders of `text`: where each stands, braces included, and its key.
pub fn placeholders(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find("{{")?;
        let end = start + text[start..].find("}}")?;
        at = end + 2;
        Some((start..at, text[start + 2..end].trim()))
    })
}

/// `text` with `{{key}}` replaced; another placeholder stays as it is and is the answer's second part.
pub fn fill(text: &str, combination: &Combination) -> (String, Option<String>) {
    let mut filled = String::with_capacity(text.len());
    let mut unknown = None;
    let mut at = 0;
    for (range, key) in placeholders(text) {
        filled.push_str(&text[at..range.start]);
        at = range.end;
        match combination.0.get(key) {
            Some((_, value)) => filled.push_str(value),
            None => {
                filled.push_str(&text[range]);
                unknown.get_or_insert_with(|| key.to_owned());
            }
        }
    }
    filled.push_str(&text[at..]);
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
