//! What somebody asks for when forcing a build, checked against what the builder takes. Every wrong thing is named at once, and no
//! message repeats a value: it may be a secret.

use super::control::ForceWish;
use super::{Error, Result};
use crate::config::builder::{Builder, Parameter, ParameterKind};
use crate::config::patterns::written;
use crate::model::property::Properties;
use crate::model::scope::Narrowed;
use crate::model::source_stamp::SourceStamp;
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a branch or revision, and of a reason, at most.
const REF_MAX: usize = 255;
pub(super) const REASON_MAX: usize = 500;
/// Bytes of one value, at most.
const VALUE_MAX: usize = 8 << 10;
/// The source that forced properties carry.
const SOURCE: &str = "Force";

/// A force that may be stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    /// What to build.
    pub source_stamp: SourceStamp,
    /// Over the builder's own.
    pub properties: Properties,
    /// What the person said, where something was said.
    pub reason: Option<String>,
}

/// Checks a wish.
///
/// # Errors
/// `Invalid` naming every wrong field.
pub(super) fn check(builder: &Builder, narrowed: &Narrowed, mut wish: ForceWish) -> Result<Asked> {
    let mut wrong = std::mem::take(&mut wish.wrong);
    let wish = fix(builder, narrowed, wish, &mut wrong);
    let mut properties = Properties::default();
    let unknown = wish.parameters.keys().filter(|name| builder.force.parameters.iter().all(|p| p.name != **name));
    for name in unknown {
        let known: Vec<&str> = builder.force.parameters.iter().map(|p| p.name.as_str()).collect();
        wrong.insert(format!("parameters.{name}"), format!("is no parameter of this builder; {}", listed(&known)));
    }
    for parameter in &builder.force.parameters {
        match value_of(parameter, wish.parameters.get(&parameter.name)) {
            Ok(Some(value)) => properties.set(&parameter.name, value, SOURCE),
            Ok(None) => {}
            Err(why) => drop(wrong.insert(format!("parameters.{}", parameter.name), why)),
        }
    }
    for (name, value) in wish.properties {
        if !builder.force.properties.contains(&name) {
            let known: Vec<&str> = builder.force.properties.iter().map(String::as_str).collect();
            let why = format!("is no property that may be given here; {}", listed(&known));
            wrong.insert(format!("properties.{name}"), why);
        } else if value.to_string().len() > VALUE_MAX {
            wrong.insert(format!("properties.{name}"), format!("is longer than {VALUE_MAX} bytes"));
        } else {
            properties.set(name, value, SOURCE);
        }
    }
    let own = |name: &str| properties.text(name).or_else(|| builder.properties.text(name)).map(str::to_owned);
    let branch = given(wish.branch).or_else(|| given(own("branch")));
    let revision = given(wish.revision).or_else(|| given(own("revision")));
    for (field, value) in [("branch", &branch), ("revision", &revision)] {
        if let Some(why) = value.as_deref().and_then(wrong_ref) {
            wrong.insert(field.to_owned(), why);
        }
    }
    let reason = given(wish.reason.map(|reason| reason.trim().to_owned()));
    if reason.as_ref().is_some_and(|r| r.chars().count() > REASON_MAX || r.chars().any(|c| c.is_control())) {
        wrong.insert("reason".to_owned(), format!("must be one line of at most {REASON_MAX} characters"));
    }
    // Where the whole table could not be read, what it lacks is no news.
    for table in ["parameters", "properties"].into_iter().filter(|table| wrong.contains_key(*table)).collect::<Vec<_>>()
    {
        wrong.retain(|field, _| !field.starts_with(&format!("{table}.")));
    }
    if wrong.is_empty() {
        Ok(Asked { source_stamp: SourceStamp { branch, revision, ..SourceStamp::default() }, properties, reason })
    } else {
        Err(Error::Invalid { fields: wrong })
    }
}

