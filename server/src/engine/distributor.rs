//! Matches waiting requests to workers: labels, teams, slots, one build of a builder at a time on a worker, quotas; between teams
//! free slots are shared by weight. The decision is pure; claiming is compare-and-set, so several replicas may decide at once.

use super::round::next_turn;
use super::wait::Wait;
use crate::model::id::BuildRequestId;
use crate::model::name::BuilderKey;
use crate::model::time::Time;
use crate::status::resource::BuildRequest;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

/// All that a decision depends on.
#[derive(Debug, Clone, Default)]
pub struct Snapshot<'a> {
    /// Teams by name; requests of others are not assigned.
    pub teams: BTreeMap<&'a str, TeamShare>,
    /// Workers that are ready.
    pub workers: Vec<WorkerSlots<'a>>,
    /// Requests that wait, by builder in any order.
    pub waiting: Vec<Waiting<'a>>,
    /// Builds that run.
    pub running: Vec<Running<'a>>,
}

/// A build that runs.
#[derive(Debug, Clone, Copy)]
pub struct Running<'a> {
    /// Whose.
    pub builder: &'a BuilderKey,
    /// On which worker: its builder's place there is taken in any case.
    pub worker: &'a str,
    /// It waits for other builds: neither the worker's slots nor the team's quota count it (see [`super::lending`]).
    pub is_lent: bool,
}

/// What a team gets.
#[derive(Debug, Clone, Copy)]
pub struct TeamShare {
    /// Its share against other teams; at least 1.
    pub weight: u32,
    /// Builds at the same time; none is no limit.
    pub quota: Option<u32>,
    /// Its place in the round (see [`super::round::Round`]).
    pub turn: u64,
}

/// A worker that is ready.
#[derive(Debug, Clone)]
pub struct WorkerSlots<'a> {
    /// Its name.
    pub name: &'a str,
    /// Builds at the same time.
    pub slots: u32,
    /// What it is.
    pub labels: &'a [String],
    /// Lent to these teams only; empty is all.
    pub teams: &'a [String],
}

/// Requests of one builder that wait.
#[derive(Debug, Clone)]
pub struct Waiting<'a> {
    /// Whose they are.
    pub builder: &'a BuilderKey,
    /// What their worker must be; none where the builder is not declared any more.
    pub labels: Option<&'a [String]>,
    /// Next first, see [`BuildRequest::turn`].
    pub requests: &'a [Arc<BuildRequest>],
}

/// A request gets a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The request.
    pub request: BuildRequestId,
    /// The team that owns it.
    pub team: String,
    /// The worker.
    pub worker: String,
}

/// Which request gets which worker. Between teams the one that uses least of its share comes first, then the round, then the oldest
/// request; in a team priority, then age. A request that cannot start holds up no other. Only what comes next of each builder is looked
/// at, so that ten thousand requests cost no more than one.
pub fn decide(snapshot: &Snapshot<'_>) -> Vec<Assignment> {
    let mut table = Table::new(snapshot);
    let mut teams: BTreeMap<&str, BinaryHeap<Next<'_>>> = BTreeMap::new();
    for waiting in &snapshot.waiting {
        teams.entry(&waiting.builder.team).or_default().extend(Next::of(waiting, waiting.requests));
    }
    let mut assignments = Vec::new();
    while table.n_free > 0 {
        let mut best: Option<(Rank, &str, usize)> = None;
        teams.retain(|team, queue| {
            // Slots only go away while deciding: what cannot start now cannot start later in this decision.
            let (worker, submitted_at) = loop {
                let Some(next) = queue.peek() else { return false };
                match table.place(next.waiting) {
                    Ok(worker) => break (worker, next.request.submitted_at),
                    // Of the whole team nothing more can.
                    Err(Wait::Quota) => return false,
                    // Of this builder nothing more can.
                    Err(_) => queue.pop(),
                };
            };
            let rank = table.rank(team, submitted_at);
            if best.as_ref().is_none_or(|(least, ..)| rank < *least) {
                best = Some((rank, team, worker));
            }
            true
        });
        let Some((_, team, worker)) = best else { break };
        let Some(queue) = teams.get_mut(team) else { break };
        let Some(next) = queue.pop() else { break };
        queue.extend(Next::of(next.waiting, next.others));
        table.take(next.waiting, worker);
        assignments.push(Assignment {
            request: next.request.id,
            team: team.to_owned(),
            worker: snapshot.workers[worker].name.to_owned(),
        });
    }
    assignments
}

/// What comes next of a builder; the greatest comes first.
#[derive(Debug)]
struct Next<'a> {
    waiting: &'a Waiting<'a>,
    request: &'a BuildRequest,
    /// Those after it.
    others: &'a [Arc<BuildRequest>],
}

