//! `/account`: who one is here, where one is signed in, and one's tokens.

use super::{Context, Crumb, Page, Site};
use crate::model::time::Time;
use crate::render::links::Links;
use crate::render::words::{Moment, code_html};
use crate::status::personal::{DAYS, PersonalToken, Reach, TokenWish};
use crate::status::session::Session;
use serde::Serialize;
use std::collections::BTreeMap;

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
    pub form: TokenForm,
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

/// The form for a new token, with what was typed.
#[derive(Debug, Serialize)]
pub struct TokenForm {
    /// Where it is sent.
    pub action: String,
    /// What was typed as the name.
    pub name: String,
    /// Teams to choose from.
    pub teams: Vec<Choice>,
    /// Roles to choose from.
    pub roles: Vec<Choice>,
    /// Spans to choose from.
    pub days: Vec<Choice>,
    /// What is wrong with which field, as HTML.
    pub wrong_html: Wrong,
}

/// What stands for a field's name where something is wrong with the whole form.
pub const WHOLE: &str = "";

/// What is wrong with the form and its fields, as HTML.
#[derive(Debug, Default, Serialize)]
pub struct Wrong {
    /// Of the whole.
    pub whole: Option<String>,
    /// Of the name.
    pub name: Option<String>,
    /// Of the team.
    pub team: Option<String>,
    /// Of the role.
    pub role: Option<String>,
    /// Of the span.
    pub days: Option<String>,
}

/// One of several.
#[derive(Debug, Serialize)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub text: String,
    /// It is chosen.
    pub is_chosen: bool,
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
    /// What was typed.
    pub wish: &'a TokenWish,
    /// What is wrong with it.
    pub wrong: &'a BTreeMap<String, String>,
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
            form: TokenForm::new(page, links),
        };
        let (title, crumbs) = ("Your account".to_owned(), vec![Crumb::here("Your account")]);
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

impl TokenForm {
    fn new(page: &AccountPage<'_>, links: &Links) -> Self {
        let choice = |value: &str, text: String, chosen: &str| Choice {
            value: value.to_owned(),
            text,
            is_chosen: value == chosen,
        };
        let wish = page.wish;
        let mut teams = vec![choice("", "every team of mine".to_owned(), &wish.team)];
        teams.extend(page.reach.roles.keys().map(|team| choice(team, format!("only {team}"), &wish.team)));
        let mut roles = vec![choice("", "as much as I may".to_owned(), &wish.role)];
        let words = ["viewer", "operator", "admin"];
        roles.extend(words.map(|role| choice(role, format!("no more than {role}"), &wish.role)));
        let days = if wish.days.is_empty() { "30" } else { &wish.days };
        let wrong = |field: &str| page.wrong.get(field).map(|why| code_html(why));
        Self {
            action: links.account_tokens(),
            name: wish.name.clone(),
            teams,
            roles,
            days: DAYS.iter().map(|n| choice(&n.to_string(), format!("{n} days"), days)).collect(),
            wrong_html: Wrong {
                whole: wrong(WHOLE),
                name: wrong("name"),
                team: wrong("team"),
                role: wrong("role"),
                days: wrong("days"),
            },
        }
    }
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
