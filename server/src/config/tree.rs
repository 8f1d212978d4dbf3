//! A YAML or JSON document: values for figment, each with the place where it stands.

use super::path::Part;
use figment::value::{Dict, Value};
use std::ops::Range;

/// Tables and lists in each other; deeper ones are no configuration that somebody wrote.
pub const DEPTH_MAX: usize = 64;

/// A value and its bytes in the text.
#[derive(Debug)]
pub struct Tree {
    /// Where it stands.
    pub span: Range<usize>,
    /// What it is.
    pub data: Data,
}

/// What stands somewhere.
#[derive(Debug)]
pub enum Data {
    /// No table and no list.
    Scalar(Value),
    /// In the order of the text; no key twice.
    Table(Vec<Entry>),
    /// In order.
    List(Vec<Tree>),
}

/// A key with its value.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub span: Range<usize>,
    /// Its value.
    pub value: Tree,
}

/// Something that is wrong with a document.
#[derive(Debug)]
pub struct Problem {
    /// Where.
    pub span: Range<usize>,
    /// The rule that it breaks.
    pub rule: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub expected: Option<&'static str>,
}

impl Problem {
    /// `message` about what stands at `span`.
    pub fn new(span: Range<usize>, rule: &'static str, message: impl Into<String>) -> Self {
        Self { span, rule, message: message.into(), expected: None }
    }

    /// Says what would be right.
    pub fn expected(self, expected: &'static str) -> Self {
        Self { expected: Some(expected), ..self }
    }
}

impl Tree {
    /// Its value, without places.
    pub fn value(&self) -> Value {
        match &self.data {
            Data::Scalar(value) => value.clone(),
            Data::Table(entries) => {
                Value::from(entries.iter().map(|entry| (entry.key.clone(), entry.value.value())).collect::<Dict>())
            }
            Data::List(elements) => Value::from(elements.iter().map(Self::value).collect::<Vec<_>>()),
        }
    }

    /// What stands at `part`, with the place of its key; an element of a list has none.
    pub fn step(&self, part: &Part) -> Option<(Option<Range<usize>>, &Self)> {
        match (part, &self.data) {
            (Part::Key(key), Data::Table(entries)) => {
                let entry = entries.iter().find(|entry| entry.key == *key)?;
                Some((Some(entry.span.clone()), &entry.value))
            }
            (Part::Index(index), Data::List(elements)) => Some((None, elements.get(*index)?)),
            _ => None,
        }
    }
}

/// Adds a key to a table, unless it is there already, which is said.
pub fn add(
    entries: &mut Vec<Entry>,
    keys: &mut std::collections::HashSet<String>,
    entry: Entry,
    problems: &mut Vec<Problem>,
) {
    if keys.insert(entry.key.clone()) {
        entries.push(entry);
    } else {
        let problem = Problem::new(entry.span, "duplicate-key", format!("the key `{}` is there already", entry.key));
        problems.push(problem.expected("each key once in its table"));
    }
}
