//! Reads the merged value key by key, so that every error is found and none hides another.

use super::diagnostic::{Diagnostic, Place, shown};
use super::found::Found;
use super::path::KeyPath;
use super::selectors::Selectors;
use super::source::Sources;
use figment::value::{Dict, Num, Value};
use std::borrow::Cow;
use std::cell::RefCell;

/// What reading needs: the sources, and where to put what is wrong.
pub struct Reader<'a> {
    /// Where values come from.
    pub sources: &'a Sources,
    found: RefCell<Found>,
    /// The patterns that were read so far.
    pub selectors: Selectors,
}

/// A value and where it stands.
pub struct Node<'a> {
    /// The value.
    pub value: &'a Value,
    /// Where it stands.
    pub path: KeyPath,
}

/// What can be read from a value.
pub trait Read: Sized {
    /// What is expected, in words that go on after "expected".
    fn expected() -> Cow<'static, str>;

    /// Reads it; `None` after saying to `reader` what is wrong.
    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self>;
}

/// A key of a section, for the reference and the schema.
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What it takes.
    pub expected: fn() -> Cow<'static, str>,
    /// What holds where it is not written; empty where it is required or nothing holds.
    pub default: &'static str,
}

/// A table with known keys.
pub trait Section: Read {
    /// What it is for.
    const ABOUT: &'static str;
    /// Its keys.
    const KEYS: &'static [Key];
}

/// A value with the place where it was written.
#[derive(Debug, Clone)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub path: KeyPath,
}

impl<'a> Reader<'a> {
    /// Reads from `sources`.
    pub fn new(sources: &'a Sources) -> Self {
        Self { sources, found: RefCell::default(), selectors: Selectors::default() }
    }

    /// What was found so far.
    pub fn into_found(self) -> Found {
        self.found.into_inner()
    }

    /// Notes `diagnostic`.
    pub fn note(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().add(diagnostic);
    }

    /// Whether an error in the section `section` was noted.
    pub fn has_error_under(&self, section: &str) -> bool {
        let inside = |key: &str| key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.found.borrow().told().iter().any(|diagnostic| diagnostic.is_error() && inside(&diagnostic.key))
    }

    /// An error about the value at `path`, to be noted by the caller.
    pub fn wrong(&self, path: &KeyPath, rule: &'static str, message: impl Into<String>) -> Diagnostic {
        self.about(path, false, rule, message)
    }

    /// An error about the key at `path`, to be noted by the caller.
    pub fn wrong_key(&self, path: &KeyPath, rule: &'static str, message: impl Into<String>) -> Diagnostic {
        self.about(path, true, rule, message)
    }

    /// Where enough is told of a team, one more is only counted: it is not even looked for where it stands.
    fn about(&self, path: &KeyPath, at_key: bool, rule: &'static str, message: impl Into<String>) -> Diagnostic {
        match path.team().filter(|team| self.found.borrow().is_full(team)) {
            Some(team) => Diagnostic::untold(team, rule),
            None => self.sources.diagnose(path, at_key, rule, message),
        }
    }

    /// Where the value at `path` is written.
    pub fn place(&self, path: &KeyPath) -> Place {
        self.sources.diagnose(path, false, "", "").place
    }

    /// Says that a value has the wrong type.
    pub fn wrong_type<T: Read>(&self, node: &Node<'_>) {
        let message = format!("this is {}", kind_of(node.value));
        self.note(self.wrong(&node.path, "wrong-type", message).expected(T::expected()));
    }

    /// The table at `node`.
    pub fn table<'n, T: Read>(&self, node: &Node<'n>) -> Option<&'n Dict> {
        if node.value.as_dict().is_none() {
            self.wrong_type::<T>(node);
        }
        node.value.as_dict()
    }

    /// Says which keys of `table` are not among `known`.
    pub fn refuse_unknown(&self, node: &Node<'_>, table: &Dict, known: &'static [Key]) {
        for key in table.keys().filter(|key| !known.iter().any(|k| k.name == key.as_str())) {
            let diagnostic = self.wrong_key(&node.path.key(key), "unknown-key", format!("unknown key `{key}`"));
            if diagnostic.is_untold {
                self.note(diagnostic);
                continue;
            }
            let names: Vec<&str> = known.iter().map(|k| k.name).collect();
            let elsewhere = super::load::elsewhere(&node.path, key);
            let expected = elsewhere.unwrap_or_else(|| one_of(names.iter().copied()));
            self.note(diagnostic.without_value().expected(expected).suggest(key, names));
        }
    }

    /// Reads `key` of `table`, where it is written.
    pub fn key<T: Read>(&self, node: &Node<'_>, table: &Dict, key: &str) -> Option<T> {
        let value = table.get(key)?;
        T::read(&Node { value, path: node.path.key(key) }, self)
    }

    /// Says that `key` is missing at `at`, unless it is written (and was found wrong before).
    pub fn required<T: Read>(&self, at: &KeyPath, key: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && self.sources.value(&at.key(key)).is_none() {
            let diagnostic = self.wrong_key(&at.key(key), "missing-key", format!("`{key}` is missing"));
            self.note(diagnostic.expected(format!("`{key}` with {}", T::expected())));
        }
        value
    }
}