/// Puts in what the token fixes, wherever the builder takes something of that name; what contradicts it is wrong.
fn fix(builder: &Builder, narrowed: &Narrowed, mut wish: ForceWish, wrong: &mut BTreeMap<String, String>) -> ForceWish {
    for (name, fixed) in &narrowed.parameters {
        let mut taken = Vec::new();
        if builder.force.parameters.iter().any(|p| p.name == *name) {
            taken.push((format!("parameters.{name}"), put(&mut wish.parameters, name, fixed)));
        }
        if builder.force.properties.contains(name) {
            taken.push((format!("properties.{name}"), put(&mut wish.properties, name, fixed)));
        }
        let at = match name.as_str() {
            "branch" => Some(&mut wish.branch),
            "revision" => Some(&mut wish.revision),
            _ => None,
        };
        if let Some(at) = at {
            let contradicted = match fixed.as_str() {
                Some(text) => at.replace(text.to_owned()).is_some_and(|given| given != text),
                None => at.is_some() || taken.is_empty(),
            };
            taken.push((name.clone(), contradicted));
        }
        if taken.is_empty() {
            let why = "is fixed by your token and is no parameter of this builder";
            wrong.insert(format!("parameters.{name}"), why.to_owned());
        }
        for (field, _) in taken.into_iter().filter(|(_, contradicted)| *contradicted) {
            wrong.insert(field, "is fixed by your token to something else; leave it out".to_owned());
        }
    }
    wish
}

/// Puts a fixed value in; true where another was given.
fn put(values: &mut BTreeMap<String, Value>, name: &str, fixed: &Value) -> bool {
    values.insert(name.to_owned(), fixed.clone()).is_some_and(|given| !is_same(&given, fixed))
}

/// Whether two values are the same wish, as forms and the command line give it: 4 and `"4"` are.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    plain(one) == plain(other)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A parameter's value: what was given, or its default.
fn value_of(parameter: &Parameter, given: Option<&Value>) -> std::result::Result<Option<Value>, String> {
    let is_blank = |v: &&Value| v.is_null() || (parameter.required && v.as_str().is_some_and(|s| s.trim().is_empty()));
    match given.filter(|v| !is_blank(v)) {
        Some(value) => typed(&parameter.kind, value).map(Some),
        None if parameter.default.is_some() => Ok(parameter.default.clone()),
        None if parameter.required => Err("is required".to_owned()),
        None => Ok(None),
    }
}

/// The value as its type has it. Forms and the command line give every value as text.
fn typed(kind: &ParameterKind, value: &Value) -> std::result::Result<Value, String> {
    if value.as_str().is_some_and(|text| text.len() > VALUE_MAX) {
        return Err(format!("is longer than {VALUE_MAX} bytes"));
    }
    match kind {
        ParameterKind::String(pattern) => {
            let text = value.as_str().ok_or("must be a string")?;
            if text.chars().any(char::is_control) {
                return Err("must be one line without control characters".to_owned());
            }
            fits(pattern.as_ref(), text)
        }
        ParameterKind::Text(pattern) => {
            let text = value.as_str().ok_or("must be a string")?;
            if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
                return Err("must be text without control characters".to_owned());
            }
            fits(pattern.as_ref(), text)
        }
        ParameterKind::Int => {
            let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
            number.map(Value::from).ok_or_else(|| "must be a whole number".to_owned())
        }
        ParameterKind::Bool => match (value, value.as_str()) {
            (Value::Bool(_), _) => Ok(value.clone()),
            (_, Some("true")) => Ok(Value::Bool(true)),
            (_, Some("false")) => Ok(Value::Bool(false)),
            _ => Err("must be true or false".to_owned()),
        },
        ParameterKind::Choice(choices) => match value.as_str() {
            Some(text) if choices.iter().any(|choice| choice == text) => Ok(value.clone()),
            _ => Err(format!("must be one of: {}", choices.join(", "))),
        },
    }
}

/// Whether the whole text fits the pattern.
fn fits(pattern: Option<&Regex>, text: &str) -> std::result::Result<Value, String> {
    let Some(pattern) = pattern else { return Ok(Value::from(text)) };
    let whole = Regex::new(&format!(r"\A(?:{})\z", pattern.as_str()));
    match whole {
        Ok(whole) if whole.is_match(text) => Ok(Value::from(text)),
        _ => Err(format!("must fit the pattern `{}`", written(pattern))),
    }
}

/// Why a text is no branch or revision. Whoever checks out hands it to a program, where a leading `-` would be an option.
pub(super) fn wrong_ref(text: &str) -> Option<String> {
    let why = if text.starts_with('-') {
        "must not begin with `-`"
    } else if text.chars().any(char::is_control) {
        "must not hold control characters"
    } else if text.chars().count() > REF_MAX {
        return Some(format!("must be at most {REF_MAX} characters"));
    } else {
        return None;
    };
    Some(why.to_owned())
}

pub(super) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn listed(names: &[&str]) -> String {
    let names: BTreeSet<&str> = names.iter().copied().collect();
    if names.is_empty() {
        "it takes none".to_owned()
    } else {
        format!("it takes {}", names.into_iter().collect::<Vec<_>>().join(", "))
    }
}
