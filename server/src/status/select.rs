//! Which builders a view shows, in which order, under which group. Decided once for each view and configuration.

use super::registry::{Registry, Slot, in_order, natural};
use crate::config::Config;
use crate::config::builder::Builder;
use crate::config::view::{GroupBy, View};
use crate::model::category;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// A view's builders, whoever asks; who may see which is decided one by one for each asker.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    /// In order.
    pub chosen: Vec<Chosen>,
}

/// A builder of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// Its place on the board.
    pub slot: Slot,
    /// The group that it stands under; one text for all that stand under one of this name.
    pub group: Option<Arc<str>>,
}

/// What each view of a configuration shows, by its name. It takes its time where views and builders are many.
pub(super) fn all(config: &Config) -> HashMap<String, Selection> {
    let builders = in_order(config.teams.values().flat_map(|team| team.builders.values()));
    let mut candidates = Candidates::new(&builders);
    config.views.values().map(|view| (view.name.clone(), Selection::new(view, &mut candidates))).collect()
}

/// The builders of a configuration, among which views choose.
struct Candidates<'a> {
    /// By slot.
    all: &'a [&'a Arc<Builder>],
    /// Those of each team.
    of_team: BTreeMap<&'a str, Vec<Slot>>,
    /// Names of groups so far.
    groups: HashSet<Arc<str>>,
}

impl<'a> Candidates<'a> {
    fn new(all: &'a [&'a Arc<Builder>]) -> Self {
        let mut of_team: BTreeMap<&str, Vec<Slot>> = BTreeMap::new();
        for (slot, builder) in all.iter().enumerate() {
            of_team.entry(&builder.key.team).or_default().push(slot);
        }
        Self { all, of_team, groups: HashSet::new() }
    }

    /// Those that a view may choose: a team's view looks at no other team's.
    fn of(&self, view: &View) -> Vec<(Slot, &'a Builder)> {
        let slots = match &view.team {
            Some(team) => self.of_team.get(team.as_str()).cloned().unwrap_or_default(),
            None => (0..self.all.len()).collect(),
        };
        slots.into_iter().map(|slot| (slot, &**self.all[slot])).collect()
    }

    fn group(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.groups.get(name) {
            return known.clone();
        }
        let group: Arc<str> = name.into();
        self.groups.insert(group.clone());
        group
    }
}

impl Selection {
    /// Resolves a view.
    fn new(view: &View, candidates: &mut Candidates<'_>) -> Self {
        let found = candidates.of(view).into_iter().filter(|(_, builder)| view.selects(builder));
        let mut ranked: Vec<(Rank<'_>, Slot, &Builder)> =
            found.map(|(slot, builder)| (Rank::of(view, builder), slot, builder)).collect();
        ranked.sort_by(|(a, _, x), (b, _, y)| a.compare(b).then_with(|| natural(&x.key, &y.key)));
        let chosen = ranked
            .into_iter()
            .map(|(rank, slot, _)| Chosen { slot, group: rank.name.map(|name| candidates.group(name)) });
        Self { chosen: chosen.collect() }
    }

    /// Every builder there is, by team and name.
    pub fn everything(registry: &Registry) -> Self {
        Self { chosen: (0..registry.live().len()).map(|slot| Chosen { slot, group: None }).collect() }
    }
}

/// Where a builder stands, before its team and name count: groups stay together, so they come first.
struct Rank<'a> {
    group: usize,
    name: Option<&'a str>,
    order: usize,
}

impl<'a> Rank<'a> {
    fn of(view: &'a View, builder: &'a Builder) -> Self {
        let (group, name) = group_of(view, builder);
        let whole = if view.order.is_empty() { String::new() } else { builder.key.to_string() };
        let wanted = view.order.iter().position(|glob| glob.matches(&builder.key.name) || glob.matches(&whole));
        Self { group, name, order: wanted.unwrap_or(usize::MAX) }
    }

