//! What the configuration declares, as status asks for it: builders by place, key and row; and those that it declared once. It does
//! not change: another configuration has another registry, so nothing here is locked.

use super::resource::Builder;
use super::{Error, Result};
use crate::config::builder::{self, Force};
use crate::config::{self, Config};
use crate::model::id::BuilderId;
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::right::Visibility;
use crate::model::scope::Scope;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// A builder's place on the board: an index that does not change under one configuration.
pub(super) type Slot = usize;

/// A builder that is declared, or that retired: then it has what is left of it, which is its key.
pub(super) struct Declared {
    /// As it is shown.
    pub builder: Arc<Builder>,
    /// As it is configured.
    pub config: Arc<config::builder::Builder>,
    /// Its team's.
    pub visibility: Visibility,
    /// Workers that may run it.
    pub workers: Vec<String>,
}

impl Declared {
    /// Whether `scope` may see it.
    pub fn is_readable(&self, scope: &Scope) -> bool {
        scope.may_read(&self.builder.key.team, self.visibility)
    }

    /// Refuses what would start a build of one that retired.
    ///
    /// # Errors
    /// `Conflict`.
    pub fn check_live(&self) -> Result<()> {
        if !self.builder.is_retired {
            return Ok(());
        }
        let why = "the configuration declares it no more, and only its history is kept";
        Err(Error::Conflict(format!("{} is retired: {why}", self.builder.key)))
    }
}

/// Every builder that is declared, by team and then by name in natural order; and after them those that left the configuration and have
/// builds, in the same order.
pub(super) struct Registry {
    /// By slot.
    pub declared: Vec<Declared>,
    n_live: usize,
    by_key: HashMap<BuilderKey, Slot>,
    by_id: HashMap<BuilderId, Slot>,
    /// Also of builders that left the configuration.
    names: HashMap<BuilderId, BuilderKey>,
    teams: HashMap<String, Visibility>,
    /// Their file is broken: what they declare is not known, so none of it has left.
    broken: HashSet<String>,
}

impl Registry {
    /// Puts together what is declared and the rows that there are, each with the number of its newest build. Those of `before` that are
    /// declared no more keep a place even where they have no build yet: one may begin just now.
    pub fn new(
        config: &Config,
        rows: impl IntoIterator<Item = (BuilderId, BuilderKey, i64)>,
        before: Option<&Self>,
    ) -> Self {
        let rows: Vec<(BuilderId, BuilderKey, i64)> = rows.into_iter().collect();
        let ids: HashMap<&BuilderKey, BuilderId> = rows.iter().map(|(id, key, _)| (key, *id)).collect();
        let mut declared: Vec<Declared> = config
            .teams
            .values()
            .flat_map(|team| team.builders.values().map(move |builder| (team, builder)))
            .filter_map(|(team, builder)| Some(declare(config, team.visibility, builder, *ids.get(&builder.key)?)))
            .collect();
        let live: HashSet<BuilderId> = declared.iter().map(|declared| declared.builder.id).collect();
        let teams: HashMap<String, Visibility> =
            config.teams.values().map(|team| (team.name.clone(), team.visibility)).collect();
        for (id, key, n_builds) in rows.iter().filter(|(id, ..)| !live.contains(id)) {
            let known = before.and_then(|before| before.declared_of(*id));
            if *n_builds > 0 || known.is_some() {
                let visibility = teams.get(&key.team).copied().unwrap_or(Visibility::Private);
                declared.push(retire(*id, key, known, visibility));
            }
        }
        let names = rows.into_iter().map(|(id, key, _)| (id, key)).collect();
        Self { names, teams, broken: config.broken_teams.keys().cloned().collect(), ..Self::of(declared) }
    }

    /// What is declared, put in order.
    pub fn of(mut declared: Vec<Declared>) -> Self {
        let retired = |declared: &Declared| declared.builder.is_retired;
        declared.sort_by(|a, b| retired(a).cmp(&retired(b)).then_with(|| natural(&a.builder.key, &b.builder.key)));
        let by_key = declared.iter().enumerate().map(|(slot, d)| (d.builder.key.clone(), slot)).collect();
        let by_id = declared.iter().enumerate().map(|(slot, d)| (d.builder.id, slot)).collect();
        let n_live = declared.iter().take_while(|declared| !retired(declared)).count();
        let (names, teams, broken) = (HashMap::new(), HashMap::new(), HashSet::new());
        Self { declared, n_live, by_key, by_id, names, teams, broken }
    }

