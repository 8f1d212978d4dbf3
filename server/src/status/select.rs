//! Which builders a view shows, in which order, under which group. Decided once for each view and configuration.

use super::registry::{Declared, Registry, Slot, natural};
use crate::config::view::{GroupBy, View};
use crate::model::category;
use crate::model::glob::Glob;
use crate::model::name::BuilderKey;
use std::cmp::Ordering;

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
    /// The group that it stands under.
    pub group: Option<String>,
}

impl Selection {
    /// Resolves a view.
    pub fn new(view: &View, registry: &Registry) -> Self {
        let mut ranked: Vec<(Rank, &BuilderKey, Chosen)> = registry
            .live()
            .iter()
            .enumerate()
            .filter(|(_, declared)| selects(view, declared))
            .map(|(slot, declared)| {
                let (rank, group) = group_of(view, declared);
                let key = &declared.builder.key;
                let wanted = view.order.iter().position(|glob| names(glob, key)).unwrap_or(usize::MAX);
                (Rank { group: rank, name: group.clone(), order: wanted }, key, Chosen { slot, group })
            })
            .collect();
        ranked.sort_by(|(a, a_key, _), (b, b_key, _)| a.compare(b).then_with(|| natural(a_key, b_key)));
        Self { chosen: ranked.into_iter().map(|(_, _, chosen)| chosen).collect() }
    }

    /// Every builder there is, by team and name.
    pub fn everything(registry: &Registry) -> Self {
        Self { chosen: (0..registry.live().len()).map(|slot| Chosen { slot, group: None }).collect() }
    }
}

/// Where a builder stands, before its team and name count: groups stay together, so they come first.
struct Rank {
    group: usize,
    name: Option<String>,
    order: usize,
}

impl Rank {
    fn compare(&self, other: &Self) -> Ordering {
        let names = |a: &Self, b: &Self| match (&a.name, &b.name) {
            (Some(a), Some(b)) => alphanumeric_sort::compare_str(a, b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        self.group.cmp(&other.group).then_with(|| names(self, other)).then_with(|| self.order.cmp(&other.order))
    }
}

/// Whether a glob names a builder, as `name` or as `team/name`.
fn names(glob: &Glob, key: &BuilderKey) -> bool {
    glob.matches(&key.name) || glob.matches(&key.to_string())
}

/// Any-of within a key, all-of across keys, then what is left out. A team's view sees only its own.
fn selects(view: &View, declared: &Declared) -> bool {
    let builder = &declared.builder;
    let any = |globs: &[Glob], fits: &dyn Fn(&Glob) -> bool| globs.is_empty() || globs.iter().any(fits);
    view.team.as_ref().is_none_or(|team| *team == builder.key.team)
        && any(&view.teams, &|glob| glob.matches(&builder.key.team))
        && any(&view.categories, &|glob| {
            glob.as_str() == "*" || builder.categories.iter().any(|c| category::selects(glob, c))
        })
        && any(&view.builders, &|glob| names(glob, &builder.key))
        && any(&view.labels, &|glob| builder.labels.iter().any(|label| glob.matches(label)))
        && !view.exclude.iter().any(|glob| names(glob, &builder.key))
}

/// The group that a builder stands under, and that group's rank: the first of the view's categories that it has.
fn group_of(view: &View, declared: &Declared) -> (usize, Option<String>) {
    let builder = &declared.builder;
    match view.group_by {
        None => (0, None),
        Some(GroupBy::Team) => (0, Some(builder.key.team.clone())),
        Some(GroupBy::Category) if view.categories.is_empty() => (0, builder.categories.first().cloned()),
        Some(GroupBy::Category) => view
            .categories
            .iter()
            .enumerate()
            .find_map(|(rank, glob)| {
                let has = builder.categories.iter().find(|c| category::selects(glob, c))?;
                // A plain entry is the group's name, also for what is nested in it; a pattern's groups are what it found.
                let is_plain = !glob.as_str().contains(['*', '?', '[', '{']);
                Some((rank, Some(if is_plain { glob.as_str().to_owned() } else { has.clone() })))
            })
            .unwrap_or((usize::MAX, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::resource::Builder;
    use super::{Declared, Selection};
    use super::{Glob, GroupBy, Registry, View};
    use crate::config::builder::{self, Force};
    use crate::model::id::BuilderId;
    use crate::model::name::BuilderKey;
    use crate::model::property::Properties;
    use crate::model::right::Visibility;
    use expect_test::{Expect, expect};
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::Arc;

    /// `team/name`, categories, labels.
    fn registry() -> Registry {
        let lines = [
            ("core/full-10", &["release", "2.4"] as &[&str], &["x86_64"] as &[&str]),
            ("core/full-2", &["release|maint", "2.3"], &["aarch64"]),
            ("core/bare", &[], &["x86_64"]),
            ("docs/manual", &["docs"], &["x86_64", "linux"]),
        ];
        let declared = lines.iter().enumerate().map(|(id, (key, categories, labels))| {
            let key = BuilderKey::parse(key).unwrap();
            let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
            let (categories, labels) = (owned(categories), owned(labels));
            let config = builder::Builder {
                key: key.clone(),
                description: String::new(),
                categories: categories.clone(),
                labels: labels.clone(),
                properties: Properties::default(),
                env: BTreeMap::new(),
                steps: Arc::default(),
                force: Arc::new(Force { enabled: true, parameters: vec![], properties: vec![] }),
                file: PathBuf::new(),
            };
            let id = BuilderId(id as i64);
            let builder =
                Arc::new(Builder { id, key, description: String::new(), categories, labels, is_retired: false });
            Declared { builder, config: Arc::new(config), visibility: Visibility::Public, workers: vec![] }
        });
        Registry::of(declared.collect())
    }

    fn check(change: impl FnOnce(&mut View), expected: Expect) {
        let mut view = View {
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
        };
        change(&mut view);
        let registry = registry();
        let chosen = Selection::new(&view, &registry).chosen;
        let said = chosen.iter().map(|chosen| {
            let key = registry.declared[chosen.slot].builder.key.to_string();
            chosen.group.as_ref().map_or(key.clone(), |group| format!("{group}:{key}"))
        });
        expected.assert_eq(&said.collect::<Vec<_>>().join(" "));
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
