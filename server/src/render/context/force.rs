//! The force form: a field for each thing that a builder takes, with what was typed and what is wrong with it.

use crate::config::builder::{Force, Parameter, ParameterKind};
use crate::config::force::written;
use crate::model::name::BuilderKey;
use crate::render::links::Links;
use crate::render::words;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Fields of parameters and properties are named as the API names what is wrong with them.
pub const PARAMETERS: &str = "parameters.";
/// As [`PARAMETERS`].
pub const PROPERTIES: &str = "properties.";

/// What was sent and not taken.
#[derive(Debug, Clone, Default)]
pub struct Refused {
    /// Each field as it was typed; the last of several counts.
    pub typed: BTreeMap<String, String>,
    /// Wrong fields and why.
    pub fields: BTreeMap<String, String>,
    /// What is wrong with the whole.
    pub whole: Option<String>,
}

/// The form.
#[derive(Debug, Clone, Serialize)]
pub struct ForceForm {
    /// Where it is sent.
    pub action: String,
    /// Its fields, in order.
    pub fields: Vec<Field>,
    /// What was wrong when it was sent, each with the field where it has one.
    pub problems: Vec<Problem>,
}

/// Something wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// The id of the field; none where it is the whole.
    pub id: Option<String>,
    /// The field's label.
    pub label: String,
    /// Why, as HTML: what stands between backticks is code.
    pub why_html: String,
}

/// One field.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Field {
    /// What it is sent as.
    pub name: String,
    /// Names it on the page.
    pub id: String,
    /// For people.
    pub label: String,
    /// What it takes, and what stands for nothing.
    pub hint: String,
    /// What is in it.
    pub value: String,
    /// Several lines.
    pub is_area: bool,
    /// Yes or no.
    pub is_check: bool,
    /// It is checked.
    pub is_checked: bool,
    /// What there is to choose; empty where it is no choice.
    pub choices: Vec<Choice>,
    /// It must be given.
    pub is_required: bool,
    /// Characters at most.
    pub length_max: usize,
    /// What is wrong with it, as HTML.
    pub why_html: Option<String>,
}

/// One of several.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// For people.
    pub text: String,
    /// It is chosen.
    pub is_chosen: bool,
}

/// Characters of a branch, a revision (`status/force.rs`).
const REF_MAX: usize = 255;
/// Characters of a reason.
const REASON_MAX: usize = 500;
/// Bytes of a value.
const VALUE_MAX: usize = 8 << 10;

impl ForceForm {
    /// The form of a builder that takes `force`; with what was `refused` where it was sent before.
    pub fn new(key: &BuilderKey, force: &Force, refused: Option<&Refused>, links: &Links) -> Self {
        let line = |name: &str, label: &str, hint: &str, length_max| Field {
            name: name.to_owned(),
            label: label.to_owned(),
            hint: hint.to_owned(),
            length_max,
            ..Field::default()
        };
        let mut fields: Vec<Field> = force.parameters.iter().map(parameter).collect();
        fields.extend([
            line("branch", "Branch or tag", "empty: the builder's own, else the repository's default", REF_MAX),
            line("revision", "Revision", "empty: the newest of the branch", REF_MAX),
        ]);
        fields.extend(force.properties.iter().map(|name| {
            line(&format!("{PROPERTIES}{name}"), name, "a property of the build; may be left empty", VALUE_MAX)
        }));
        fields.push(line("reason", "Reason", "for people; one line", REASON_MAX));
        for (n, field) in fields.iter_mut().enumerate() {
            field.id = format!("force-{n}");
            if let Some(refused) = refused {
                field.keep(refused);
            }
        }
        let problems = refused.map(|refused| problems(refused, &fields)).unwrap_or_default();
        Self { action: links.force_form(key), fields, problems }
    }
}

impl Field {
    /// Keeps what was typed, and says what is wrong with it.
    fn keep(&mut self, refused: &Refused) {
        self.why_html = refused.fields.get(&self.name).map(|why| words::code_html(why));
        let Some(typed) = refused.typed.get(&self.name) else { return };
        self.is_checked = typed == "true";
        for choice in &mut self.choices {
            choice.is_chosen = choice.value == *typed;
        }
        self.value.clone_from(typed);
    }
}

/// Everything wrong, what concerns the whole first; also what has no field on the page.
fn problems(refused: &Refused, fields: &[Field]) -> Vec<Problem> {
    let whole =
        refused.whole.iter().map(|why| Problem { id: None, label: String::new(), why_html: words::code_html(why) });
    let each = refused.fields.iter().map(|(name, why)| {
        let field = fields.iter().find(|field| field.name == *name);
        Problem {
            id: field.map(|field| field.id.clone()),
            label: field.map_or_else(|| name.clone(), |field| field.label.clone()),
            why_html: words::code_html(why),
        }
    });
    whole.chain(each).collect()
}

/// The field of a parameter.
fn parameter(parameter: &Parameter) -> Field {
    let default = parameter.default.as_ref().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let (pattern, takes) = match &parameter.kind {
        ParameterKind::String(pattern) => (pattern.as_ref(), "one line"),
        ParameterKind::Text(pattern) => (pattern.as_ref(), "text"),
        ParameterKind::Int => (None, "a whole number"),
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
        let text = if parameter.required { "choose one" } else { "none" };
        Choice { value: String::new(), text: text.to_owned(), is_chosen: true }
    });
    let each = choices.iter().map(|choice| Choice {
        value: choice.clone(),
        text: choice.clone(),
        is_chosen: default == Some(choice),
    });
    none.into_iter().chain(each).collect()
}