/// What a value is, in words.
pub fn kind_of(value: &Value) -> String {
    match value {
        Value::String(_, s) => format!("the string {:?}", shown(s)),
        Value::Char(_, c) => format!("the string \"{c}\""),
        Value::Bool(_, b) => format!("the boolean {b}"),
        Value::Num(_, Num::F32(f)) => format!("the number {f}"),
        Value::Num(_, Num::F64(f)) => format!("the number {f}"),
        Value::Num(_, n) => format!("the number {}", n.to_actual_text()),
        Value::Empty(..) => "nothing".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(..) => "a list".to_owned(),
    }
}

/// How an integer is written.
trait ActualText {
    fn to_actual_text(&self) -> String;
}

impl ActualText for Num {
    fn to_actual_text(&self) -> String {
        match (self.to_i128(), self.to_u128()) {
            (Some(n), _) => n.to_string(),
            (None, Some(n)) => n.to_string(),
            (None, None) => "out of range".to_owned(),
        }
    }
}

/// Words that are listed; of more it is only said that there are.
const LISTED_MAX: usize = 50;

/// `words` as a list in a sentence.
pub fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = words.into_iter().take(LISTED_MAX + 1).map(|word| format!("`{word}`")).collect();
    if words.len() > LISTED_MAX {
        words[LISTED_MAX] = "…".to_owned();
    }
    match words.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}

/// The whole text that a value was written as: figment reads `1` from a variable as a number where a string is meant.
pub fn text_of(node: &Node<'_>, reader: &Reader<'_>) -> Option<String> {
    match node.value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, c) => Some(c.to_string()),
        Value::Dict(..) | Value::Array(..) => None,
        other => reader.sources.variable(other.tag()).map(str::to_owned),
    }
}

/// Declares an enumeration of words and how it is read.
macro_rules! words {
    ($(#[doc = $about:literal])* enum $Name:ident { $($(#[doc = $doc:literal])* $Variant:ident = $word:literal,)* }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $Name { $($(#[doc = $doc])* $Variant,)* }

        impl $crate::config::read::Read for $Name {
            fn expected() -> std::borrow::Cow<'static, str> {
                $crate::config::read::one_of([$($word),*]).into()
            }

            fn read(
                node: &$crate::config::read::Node<'_>,
                reader: &$crate::config::read::Reader<'_>,
            ) -> Option<Self> {
                $crate::config::read::word(node, reader, &[$(($word, Self::$Variant)),*])
            }
        }
    };
}
pub(crate) use words;

/// Reads one of `words`.
pub fn word<T: Copy>(node: &Node<'_>, reader: &Reader<'_>, words: &[(&str, T)]) -> Option<T> {
    let expected = one_of(words.iter().map(|(word, _)| *word));
    let Some(text) = text_of(node, reader) else {
        reader.note(
            reader.wrong(&node.path, "wrong-type", format!("this is {}", kind_of(node.value))).expected(expected),
        );
        return None;
    };
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let diagnostic =
            reader.wrong(&node.path, "unknown-word", format!("`{text}` is not known here")).expected(expected);
        reader.note(diagnostic.suggest(&text, words.iter().map(|(word, _)| *word)));
    }
    found
}

/// Declares the table of a section: each key with its comment, its type and what holds without it. The keys are read one by
/// one; the comments are the reference's.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        struct $Name:ident { $($(#[doc = $doc:literal])* $field:ident = $key:literal : $T:ty $(, $default:literal)? ;)* }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone)]
        pub struct $Name {
            /// Where the table stands.
            pub at: $crate::config::path::KeyPath,
            $($(#[doc = $doc])* pub $field: Option<$T>,)*
        }

        impl $crate::config::read::Section for $Name {
            const ABOUT: &'static str = concat!($($about),*);
            const KEYS: &'static [$crate::config::read::Key] = &[$($crate::config::read::Key {
                name: $key,
                doc: concat!($($doc),*),
                expected: <$T as $crate::config::read::Read>::expected,
                default: concat!($($default)?),
            },)*];
        }

        impl $crate::config::read::Read for $Name {
            fn expected() -> std::borrow::Cow<'static, str> {
                "a table".into()
            }

            fn read(
                node: &$crate::config::read::Node<'_>,
                reader: &$crate::config::read::Reader<'_>,
            ) -> Option<Self> {
                let table = reader.table::<Self>(node)?;
                reader.refuse_unknown(node, table, <Self as $crate::config::read::Section>::KEYS);
                Some(Self { at: node.path.clone(), $($field: reader.key(node, table, $key),)* })
            }
        }
    };
}
pub(crate) use section;
