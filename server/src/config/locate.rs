//! The spanned parse: finds the place of a key in a file, and never its value.

use super::diagnostic::{Diagnostic, Excerpt, Place};
use super::lines::Lines;
use super::path::{KeyPath, Part};
use super::source::File;
use super::tree::{Data, Problem, Tree};
use std::ops::Range;
use toml_edit::{Document, Item, Value};

/// A file's text with the places of its keys.
pub struct Text {
    lines: Lines,
    document: Spanned,
}

/// What knows the places.
enum Spanned {
    /// It could not be read.
    Nothing,
    Toml(Document<String>),
    /// YAML or JSON.
    Tree(Tree),
}

/// Bytes of the text; none where the text has nothing of its own for it.
type Span = Option<Range<usize>>;

/// What stands at a part of a path.
enum At<'a> {
    Item(&'a Item),
    Value(&'a Value),
    Table(&'a toml_edit::Table),
    Tree(&'a Tree),
}

impl Text {
    /// Reads the places of `file`, which is TOML.
    ///
    /// # Errors
    /// Where its syntax is wrong.
    pub fn parse_toml(file: &File) -> Result<Self, Box<Diagnostic>> {
        match Document::parse(file.text.clone()) {
            Ok(document) => Ok(Self { lines: Lines::of(&file.text), document: Spanned::Toml(document) }),
            Err(error) => {
                let message = error.message().lines().collect::<Vec<_>>().join(", ");
                Err(Box::new(diagnose(file, Problem::new(error.span().unwrap_or(0..0), "toml-syntax", message))))
            }
        }
    }

    /// The places of what was read from `file`.
    pub fn of_tree(file: &File, tree: Tree) -> Self {
        Self { lines: Lines::of(&file.text), document: Spanned::Tree(tree) }
    }

    /// A text that could not be read: it has no keys.
    pub fn unreadable(text: &str) -> Self {
        Self { lines: Lines::of(text), document: Spanned::Nothing }
    }

    /// What is wrong with the text of `file`, which is this one, with its place.
    pub fn diagnose(&self, file: &File, problem: Problem) -> Diagnostic {
        located(file, &self.lines, problem)
    }

    /// Whether something stands at `path`.
    pub fn has(&self, path: &KeyPath) -> bool {
        self.find(path).is_some_and(|(_, _, whole)| whole)
    }

    /// Line, column and excerpt of `path`, or of the nearest table above it: of its key where `at_key`, else of its value.
    pub fn place(&self, path: &KeyPath, at_key: bool) -> (usize, usize, Option<Excerpt>) {
        let Some((key, value, _)) = self.find(path) else { return (1, 1, None) };
        let span = if at_key { key.or(value) } else { value.or(key) };
        match span {
            Some(span) => {
                let (line, column, mut excerpt) = place_of(&self.lines, span);
                // In YAML and JSON a value may stand on another line than the name that tells what it is.
                if !at_key && matches!(self.document, Spanned::Tree(_)) {
                    excerpt.cover_value_of(path);
                }
                (line, column, Some(excerpt))
            }
            None => (1, 1, None),
        }
    }

    /// The spans of the last key on the way along `path` and of its value, and whether the way goes to the end.
    fn find(&self, path: &KeyPath) -> Option<(Span, Span, bool)> {
        let mut at = match &self.document {
            Spanned::Nothing => return None,
            Spanned::Toml(document) => At::Table(document.as_table()),
            Spanned::Tree(tree) => At::Tree(tree),
        };
        let mut key_span = None;
        let mut whole = true;
        for part in path.parts() {
            let Some((key, next)) = step(&at, part) else {
                whole = false;
                break;
            };
            // An element of an array has no key: its own span stands for it.
            key_span = key.or_else(|| span_of(&next));
            at = next;
        }
        let value_span = span_of(&at).or_else(|| first_key(&at));
        Some((key_span.or_else(|| value_span.clone()), value_span, whole))
    }
}

/// What stands at `part` of `at`, with the span of its key.
fn step<'a>(at: &At<'a>, part: &Part) -> Option<(Option<Range<usize>>, At<'a>)> {
    if let At::Tree(tree) = at {
        return tree.step(part).map(|(key, tree)| (key, At::Tree(tree)));
    }
    match part {
        Part::Key(key) => {
            let (key, item) = match at {
                At::Table(table) => table.get_key_value(key).map(|(k, i)| (k, At::Item(i))),
                At::Item(Item::Table(table)) => table.get_key_value(key).map(|(k, i)| (k, At::Item(i))),
                At::Item(Item::Value(Value::InlineTable(table))) | At::Value(Value::InlineTable(table)) => {
                    table.get_key_value(key).map(|(k, i)| (k, At::Item(i)))
                }
                _ => None,
            }?;
            Some((key.span(), item))
        }
        Part::Index(index) => match at {
            At::Item(Item::ArrayOfTables(tables)) => tables.get(*index).map(|table| (None, At::Table(table))),
            At::Item(Item::Value(Value::Array(array))) | At::Value(Value::Array(array)) => {
                array.get(*index).map(|value| (None, At::Value(value)))
            }
            _ => None,
        },
    }
}

/// Where it stands.
fn span_of(at: &At<'_>) -> Option<Range<usize>> {
    match at {
        At::Item(item) => item.span(),
        At::Value(value) => value.span(),
        At::Table(table) => table.span(),
        At::Tree(Tree { data: Data::Table(table), .. }) if !table.entries().is_empty() => None,
        At::Tree(tree) => Some(tree.span.clone()),
    }
}

/// Where the first key of a table that has no header of its own stands.
fn first_key(at: &At<'_>) -> Option<Range<usize>> {
    let table = match at {
        At::Item(Item::Table(table)) => table,
        At::Table(table) => *table,
        At::Tree(Tree { data: Data::Table(table), .. }) => {
            return table.entries().first().map(|entry| entry.span.clone());
        }
        _ => return None,
    };
    table.iter().find_map(|(name, _)| table.get_key_value(name)?.0.span())
}

/// Line, column and excerpt of `span`.
fn place_of(lines: &Lines, span: Range<usize>) -> (usize, usize, Excerpt) {
    let spot = lines.spot(span.start);
    let mut excerpt = Excerpt::of(lines, span);
    excerpt.cover_secrets();
    (spot.line, spot.column, excerpt)
}

/// What is wrong with the text of `file`, which cannot be read, with its place.
pub fn diagnose(file: &File, problem: Problem) -> Diagnostic {
    located(file, &Lines::of(&file.text), problem)
}

fn located(file: &File, lines: &Lines, problem: Problem) -> Diagnostic {
    let (line, column, excerpt) = place_of(lines, problem.span);
    let mut diagnostic = Diagnostic::of_file(&file.shown, file.team(), problem.rule, problem.message);
    diagnostic.place = Place::File { path: file.shown.clone(), line, column };
    diagnostic.excerpt = Some(excerpt);
    diagnostic.expected = problem.expected.map(str::to_owned);
    diagnostic
}
