//! What templates receive: a documented contract. Texts are plain and escaped by the template, except fields named `..._html`, which
//! hold finished HTML. Links are ready to use. A site's own template is rendered against each context's sample before it is taken.

/// `/about`.
pub mod about;
/// `/account`.
pub mod account;
/// Who did what.
pub mod audit;
/// A build, a step.
pub mod build;
/// A builder.
pub mod builder;
/// Who may do what.
pub mod can;
/// Errors.
pub mod error;
/// A form, with what was typed into it.
pub mod field;
/// What steps found.
pub mod findings;
/// The force form.
pub mod force;
/// `/`.
pub mod front;
/// A build, a step, a log, a view, a request in a line.
pub mod line;
/// A log.
pub mod log;
/// Signing in and out.
pub mod login;
/// Plugins.
pub mod plugins;
/// What became of what somebody asked for.
pub mod said;
/// A team.
pub mod team;
/// What a team uses of its quota.
pub mod usage;
/// A Waterfall.
pub mod waterfall;

use super::links::Links;
use super::look::Look;
use super::words::Moment;
use super::{asset, look};
use crate::model::time::Time;
use crate::status::resource::Tally;
use serde::Serialize;

/// The context of one page's template.
pub trait Context: Serialize {
    /// The template's name.
    const TEMPLATE: &'static str;
}

/// A page: what all have, and its own.
#[derive(Debug, Serialize)]
pub struct Page<C> {
    /// The instance.
    pub site: Site,
    /// The page's title, without the instance's.
    pub title: String,
    /// The way here, from the front page; the last is this page and has no link.
    pub crumbs: Vec<Crumb>,
    /// Fetch the page again after so many seconds, without script.
    pub reload_s: Option<u64>,
    /// The event stream that tells when the page is to be fetched again; none where nothing on it changes by itself.
    pub events: Option<String>,
    /// Class of the body; names the kind of page.
    pub kind: &'static str,
    /// What the page itself shows.
    #[serde(flatten)]
    pub own: C,
}

/// The instance, on every page.
#[derive(Debug, Clone, Serialize)]
pub struct Site {
    /// Its title.
    pub title: String,
    /// Link of the front page.
    pub front: String,
    /// Link of the Waterfall of everything.
    pub waterfall: String,
    /// Link of the page about Weir.
    pub about: String,
    /// Link of the page of plugins.
    pub plugins: String,
    /// Link of the page where one signs in; none where nobody can.
    pub login: Option<String>,
    /// Link of the page where one signs out.
    pub logout: String,
    /// Link of the viewer's own page.
    pub account: String,
    /// Link of the audit, for who may read some of it.
    pub audit: Option<String>,
    /// Link of the page that says who may do what, for the same.
    pub can: Option<String>,
    /// Link of the style sheet.
    pub css: String,
    /// Link of the script.
    pub js: String,
    /// Link of the icon.
    pub icon: String,
    /// Weir's version.
    pub version: &'static str,
    /// When this page was made.
    pub made: Moment,
    /// The same, for the script: seconds since 1970.
    pub now: i64,
    /// Who is signed in; none is nobody.
    pub viewer: Option<Viewer>,
}

/// Who is signed in, on every page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Viewer {
    /// As the audit names them.
    pub name: String,
    /// What every form must send as `csrf`; empty where a token was sent and not a cookie: then there are no forms.
    pub csrf: String,
}

impl Viewer {
    /// Whether a page may hold forms for them.
    pub fn has_forms(&self) -> bool {
        !self.csrf.is_empty()
    }
}

impl Site {
    /// Whether this page may hold forms: somebody is signed in with a cookie.
    pub fn has_forms(&self) -> bool {
        self.viewer.as_ref().is_some_and(Viewer::has_forms)
    }

    /// The same, for somebody who administers something here.
    #[must_use]
    pub fn for_who_administers(self, links: &Links) -> Self {
        Self { audit: Some(links.audit()), can: Some(links.can()), ..self }
    }

    /// The instance `title` at `now`.
    pub fn new(title: &str, links: &Links, now: Time, viewer: Option<Viewer>) -> Self {
        let assets = asset::all();
        Self {
            title: title.to_owned(),
            front: links.front(),
            waterfall: links.waterfall(),
            about: links.about(),
            plugins: links.plugins(),
            login: Some(links.login()),
            logout: links.logout(),
            account: links.account(),
            audit: None,
            can: None,
            css: links.asset(&assets.css.hashed_name),
            js: links.asset(&assets.js.hashed_name),
            icon: links.asset(&assets.icon.hashed_name),
            version: env!("CARGO_PKG_VERSION"),
            made: Moment::new(now, now),
            now: now.timestamp(),
            viewer,
        }
    }
}

/// One level above a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Crumb {
    /// Its words.
    pub text: String,
    /// Its link; none is the page itself.
    pub href: Option<String>,
}

impl Crumb {
    /// A level with a link.
    pub fn to(text: impl Into<String>, href: String) -> Self {
        Self { text: text.into(), href: Some(href) }
    }

    /// The page itself.
    pub fn here(text: impl Into<String>) -> Self {
        Self { text: text.into(), href: None }
    }
}

/// A link with words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anchor {
    /// Its words.
    pub text: String,
    /// Where it leads.
    pub href: String,
    /// It is what the page shows now.
    pub is_current: bool,
}

/// How many builders of a view are in which state: the summary bubble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bubble {
    /// States that some builder is in, worst first.
    pub parts: Vec<BubblePart>,
    /// The worst look among them.
    pub worst: Look,
    /// `12 builders`.
    pub total: String,
    /// Builders with a build that runs.
    pub n_building: usize,
    /// Builders with a request that waits.
    pub n_pending: usize,
}

/// One state of a bubble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BubblePart {
    /// Its look.
    pub look: Look,
    /// How many builders.
    pub n: usize,
}

impl Bubble {
    /// The bubble of `tally`.
    pub fn new(tally: &Tally) -> Self {
        use crate::model::results::Results::{Exception, Failure, Success, Warnings};
        let counted = [
            (look::of(Some(Failure)), tally.failure),
            (look::of(Some(Exception)), tally.exception),
            (look::of(Some(Warnings)), tally.warnings),
            (look::of(Some(Success)), tally.success),
            (look::NONE, tally.none),
        ];
        let parts: Vec<_> =
            counted.into_iter().filter(|(_, n)| *n > 0).map(|(look, n)| BubblePart { look, n }).collect();
        Self {
            worst: parts.first().map_or(look::NONE, |p| p.look),
            parts,
            total: super::words::count(tally.builders, "builder"),
            n_building: tally.building,
            n_pending: tally.pending,
        }
    }
}
