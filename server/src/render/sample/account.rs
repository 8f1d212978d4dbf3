//! Somebody's own page: with all that may stand on it, with nothing, as an owner's, and after a form that was not taken.

use super::forms::site_of_ada;
use super::now;
use super::page::links;
use crate::render::context::Page;
use crate::render::context::account::{Account, AccountPage, TokenMade};
use crate::render::context::field::Refused;
use crate::status::personal::{PersonalToken, Reach};
use crate::status::session::Session;
use chrono::TimeDelta;

fn sessions() -> [Session; 2] {
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let began = now() - TimeDelta::days(3);
    [
        Session::made_up("0b7c", (firefox, "192.0.2.7"), (began, now())),
        Session::made_up("1f00", ("<b>", "2001:db8:85a3:8d3:1319:8a2e:370:7348"), (began, began)),
    ]
}

fn token(name: &str, bounds: Option<(&str, &str)>, left: TimeDelta, used: bool) -> PersonalToken {
    PersonalToken {
        id: format!("personal-{}", name.len()),
        name: name.to_owned(),
        team: bounds.map(|(team, _)| team.to_owned()),
        role: bounds.map(|(_, role)| role.to_owned()),
        created_at: now() - TimeDelta::days(2),
        expires_at: now() + left,
        last_used_at: used.then(|| now() - TimeDelta::minutes(12)),
    }
}

fn tokens() -> [PersonalToken; 3] {
    [
        token("upload <of> nightlies", Some(("core", "operator")), TimeDelta::days(28), true),
        token(&"a-name-as-long-as-names-get-".repeat(3), None, TimeDelta::days(363), false),
        token("old", None, -TimeDelta::days(1), true),
    ]
}

/// The page in each of its states.
pub fn accounts() -> [(&'static str, Page<Account>); 5] {
    let (sessions, tokens, links) = (sessions(), tokens(), links());
    let team = |(team, role): (&str, &'static str)| (team.to_owned(), role);
    let reach = Reach { owner: false, roles: [("core", "operator"), ("docs", "viewer")].map(team).into() };
    let (none, owner) = (Reach::default(), Reach { owner: true, ..Reach::default() });
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let wrong = Refused {
        typed: pairs(&[("name", "\"><script>x"), ("team", "docs"), ("role", "admin"), ("days", "9999")]),
        fields: pairs(&[
            ("role", "your role in team docs is viewer: choose `viewer`"),
            ("days", "choose for how long it shall be good"),
        ]),
        whole: None,
    };
    let full = Refused { whole: Some("The number of your tokens is limited to 50.".to_owned()), ..Refused::default() };
    let all = AccountPage {
        session: &sessions[0],
        reach: &reach,
        sessions: &sessions,
        tokens: &tokens,
        refused: None,
        done: Some("That session has ended."),
        by: "Forge <ID>".to_owned(),
    };
    let with = |reach, tokens, refused| AccountPage {
        session: &sessions[0],
        reach,
        sessions: &sessions[..1],
        tokens,
        refused,
        done: None,
        by: "a password".to_owned(),
    };
    [
        ("account", all),
        ("account-empty", with(&none, &[], None)),
        ("account-owner", with(&owner, &tokens, None)),
        ("account-refused", with(&reach, &tokens, Some(&wrong))),
        ("account-full", with(&reach, &tokens, Some(&full))),
    ]
    .map(|(name, page)| (name, Account::page(site_of_ada(), &page, &links, now())))
}

/// A token that was just made.
pub fn token_made() -> Page<TokenMade> {
    let [token, ..] = tokens();
    TokenMade::page(site_of_ada(), &token, "weirp_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG", &links(), now())
}
