//! `[view.*]`: a named Waterfall, which is a query over teams, categories and builders.

use super::builder::Builder;
use super::read::{At, Reader, section, words};
use super::team::Team;
use crate::model::category;
use crate::model::glob::Glob;
use crate::model::right::Visibility;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

section! {
    /// A named Waterfall: a query over teams, categories and builders. Names are unique in the instance. Any of a key's entries
    /// will do; all keys must be met.
    struct RawView {
        /// For people.
        title = "title": String, "the name";
        /// Who sees the page; what is on it is filtered builder by builder.
        visibility = "visibility": Visibility, "the team's; `public` for the instance's";
        /// Teams, as patterns.
        teams = "teams": Vec<Glob>, "all";
        /// Categories, as patterns; `a` includes `a|b`, and `*` also takes builders without category.
        categories = "categories": Vec<Glob>, "all";
        /// Builders, as patterns of `name` or `team/name`.
        builders = "builders": Vec<Glob>, "all";
        /// Labels of builders, as patterns.
        labels = "labels": Vec<Glob>, "all";
        /// Builders to leave out, as patterns of `name` or `team/name`.
        exclude = "exclude": Vec<Glob>, "none";
        /// Builders that stand first, as patterns, in this order; then by team, then by name.
        order = "order": Vec<Glob>, "[]";
        /// How columns are grouped.
        group_by = "group_by": GroupByWord, "not";
        /// How far back the page reaches.
        window = "window": At<Duration>, "the last 200 events";
    }
}

words! {
    /// `group_by` as written.
    enum GroupByWord {
        /// By the view's categories.
        Category = "category",
        /// By team.
        Team = "team",
    }
}

/// A named selection and arrangement of builders.
#[derive(Debug, Clone)]
pub struct View {
    /// Unique in the instance; stands in its URL.
    pub name: String,
    /// For people; defaults to the name.
    pub title: String,
    /// The team that declares it and whose builders alone it sees; none for the instance's.
    pub team: Option<String>,
    /// Who sees it; defaults to the team's, for instance views to public.
    pub visibility: Visibility,
    /// Any-of; empty is no restriction.
    pub teams: Vec<Glob>,
    /// Any-of; `*` also takes builders without category.
    pub categories: Vec<Glob>,
    /// Any-of, on `name` or `team/name`.
    pub builders: Vec<Glob>,
    /// Any-of, on the builder's labels.
    pub labels: Vec<Glob>,
    /// Left out, on `name` or `team/name`.
    pub exclude: Vec<Glob>,
    /// These first, in this order (globs); then by team, then by name in natural order.
    pub order: Vec<Glob>,
    /// How columns are grouped.
    pub group_by: Option<GroupBy>,
    /// How far back the page reaches; none means by number of events.
    pub window: Option<Duration>,
}

/// How a view's columns are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Under the first of the view's categories that the builder has.
    Category,
    /// Under its team.
    Team,
}

impl View {
    /// The builders that it may choose from: a team's view looks at no other team's.
    pub fn candidates<'a>(&self, teams: &'a BTreeMap<String, Arc<Team>>) -> impl Iterator<Item = &'a Arc<Builder>> {
        let own = self.team.as_ref().map(|team| teams.get(team));
        let all = own.is_none().then(|| teams.values());
        own.flatten().into_iter().chain(all.into_iter().flatten()).flat_map(|team| team.builders.values())
    }

    /// Whether the view takes `builder`, before anybody's rights are asked.
    pub fn selects(&self, builder: &Builder) -> bool {
        let key = &builder.key;
        if self.team.as_ref().is_some_and(|team| *team != key.team) {
            return false;
        }
        let whole = if self.builders.is_empty() && self.exclude.is_empty() { String::new() } else { key.to_string() };
        let named = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(&key.name) || glob.matches(&whole));
        (self.teams.is_empty() || self.teams.iter().any(|glob| glob.matches(&key.team)))
            && (self.categories.is_empty() || self.categories.iter().any(|glob| has_category(builder, glob)))
            && (self.builders.is_empty() || named(&self.builders))
            && (self.labels.is_empty() || self.labels.iter().any(|g| builder.labels.iter().any(|l| g.matches(l))))
            && !named(&self.exclude)
    }
}

/// Whether `entry` takes the builder for its categories; `*` also takes one that has none.
fn has_category(builder: &Builder, entry: &Glob) -> bool {
    entry.as_str() == "*" || builder.categories.iter().any(|category| category::selects(entry, category))
}

impl RawView {
    /// The table as it is used; `team` declares it, with the team's visibility.
    pub fn freeze(self, name: &str, team: Option<(&str, Visibility)>, reader: &Reader<'_>) -> View {
        let window = self.window.filter(|window| {
            if window.value.is_zero() {
                let diagnostic = reader.wrong(&window.path, "bad-span", "a window of no length shows nothing");
                reader.note(diagnostic.expected("at least `1s`"));
            }
            !window.value.is_zero()
        });
        View {
            name: name.to_owned(),
            title: self.title.unwrap_or_else(|| name.to_owned()),
            team: team.map(|(name, _)| name.to_owned()),
            visibility: self.visibility.unwrap_or(team.map_or(Visibility::Public, |(_, visibility)| visibility)),
            teams: self.teams.unwrap_or_default(),
            categories: self.categories.unwrap_or_default(),
            builders: self.builders.unwrap_or_default(),
            labels: self.labels.unwrap_or_default(),
            exclude: self.exclude.unwrap_or_default(),
            order: self.order.unwrap_or_default(),
            group_by: self.group_by.map(|word| match word {
                GroupByWord::Category => GroupBy::Category,
                GroupByWord::Team => GroupBy::Team,
            }),
            window: window.map(|window| window.value),
        }
    }
}
