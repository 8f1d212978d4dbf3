//! `/can`: who may do what, and by which rule.

use super::audit::Choice;
use super::{Context, Crumb, Page, Site, field};
use crate::model::right::Right;
use crate::render::links::Links;
use crate::render::words::code_html;
use crate::status::can::Verdict;
use serde::Serialize;

/// The page that says who may do what.
#[derive(Debug, Serialize)]
pub struct CanContext {
    /// Where the form is sent.
    pub action_url: String,
    /// Of whom it is asked, as written.
    pub subject: String,
    /// Actions to choose from.
    pub actions: Vec<Choice>,
    /// Of what it is asked, as written.
    pub object: String,
    /// What is wrong with the question, as HTML.
    pub problem_html: Option<String>,
    /// The answer.
    pub verdict: Option<VerdictLine>,
    /// The same on the command line.
    pub command: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct VerdictLine {
    /// Class of the banner.
    pub class: &'static str,
    /// `✔ Allowed` or `✘ Not allowed`.
    pub word: &'static str,
    /// The rest of the sentence.
    pub sentence: String,
    /// The rules, the one that decides first.
    pub reasons: Vec<ReasonLine>,
}

/// A rule.
#[derive(Debug, Serialize)]
pub struct ReasonLine {
    /// In words.
    pub text: String,
    /// `FILE:LINE:COLUMN`.
    pub place: Option<String>,
}

/// A question, as it was written.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Of whom.
    pub subject: String,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
}

impl Context for CanContext {
    const TEMPLATE: &'static str = "pages/can";
}

impl CanContext {
    /// The page; `answer` is none before anything was asked, and otherwise the verdict or what is wrong with the question.
    pub fn page(site: Site, asked: Asked, answer: Option<Result<Verdict, String>>, links: &Links) -> Page<Self> {
        let Asked { subject, action, object } = asked;
        let words = [Right::Read, Right::Force, Right::Rebuild, Right::Stop, Right::Cancel, Right::Administer];
        let actions = words.map(Right::word).map(|word| Choice {
            value: word.to_owned(),
            text: word.to_owned(),
            is_current: word == action,
        });
        let command = answer.as_ref().is_some_and(Result::is_ok).then(|| {
            let words = [&subject, &action, &object].map(|word| crate::render::links::shell_word(word));
            format!("weir can {}", words.join(" "))
        });
        let (verdict, problem_html) = match answer {
            None => (None, None),
            Some(Err(problem)) => (None, Some(code_html(&problem))),
            Some(Ok(verdict)) => (Some(line(verdict, &subject, &action, &object)), None),
        };
        let title = field::title("Who may do what".to_owned(), problem_html.is_some());
        let actions = actions.into();
        let own = Self { action_url: links.can(), subject, actions, object, problem_html, verdict, command };
        let crumbs = vec![Crumb::to("Audit", links.audit()), Crumb::here("Who may do what")];
        Page { title, crumbs, reload_s: None, events: None, kind: "can", site, own }
    }
}

fn line(verdict: Verdict, subject: &str, action: &str, object: &str) -> VerdictLine {
    let may = if verdict.allowed { "may" } else { "may not" };
    let reasons = verdict.reasons.into_iter();
    VerdictLine {
        class: if verdict.allowed { "g" } else { "f" },
        word: if verdict.allowed { "✔ Allowed" } else { "✘ Not allowed" },
        sentence: format!("{subject} {may} {action} {object}"),
        reasons: reasons.map(|reason| ReasonLine { text: reason.text, place: reason.place }).collect(),
    }
}
