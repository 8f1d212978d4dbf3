//! `/view/<name>` and `/waterfall`.

use super::{Anchor, Bubble, Context, Crumb, Page, Site};
use crate::model::time::Time;
use crate::render::links::{Links, shell_word, with_query};
use crate::render::look::{self, Look};
use crate::render::waterfall::{Drawing, draw};
use crate::render::words;
use crate::status::view::ViewPage;
use crate::status::waterfall::Waterfall;
use serde::Serialize;
use std::collections::BTreeSet;

/// Categories offered for narrowing, at most.
const CATEGORIES_MAX: usize = 60;

/// Arguments that narrow a page.
const NARROWING: [&str; 6] = ["show", "builder", "category", "tag", "branch", "failures_only"];
/// Of what narrows a page, this many are shown with a link each that takes it away: each of these holds all the others.
const NARROWED_MAX: usize = 32;

/// A Waterfall's page.
#[derive(Debug, Serialize)]
pub struct WaterfallContext {
    /// The view's name; none for everything.
    pub name: Option<String>,
    /// Its builders counted.
    pub bubble: Bubble,
    /// The Waterfall, drawn.
    pub waterfall_html: String,
    /// Why there is no column, where there is none.
    pub empty: Option<Empty>,
    /// A command that makes the first build, where no builder has one.
    pub first_build: Option<String>,
    /// What narrows the page now, each with the link that takes it away.
    pub narrowed: Vec<Anchor>,
    /// What more narrows it.
    pub n_narrowed_more: usize,
    /// What was asked for by arguments that are not acted on yet, in one sentence; none where there are none.
    pub not_acted_on: Option<String>,
    /// Categories to narrow by.
    pub categories: Vec<Anchor>,
    /// Failing builders only: the link that turns it on, or off.
    pub failures: Anchor,
    /// This address without arguments.
    pub plain: String,
    /// Arguments that the narrowing form keeps.
    pub kept: Vec<Argument>,
    /// The page with older builds.
    pub older: Option<String>,
    /// The page with newer builds.
    pub newer: Option<String>,
    /// The page up to now, where this is not it.
    pub newest: Option<String>,
    /// `Nov 22 09:10` to `14:02`, what the page reaches over.
    pub reach: Option<Reach>,
    /// Older builds are left out because they need more rows.
    pub is_cut: bool,
    /// Shapes and words.
    pub legend: Vec<Look>,
    /// The link that stops reloading.
    pub stop_reloading: Option<String>,
    /// The same page, reloading itself.
    pub start_reloading: String,
    /// The view for machines.
    pub json: Option<String>,
}

/// From when to when.
#[derive(Debug, Serialize)]
pub struct Reach {
    /// The oldest moment.
    pub from: words::Moment,
    /// The newest.
    pub to: words::Moment,
}

/// Why nothing is shown, and what to do.
#[derive(Debug, Serialize)]
pub struct Empty {
    /// In a word.
    pub title: String,
    /// In a sentence.
    pub text: String,
}

/// An argument of the address.
#[derive(Debug, Serialize)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What the page is made of.
#[derive(Debug, Clone, Copy)]
pub struct WaterfallPage<'a> {
    /// The view, resolved.
    pub page: &'a ViewPage,
    /// Its layout.
    pub layout: &'a Waterfall,
    /// The address's arguments, in their order.
    pub arguments: &'a [(String, String)],
    /// Fetch again after so many seconds.
    pub reload_s: Option<u64>,
}

impl Context for WaterfallContext {
    const TEMPLATE: &'static str = "pages/waterfall";
}

