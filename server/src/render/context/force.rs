//! The force form: a field for each thing that a builder takes.

use super::field::{Choice, Field, Form, Refused};
use crate::config::builder::{Force, Parameter, ParameterKind};
use crate::config::patterns::written;
use crate::model::name::BuilderKey;
use crate::render::links::Links;
use serde_json::Value;

/// Fields of parameters and properties are named as the API names what is wrong with them.
pub const PARAMETERS: &str = "parameters.";
/// As [`PARAMETERS`].
pub const PROPERTIES: &str = "properties.";

/// Characters of a branch, a revision (`status/force.rs`).
const REF_MAX: usize = 255;
/// Characters of a reason.
const REASON_MAX: usize = 500;
/// Bytes of a value.
const VALUE_MAX: usize = 8 << 10;

/// The form of a builder that takes `force`; with what was `refused` where it was sent before.
pub fn form(key: &BuilderKey, force: &Force, refused: Option<&Refused>, links: &Links) -> Form {
    let line = |name: &str, label: &str, hint: &str, length_max| Field {
        name: name.to_owned(),
        label: label.to_owned(),
        hint: hint.to_owned(),
        length_max,
        ..Field::default()
    };
    let mut fields: Vec<Field> = force.parameters.iter().map(parameter).collect();
    fields.extend([
        line("branch", "Branch or tag", "Empty: the builder's own, else the repository's default", REF_MAX),
        line("revision", "Revision", "Empty: the newest of the branch", REF_MAX),
    ]);
    fields.extend(force.properties.iter().map(|name| {
        line(&format!("{PROPERTIES}{name}"), name, "A property of the build; may be left empty", VALUE_MAX)
    }));
    fields.push(line("reason", "Reason", "For people; one line", REASON_MAX));
    let form = Form {
        action: links.force_form(key),
        heading: "force",
        fields,
        submit: "Force build",
        refusal: "No build was requested.",
        problems: Vec::new(),
    };
    form.filled(refused)
}

/// The field of a parameter.
fn parameter(parameter: &Parameter) -> Field {
    let default = parameter.default.as_ref().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let (pattern, takes) = match &parameter.kind {
        ParameterKind::String(pattern) => (pattern.as_ref(), "One line"),
        ParameterKind::Text(pattern) => (pattern.as_ref(), "Text"),
        ParameterKind::Int => (None, "A whole number"),
        ParameterKind::Bool => (None, ""),
        ParameterKind::Choice(_) => (None, ""),
    };
    let mut hint = takes.to_owned();
    if let Some(pattern) = pattern {
        hint = format!("{hint} that fits {}", written(pattern));
    }
    if !parameter.required && default.is_none() && !takes.is_empty() {
        hint.push_str("; may be left empty");
    }
    Field {
        name: format!("{PARAMETERS}{}", parameter.name),
        label: parameter.label.clone(),
        hint,
        is_area: matches!(parameter.kind, ParameterKind::Text(_)),
        is_check: matches!(parameter.kind, ParameterKind::Bool),
        is_checked: parameter.default == Some(Value::Bool(true)),
        choices: choices(parameter, default.as_deref()),
        is_required: parameter.required,
        length_max: VALUE_MAX,
        value: default.unwrap_or_default(),
        ..Field::default()
    }
}

/// What there is to choose; nothing is chosen at first where there is no default.
fn choices(parameter: &Parameter, default: Option<&str>) -> Vec<Choice> {
    let ParameterKind::Choice(choices) = &parameter.kind else { return Vec::new() };
    let none = default.is_none().then(|| {
        let text = if parameter.required { "Choose one" } else { "None" };
        Choice { value: String::new(), text: text.to_owned(), is_chosen: true }
    });
    let each = choices.iter().map(|choice| Choice {
        value: choice.clone(),
        text: choice.clone(),
        is_chosen: default == Some(choice),
    });
    none.into_iter().chain(each).collect()
}
