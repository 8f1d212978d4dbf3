//! What the board begins with, read from the database.

use super::board::{Board, Entry, State};
use super::registry::Registry;
use super::resource::Build;
use super::{Result, load};
use crate::model::id::{BuildId, BuilderId};
use crate::model::name::BuilderKey;
use crate::model::time::Time;
use crate::store::{DbConnection, build_requests, builders, builds, events};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A builder's row: its id, its key, the number of its newest build.
pub(super) type Row = (BuilderId, BuilderKey, i64);

/// Every builder's row, those that are declared for the first time included.
pub(super) fn register(c: &mut DbConnection, keys: Vec<BuilderKey>, now: Time) -> Result<Vec<Row>> {
    let mut rows = builders::list(c)?;
    let known: HashSet<BuilderKey> = rows.iter().map(|(_, key, _)| key.clone()).collect();
    for key in keys.into_iter().filter(|key| !known.contains(key)) {
        rows.push((builders::insert(c, &key, now)?, key, 0));
    }
    Ok(rows)
}

/// The whole board, by indexed queries, so that it costs the same whatever history holds.
pub(super) fn board(c: &mut DbConnection, registry: &Registry, rows: &[Row]) -> Result<State> {
    let mut state = State::at(events::newest(c)?);
    let running = builds::list_running(c)?;
    for row in &running {
        if let Some(reason) = &row.stop_reason {
            state.stops.insert(BuildId(row.id), reason.clone());
        }
    }
    let mut entries = entries(c, registry, rows)?;
    for build in load::builds(c, registry, running)? {
        let Some(slot) = registry.slot_of(build.builder_id) else { continue };
        state.running.insert(build.id, slot);
        entries.entry(build.builder_id).or_default().running.push(Arc::new(build));
    }
    let entry = |id: &BuilderId| Arc::new(entries.remove(id).unwrap_or_default());
    state.entries = registry.declared.iter().map(|declared| &declared.builder.id).map(entry).collect();
    Ok(state)
}

/// Of each builder of `rows` that has a place: its last builds and what waits. What runs is not looked for.
pub(super) fn entries(c: &mut DbConnection, registry: &Registry, rows: &[Row]) -> Result<HashMap<BuilderId, Entry>> {
    let n_recent = i64::try_from(Board::n_recent(registry.live().len())).unwrap_or(i64::MAX);
    let mut entries: HashMap<BuilderId, Entry> = HashMap::new();
    for (id, _, newest) in rows {
        let Some(declared) = registry.declared_of(*id) else { continue };
        let entry = entries.entry(*id).or_insert_with(|| Entry { newest: *newest, ..Entry::default() });
        if *newest == 0 {
            continue;
        }
        // Of one that retired only the last is shown at once.
        let limit = if declared.builder.is_retired { 1 } else { n_recent };
        let recent = builds::list_finished(c, *id, limit)?;
        entry.last_since = recent.first().and_then(|row| row.results_since).map(|at| at.and_utc());
        let recent: Vec<Arc<Build>> = load::builds(c, registry, recent)?.into_iter().map(Arc::new).collect();
        entry.last = recent.first().cloned();
        entry.recent = recent.into();
    }
    for row in build_requests::list_pending(c)? {
        let Some(entry) = entries.get_mut(&BuilderId(row.builder_id)) else { continue };
        entry.queue(Arc::new(load::request(c, registry, row)?));
    }
    Ok(entries)
}
