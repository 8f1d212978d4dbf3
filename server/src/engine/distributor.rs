//! Matches waiting requests to workers: labels, teams, slots, one build of a builder at a time on a worker, quotas; between teams
//! free slots are shared by weight. The decision is pure; claiming is compare-and-set, so several replicas may decide at once.

use super::round::next_turn;
use super::wait::Wait;
use crate::model::id::BuildRequestId;
use crate::model::name::BuilderKey;
use crate::model::time::Time;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// All that a decision depends on.
#[derive(Debug, Clone, Default)]
pub struct Snapshot<'a> {
    /// Teams by name; requests of others are not assigned.
    pub teams: BTreeMap<&'a str, TeamShare>,
    /// Workers that are ready.
    pub workers: Vec<WorkerSlots<'a>>,
    /// Requests that wait, in any order.
    pub waiting: Vec<Waiting<'a>>,
    /// Builds that run: whose, and on which worker.
    pub running: Vec<(&'a BuilderKey, &'a str)>,
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

/// A request that waits.
#[derive(Debug, Clone)]
pub struct Waiting<'a> {
    /// Its row.
    pub id: BuildRequestId,
    /// Its builder.
    pub builder: &'a BuilderKey,
    /// What its worker must be; none where the builder is not declared any more.
    pub labels: Option<&'a [String]>,
    /// Higher first.
    pub priority: i32,
    /// Older first.
    pub submitted_at: Time,
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
/// request; in a team priority, then age. A request that cannot start holds up no other.
pub fn decide(snapshot: &Snapshot<'_>) -> Vec<Assignment> {
    let mut table = Table::new(snapshot);
    let mut queues: BTreeMap<&str, Vec<&Waiting<'_>>> = BTreeMap::new();
    for waiting in &snapshot.waiting {
        queues.entry(&waiting.builder.team).or_default().push(waiting);
    }
    for queue in queues.values_mut() {
        // Last is first, so that taking is cheap.
        queue.sort_by_key(|w| Reverse((Reverse(w.priority), w.submitted_at, w.id)));
    }
    let mut assignments = Vec::new();
    while table.n_free > 0 {
        let mut best: Option<(Rank, &str, usize)> = None;
        queues.retain(|team, queue| {
            // Slots only go away while deciding: what cannot start now cannot start later in this decision.
            let place = loop {
                match queue.last() {
                    None => return false,
                    Some(waiting) => match table.place(waiting) {
                        Ok(worker) => break (worker, waiting.submitted_at),
                        Err(_) => queue.pop(),
                    },
                };
            };
            let rank = table.rank(team, place.1);
            if best.as_ref().is_none_or(|(least, ..)| rank < *least) {
                best = Some((rank, team, place.0));
            }
            true
        });
        let Some((_, team, worker)) = best else { break };
        let Some(waiting) = queues.get_mut(team).and_then(Vec::pop) else { break };
        table.take(waiting, worker);
        assignments.push(Assignment {
            request: waiting.id,
            team: team.to_owned(),
            worker: snapshot.workers[worker].name.to_owned(),
        });
    }
    assignments
}