impl WaterfallContext {
    /// The page of a view, or of everything.
    pub fn page(site: Site, w: WaterfallPage<'_>, team_title: Option<&str>, links: &Links, now: Time) -> Page<Self> {
        let page = w.page;
        let address = Address {
            plain: page.name.as_ref().map_or_else(|| links.waterfall(), |name| links.view(name)),
            arguments: w.arguments,
        };
        let teams: BTreeSet<_> = page.columns.iter().map(|c| c.status.builder.key.team.as_str()).collect();
        let drawing = Drawing { links, now, names_teams: teams.len() > 1 };
        let is_past = w.arguments.iter().any(|(name, _)| name == "last_time");
        let first = page.first_time.or_else(|| w.layout.first());
        let has_older = page.has_older || w.layout.is_cut;
        let events = (!is_past).then(|| address.events(page, links));
        let own = Self {
            bubble: Bubble::new(&super::team::tally(page.columns.iter().map(|c| &c.status))),
            waterfall_html: draw(page, w.layout, drawing),
            empty: page.columns.is_empty().then(|| empty(w.arguments, page.name.as_deref())),
            first_build: first_build(page, links),
            narrowed: address.narrowed().take(NARROWED_MAX).collect(),
            n_narrowed_more: address.n_narrowed().saturating_sub(NARROWED_MAX),
            not_acted_on: not_acted_on(w.arguments),
            categories: address.categories(page),
            failures: address.failures(),
            kept: address.kept(),
            older: first.filter(|_| has_older).map(|first| address.until(Some(first))),
            newer: newer(first.unwrap_or(page.last_time), page.last_time, now)
                .filter(|_| is_past)
                .map(|until| address.until(until)),
            newest: is_past.then(|| address.until(None)),
            reach: w
                .layout
                .first()
                .map(|from| Reach { from: words::Moment::new(from, now), to: words::Moment::new(page.last_time, now) }),
            is_cut: w.layout.is_cut,
            legend: look::legend(),
            stop_reloading: w.reload_s.map(|_| address.without(&["reload"])),
            start_reloading: address.with(&["reload"], "reload", "60"),
            json: page.name.as_ref().map(|name| links.view_json(name)),
            plain: address.plain,
            name: page.name.clone(),
        };
        let mut crumbs = Vec::new();
        if let (Some(team), Some(title)) = (&page.team, team_title) {
            crumbs.push(Crumb::to(title, links.team(team)));
        }
        crumbs.push(Crumb::here(page.title.as_str()));
        Page { title: page.title.clone(), crumbs, reload_s: w.reload_s, events, kind: "waterfall", site, own }
    }
}

/// Where the next newer page ends; none inside is now, none at all where this is the newest.
fn newer(first: Time, last: Time, now: Time) -> Option<Option<Time>> {
    let until = last + (last - first).max(chrono::TimeDelta::minutes(1));
    (last < now).then(|| Some(until).filter(|until| *until < now))
}

/// How to make a first build, where none was ever made.
fn first_build(page: &ViewPage, links: &Links) -> Option<String> {
    let never = page.columns.iter().all(|c| c.status.last.is_none() && c.status.running.is_empty());
    let first = page.columns.first().filter(|_| never)?;
    Some(format!(
        "WEIR_TOKEN=$TOKEN weir force {} --server {} --wait",
        shell_word(&first.status.builder.key.to_string()),
        shell_word(links.server())
    ))
}

/// Arguments of the classic Waterfall that are taken and do nothing yet: who gives one must not take the page for narrowed.
fn not_acted_on(arguments: &[(String, String)]) -> Option<String> {
    let names = ["committer", "project", "show_events"];
    let given: Vec<_> = names.into_iter().filter(|name| arguments.iter().any(|(given, _)| given == name)).collect();
    let does = if given.len() == 1 { "is" } else { "are" };
    (!given.is_empty())
        .then(|| format!("{} {does} not acted on yet: the page shows builds as without.", given.join(", ")))
}

/// Why there is no column.
fn empty(arguments: &[(String, String)], view: Option<&str>) -> Empty {
    let has = |names: &[&str]| arguments.iter().any(|(name, _)| names.contains(&name.as_str()));
    let (title, text) = if has(&["failures_only"]) {
        ("Nothing fails here", "No builder of this page is failing or offline now. Show all builders to see the rest.")
    } else if has(&["show", "builder", "category", "tag"]) {
        (
            "No builder fits",
            "None of the builders that you may see here has that name or category. Take a narrowing away, or check its spelling.",
        )
    } else if view.is_some() {
        (
            "No builder in this view",
            "Its query selects no builder that you may see. If you expected some, send a token of their team; the view's table in the configuration says what it selects.",
        )
    } else {
        ("No builder to see", "No builder is public here. If you expected some, send a token of their team.")
    };
    Empty { title: title.to_owned(), text: text.to_owned() }
}

