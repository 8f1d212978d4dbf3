//! A form: its fields, with what was typed into them and what is wrong with it.

use crate::render::words;
use serde::Serialize;
use std::collections::BTreeMap;

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
pub struct Form {
    /// Where it is sent.
    pub action: String,
    /// The id of its heading.
    pub heading: &'static str,
    /// Its fields, in order.
    pub fields: Vec<Field>,
    /// The words of its button.
    pub submit: &'static str,
    /// What did not happen when it was not taken, as a sentence.
    pub refusal: &'static str,
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
    /// What it takes, and what stands for nothing; empty where that is plain.
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
    /// Ids of what describes it, one after another: what is wrong, then the hint.
    pub described_by: String,
    /// The page begins here: it is the first wrong one.
    pub is_focused: bool,
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

impl Form {
    /// Fills in what was typed and says what is wrong with it, where it was sent before and not taken.
    #[must_use]
    pub fn filled(mut self, refused: Option<&Refused>) -> Self {
        for (n, field) in self.fields.iter_mut().enumerate() {
            field.id = format!("{}-{n}", self.heading);
            if let Some(refused) = refused {
                field.keep(refused);
            }
            let ids = [(field.why_html.is_some(), "w"), (!field.hint.is_empty(), "h")];
            let ids: Vec<_> = ids.iter().filter(|(is, _)| *is).map(|(_, end)| format!("{}-{end}", field.id)).collect();
            field.described_by = ids.join(" ");
        }
        if let Some(first) = self.fields.iter_mut().find(|field| field.why_html.is_some()) {
            first.is_focused = true;
        }
        self.problems = refused.map(|refused| problems(refused, &self.fields)).unwrap_or_default();
        self
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

/// Everything wrong, what concerns the whole first, then in the order of the page; last what has no field on it.
fn problems(refused: &Refused, fields: &[Field]) -> Vec<Problem> {
    let whole =
        refused.whole.iter().map(|why| Problem { id: None, label: String::new(), why_html: words::code_html(why) });
    let each = fields.iter().filter_map(|field| {
        let why_html = field.why_html.clone()?;
        Some(Problem { id: Some(field.id.clone()), label: field.label.clone(), why_html })
    });
    let is_here = |name: &str| fields.iter().any(|field| field.name == name);
    let others = refused.fields.iter().filter(|(name, _)| !is_here(name));
    let others = others.map(|(name, why)| Problem { id: None, label: name.clone(), why_html: words::code_html(why) });
    whole.chain(each).chain(others).collect()
}

/// The title of a page whose form was not taken says so first: it is what is read first.
pub fn title(title: String, is_refused: bool) -> String {
    if is_refused { format!("Not taken: {title}") } else { title }
}

#[cfg(test)]
mod tests {
    use super::{Field, Form, Refused, title};

    #[test]
    fn a_form_that_was_not_taken_begins_at_its_first_wrong_field_and_says_all_in_the_order_of_the_page() {
        let field = |name: &str| Field { name: name.to_owned(), label: name.to_uppercase(), ..Field::default() };
        let form = Form {
            action: "/x".to_owned(),
            heading: "new",
            fields: vec![field("z"), Field { hint: "a hint".to_owned(), ..field("b") }, field("a")],
            submit: "Send",
            refusal: "Nothing was done.",
            problems: Vec::new(),
        };
        let fields = [("a", "is wrong"), ("b", "has no `x`"), ("gone", "is not here")];
        let refused = Refused {
            fields: fields.map(|(name, why)| (name.to_owned(), why.to_owned())).into(),
            whole: Some("too many".to_owned()),
            ..Refused::default()
        };
        let filled = form.clone().filled(Some(&refused));
        let focused: Vec<_> = filled.fields.iter().filter(|field| field.is_focused).map(|f| f.name.as_str()).collect();
        assert_eq!(focused, ["b"]);
        assert_eq!(filled.fields[1].described_by, "new-1-w new-1-h");
        let problems: Vec<_> =
            filled.problems.iter().map(|p| (p.id.as_deref(), p.label.as_str(), p.why_html.as_str())).collect();
        let expected = [
            (None, "", "too many"),
            (Some("new-1"), "B", "has no <code>x</code>"),
            (Some("new-2"), "A", "is wrong"),
            (None, "gone", "is not here"),
        ];
        assert_eq!(problems, expected);
        let fresh = form.filled(None);
        assert!(fresh.problems.is_empty() && fresh.fields.iter().all(|field| !field.is_focused));
        assert_eq!((title("A".into(), true), title("A".into(), false)), ("Not taken: A".into(), "A".into()));
    }
}
