//! A YAML or JSON document: values for figment, each with the place where it stands.

use super::path::Part;
use figment::value::{Dict, Value};
use std::collections::HashMap;
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
    /// Keys with their values.
    Table(Table),
    /// In order.
    List(Vec<Tree>),
}

/// Keys with their values, in the order of the text; none twice.
#[derive(Debug, Default)]
pub struct Table {
    entries: Vec<Entry>,
    /// Where each key stands among them.
    by_key: HashMap<String, usize>,
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
            Data::Table(table) => Value::from(
                table.entries.iter().map(|entry| (entry.key.clone(), entry.value.value())).collect::<Dict>(),
            ),
            Data::List(elements) => Value::from(elements.iter().map(Self::value).collect::<Vec<_>>()),
        }
    }

    /// What stands at `part`, with the place of its key; an element of a list has none.
    pub fn step(&self, part: &Part) -> Option<(Option<Range<usize>>, &Self)> {
        match (part, &self.data) {
            (Part::Key(key), Data::Table(table)) => {
                let entry = &table.entries[*table.by_key.get(key)?];
                Some((Some(entry.span.clone()), &entry.value))
            }
            (Part::Index(index), Data::List(elements)) => Some((None, elements.get(*index)?)),
            _ => None,
        }
    }
}

impl Table {
    /// In the order of the text.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds a key, unless it is there already, which is said.
    pub fn add(&mut self, entry: Entry, problems: &mut Vec<Problem>) {
        if self.by_key.contains_key(&entry.key) {
            let message = format!("the key `{}` is there already", entry.key);
            problems.push(Problem::new(entry.span, "duplicate-key", message).expected("each key once in its table"));
            return;
        }
        self.by_key.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
    }
}
