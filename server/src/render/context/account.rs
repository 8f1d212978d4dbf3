//! `/account`: who one is here, where one is signed in, and one's tokens.

use super::field::{self, Choice, Field, Form, Refused};
use super::{Context, Crumb, Page, Site};
use crate::model::time::Time;
use crate::render::links::Links;
use crate::render::words::Moment;
use crate::status::personal::{DAYS, PersonalToken, Reach};
use crate::status::session::Session;
use serde::Serialize;

/// Somebody's own page.
#[derive(Debug, Serialize)]
pub struct Account {
    /// How they signed in.
    pub by: String,
    /// Everything on this instance.
    pub is_owner: bool,
    /// Their role in each team.
    pub roles: Vec<RoleLine>,
    /// What was just done.
    pub done: Option<&'static str>,
    /// What every form proves itself with.
    pub csrf: String,
    /// Where they are signed in.
    pub sessions: Vec<SessionLine>,
    /// Where all of that is ended.
    pub end_all: String,
    /// Their tokens.
    pub tokens: Vec<TokenLine>,
    /// The form for another one.
    pub form: Form,
}

/// A role in a team.
#[derive(Debug, Serialize)]
pub struct RoleLine {
    /// The team.
    pub team: String,
    /// Its page.
    pub href: String,
    /// The role's word.
    pub role: &'static str,
}

/// A session.
#[derive(Debug, Serialize)]
pub struct SessionLine {
    /// Which browser, in short.
    pub browser: String,
    /// What it calls itself.
    pub user_agent: String,
    /// Where it was.
    pub address: String,
    /// When it began.
    pub began: Moment,
    /// When it was used last.
    pub used: Moment,
    /// It is the one that asks.
    pub is_current: bool,
    /// Where it is ended.
    pub end: String,
}

/// A token.
#[derive(Debug, Serialize)]
pub struct TokenLine {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub reach: String,
    /// When it was made.
    pub made: Moment,
    /// When it was used last.
    pub used: Option<Moment>,
    /// Until when it counts.
    pub until: Moment,
    /// It counts no more.
    pub is_expired: bool,
    /// Where it is revoked.
    pub revoke: String,
}

/// What the page is made of.
#[derive(Debug)]
pub struct AccountPage<'a> {
    /// The session that asks.
    pub session: &'a Session,
    /// What its person may do.
    pub reach: &'a Reach,
    /// All sessions of that person.
    pub sessions: &'a [Session],
    /// All tokens of that person.
    pub tokens: &'a [PersonalToken],
    /// What was sent for a new token and not taken.
    pub refused: Option<&'a Refused>,
    /// What was just done.
    pub done: Option<&'static str>,
    /// How they signed in.
    pub by: String,
}

impl Context for Account {
    const TEMPLATE: &'static str = "pages/account";
}