/// The page's own address with other arguments.
struct Address<'a> {
    plain: String,
    arguments: &'a [(String, String)],
}

impl Address<'_> {
    fn without(&self, names: &[&str]) -> String {
        let kept: Vec<_> = self.arguments.iter().filter(|(n, _)| !names.contains(&n.as_str())).cloned().collect();
        with_query(&self.plain, &kept)
    }

    fn with(&self, instead_of: &[&str], name: &str, value: &str) -> String {
        let mut kept: Vec<_> =
            self.arguments.iter().filter(|(n, _)| !instead_of.contains(&n.as_str())).cloned().collect();
        kept.push((name.to_owned(), value.to_owned()));
        with_query(&self.plain, &kept)
    }

    /// The page whose newest moment is `until`.
    fn until(&self, until: Option<Time>) -> String {
        const BOUNDS: [&str; 2] = ["last_time", "first_time"];
        until.map_or_else(
            || self.without(&BOUNDS),
            |until| self.with(&BOUNDS, "last_time", &until.timestamp().to_string()),
        )
    }

    /// The events of this page from where it was made on, and whether the configuration is another since: no gap between the two.
    fn events(&self, page: &ViewPage, links: &Links) -> String {
        let mut arguments = self.arguments.to_vec();
        arguments.push(("after".to_owned(), page.as_of.to_string()));
        arguments.push(("generation".to_owned(), page.generation.to_string()));
        with_query(&links.events(&self.plain), &arguments)
    }

    fn n_narrowed(&self) -> usize {
        self.arguments.iter().filter(|(name, _)| NARROWING.contains(&name.as_str())).count()
    }

    fn narrowed(&self) -> impl Iterator<Item = Anchor> {
        let given = self.arguments.iter().enumerate().filter(|(_, (name, _))| NARROWING.contains(&name.as_str()));
        given.map(|(i, (name, value))| {
            let rest: Vec<_> =
                self.arguments.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, a)| a.clone()).collect();
            let text = if name == "failures_only" { "failing only".to_owned() } else { format!("{name}: {value}") };
            Anchor { text, href: with_query(&self.plain, &rest), is_current: true }
        })
    }

    fn categories(&self, page: &ViewPage) -> Vec<Anchor> {
        let all: BTreeSet<&str> =
            page.columns.iter().flat_map(|c| c.status.builder.categories.iter().map(String::as_str)).collect();
        let chosen = |c: &str| self.arguments.iter().any(|(n, v)| (n == "category" || n == "tag") && v == c);
        let offered = all.into_iter().take(CATEGORIES_MAX).map(|c| Anchor {
            text: c.to_owned(),
            href: self.with(&["category", "tag", "last_time", "first_time"], "category", c),
            is_current: chosen(c),
        });
        offered.collect()
    }

    fn failures(&self) -> Anchor {
        let is_current = self.arguments.iter().any(|(n, v)| n == "failures_only" && v != "false" && v != "0");
        Anchor {
            text: "Failing only".to_owned(),
            href: if is_current {
                self.without(&["failures_only"])
            } else {
                self.with(&["failures_only"], "failures_only", "true")
            },
            is_current,
        }
    }

    /// What the form keeps: everything it has no field for.
    fn kept(&self) -> Vec<Argument> {
        let fields = ["show", "builder", "num_events", "reload", "last_time", "first_time"];
        let kept = self.arguments.iter().filter(|(name, _)| !fields.contains(&name.as_str()));
        kept.map(|(name, value)| Argument { name: name.clone(), value: value.clone() }).collect()
    }
}
