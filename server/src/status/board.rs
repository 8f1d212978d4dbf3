//! The read model in memory: of each builder its last, running and pending builds and a recent window. Filled once from the
//! database, then a fold of the events in the order of their ids.

use super::event::{Event, What};
use super::registry::{Declared, Registry, Slot};
use super::resource::{Build, BuildRequest, Builder, BuilderState, BuilderStatus, Log, PENDING_LISTED, Step};
use crate::model::id::{BuildId, BuildRequestId, BuilderId, EventId, LogId};
use crate::model::results::Results;
use crate::model::time::Time;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// Finished builds held over all builders, as far as that leaves each at least [`RECENT_MIN`]: bounds memory.
const RECENT_TOTAL: usize = 8_000;
const RECENT_MIN: usize = 4;
const RECENT_MAX: usize = 32;
/// Good builds whose mean tells how long the next is expected to take.
const EXPECTED_OF: usize = 5;

/// What is known of one builder.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// The finished build with the highest number.
    pub last: Option<Arc<Build>>,
    /// Since when the last result is what it is.
    pub last_since: Option<Time>,
    /// Oldest first.
    pub running: Vec<Arc<Build>>,
    /// Next first, see [`BuildRequest::turn`].
    pub pending: Vec<Arc<BuildRequest>>,
    /// Finished, highest number first.
    pub recent: VecDeque<Arc<Build>>,
    /// The number of the newest build.
    pub newest: i64,
    /// A worker that may run it is connected.
    pub has_worker: bool,
}

impl Entry {
    /// All that a Waterfall's head says.
    pub fn status(&self, declared: &Declared) -> BuilderStatus {
        BuilderStatus {
            builder: declared.builder.clone(),
            state: self.state(&declared.builder),
            last: self.last.clone(),
            last_since: self.last_since,
            running: self.running.clone(),
            pending: self.pending.iter().take(PENDING_LISTED).cloned().collect(),
            n_pending: self.pending.len(),
            next: None,
        }
    }

    /// Puts a request in its place among those that wait.
    pub fn queue(&mut self, request: Arc<BuildRequest>) {
        let at = self.pending.partition_point(|waiting| waiting.turn() < request.turn());
        self.pending.insert(at, request);
    }

    fn state(&self, builder: &Builder) -> BuilderState {
        if !self.running.is_empty() {
            BuilderState::Building
        } else if builder.is_retired {
            BuilderState::Retired
        } else if !self.has_worker {
            BuilderState::Offline
        } else if !self.pending.is_empty() {
            BuilderState::Pending
        } else {
            BuilderState::Idle
        }
    }

    /// Seconds that the next build is expected to take: the mean of the recent good ones.
    pub fn expected_s(&self) -> Option<f64> {
        let good = self.recent.iter().filter(|b| b.results.is_some_and(Results::is_good));
        let spans: Vec<f64> = good
            .filter_map(|b| Some((b.finished_at? - b.started_at).as_seconds_f64().max(0.0)))
            .take(EXPECTED_OF)
            .collect();
        (!spans.is_empty()).then(|| spans.iter().sum::<f64>() / spans.len() as f64)
    }

    /// Every build that is held, highest number first.
    pub fn builds(&self) -> Vec<Arc<Build>> {
        let mut builds: Vec<_> = self.running.iter().chain(&self.recent).cloned().collect();
        builds.sort_by_key(|b| Reverse(b.number));
        builds
    }

    /// The build with that number, where it is held.
    pub fn build(&self, number: i64) -> Option<&Arc<Build>> {
        self.running.iter().chain(&self.recent).find(|b| b.number == number)
    }

    /// Under this number builds are only in the database; none where all are held.
    pub fn horizon(&self) -> Option<i64> {
        let oldest = self.running.iter().chain(&self.recent).map(|b| b.number).min();
        oldest.or(Some(self.newest + 1)).filter(|n| *n > 1)
    }
}

/// The read model. A panic under the lock does not take it away: an entry is changed in place and whole fields at a time, so what is
/// left lacks at most the one event, and every page would break otherwise until a restart.
pub(super) struct Board {
    state: RwLock<State>,
    registry: Arc<Registry>,
    n_recent: usize,
}

/// What the lock guards.
pub(super) struct State {
    /// By slot. Readers take what they need and let go of the lock; a change copies an entry only while somebody reads it.
    pub entries: Vec<Arc<Entry>>,
    /// Builds that run, with their builder's place.
    pub running: HashMap<BuildId, Slot>,
    /// Running builds that somebody wants stopped, and why.
    pub stops: HashMap<BuildId, String>,
    /// Workers that are ready.
    pub connected: BTreeSet<String>,
    /// The event up to which all this is true.
    pub as_of: EventId,
}

