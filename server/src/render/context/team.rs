//! `/team/<team>`: views, builders, workers, quotas.

use super::builder::BuilderLine;
use super::line::ViewLine;
use super::usage::{self, UseLine};
use super::{Anchor, Bubble, Context, Crumb, Page, Site};
use crate::model::right::Visibility;
use crate::model::time::Time;
use crate::render::links::Links;
use crate::render::look::{self, Look};
use crate::render::words;
use crate::status::get::TeamPage;
use crate::status::resource::{BuilderState, BuilderStatus, Tally};
use crate::status::usage::TeamUse;
use serde::Serialize;

/// A team's page.
#[derive(Debug, Serialize)]
pub struct TeamContext {
    /// Its name.
    pub name: String,
    /// Who sees it, where that is not everybody.
    pub restricted: Option<&'static str>,
    /// Its builders counted.
    pub bubble: Bubble,
    /// Views with builders of it.
    pub views: Vec<ViewLine>,
    /// Its builders.
    pub builders: Vec<BuilderLine>,
    /// Those that the configuration declared once.
    pub retired: Vec<BuilderLine>,
    /// Where its builds run.
    pub workers: Vec<WorkerLine>,
    /// What it may use, and uses.
    pub quota: Vec<UseLine>,
    /// What is wrong with its files, for its members.
    pub problems: Vec<String>,
    /// It goes on with what they said before.
    pub is_kept: bool,
    /// Link of its audit, for who administers it.
    pub audit: Option<String>,
}

/// A worker.
#[derive(Debug, Serialize)]
pub struct WorkerLine {
    /// Its name.
    pub name: String,
    /// What it is.
    pub labels: Vec<String>,
    /// Builds at the same time.
    pub slots: u32,
    /// Connected or not.
    pub look: Look,
    /// What runs there.
    pub running: Vec<Anchor>,
}

/// A name with a value.
#[derive(Debug, Serialize)]
pub struct Fact {
    /// What.
    pub name: &'static str,
    /// How much.
    pub value: String,
}

impl Context for TeamContext {
    const TEMPLATE: &'static str = "pages/team";
}

/// The word for who sees something, where that is not everybody.
pub fn restricted(visibility: Visibility) -> Option<&'static str> {
    match visibility {
        Visibility::Public => None,
        Visibility::Internal => Some("signed in only"),
        Visibility::Private => Some("members only"),
    }
}

/// Counts builders by what one sees first.
pub fn tally<'a>(builders: impl IntoIterator<Item = &'a BuilderStatus>) -> Tally {
    use crate::model::results::Results::{Cancelled, Exception, Failure, Retry, Skipped, Success, Warnings};
    let mut tally = Tally::default();
    for status in builders {
        tally.builders += 1;
        tally.building += usize::from(!status.running.is_empty());
        tally.pending += usize::from(status.n_pending > 0);
        match status.last.as_ref().and_then(|b| b.results) {
            Some(Success | Skipped) => tally.success += 1,
            Some(Warnings) => tally.warnings += 1,
            Some(Failure) => tally.failure += 1,
            Some(Exception | Retry | Cancelled) => tally.exception += 1,
            None => tally.none += 1,
        }
    }
    tally
}

impl TeamContext {
    /// The page of `page`'s team, which uses so much.
    pub fn page(site: Site, page: &TeamPage, used: &TeamUse, links: &Links, now: Time) -> Page<Self> {
        let connected = Look { class: "g", sign: "●", word: "connected" };
        let workers = page.workers.iter().map(|w| WorkerLine {
            name: w.name.clone(),
            labels: w.labels.clone(),
            slots: w.slots,
            look: if w.connected { connected } else { look::of_state(BuilderState::Offline) },
            running: w
                .running
                .iter()
                .map(|b| Anchor {
                    text: format!("{} #{}", b.builder.name, b.number),
                    href: links.build(&b.builder, b.number),
                    is_current: false,
                })
                .collect(),
        });
        let own = Self {
            name: page.team.name.clone(),
            restricted: restricted(page.team.visibility),
            bubble: Bubble::new(&tally(&page.builders)),
            views: page.views.iter().map(|v| ViewLine::new(v, links)).collect(),
            builders: page.builders.iter().map(|b| BuilderLine::new(b, links, now)).collect(),
            retired: page.retired.iter().map(|b| BuilderLine::new(b, links, now)).collect(),
            workers: workers.collect(),
            quota: usage::lines(used),
            problems: page.problems.clone(),
            is_kept: page.is_kept,
            audit: page.is_administered.then(|| links.team_audit(&page.team.name)),
        };
        let title = page.team.title.clone();
        let crumbs = vec![Crumb::here(title.clone())];
        Page {
            title,
            crumbs,
            reload_s: None,
            events: Some(links.events(&links.team(&page.team.name))),
            kind: "team",
            site,
            own,
        }
    }
}

/// `for 3h`, from when the last result is what it is.
pub fn since(status: &BuilderStatus, now: Time) -> Option<String> {
    let since = status.last_since.or_else(|| status.last.as_ref().and_then(|b| b.finished_at));
    since.map(|s| format!("for {}", words::coarse((now - s).num_seconds())))
}