impl Account {
    /// The page.
    pub fn page(site: Site, page: &AccountPage<'_>, links: &Links, now: Time) -> Page<Self> {
        let role =
            |(team, role): (&String, &&'static str)| RoleLine { team: team.clone(), href: links.team(team), role };
        let own = Self {
            by: page.by.clone(),
            is_owner: page.reach.owner,
            roles: page.reach.roles.iter().map(role).collect(),
            done: page.done,
            csrf: site.viewer.as_ref().map(|viewer| viewer.csrf.clone()).unwrap_or_default(),
            sessions: page.sessions.iter().map(|s| SessionLine::new(s, s.id == page.session.id, links, now)).collect(),
            end_all: links.account_sessions(),
            tokens: page.tokens.iter().map(|token| TokenLine::new(token, links, now)).collect(),
            form: form(page, links),
        };
        let title = field::title("Your account".to_owned(), page.refused.is_some());
        let crumbs = vec![Crumb::here("Your account")];
        Page { title, crumbs, reload_s: None, events: None, kind: "account", site, own }
    }
}

impl SessionLine {
    fn new(session: &Session, is_current: bool, links: &Links, now: Time) -> Self {
        Self {
            browser: browser(&session.user_agent),
            user_agent: session.user_agent.clone(),
            address: session.address.clone(),
            began: Moment::new(session.created_at, now),
            used: Moment::new(session.last_used_at, now),
            is_current,
            end: links.account_session(&session.id),
        }
    }
}

impl TokenLine {
    fn new(token: &PersonalToken, links: &Links, now: Time) -> Self {
        Self {
            name: token.name.clone(),
            reach: reach(token),
            made: Moment::new(token.created_at, now),
            used: token.last_used_at.map(|at| Moment::new(at, now)),
            until: Moment::new(token.expires_at, now),
            is_expired: token.expires_at <= now,
            revoke: links.account_token(&token.id),
        }
    }
}

/// Days that are chosen at first.
const DAYS_FIRST: i64 = 30;
/// Characters of a token's name (`status/personal.rs`).
const NAME_MAX: usize = 100;

/// The form for a new token, with what was typed.
fn form(page: &AccountPage<'_>, links: &Links) -> Form {
    let choice = |value: &str, text: String| Choice { is_chosen: false, value: value.to_owned(), text };
    let field = |name: &str, label: &str, choices: Vec<Choice>| Field {
        name: name.to_owned(),
        label: label.to_owned(),
        choices,
        length_max: NAME_MAX,
        ..Field::default()
    };
    let mut teams = vec![choice("", "Every team of mine".to_owned())];
    teams.extend(page.reach.roles.keys().map(|team| choice(team, format!("Only {team}"))));
    let mut roles = vec![choice("", "As much as I may".to_owned())];
    roles.extend(["viewer", "operator", "admin"].map(|role| choice(role, format!("No more than {role}"))));
    let days = DAYS.map(|n| Choice { is_chosen: n == DAYS_FIRST, ..choice(&n.to_string(), format!("{n} days")) });
    let form = Form {
        action: links.account_tokens(),
        heading: "new",
        fields: vec![
            Field { is_required: true, hint: "What will use it".to_owned(), ..field("name", "Name", Vec::new()) },
            field("team", "Reaches", teams),
            field("role", "May do", roles),
            field("days", "Good for", days.into()),
        ],
        submit: "Make the token",
        refusal: "No token was made.",
        problems: Vec::new(),
    };
    form.filled(page.refused)
}

/// The page that shows a new token, once.
#[derive(Debug, Serialize)]
pub struct TokenMade {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub reach: String,
    /// The token.
    pub secret: String,
    /// Until when it counts.
    pub until: Moment,
    /// A command that uses it.
    pub example: String,
}

impl Context for TokenMade {
    const TEMPLATE: &'static str = "pages/token_made";
}

impl TokenMade {
    /// The page.
    pub fn page(site: Site, token: &PersonalToken, secret: &str, links: &Links, now: Time) -> Page<Self> {
        let own = Self {
            name: token.name.clone(),
            reach: reach(token),
            secret: secret.to_owned(),
            until: Moment::new(token.expires_at, now),
            example: format!("curl -H \"Authorization: Bearer $WEIR_TOKEN\" {}/waterfall.json", links.server()),
        };
        let title = "Your new token".to_owned();
        let crumbs = vec![Crumb::to("Your account", links.account()), Crumb::here(title.clone())];
        Page { title, crumbs, reload_s: None, events: None, kind: "account", site, own }
    }
}

/// What a token may do, in words.
fn reach(token: &PersonalToken) -> String {
    let role = token.role.as_ref().map_or_else(|| "as much as you".to_owned(), |role| format!("no more than {role}"));
    match &token.team {
        Some(team) => format!("{role}, only in {team}"),
        None => format!("{role}, in every team of yours"),
    }
}

/// `Firefox on Linux`, as far as a browser says it.
fn browser(user_agent: &str) -> String {
    let find = |words: &[(&str, &'static str)]| {
        words.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    // Whoever came later also says the names of those before.
    let names = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrom", "Chromium or Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    match (find(&names), find(&systems)) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        _ => "Another browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn a_browser_is_named_by_who_it_is_and_not_by_whom_it_imitates() {
        let linux = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(browser(linux), "Firefox on Linux");
        let phone = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36 Edg/140";
        assert_eq!(browser(phone), "Edge on Android");
        assert_eq!(browser("<script>"), "Another browser");
    }
}
