//! `[builder.X.force]`: how a builder may be forced, and with which parameters.

use super::builder::{Force, Parameter, ParameterKind};
use super::patterns::{Patterns, written};
use super::placeholders;
use super::read::{At, Node, Read, Reader, one_of, section, words};
use super::value::Any;
use regex::Regex;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;

section! {
    /// How a builder may be forced.
    struct RawForceTable {
        /// Typed parameters; they become properties of the build.
        parameters = "parameters": Vec<RawParameter>, "none";
        /// Names of properties that may be given freely.
        properties = "properties": Vec<String>, "none";
    }
}

section! {
    /// One typed parameter of a force.
    struct RawParameter {
        /// The property that it sets.
        name = "name": At<String>;
        /// For people.
        label = "label": String, "the name";
        /// What it takes.
        kind = "type": At<TypeWord>;
        /// The values of a `choice`.
        choices = "choices": At<Vec<String>>;
        /// What the whole value of a `string` or `text` must match.
        pattern = "pattern": At<String>;
        /// Used where none is given.
        default = "default": At<Any>;
        /// Refused where none is given and there is no default.
        required = "required": bool, "false";
    }
}

words! {
    /// `type` as written.
    enum TypeWord {
        /// One line.
        String = "string",
        /// Several lines.
        Text = "text",
        /// A whole number.
        Int = "int",
        /// True or false.
        Bool = "bool",
        /// One of several.
        Choice = "choice",
    }
}

/// `force` as written: a boolean or a table.
#[derive(Debug, Clone)]
pub enum RawForce {
    /// Whether it may be forced.
    Flag(bool),
    /// How.
    Table(RawForceTable),
}

impl Default for Force {
    fn default() -> Self {
        Self { enabled: true, parameters: Vec::new(), properties: Vec::new() }
    }
}

impl ParameterKind {
    /// What is wrong with `value`; none where it fits.
    pub fn refuses(&self, value: &Value) -> Option<String> {
        let text = |several: bool, pattern: Option<&Regex>| match (value.as_str(), pattern) {
            (None, _) => Some("a string is wanted".to_owned()),
            (Some(text), _) if !several && text.contains(['\n', '\r']) => Some("one line is wanted".to_owned()),
            (Some(text), Some(pattern)) if !pattern.is_match(text) => {
                Some(format!("it does not match {}", written(pattern)))
            }
            _ => None,
        };
        match self {
            Self::String(pattern) => text(false, pattern.as_ref()),
            Self::Text(pattern) => text(true, pattern.as_ref()),
            Self::Int => (!(value.is_i64() || value.is_u64())).then(|| "a whole number is wanted".to_owned()),
            Self::Bool => (!value.is_boolean()).then(|| "`true` or `false` is wanted".to_owned()),
            Self::Choice(choices) => (!value.as_str().is_some_and(|v| choices.iter().any(|c| c == v)))
                .then(|| format!("{} is wanted", one_of(choices.iter().map(String::as_str)))),
        }
    }
}

/// Parameters of one builder: each is a field of the form that forces it.
const PARAMETERS_MAX: usize = 100;

impl RawForce {
    /// The table as it is used; `patterns` are the team's.
    pub fn freeze(self, patterns: &Patterns, reader: &Reader<'_>) -> Force {
        let table = match self {
            Self::Flag(enabled) => return Force { enabled, ..Force::default() },
            Self::Table(table) => table,
        };
        let mut names = BTreeSet::new();
        let mut parameters = table.parameters.unwrap_or_default();
        if parameters.len() > PARAMETERS_MAX {
            let message = format!("this builder has {} parameters", parameters.len());
            let diagnostic = reader.wrong_key(&table.at.key("parameters"), "too-many-parameters", message);
            reader.note(diagnostic.expected(format!("at most {PARAMETERS_MAX}")));
            parameters.clear();
        }
        let properties = table.properties.unwrap_or_default();
        for name in parameters.iter().filter_map(|p| p.name.as_ref()) {
            placeholders::check_name(&name.value, &name.path, false, reader);
        }
        for (i, name) in properties.iter().enumerate() {
            placeholders::check_name(name, &table.at.key("properties").index(i), false, reader);
        }
        for name in parameters.iter().filter_map(|p| p.name.as_ref()).filter(|name| properties.contains(&name.value)) {
            let message = format!("`{}` is a parameter and stands under `properties`, too", name.value);
            let expected = "one of the two: a parameter has a type, a property may be anything";
            reader.note(reader.wrong(&name.path, "name-taken", message).expected(expected));
        }
        Force {
            enabled: true,
            parameters: parameters.into_iter().filter_map(|p| p.freeze(&mut names, patterns, reader)).collect(),
            properties,
        }
    }
}

impl RawParameter {
    fn freeze(self, names: &mut BTreeSet<String>, patterns: &Patterns, reader: &Reader<'_>) -> Option<Parameter> {
        let name = reader.required(&self.at, "name", self.name.clone());
        if let Some(name) = &name
            && !names.insert(name.value.clone())
        {
            let message = format!("there are two parameters `{}`", name.value);
            reader.note(reader.wrong(&name.path, "name-taken", message).expected("each parameter once"));
        }
        let kind = self.kind(patterns, reader)?;
        if let Some(default) = &self.default
            && let Some(why) = kind.refuses(&default.value.0)
        {
            let message = format!("the default {} does not fit: {why}", default.value.0);
            reader.note(reader.wrong(&default.path, "bad-default", message));
        }
        let name = name?.value;
        Some(Parameter {
            label: self.label.unwrap_or_else(|| name.clone()),
            name,
            kind,
            default: self.default.map(|default| default.value.0),
            required: self.required.unwrap_or(false),
        })
    }

    fn kind(&self, patterns: &Patterns, reader: &Reader<'_>) -> Option<ParameterKind> {
        let word = reader.required(&self.at, "type", self.kind.clone())?.value;
        if word != TypeWord::Choice
            && let Some(choices) = &self.choices
        {
            let diagnostic = reader.wrong_key(&choices.path, "misplaced-key", "only a `choice` has choices");
            reader.note(diagnostic.expected("`type = \"choice\"`, or no `choices`"));
        }
        let has_text = matches!(word, TypeWord::String | TypeWord::Text);
        if !has_text && let Some(pattern) = &self.pattern {
            let diagnostic =
                reader.wrong_key(&pattern.path, "misplaced-key", "only a `string` or `text` has a pattern");
            reader.note(diagnostic.expected("`type = \"string\"`, or no `pattern`"));
        }
        let regex = || patterns.whole(self.pattern.as_ref()?, reader);
        match word {
            TypeWord::String => Some(ParameterKind::String(regex())),
            TypeWord::Text => Some(ParameterKind::Text(regex())),
            TypeWord::Int => Some(ParameterKind::Int),
            TypeWord::Bool => Some(ParameterKind::Bool),
            TypeWord::Choice => {
                let choices = reader.required(&self.at, "choices", self.choices.clone())?;
                if choices.value.is_empty() {
                    reader.note(reader.wrong(&choices.path, "empty-list", "there is nothing to choose"));
                }
                Some(ParameterKind::Choice(choices.value))
            }
        }
    }
}

impl Read for RawForce {
    fn expected() -> Cow<'static, str> {
        "`true`, `false` or a table".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        match node.value.to_bool() {
            Some(flag) => Some(Self::Flag(flag)),
            None if node.value.as_dict().is_some() => RawForceTable::read(node, reader).map(Self::Table),
            None => {
                reader.wrong_type::<Self>(node);
                None
            }
        }
    }
}