impl Board {
    /// How many finished builds are held of each of `n_builders`.
    pub fn n_recent(n_builders: usize) -> usize {
        (RECENT_TOTAL / n_builders.max(1)).clamp(RECENT_MIN, RECENT_MAX)
    }

    /// A board that begins with `state`.
    pub fn new(registry: Arc<Registry>, state: State) -> Self {
        let n_recent = Self::n_recent(registry.live().len());
        Self { state: RwLock::new(state), registry, n_recent }
    }

    /// What stands there, for a board of other builders: what `fresh` says of those that had no place here, by row.
    pub fn carry_over(&self, to: &Registry, fresh: &mut HashMap<BuilderId, Entry>) -> State {
        let old = self.look();
        let entry = |declared: &Declared| {
            let id = declared.builder.id;
            let held = self.registry.slot_of(id).map(|slot| (*old.entries[slot]).clone());
            let mut entry = held.or_else(|| fresh.remove(&id)).unwrap_or_default();
            entry.has_worker = declared.workers.iter().any(|worker| old.connected.contains(worker));
            Arc::new(entry)
        };
        let place =
            |(build, slot): (&BuildId, &Slot)| Some((*build, to.slot_of(self.registry.declared[*slot].builder.id)?));
        State {
            entries: to.declared.iter().map(entry).collect(),
            running: old.running.iter().filter_map(place).collect(),
            stops: old.stops.clone(),
            connected: old.connected.clone(),
            as_of: old.as_of,
        }
    }

    /// What stands there now. Hold it shortly.
    pub fn look(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// One builder's entry.
    pub fn entry(&self, slot: Slot) -> Arc<Entry> {
        self.look().entries[slot].clone()
    }

    /// Puts an event on the board.
    pub fn apply(&self, event: &Event) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.apply(&self.registry, event, self.n_recent);
    }

    /// Somebody wants a running build stopped.
    pub fn want_stop(&self, build: BuildId, reason: String) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.running.contains_key(&build) {
            state.stops.insert(build, reason);
        }
    }

    /// A finished build is kept no longer.
    pub fn forget(&self, builder: BuilderId, number: i64) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = self.registry.slot_of(builder) else { return };
        if state.entries[slot].recent.iter().any(|build| build.number == number) {
            Arc::make_mut(&mut state.entries[slot]).recent.retain(|build| build.number != number);
        }
    }

    /// A log grew: its step's log says so, though that is no event.
    pub fn grow_log(&self, build: BuildId, step: i32, log: LogId, n_lines: i64, size_bytes: i64) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.change_log(build, step, log, |log| {
            log.n_lines = n_lines;
            log.size_bytes = size_bytes;
        });
    }

    /// A worker is ready, or is not.
    pub fn connect(&self, worker: &str, connected: bool) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let changed =
            if connected { state.connected.insert(worker.to_owned()) } else { state.connected.remove(worker) };
        if !changed {
            return;
        }
        let State { entries, connected, .. } = &mut *state;
        for (entry, declared) in entries.iter_mut().zip(&self.registry.declared) {
            let has_worker = declared.workers.iter().any(|w| connected.contains(w));
            if entry.has_worker != has_worker {
                Arc::make_mut(entry).has_worker = has_worker;
            }
        }
    }
}

impl State {
    /// An empty board, true up to `as_of`.
    pub fn at(as_of: EventId) -> Self {
        let (entries, running, stops) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { entries, running, stops, connected: BTreeSet::new(), as_of }
    }

    /// Folds one event in.
    pub fn apply(&mut self, registry: &Registry, event: &Event, n_recent: usize) {
        self.as_of = event.id;
        match &event.what {
            What::RequestAdded { request } => {
                let Some(slot) = registry.slot_of(request.builder_id) else { return };
                Arc::make_mut(&mut self.entries[slot]).queue(Arc::new(request.clone()));
            }
            What::RequestCancelled { request_id } => {
                if let Some(slot) = registry.slot(&event.builder.team, &event.builder.name) {
                    self.drop_request(slot, *request_id);
                }
            }
            What::BuildStarted { build } => {
                let Some(slot) = registry.slot_of(build.builder_id) else { return };
                self.drop_request(slot, build.request_id);
                self.running.insert(build.id, slot);
                let entry = Arc::make_mut(&mut self.entries[slot]);
                entry.newest = entry.newest.max(build.number);
                entry.running.push(Arc::new(build.clone()));
            }
            What::BuildChanged { build_id, summary, got_revision, .. } => self.change_build(*build_id, |held| {
                held.summary = summary.as_ref().unwrap_or(&held.summary).clone();
                held.got_revision = got_revision.as_ref().or(held.got_revision.as_ref()).cloned();
            }),
            What::StepChanged { build_id, step, summary, link, tests } => self.change_build(*build_id, |build| {
                let Some(step) = build.steps.iter_mut().find(|held| held.number == *step) else { return };
                step.summary = summary.as_ref().unwrap_or(&step.summary).clone();
                step.urls.extend(link.clone());
                step.tests = tests.unwrap_or(step.tests);
            }),
            What::BuildFinished { build } => self.finish_build(build, n_recent),
            What::StepStarted { build_id, step } | What::StepFinished { build_id, step } => {
                self.change_build(*build_id, |build| put_step(build, step))
            }
            What::LogChanged { build_id, step, log } => self.put_log(*build_id, *step, log),
            What::ArtifactAdded { .. } | What::BuilderChanged { .. } => {}
        }
    }