    /// Those that the configuration declares, by slot: all of them, [`in_order`].
    pub fn live(&self) -> &[Declared] {
        &self.declared[..self.n_live]
    }

    /// Whether the builder with that row left the configuration. Where a team's file is broken its builders have not left.
    pub fn has_left(&self, id: BuilderId) -> bool {
        let is_live = self.declared_of(id).is_some_and(|declared| !declared.builder.is_retired);
        !is_live && !self.broken.contains(&self.key(id).team)
    }

    /// The place of the builder with that key.
    pub fn slot(&self, team: &str, name: &str) -> Option<Slot> {
        self.by_key.get(&BuilderKey::new(team, name)).copied()
    }

    /// The place of the builder with that row.
    pub fn slot_of(&self, id: BuilderId) -> Option<Slot> {
        self.by_id.get(&id).copied()
    }

    /// The builder with that row, where it has a place.
    pub fn declared_of(&self, id: BuilderId) -> Option<&Declared> {
        self.slot_of(id).map(|slot| &self.declared[slot])
    }

    /// The key of the builder with that row, declared or not.
    pub fn key(&self, id: BuilderId) -> BuilderKey {
        self.names.get(&id).cloned().unwrap_or_else(|| BuilderKey::new("", id.to_string()))
    }

    /// Whether `scope` may see what became of a request for the builder with that row, which may have left the configuration: then
    /// its team's visibility counts, and where that left too it is private.
    pub fn is_request_readable(&self, scope: &Scope, id: BuilderId) -> bool {
        self.declared_of(id).map_or_else(
            || {
                let key = self.key(id);
                let visibility = self.teams.get(&key.team).copied().unwrap_or(Visibility::Private);
                scope.may_read(&key.team, visibility)
            },
            |declared| declared.is_readable(scope),
        )
    }

    /// Whether the builder with that row has a place and `scope` may see it.
    pub fn is_readable(&self, scope: &Scope, id: BuilderId) -> bool {
        self.declared_of(id).is_some_and(|declared| declared.is_readable(scope))
    }
}

/// Builders that a configuration declares in the order of their slots, before there is a registry of it.
pub(super) fn in_order<'a>(
    builders: impl IntoIterator<Item = &'a Arc<config::builder::Builder>>,
) -> Vec<&'a Arc<config::builder::Builder>> {
    let mut builders: Vec<_> = builders.into_iter().collect();
    builders.sort_by(|a, b| natural(&a.key, &b.key));
    builders
}

/// By team, then by name, as people count: `full-2` before `full-10`.
pub(super) fn natural(a: &BuilderKey, b: &BuilderKey) -> std::cmp::Ordering {
    alphanumeric_sort::compare_str(&a.team, &b.team).then_with(|| alphanumeric_sort::compare_str(&a.name, &b.name))
}

fn declare(
    config: &Config,
    visibility: Visibility,
    builder: &Arc<config::builder::Builder>,
    id: BuilderId,
) -> Declared {
    let fits = |w: &&config::worker::Worker| w.serves(&builder.key.team) && w.has_labels(&builder.labels);
    Declared {
        builder: Arc::new(Builder {
            id,
            key: builder.key.clone(),
            description: builder.description.clone(),
            categories: builder.categories.clone(),
            labels: builder.labels.clone(),
            is_retired: false,
        }),
        config: builder.clone(),
        visibility,
        workers: config.workers.values().filter(fits).map(|w| w.name.clone()).collect(),
    }
}

/// A builder that is declared no more: it runs nothing and nobody may force it. What it was like is known where it left while this
/// server ran.
fn retire(id: BuilderId, key: &BuilderKey, known: Option<&Declared>, visibility: Visibility) -> Declared {
    let was = known.map(|known| &*known.builder);
    let (description, categories) =
        was.map(|was| (was.description.clone(), was.categories.clone())).unwrap_or_default();
    let config = builder::Builder {
        key: key.clone(),
        description: description.clone(),
        categories: categories.clone(),
        labels: Vec::new(),
        properties: Properties::default(),
        env: BTreeMap::new(),
        steps: Arc::default(),
        force: Arc::new(Force { enabled: false, parameters: Vec::new(), properties: Vec::new() }),
        file: PathBuf::new(),
    };
    let builder = Builder { id, key: key.clone(), description, categories, labels: Vec::new(), is_retired: true };
    Declared { builder: Arc::new(builder), config: Arc::new(config), visibility, workers: Vec::new() }
}