impl<'a> Next<'a> {
    fn of(waiting: &'a Waiting<'a>, requests: &'a [Arc<BuildRequest>]) -> Option<Self> {
        let (request, others) = requests.split_first()?;
        Some(Self { waiting, request, others })
    }
}

impl Ord for Next<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.request.turn().cmp(&self.request.turn())
    }
}

impl PartialOrd for Next<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Next<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Next<'_> {}

/// A team's rank: how much of its share it uses, its turn, its oldest request.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    used: u64,
    turn: u64,
    submitted_at: Time,
}

/// The snapshot as it changes while deciding.
struct Table<'a> {
    snapshot: &'a Snapshot<'a>,
    /// Free slots of each worker, by its place in the snapshot.
    free: Vec<u32>,
    n_free: u32,
    n_running: BTreeMap<&'a str, u32>,
    turns: BTreeMap<&'a str, u64>,
    /// Where each builder runs.
    busy: BTreeSet<(&'a BuilderKey, &'a str)>,
}

impl<'a> Table<'a> {
    fn new(snapshot: &'a Snapshot<'a>) -> Self {
        let mut on_worker: BTreeMap<&str, u32> = BTreeMap::new();
        let mut n_running: BTreeMap<&str, u32> = BTreeMap::new();
        for build in snapshot.running.iter().filter(|build| !build.is_lent) {
            *on_worker.entry(build.worker).or_default() += 1;
            *n_running.entry(&build.builder.team).or_default() += 1;
        }
        let free: Vec<_> = snapshot
            .workers
            .iter()
            .map(|w| w.slots.saturating_sub(on_worker.get(w.name).copied().unwrap_or(0)))
            .collect();
        Self {
            snapshot,
            n_free: free.iter().sum(),
            free,
            n_running,
            turns: snapshot.teams.iter().map(|(name, team)| (*name, team.turn)).collect(),
            busy: snapshot.running.iter().map(|build| (build.builder, build.worker)).collect(),
        }
    }

    /// The worker for a request, by its place: the one with fewest labels that fits (special machines stay free), then the one
    /// with most free slots.
    fn place(&self, waiting: &Waiting<'_>) -> Result<usize, Wait> {
        let team = waiting.builder.team.as_str();
        let (Some(labels), Some(share)) = (waiting.labels, self.snapshot.teams.get(team)) else {
            return Err(Wait::NotDeclared);
        };
        let fits = |worker: &WorkerSlots<'_>| {
            (worker.teams.is_empty() || worker.teams.iter().any(|t| t == team))
                && labels.iter().all(|label| worker.labels.contains(label))
        };
        let fitting: Vec<_> =
            self.snapshot.workers.iter().enumerate().filter(|(_, w)| w.slots > 0 && fits(w)).collect();
        if fitting.is_empty() {
            return Err(Wait::NoWorker);
        }
        if share.quota.is_some_and(|quota| self.running(team) >= quota) {
            return Err(Wait::Quota);
        }
        let idle = |worker: &WorkerSlots<'_>| !self.busy.contains(&(waiting.builder, worker.name));
        let mut others: Vec<_> = fitting.into_iter().filter(|(_, worker)| idle(worker)).collect();
        if others.is_empty() {
            return Err(Wait::BuilderBusy);
        }
        others.retain(|(i, _)| self.free[*i] > 0);
        others
            .into_iter()
            .min_by_key(|(i, worker)| (worker.labels.len(), Reverse(self.free[*i]), worker.name))
            .map(|(i, _)| i)
            .ok_or(Wait::SlotsBusy)
    }

    fn rank(&self, team: &str, submitted_at: Time) -> Rank {
        let weight = self.snapshot.teams.get(team).map_or(1, |t| t.weight.max(1));
        // As a fraction of 2^32, so that shares compare exactly enough and without floating point.
        let used = (u64::from(self.running(team)) << 32) / u64::from(weight);
        Rank { used, turn: self.turns.get(team).copied().unwrap_or(0), submitted_at }
    }

    fn running(&self, team: &str) -> u32 {
        self.n_running.get(team).copied().unwrap_or(0)
    }

    fn take(&mut self, waiting: &Waiting<'a>, worker: usize) {
        let team = waiting.builder.team.as_str();
        self.free[worker] -= 1;
        self.n_free -= 1;
        *self.n_running.entry(team).or_default() += 1;
        self.busy.insert((waiting.builder, self.snapshot.workers[worker].name));
        if let (Some(turn), Some(share)) = (self.turns.get_mut(team), self.snapshot.teams.get(team)) {
            *turn = next_turn(*turn, share.weight);
        }
    }
}

#[cfg(test)]
#[path = "distributor_tests.rs"]
mod tests;
