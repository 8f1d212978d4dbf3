//! Values of keys: how each type is read, and what is said where it is not one.

use super::read::{At, Node, Read, Reader, kind_of, text_of};
use crate::model::glob::Glob;
use crate::model::size::Size;
use crate::model::time::Span;
use figment::value::{Num, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// Any value that is checked later.
#[derive(Debug, Clone)]
pub struct Any(pub serde_json::Value);

/// A path, made absolute from the folder of the file that wrote it.
#[derive(Debug, Clone)]
pub struct FilePath(pub PathBuf);

impl Read for String {
    fn expected() -> Cow<'static, str> {
        "a string".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let text = text_of(node, reader);
        if text.is_none() {
            reader.wrong_type::<Self>(node);
        }
        text
    }
}

impl Read for bool {
    fn expected() -> Cow<'static, str> {
        "`true` or `false`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let Value::Bool(_, value) = node.value else {
            reader.wrong_type::<Self>(node);
            return None;
        };
        Some(*value)
    }
}

/// A whole number of at least 1.
#[derive(Debug, Clone, Copy)]
pub struct Count(pub u32);

impl Read for Count {
    fn expected() -> Cow<'static, str> {
        "a whole number, at least 1".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let number = match node.value {
            Value::Num(_, n) => n.to_i128().or_else(|| n.to_u128().and_then(|n| i128::try_from(n).ok())),
            _ => None,
        };
        let count = number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n >= 1);
        if count.is_none() {
            reader.wrong_type::<Self>(node);
        }
        count.map(Self)
    }
}

/// Reads what has `FromStr`, saying what its error says.
fn parsed<T>(
    node: &Node<'_>,
    reader: &Reader<'_>,
    rule: &'static str,
    what: &str,
    expected: Cow<'static, str>,
) -> Option<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let Some(text) = text_of(node, reader) else {
        reader.note(
            reader.wrong(&node.path, "wrong-type", format!("this is {}", kind_of(node.value))).expected(expected),
        );
        return None;
    };
    let wrong = |_| reader.wrong(&node.path, rule, format!("`{text}` is no {what}")).expected(expected);
    text.parse().map_err(|error| reader.note(wrong(error))).ok()
}

impl Read for Duration {
    fn expected() -> Cow<'static, str> {
        "a span of time such as `30s`, `10m`, `24h`, `90d`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        parsed::<Span>(node, reader, "bad-span", "span of time", Self::expected()).map(|span| span.0)
    }
}

impl Read for Size {
    fn expected() -> Cow<'static, str> {
        "a size such as `512 KiB`, `64 MiB`, `1 GiB`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        parsed(node, reader, "bad-size", "size", Self::expected())
    }
}

impl Read for Glob {
    fn expected() -> Cow<'static, str> {
        "a pattern such as `full-*`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let text = String::read(node, reader)?;
        Glob::new(&text)
            .map_err(|error| {
                reader.note(reader.wrong(&node.path, "bad-pattern", error.to_string()).expected(Self::expected()))
            })
            .ok()
            .filter(|glob| reader.selectors.admit(glob, &node.path, reader))
    }
}

impl Read for url::Url {
    fn expected() -> Cow<'static, str> {
        "a URL such as `https://ci.example.org/`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let text = String::read(node, reader)?;
        let wrong = |why: url::ParseError| {
            reader.wrong(&node.path, "bad-url", format!("`{text}` is no URL: {why}")).expected(Self::expected())
        };
        text.parse().map_err(|why| reader.note(wrong(why))).ok()
    }
}

impl Read for FilePath {
    fn expected() -> Cow<'static, str> {
        "a path".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let text = String::read(node, reader)?;
        if text.is_empty() {
            reader.note(reader.wrong(&node.path, "bad-path", "this path is empty").expected("a path"));
            return None;
        }
        Some(Self(resolve(reader.sources.dir_of(node.value.tag()), Path::new(&text))))
    }
}

/// `path` from `dir`, without `.` and with `..` taken away from what stands before it.
pub fn resolve(dir: &Path, path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in dir.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if clean.file_name().is_some() => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

impl<T: Read> Read for At<T> {
    fn expected() -> Cow<'static, str> {
        T::expected()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        T::read(node, reader).map(|value| Self { value, path: node.path.clone() })
    }
}

impl<T: Read> Read for Vec<T> {
    fn expected() -> Cow<'static, str> {
        match T::expected() {
            of if of.starts_with("a string") => "a list of strings".into(),
            of => format!("a list, each {of}").into(),
        }
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let Some(elements) = node.value.as_array() else {
            // A variable may give one element as it is.
            if reader.sources.variable(node.value.tag()).is_some() {
                return T::read(node, reader).map(|one| vec![one]);
            }
            reader.wrong_type::<Self>(node);
            return None;
        };
        let mut list = Vec::with_capacity(elements.len());
        for (i, value) in elements.iter().enumerate() {
            list.extend(T::read(&Node { value, path: node.path.index(i) }, reader));
        }
        // A list with a wrong element is no shorter list: it would select something else than was meant.
        (list.len() == elements.len()).then_some(list)
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn expected() -> Cow<'static, str> {
        match T::expected() {
            of if of == "a table" => "tables by name".into(),
            of => format!("a table, each value {of}").into(),
        }
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let table = reader.table::<Self>(node)?;
        let read = |(key, value): (&String, &Value)| {
            T::read(&Node { value, path: node.path.key(key) }, reader).map(|value| (key.clone(), value))
        };
        Some(table.iter().filter_map(read).collect())
    }
}

impl Read for Any {
    fn expected() -> Cow<'static, str> {
        "any value".into()
    }

    fn read(node: &Node<'_>, _: &Reader<'_>) -> Option<Self> {
        Some(Self(to_json(node.value)))
    }
}

/// A value as JSON.
pub fn to_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::String(_, text) => Json::String(text.clone()),
        Value::Char(_, c) => Json::String(c.to_string()),
        Value::Bool(_, value) => Json::Bool(*value),
        Value::Num(_, Num::F32(f)) => serde_json::json!(f),
        Value::Num(_, Num::F64(f)) => serde_json::json!(f),
        Value::Num(_, n) => match (n.to_i128().and_then(|n| i64::try_from(n).ok()), n.to_u128()) {
            (Some(n), _) => Json::from(n),
            (None, Some(n)) => u64::try_from(n).map_or(Json::Null, Json::from),
            (None, None) => Json::Null,
        },
        Value::Empty(..) => Json::Null,
        Value::Dict(_, dict) => dict.iter().map(|(key, value)| (key.clone(), to_json(value))).collect(),
        Value::Array(_, elements) => elements.iter().map(to_json).collect(),
    }
}
