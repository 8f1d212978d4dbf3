//! What the configuration declares, as status asks for it: builders by place, key and row. It does not change while a
//! `Status` lives, so nothing here is locked.

use super::resource::Builder;
use crate::config::{self, Config};
use crate::model::id::BuilderId;
use crate::model::name::BuilderKey;
use crate::model::right::Visibility;
use crate::model::scope::Scope;
use std::collections::HashMap;
use std::sync::Arc;

/// A builder's place on the board: an index that does not change.
pub(super) type Slot = usize;

/// A builder that is declared.
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
}

/// Every builder that is declared, by team and then by name in natural order.
pub(super) struct Registry {
    /// By slot.
    pub declared: Vec<Declared>,
    by_key: HashMap<BuilderKey, Slot>,
    by_id: HashMap<BuilderId, Slot>,
    /// Also of builders that left the configuration.
    names: HashMap<BuilderId, BuilderKey>,
    teams: HashMap<String, Visibility>,
}

impl Registry {
    /// Puts together what is declared and the rows that there are.
    pub fn new(config: &Config, rows: impl IntoIterator<Item = (BuilderId, BuilderKey)>) -> Self {
        let names: HashMap<BuilderId, BuilderKey> = rows.into_iter().collect();
        let ids: HashMap<&BuilderKey, BuilderId> = names.iter().map(|(id, key)| (key, *id)).collect();
        let declared: Vec<Declared> = config
            .teams
            .values()
            .flat_map(|team| team.builders.values().map(move |builder| (team, builder)))
            .filter_map(|(team, builder)| Some(declare(config, team.visibility, builder, *ids.get(&builder.key)?)))
            .collect();
        let teams = config.teams.values().map(|team| (team.name.clone(), team.visibility)).collect();
        Self { names, teams, ..Self::of(declared) }
    }

    /// What is declared, put in order.
    pub fn of(mut declared: Vec<Declared>) -> Self {
        declared.sort_by(|a, b| natural(&a.builder.key, &b.builder.key));
        let by_key = declared.iter().enumerate().map(|(slot, d)| (d.builder.key.clone(), slot)).collect();
        let by_id = declared.iter().enumerate().map(|(slot, d)| (d.builder.id, slot)).collect();
        Self { declared, by_key, by_id, names: HashMap::new(), teams: HashMap::new() }
    }

    /// The place of the builder with that key.
    pub fn slot(&self, team: &str, name: &str) -> Option<Slot> {
        self.by_key.get(&BuilderKey::new(team, name)).copied()
    }

    /// The place of the builder with that row.
    pub fn slot_of(&self, id: BuilderId) -> Option<Slot> {
        self.by_id.get(&id).copied()
    }

    /// The declared builder with that row.
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

    /// Whether the builder with that row is declared and `scope` may see it.
    pub fn is_readable(&self, scope: &Scope, id: BuilderId) -> bool {
        self.declared_of(id).is_some_and(|declared| declared.is_readable(scope))
    }
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
        }),
        config: builder.clone(),
        visibility,
        workers: config.workers.values().filter(fits).map(|w| w.name.clone()).collect(),
    }
}