/// Why `waiting` waits, as things stand in `snapshot`.
pub fn explain(snapshot: &Snapshot<'_>, waiting: &Waiting<'_>) -> Wait {
    Table::new(snapshot).place(waiting).err().unwrap_or(Wait::Next)
}

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
        for (builder, worker) in &snapshot.running {
            *on_worker.entry(worker).or_default() += 1;
            *n_running.entry(&builder.team).or_default() += 1;
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
            busy: snapshot.running.iter().copied().collect(),
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
        if let Some(quota) = share.quota.filter(|quota| self.running(team) >= *quota) {
            return Err(Wait::Quota(quota));
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
mod tests {
    use super::{Snapshot, TeamShare, Waiting, WorkerSlots, decide, explain};
    use crate::engine::round::Round;
    use crate::engine::wait::Wait;
    use crate::model::id::BuildRequestId;
    use crate::model::name::BuilderKey;
    use crate::model::time::Time;
    use expect_test::{Expect, expect};

    /// A situation in words, one line each:
    /// `team NAME [weight=N] [quota=N]`, `worker NAME SLOTS [labels=a,b] [teams=a,b]`,
    /// `running TEAM/BUILDER WORKER`, `waits ID TEAM/BUILDER [labels=a,b] [priority=N] [gone]` (in order of age).
    #[derive(Default)]
    struct Situation {
        teams: Vec<(String, TeamShare)>,
        workers: Vec<(String, u32, Vec<String>, Vec<String>)>,
        running: Vec<(BuilderKey, String)>,
        waits: Vec<(i64, BuilderKey, Option<Vec<String>>, i32)>,
    }

    impl Situation {
        fn read(text: &str) -> Self {
            let mut it = Self::default();
            for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
                let words: Vec<_> = line.split(' ').collect();
                let option = |key: &str| words.iter().find_map(|w| w.strip_prefix(key)?.strip_prefix('='));
                let list = |key: &str| -> Vec<String> {
                    option(key).map(|v| v.split(',').map(str::to_owned).collect()).unwrap_or_default()
                };
                let number = |key: &str| option(key).map(|v| v.parse::<u32>().unwrap());
                match words[0] {
                    "team" => {
                        let share =
                            TeamShare { weight: number("weight").unwrap_or(1), quota: number("quota"), turn: 0 };
                        it.teams.push((words[1].to_owned(), share));
                    }
                    "worker" => {
                        it.workers.push((
                            words[1].to_owned(),
                            words[2].parse().unwrap(),
                            list("labels"),
                            list("teams"),
                        ));
                    }
                    "running" => it.running.push((BuilderKey::parse(words[1]).unwrap(), words[2].to_owned())),
                    "waits" => it.waits.push((
                        words[1].parse().unwrap(),
                        BuilderKey::parse(words[2]).unwrap(),
                        (!words.contains(&"gone")).then(|| list("labels")),
                        option("priority").map_or(0, |v| v.parse().unwrap()),
                    )),
                    other => panic!("{other}?"),
                }
            }
            it
        }

        fn snapshot(&self, round: &Round) -> Snapshot<'_> {
            Snapshot {
                teams: self
                    .teams
                    .iter()
                    .map(|(name, share)| (name.as_str(), TeamShare { turn: round.turn(name), ..*share }))
                    .collect(),
                workers: self
                    .workers
                    .iter()
                    .map(|(name, slots, labels, teams)| WorkerSlots { name, slots: *slots, labels, teams })
                    .collect(),
                running: self.running.iter().map(|(key, worker)| (key, worker.as_str())).collect(),
                waiting: self
                    .waits
                    .iter()
                    .enumerate()
                    .map(|(i, (id, builder, labels, priority))| Waiting {
                        id: BuildRequestId(*id),
                        builder,
                        labels: labels.as_deref(),
                        priority: *priority,
                        submitted_at: Time::from_timestamp(i as i64, 0).unwrap(),
                    })
                    .collect(),
            }
        }
    }

    fn check(situation: &str, expected: Expect) {
        let situation = Situation::read(situation);
        let snapshot = situation.snapshot(&Round::default());
        let told: Vec<_> = decide(&snapshot).iter().map(|a| format!("{} on {}", a.request, a.worker)).collect();
        expected.assert_eq(&told.join(", "));
    }

    #[test]
    fn labels_and_teams_of_workers_are_kept() {
        check(
            "team core
             team docs
             worker arm 4 labels=linux,aarch64 teams=core
             worker local 4 labels=linux
             waits 1 docs/manual labels=aarch64
             waits 2 core/full labels=linux,aarch64
             waits 3 docs/web labels=linux
             waits 4 core/any",
            expect!["2 on arm, 3 on local, 4 on local"],
        );
    }

    #[test]
    fn a_builder_runs_once_at_a_time_on_a_worker_but_may_run_on_two() {
        check(
            "team core
             worker a 2
             worker b 2
             running core/full a
             waits 1 core/full
             waits 2 core/full
             waits 3 core/other",
            expect!["1 on b, 3 on a"],
        );
    }

    #[test]
    fn priority_then_age_and_a_request_that_cannot_start_holds_up_no_other() {
        check(
            "team core
             worker a 2
             waits 1 core/a
             waits 2 core/b
             waits 3 core/c labels=vax priority=9
             waits 4 core/d priority=1",
            expect!["4 on a, 1 on a"],
        );
    }

    #[test]
    fn a_team_never_exceeds_its_quota() {
        check(
            "team core quota=2
             team docs quota=0
             worker a 9
             running core/x a
             waits 1 core/a
             waits 2 core/b
             waits 3 docs/a",
            expect!["1 on a"],
        );
    }

    #[test]
    fn free_slots_are_shared_by_weight() {
        check(
            "team core weight=2
             team docs
             worker a 6
             waits 1 core/a
             waits 2 core/b
             waits 3 core/c
             waits 4 core/d
             waits 5 core/e
             waits 6 core/f
             waits 7 docs/a
             waits 8 docs/b
             waits 9 docs/c",
            expect!["1 on a, 7 on a, 2 on a, 3 on a, 8 on a, 4 on a"],
        );
    }

    #[test]
    fn a_team_that_runs_less_of_its_share_comes_first() {
        check(
            "team core weight=2
             team docs
             worker a 4
             running docs/x a
             running core/x a
             waits 1 docs/a
             waits 2 core/a
             waits 3 core/b",
            expect!["2 on a, 1 on a"],
        );
    }

    #[test]
    fn free_slots_that_nobody_else_wants_are_not_held_back() {
        check(
            "team core
             team docs
             worker a 3
             waits 1 core/a
             waits 2 core/b
             waits 3 core/c",
            expect!["1 on a, 2 on a, 3 on a"],
        );
    }

    #[test]
    fn a_plain_worker_is_taken_before_a_special_one() {
        check(
            "team core
             worker gpu 4 labels=linux,gpu
             worker plain 1 labels=linux
             waits 1 core/a labels=linux
             waits 2 core/b labels=linux",
            expect!["1 on plain, 2 on gpu"],
        );
    }

    #[test]
    fn with_one_slot_teams_take_turns_by_weight_and_nobody_starves() {
        let mut situation = Situation::read("team a weight=2\nteam b\nteam z\nworker w 1");
        for i in 0..12 {
            for team in ["a", "b", "z"] {
                situation.waits.push((i * 3, BuilderKey::new(team, format!("{i}")), Some(Vec::new()), 0));
            }
        }
        let mut round = Round::default();
        let mut order = String::new();
        for _ in 0..12 {
            let assigned = decide(&situation.snapshot(&round));
            assert_eq!(assigned.len(), 1);
            let team = assigned[0].team.clone();
            round.advance(&team, if team == "a" { 2 } else { 1 });
            order.push_str(&team);
            let done = situation.waits.iter().position(|w| w.1.team == team).unwrap();
            situation.waits.remove(done);
        }
        assert_eq!(order.matches('a').count(), 6, "{order}");
        assert_eq!(order.matches('b').count(), 3, "{order}");
        assert!(!order.contains("aaa"), "{order}");
    }

    #[test]
    fn why_a_request_waits_can_be_told() {
        let situation = Situation::read(
            "team core
             team docs quota=0
             worker a 1 labels=linux
             worker b 1 labels=bsd
             running core/x a
             waits 1 core/x labels=linux
             waits 2 core/y labels=linux
             waits 3 core/z labels=vax
             waits 4 docs/a
             waits 5 core/old gone
             waits 6 core/b labels=bsd",
        );
        let snapshot = situation.snapshot(&Round::default());
        let told: Vec<_> = snapshot.waiting.iter().map(|w| explain(&snapshot, w)).collect();
        let expected =
            [Wait::BuilderBusy, Wait::SlotsBusy, Wait::NoWorker, Wait::Quota(0), Wait::NotDeclared, Wait::Next];
        assert_eq!(told, expected);
    }
}
