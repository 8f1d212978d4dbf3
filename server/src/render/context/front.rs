//! `/`: the teams and views that one may see.

use super::line::ViewLine;
use super::{Bubble, Context, Page, Site};
use crate::render::links::Links;
use crate::status::resource::{Tally, Team, View};
use serde::Serialize;

/// The front page.
#[derive(Debug, Serialize)]
pub struct Front {
    /// Views of the instance itself.
    pub views: Vec<ViewLine>,
    /// Teams that may be seen.
    pub teams: Vec<TeamCard>,
    /// There is neither a view nor a team to see.
    pub is_empty: bool,
    /// The asker proved who they are.
    pub is_signed_in: bool,
}

/// A team on the front page.
#[derive(Debug, Serialize)]
pub struct TeamCard {
    /// Its title.
    pub title: String,
    /// Its page.
    pub href: String,
    /// Who sees it, where that is not everybody.
    pub restricted: Option<&'static str>,
    /// Its builders counted.
    pub bubble: Bubble,
    /// Its own views.
    pub views: Vec<ViewLine>,
}

impl Context for Front {
    const TEMPLATE: &'static str = "pages/front";
}

impl Front {
    /// The page of `teams` and `views`.
    pub fn page(site: Site, teams: &[(Team, Tally)], views: &[View], is_signed_in: bool, links: &Links) -> Page<Self> {
        let of = |team: Option<&str>| {
            let own = views.iter().filter(|v| v.team.as_deref() == team);
            own.map(|v| ViewLine::new(v, links)).collect::<Vec<_>>()
        };
        let teams: Vec<_> = teams
            .iter()
            .map(|(t, tally)| TeamCard {
                bubble: Bubble::new(tally),
                title: t.title.clone(),
                href: links.team(&t.name),
                restricted: super::team::restricted(t.visibility),
                views: of(Some(&t.name)),
            })
            .collect();
        let own = Self { views: of(None), is_empty: teams.is_empty() && views.is_empty(), teams, is_signed_in };
        Page { title: "Overview".to_owned(), crumbs: vec![], reload_s: None, events: None, kind: "front", site, own }
    }
}
