//! `/audit` and a team's: who did what, and who was refused what.

use super::{Context, Crumb, Page, Site};
use crate::model::time::Time;
use crate::render::links::{Links, with_query};
use crate::render::words::Moment;
use crate::status::audit::{AuditEntry, AuditPage};
use serde::Serialize;
use serde_json::Value;

/// Kinds of action that the page offers to filter by; others are asked for in the address.
const ACTIONS: [&str; 10] = [
    "force",
    "rebuild",
    "stop",
    "cancel",
    "trigger build",
    "sign-in",
    "sign-out",
    "token.issue",
    "token.revoke",
    "reload",
];

/// The page of the audit.
#[derive(Debug, Serialize)]
pub struct AuditContext {
    /// What it holds, in a sentence.
    pub lead: String,
    /// What is asked for.
    pub filter: Filter,
    /// Each entry, newest first.
    pub entries: Vec<AuditLine>,
    /// Link of those before.
    pub older: Option<String>,
    /// Link of the newest, where older ones are shown.
    pub newest: Option<String>,
    /// Link of the same as JSON.
    pub json: String,
    /// Link of the page that says who may do what.
    pub can: String,
}

/// What is asked for, as the form shows it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Filter {
    /// Where the form is sent.
    pub action_url: String,
    /// Whose actions.
    pub subject: String,
    /// On what.
    pub object: String,
    /// Kinds of action to choose from.
    pub actions: Vec<Choice>,
    /// Done, refused, or both.
    pub outcomes: Vec<Choice>,
    /// From this day on.
    pub since: String,
    /// Up to this day.
    pub until: String,
    /// It asks for something.
    pub is_narrowed: bool,
}

/// One thing to choose.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub text: String,
    /// It is what is chosen now.
    pub is_current: bool,
}

/// One entry.
#[derive(Debug, Serialize)]
pub struct AuditLine {
    /// When.
    pub at: Moment,
    /// Who, by the name that they were called then.
    pub subject: String,
    /// The person that they are told by from others of that name; empty where nobody is known, or the name says it.
    pub person: String,
    /// The token or session that acted; empty where there was none, or it is what was acted on.
    pub by: String,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
    /// Whose it is; none is the instance's.
    pub team: Option<String>,
    /// Class of the row.
    pub class: &'static str,
    /// Whether it was done, with a sign.
    pub outcome: &'static str,
    /// Why it was refused, or what the person said.
    pub reason: String,
    /// Anything more, in a few words.
    pub details: String,
}

/// What the page is made of.
pub struct AuditParts<'a> {
    /// The team whose audit it is, and its title.
    pub team: Option<(&'a str, &'a str)>,
    /// The entries.
    pub page: AuditPage,
    /// What was asked for, as it was given.
    pub arguments: &'a [(String, String)],
}

impl Context for AuditContext {
    const TEMPLATE: &'static str = "pages/audit";
}

impl AuditContext {
    /// The page as it is at `now`.
    pub fn page(site: Site, parts: AuditParts<'_>, links: &Links, now: Time) -> Page<Self> {
        let AuditParts { team, page, arguments } = parts;
        let here = team.map_or_else(|| links.audit(), |(team, _)| links.team_audit(team));
        let without = |name: &str| -> Vec<_> { arguments.iter().filter(|(n, _)| n != name).cloned().collect() };
        let mut json = arguments.to_vec();
        json.extend(team.map(|(team, _)| ("team".to_owned(), team.to_owned())));
        let lead = match (team, page.is_whole) {
            (Some((_, title)), _) => format!("What people did, or were refused, in the team {title}."),
            (None, true) => "What people did, or were refused, on this instance.".to_owned(),
            (None, false) => "What people did, or were refused, in the teams that you administer.".to_owned(),
        };
        let older = page.older.map(|id| {
            let mut arguments = without("before");
            arguments.push(("before".to_owned(), id.to_string()));
            with_query(&here, &arguments)
        });
        let is_older = arguments.iter().any(|(name, _)| name == "before");
        let own = Self {
            lead,
            older,
            newest: is_older.then(|| with_query(&here, &without("before"))),
            json: with_query(&links.audit_json(), &json),
            can: links.can(),
            filter: filter(here, arguments),
            entries: page.entries.into_iter().map(|entry| line(entry, now)).collect(),
        };
        let mut crumbs: Vec<_> = team.map(|(name, title)| Crumb::to(title, links.team(name))).into_iter().collect();
        crumbs.push(Crumb::here("Audit"));
        Page { title: "Audit".to_owned(), crumbs, reload_s: None, events: None, kind: "audit", site, own }
    }
}

