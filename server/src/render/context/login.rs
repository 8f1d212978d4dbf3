//! `/login` and `/logout`.

use super::{Anchor, Context, Crumb, Page, Site, field};
use serde::Serialize;

/// The page where one signs in.
#[derive(Debug, Default, Serialize)]
pub struct Login {
    /// Where the form is sent.
    pub action: String,
    /// What the form proves itself with.
    pub csrf: String,
    /// Where to go on.
    pub to: String,
    /// What was typed as the name.
    pub name: String,
    /// Why it did not succeed.
    pub problem: Option<String>,
    /// Somebody here signs in with a password.
    pub has_passwords: bool,
    /// Providers to sign in with.
    pub providers: Vec<Anchor>,
    /// The provider that still knows who signed out here, and where to sign out there.
    pub left: Option<Anchor>,
}

impl Context for Login {
    const TEMPLATE: &'static str = "pages/login";
}

impl Login {
    /// The page.
    pub fn page(site: Site, own: Self) -> Page<Self> {
        let title = field::title("Sign in".to_owned(), own.problem.is_some());
        Page { title, crumbs: vec![Crumb::here("Sign in")], reload_s: None, events: None, kind: "login", site, own }
    }
}

/// The page where one signs out.
#[derive(Debug, Default, Serialize)]
pub struct Logout {
    /// Where the form is sent.
    pub action: String,
    /// What the form proves itself with; empty where nobody is signed in.
    pub csrf: String,
}

impl Context for Logout {
    const TEMPLATE: &'static str = "pages/logout";
}

impl Logout {
    /// The page.
    pub fn page(site: Site, own: Self) -> Page<Self> {
        let (title, crumbs) = ("Sign out".to_owned(), vec![Crumb::here("Sign out")]);
        Page { title, crumbs, reload_s: None, events: None, kind: "logout", site, own }
    }
}