    fn drop_request(&mut self, slot: Slot, id: BuildRequestId) {
        let pending = &mut Arc::make_mut(&mut self.entries[slot]).pending;
        if let Some(at) = pending.iter().position(|r| r.id == id) {
            pending.remove(at);
        }
    }

    fn change_build(&mut self, id: BuildId, change: impl FnOnce(&mut Build)) {
        let Some(slot) = self.running.get(&id) else { return };
        let entry = Arc::make_mut(&mut self.entries[*slot]);
        if let Some(build) = entry.running.iter_mut().find(|b| b.id == id) {
            change(Arc::make_mut(build));
        }
    }

    fn change_log(&mut self, build: BuildId, step: i32, log: LogId, change: impl FnOnce(&mut Log)) {
        self.change_build(build, |build| {
            let step = build.steps.iter_mut().find(|s| s.number == step);
            if let Some(log) = step.and_then(|s| s.logs.iter_mut().find(|l| l.id == log)) {
                change(log);
            }
        });
    }

    fn put_log(&mut self, build: BuildId, step: i32, log: &Log) {
        self.change_build(build, |build| {
            let Some(step) = build.steps.iter_mut().find(|s| s.number == step) else { return };
            match step.logs.iter_mut().find(|l| l.id == log.id) {
                Some(held) => *held = log.clone(),
                None => step.logs.push(log.clone()),
            }
        });
    }

    fn finish_build(&mut self, build: &Build, n_recent: usize) {
        self.stops.remove(&build.id);
        let Some(slot) = self.running.remove(&build.id) else { return };
        let entry = Arc::make_mut(&mut self.entries[slot]);
        let build = Arc::new(build.clone());
        entry.running.retain(|b| b.id != build.id);
        let at = entry.recent.iter().position(|b| b.number < build.number).unwrap_or(entry.recent.len());
        entry.recent.insert(at, build.clone());
        entry.recent.truncate(n_recent);
        if entry.last.as_ref().is_none_or(|last| last.number < build.number) {
            let unbroken = entry.last.as_ref().is_some_and(|last| last.results == build.results);
            entry.last_since = if unbroken { entry.last_since } else { build.finished_at };
            entry.last = Some(build);
        }
    }
}

fn put_step(build: &mut Build, step: &Step) {
    match build.steps.iter_mut().find(|s| s.id == step.id) {
        Some(held) => *held = step.clone(),
        None => build.steps.push(step.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Board, BuildRequest, Entry, EventId, Registry, State};
    use crate::model::name::BuilderKey;
    use std::sync::Arc;

    #[test]
    fn what_waits_stands_in_order_whenever_it_came() {
        let mut entry = Entry::default();
        for (id, priority) in [(5, 0), (3, 0), (4, 1), (6, 1), (1, -1)] {
            let request = BuildRequest::sample(id, BuilderKey::new("core", "full"));
            entry.queue(Arc::new(BuildRequest { priority, ..request }));
        }
        assert_eq!(entry.pending.iter().map(|request| request.id.0).collect::<Vec<_>>(), [4, 6, 3, 5, 1]);
    }

    #[test]
    fn a_panic_under_the_lock_does_not_take_the_board_away() {
        let board = Arc::new(Board::new(Arc::new(Registry::of(vec![])), State::at(EventId(7))));
        let holder = board.clone();
        let breaks = move || {
            let _held = holder.state.write();
            panic!("no such luck");
        };
        assert!(std::thread::spawn(breaks).join().is_err());
        board.connect("local", true);
        let look = board.look();
        assert_eq!((look.as_of, look.connected.len()), (EventId(7), 1));
    }
}
