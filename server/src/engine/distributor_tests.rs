//! Situations of the distributor and what it decides.

use super::{Running, Snapshot, Table, TeamShare, Waiting, WorkerSlots, decide};
use crate::engine::round::Round;
use crate::engine::wait::Wait;
use crate::model::name::BuilderKey;
use crate::model::time::Time;
use crate::status::resource::BuildRequest;
use expect_test::{Expect, expect};
use std::sync::Arc;

/// A situation in words, one line each:
/// `team NAME [weight=N] [quota=N]`, `worker NAME SLOTS [labels=a,b] [teams=a,b]`,
/// `running TEAM/BUILDER WORKER [lent]`, `waits ID TEAM/BUILDER [labels=a,b] [priority=N] [gone]` (in order of age;
/// a builder's first line says of what labels it is).
#[derive(Default)]
struct Situation {
    teams: Vec<(String, TeamShare)>,
    workers: Vec<(String, u32, Vec<String>, Vec<String>)>,
    running: Vec<(BuilderKey, String, bool)>,
    waits: Vec<Queue>,
}

/// What waits of one builder: see [`Waiting`].
struct Queue {
    requests: Vec<Arc<BuildRequest>>,
    labels: Option<Vec<String>>,
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
                    let share = TeamShare { weight: number("weight").unwrap_or(1), quota: number("quota"), turn: 0 };
                    it.teams.push((words[1].to_owned(), share));
                }
                "worker" => {
                    it.workers.push((words[1].to_owned(), words[2].parse().unwrap(), list("labels"), list("teams")));
                }
                "running" => {
                    let is_lent = words.contains(&"lent");
                    it.running.push((BuilderKey::parse(words[1]).unwrap(), words[2].to_owned(), is_lent));
                }
                "waits" => {
                    let priority = option("priority").map_or(0, |v| v.parse().unwrap());
                    let labels = (!words.contains(&"gone")).then(|| list("labels"));
                    it.wait(words[1].parse().unwrap(), BuilderKey::parse(words[2]).unwrap(), labels, priority);
                }
                other => panic!("{other}?"),
            }
        }
        it
    }

    fn wait(&mut self, id: i64, builder: BuilderKey, labels: Option<Vec<String>>, priority: i32) {
        let n_before: usize = self.waits.iter().map(|queue| queue.requests.len()).sum();
        let submitted_at = Time::from_timestamp(n_before as i64, 0).unwrap();
        let request = Arc::new(BuildRequest { priority, submitted_at, ..BuildRequest::sample(id, builder) });
        match self.waits.iter_mut().find(|queue| queue.requests[0].builder == request.builder) {
            Some(queue) => {
                queue.requests.push(request);
                queue.requests.sort_by_key(|request| request.turn());
            }
            None => self.waits.push(Queue { requests: vec![request], labels }),
        }
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
            running: self
                .running
                .iter()
                .map(|(builder, worker, is_lent)| Running { builder, worker, is_lent: *is_lent })
                .collect(),
            waiting: self
                .waits
                .iter()
                .map(|queue| Waiting {
                    builder: &queue.requests[0].builder,
                    labels: queue.labels.as_deref(),
                    requests: &queue.requests,
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
fn requests_of_one_builder_and_of_others_come_by_priority_and_age_alike() {
    check(
        "team core
         worker a 3
         worker b 2
         waits 1 core/a priority=2
         waits 2 core/b priority=1
         waits 3 core/c priority=3
         waits 4 core/a priority=1
         waits 5 core/a",
        expect!["3 on a, 1 on a, 2 on b, 4 on b"],
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
fn a_build_that_waits_for_others_lends_its_slot_and_its_share_of_the_quota_but_not_its_builders_place() {
    check(
        "team core quota=1
         worker a 1
         running core/release a lent
         waits 1 core/release
         waits 2 core/part
         waits 3 core/other",
        expect!["2 on a"],
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
            situation.wait(i * 3, BuilderKey::new(team, format!("{i}")), Some(Vec::new()), 0);
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
        let done = situation.waits.iter().position(|queue| queue.requests[0].builder.team == team).unwrap();
        situation.waits.remove(done);
    }
    assert_eq!(order.matches('a').count(), 6, "{order}");
    assert_eq!(order.matches('b').count(), 3, "{order}");
    assert!(!order.contains("aaa"), "{order}");
}

#[test]
fn a_request_waits_for_one_reason_at_a_time() {
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
    let table = Table::new(&snapshot);
    let told: Vec<_> = snapshot.waiting.iter().map(|waiting| table.place(waiting).err()).collect();
    let expected = [Wait::BuilderBusy, Wait::SlotsBusy, Wait::NoWorker, Wait::Quota, Wait::NotDeclared].map(Some);
    let expected = [&expected[..], &[None]].concat();
    assert_eq!(told, expected);
}