    fn compare(&self, other: &Self) -> Ordering {
        let names = |a: &Self, b: &Self| match (a.name, b.name) {
            (Some(a), Some(b)) => alphanumeric_sort::compare_str(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        self.group.cmp(&other.group).then_with(|| names(self, other)).then_with(|| self.order.cmp(&other.order))
    }
}

/// The group that a builder stands under, and that group's rank: the first of the view's categories that it has.
fn group_of<'a>(view: &'a View, builder: &'a Builder) -> (usize, Option<&'a str>) {
    match view.group_by {
        None => (0, None),
        Some(GroupBy::Team) => (0, Some(&builder.key.team)),
        Some(GroupBy::Category) if view.categories.is_empty() => (0, builder.categories.first().map(String::as_str)),
        Some(GroupBy::Category) => view
            .categories
            .iter()
            .enumerate()
            .find_map(|(rank, glob)| {
                let has = builder.categories.iter().find(|c| category::selects(glob, c))?;
                // A plain entry is the group's name, also for what is nested in it; a pattern's groups are what it found.
                Some((rank, Some(if glob.is_plain() { glob.as_str() } else { has.as_str() })))
            })
            .unwrap_or((usize::MAX, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Builder, Candidates, GroupBy, Selection, View, in_order};
    use crate::config::builder::Force;
    use crate::model::glob::Glob;
    use crate::model::name::BuilderKey;
    use crate::model::property::Properties;
    use crate::model::right::Visibility;
    use expect_test::{Expect, expect};
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::Arc;

    fn builder(key: &str, categories: &[&str], labels: &[&str]) -> Arc<Builder> {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        Arc::new(Builder {
            key: BuilderKey::parse(key).unwrap(),
            description: String::new(),
            categories: owned(categories),
            labels: owned(labels),
            properties: Properties::default(),
            env: BTreeMap::new(),
            steps: Arc::default(),
            force: Arc::new(Force { enabled: true, parameters: vec![], properties: vec![] }),
            file: PathBuf::new(),
        })
    }

    fn view() -> View {
        View {
            name: "v".to_owned(),
            title: "v".to_owned(),
            team: None,
            visibility: Visibility::Public,
            teams: vec![],
            categories: vec![],
            builders: vec![],
            labels: vec![],
            exclude: vec![],
            order: vec![],
            group_by: None,
            window: None,
        }
    }

    fn check(change: impl FnOnce(&mut View), expected: Expect) {
        let mut view = view();
        change(&mut view);
        let builders = [
            builder("core/full-10", &["release", "2.4"], &["x86_64"]),
            builder("core/full-2", &["release|maint", "2.3"], &["aarch64"]),
            builder("core/bare", &[], &["x86_64"]),
            builder("docs/manual", &["docs"], &["x86_64", "linux"]),
        ];
        let builders = in_order(&builders);
        let chosen = Selection::new(&view, &mut Candidates::new(&builders)).chosen;
        let said = chosen.iter().map(|chosen| {
            let key = builders[chosen.slot].key.to_string();
            chosen.group.as_ref().map_or(key.clone(), |group| format!("{group}:{key}"))
        });
        expected.assert_eq(&said.collect::<Vec<_>>().join(" "));
    }

    /// Thousands of builders in a hundred views have one text and not a million.
    #[test]
    fn groups_of_one_name_share_it_in_all_views() {
        let long = "c".repeat(1_000);
        let builders: Vec<_> = (0..10).map(|n| builder(&format!("core/b{n}"), &[&long], &[])).collect();
        let builders = in_order(&builders);
        let (mut candidates, view) = (Candidates::new(&builders), View { group_by: Some(GroupBy::Category), ..view() });
        let both = [&view, &view].map(|view| Selection::new(view, &mut candidates).chosen);
        let first = both[0][0].group.clone().unwrap();
        assert_eq!((&*first, both.iter().flatten().count()), (long.as_str(), 20));
        assert!(both.iter().flatten().all(|chosen| Arc::ptr_eq(chosen.group.as_ref().unwrap(), &first)));
    }

    fn globs(patterns: &[&str]) -> Vec<Glob> {
        patterns.iter().map(|p| Glob::new(p).unwrap()).collect()
    }

    #[test]
    fn any_of_within_a_key_and_all_of_across_keys_then_what_is_left_out() {
        check(|_| {}, expect!["core/bare core/full-2 core/full-10 docs/manual"]);
        check(|v| v.categories = globs(&["*"]), expect!["core/bare core/full-2 core/full-10 docs/manual"]);
        check(|v| v.categories = globs(&["2.*", "docs"]), expect!["core/full-2 core/full-10 docs/manual"]);
        check(|v| v.categories = globs(&["release"]), expect!["core/full-2 core/full-10"]);
        check(|v| v.categories = globs(&["release|maint"]), expect!["core/full-2"]);
        check(
            |v| (v.builders, v.labels) = (globs(&["full-*", "docs/*"]), globs(&["x86*"])),
            expect!["core/full-10 docs/manual"],
        );
        check(|v| (v.teams, v.exclude) = (globs(&["co*"]), globs(&["core/full-2", "bare"])), expect!["core/full-10"]);
        check(|v| v.categories = globs(&["nothing"]), expect![""]);
    }

    #[test]
    fn a_teams_view_sees_only_its_own() {
        check(|v| (v.team, v.teams) = (Some("docs".to_owned()), globs(&["*"])), expect!["docs/manual"]);
    }

    #[test]
    fn the_order_comes_first_then_team_and_name_as_people_count() {
        check(
            |v| v.order = globs(&["docs/*", "full-10", "full-*"]),
            expect!["docs/manual core/full-10 core/full-2 core/bare"],
        );
    }

    #[test]
    fn a_builder_stands_once_under_the_first_category_of_the_view_that_it_has() {
        let by_category = |patterns: &'static [&'static str]| {
            move |v: &mut View| (v.group_by, v.categories) = (Some(GroupBy::Category), globs(patterns))
        };
        check(by_category(&["2.4", "release"]), expect!["2.4:core/full-10 release:core/full-2"]);
        check(by_category(&["release", "2.4"]), expect!["release:core/full-2 release:core/full-10"]);
        check(
            by_category(&["*"]),
            expect!["docs:docs/manual release:core/full-10 release|maint:core/full-2 core/bare"],
        );
        check(
            |v| v.group_by = Some(GroupBy::Team),
            expect!["core:core/bare core:core/full-2 core:core/full-10 docs:docs/manual"],
        );
    }
}
