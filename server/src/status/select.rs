//! Which builders a view shows, in which order, under which group. Decided once for each view: the configuration does not change.

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
            .declared
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
        Self { chosen: (0..registry.declared.len()).map(|slot| Chosen { slot, group: None }).collect() }
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