fn filter(action_url: String, arguments: &[(String, String)]) -> Filter {
    let given = |name: &str| arguments.iter().rev().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let choice = |value: &str, text: &str, current: &str| Choice {
        value: value.to_owned(),
        text: text.to_owned(),
        is_current: value == current,
    };
    let action = given("action");
    let mut actions: Vec<_> = std::iter::once(choice("", "anything", action))
        .chain(ACTIONS.into_iter().map(|word| choice(word, word, action)))
        .collect();
    if !actions.iter().any(|choice| choice.is_current) {
        actions.push(choice(action, action, action));
    }
    let outcomes = [("", "done or refused"), ("done", "done"), ("refused", "refused")];
    Filter {
        action_url,
        subject: given("subject").to_owned(),
        object: given("object").to_owned(),
        actions,
        outcomes: outcomes.map(|(value, text)| choice(value, text, given("outcome"))).into(),
        since: given("since").to_owned(),
        until: given("until").to_owned(),
        is_narrowed: arguments.iter().any(|(name, value)| name != "before" && !value.is_empty()),
    }
}

fn line(mut entry: AuditEntry, now: Time) -> AuditLine {
    let person = entry.details.as_object_mut().and_then(|fields| fields.remove("person"));
    let person = person.as_ref().and_then(Value::as_str);
    AuditLine {
        person: person.filter(|person| *person != entry.subject).unwrap_or_default().to_owned(),
        by: entry.by.filter(|by| *by != entry.subject && *by != entry.object).unwrap_or_default(),
        at: Moment::new(entry.at, now),
        subject: entry.subject,
        action: entry.action,
        object: entry.object,
        team: entry.team,
        class: if entry.allowed { "g" } else { "f" },
        outcome: if entry.allowed { "✔ done" } else { "✘ refused" },
        reason: entry.reason,
        details: details(&entry.details),
    }
}

/// `branch: main, parameters: tests`: what there is, without braces.
fn details(value: &Value) -> String {
    let text = |value: &Value| match value {
        Value::Null | Value::Bool(false) => None,
        // How many there are beyond what is told, mostly.
        Value::Number(n) if n.as_u64() == Some(0) => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(list) if list.is_empty() => None,
        Value::Array(list) if list.iter().all(Value::is_string) => {
            let words: Vec<_> = list.iter().filter_map(Value::as_str).collect();
            Some(words.join(if words.iter().any(|word| word.contains(' ')) { "; " } else { " " }))
        }
        other => Some(other.to_string()),
    };
    let pairs = value.as_object().into_iter().flatten();
    pairs
        .filter_map(|(name, value)| Some(format!("{}: {}", name.replace('_', " "), text(value)?)))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::model::time::Time;
    use crate::status::audit::AuditEntry;
    use serde_json::{Value, json};

    fn entry(by: Option<&str>, details: Value) -> AuditEntry {
        AuditEntry {
            id: 1,
            at: Time::UNIX_EPOCH,
            subject: "company:Ada".to_owned(),
            by: by.map(str::to_owned),
            team: None,
            action: "force".to_owned(),
            object: "core/full".to_owned(),
            allowed: true,
            reason: String::new(),
            details,
        }
    }

    #[test]
    fn two_people_of_one_name_are_told_apart_and_what_is_nothing_is_not_told() {
        let shown = |by, details| {
            let line = line(entry(by, details), Time::UNIX_EPOCH);
            (line.person, line.by, line.details)
        };
        let said = |person: &str, by: &str, details: &str| (person.to_owned(), by.to_owned(), details.to_owned());
        let person = shown(Some("session-1"), json!({"person": "issuer:company:1", "branch": "main", "more": 0}));
        assert_eq!(person, said("issuer:company:1", "session-1", "branch: main"));
        assert_eq!(shown(Some("4711"), json!({"branch": null})), said("", "4711", ""));
        let listed = json!({"consequences": ["team a comes", "team b goes"], "addresses": ["::1", "::2"]});
        assert_eq!(shown(None, listed).2, "addresses: ::1 ::2, consequences: team a comes; team b goes");
    }
}
