//! Slots of builds that wait for other builds: lent to others meanwhile, else a worker with one slot would wait for itself for ever.
//! When the wait is over a build takes its slot back before any new build starts; it may have to wait for that. What it never lends
//! is its builder's work directory.

use crate::model::id::{BuildId, BuildRequestId};
use crate::model::name::BuilderKey;
use crate::status::resource::{Build, BuildRequest};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, oneshot};

/// Who lends a slot now.
#[derive(Debug)]
pub struct Lending {
    waits: Mutex<BTreeMap<BuildId, Wait>>,
    /// Tells the engine that a slot came free, or is wanted back.
    changed: Arc<Notify>,
}

/// One build that waits for others.
#[derive(Debug)]
struct Wait {
    builder: BuilderKey,
    /// What it waits for.
    on: Vec<(BuildRequestId, BuilderKey)>,
    /// The wait is over and the slot is wanted back.
    wanted: Option<oneshot::Sender<()>>,
}

/// A build would wait for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitsForItself {
    /// What it must not wait for.
    pub builder: BuilderKey,
}

/// What a look for builds that wait for themselves needs to know.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// Requests that wait. Looked at before what runs, so that one which moves is seen at least once.
    pub pending: Vec<Arc<BuildRequest>>,
    /// Builds that run.
    pub running: Vec<Arc<Build>>,
    /// How many workers may run a build of each builder that is waited for.
    pub n_workers: BTreeMap<BuilderKey, usize>,
}

impl Lending {
    /// Nobody lends. `changed` wakes the engine.
    pub fn new(changed: Arc<Notify>) -> Self {
        Self { waits: Mutex::default(), changed }
    }

    fn waits(&self) -> MutexGuard<'_, BTreeMap<BuildId, Wait>> {
        self.waits.lock().expect("no holder of the waits panics")
    }

    /// `build` waits for these requests from now on, and lends its slot until the answer is dropped or takes the slot back.
    pub fn lend(self: &Arc<Self>, build: &Build, on: Vec<(BuildRequestId, BuilderKey)>) -> Lent {
        self.waits().insert(build.id, Wait { builder: build.builder.clone(), on, wanted: None });
        self.changed.notify_one();
        Lent { lending: self.clone(), build: build.id }
    }

    /// Which of `running` lend their slot to new builds. Those whose wait is over come first: they have their slot back where they can
    /// (`has_room` says so, given the builds that hold theirs), and it is kept for those that are about to ask.
    pub fn settle(
        &self,
        pending: impl Iterator<Item = BuildRequestId>,
        running: &[Arc<Build>],
        has_room: impl Fn(&Build, &[Arc<Build>]) -> bool,
    ) -> BTreeSet<BuildId> {
        let mut waits = self.waits();
        if waits.is_empty() {
            return BTreeSet::new();
        }
        let open: HashSet<BuildRequestId> = pending.chain(running.iter().map(|build| build.request_id)).collect();
        let (waiting, mut holding): (Vec<_>, Vec<_>) =
            running.iter().cloned().partition(|build| waits.contains_key(&build.id));
        let mut lent = BTreeSet::new();
        // Older builds first: they have waited longest, and `running` is in that order.
        for build in waiting {
            let wait = waits.get_mut(&build.id).expect("it was found there");
            let is_over = wait.wanted.is_some() || wait.on.iter().all(|(request, _)| !open.contains(request));
            if !is_over || !has_room(&build, &holding) {
                lent.insert(build.id);
                continue;
            }
            if let Some(wanted) = wait.wanted.take() {
                waits.remove(&build.id);
                // Whoever went away meanwhile wants nothing any more.
                let _told = wanted.send(());
            }
            holding.push(build);
        }
        lent
    }

    /// Whether `build`, which waits, waits for itself: for a request that cannot be built before `build` has ended, because each worker
    /// that could build it has a build of the same builder that waits, in the end, for `build`.
    ///
    /// # Errors
    /// What it waits for in vain.
    pub fn check(&self, build: BuildId, traffic: &Traffic) -> Result<(), WaitsForItself> {
        let waits = self.waits();
        let Some(own) = waits.get(&build) else { return Ok(()) };
        for (request, builder) in &own.on {
            let mut seen = BTreeSet::new();
            let mut open = blockers(&waits, traffic, *request, builder);
            while let Some(next) = open.pop() {
                if next == build {
                    return Err(WaitsForItself { builder: builder.clone() });
                }
                if let (true, Some(wait)) = (seen.insert(next), waits.get(&next)) {
                    open.extend(wait.on.iter().flat_map(|(r, b)| blockers(&waits, traffic, *r, b)));
                }
            }
        }
        Ok(())
    }
}

/// Builds that must go on before a request is done: the one that builds it, or those that wait in its builder's places.
fn blockers(
    waits: &BTreeMap<BuildId, Wait>,
    traffic: &Traffic,
    request: BuildRequestId,
    builder: &BuilderKey,
) -> Vec<BuildId> {
    if let Some(build) = traffic.running.iter().find(|build| build.request_id == request) {
        return vec![build.id];
    }
    if !traffic.pending.iter().any(|pending| pending.id == request) {
        return Vec::new();
    }
    let waiting: Vec<_> = waits.iter().filter(|(_, wait)| wait.builder == *builder).map(|(id, _)| *id).collect();
    let n_workers = traffic.n_workers.get(builder).copied().unwrap_or(1);
    if waiting.len() < n_workers { Vec::new() } else { waiting }
}

/// A slot that is lent. Dropped, it is taken back at once, whoever has it: its build ends.
#[derive(Debug)]
pub struct Lent {
    lending: Arc<Lending>,
    build: BuildId,
}

impl Lent {
    /// Takes the slot back; resolves once the build holds it.
    pub async fn take_back(self) {
        let (given, taken) = oneshot::channel();
        match self.lending.waits().get_mut(&self.build) {
            Some(wait) => wait.wanted = Some(given),
            None => return,
        }
        self.lending.changed.notify_one();
        // Where the engine is gone nobody holds slots.
        drop(taken.await);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.lending.waits().remove(&self.build);
    }
}

#[cfg(test)]
mod tests {
    use super::{Lending, Traffic, WaitsForItself};
    use crate::model::id::{BuildId, BuildRequestId, BuilderId};
    use crate::model::name::BuilderKey;
    use crate::model::source_stamp::SourceStamp;
    use crate::model::time::Time;
    use crate::status::resource::{Build, BuildRequest};
    use std::collections::{BTreeMap, BTreeSet};
    use std::iter::{empty, once};
    use std::sync::Arc;

    fn key(name: &str) -> BuilderKey {
        BuilderKey::new("core", name)
    }

    /// Build `id` of `builder`, which builds the request of the same number.
    fn build(id: i64, builder: &str) -> Arc<Build> {
        Arc::new(Build {
            id: BuildId(id),
            builder_id: BuilderId(0),
            builder: key(builder),
            number: id,
            request_id: BuildRequestId(id),
            worker: "w".to_owned(),
            reason: String::new(),
            owner: None,
            source_stamp: SourceStamp::default(),
            got_revision: None,
            started_at: Time::UNIX_EPOCH,
            finished_at: None,
            results: None,
            summary: String::new(),
            expected_s: None,
            steps: vec![],
        })
    }

    fn request(id: i64, builder: &str) -> Arc<BuildRequest> {
        Arc::new(BuildRequest::sample(id, key(builder)))
    }

    fn on(id: i64, builder: &str) -> Vec<(BuildRequestId, BuilderKey)> {
        vec![(BuildRequestId(id), key(builder))]
    }

    #[test]
    fn a_build_that_triggers_its_own_builder_and_waits_is_found_where_it_holds_the_only_worker() {
        let lending = Arc::new(Lending::new(Arc::default()));
        let mut traffic =
            Traffic { pending: vec![request(2, "a")], running: vec![build(1, "a")], ..Traffic::default() };
        let lent = lending.lend(&traffic.running[0], on(2, "a"));
        assert_eq!(lending.check(BuildId(1), &traffic), Err(WaitsForItself { builder: key("a") }));
        traffic.n_workers = BTreeMap::from([(key("a"), 2)]);
        assert_eq!(lending.check(BuildId(1), &traffic), Ok(()), "another worker can build it");
        drop(lent);
        assert!(lending.settle(empty(), &traffic.running, |_, _| false).is_empty());
    }

    #[test]
    fn a_circle_through_other_builds_is_found_by_the_one_that_closes_it() {
        let lending = Arc::new(Lending::new(Arc::default()));
        // a #1 waits for b #2, which waits for a.
        let mut traffic =
            Traffic { pending: vec![], running: vec![build(1, "a"), build(2, "b")], ..Traffic::default() };
        let _a = lending.lend(&traffic.running[0], on(2, "b"));
        assert_eq!(lending.check(BuildId(1), &traffic), Ok(()));
        traffic.pending.push(request(3, "a"));
        let b = lending.lend(&traffic.running[1], on(3, "a"));
        assert!(lending.check(BuildId(2), &traffic).is_err());
        drop(b);
        assert_eq!(lending.check(BuildId(1), &traffic), Ok(()));
        // Two chains that never met: b #9 waits for a, which a #1 holds, and a #1 waits for b, which b #9 holds.
        let lending = Arc::new(Lending::new(Arc::default()));
        let traffic = Traffic {
            pending: vec![request(3, "a"), request(4, "b")],
            running: vec![build(1, "a"), build(9, "b")],
            ..Traffic::default()
        };
        let _b = lending.lend(&traffic.running[1], on(3, "a"));
        assert_eq!(lending.check(BuildId(9), &traffic), Ok(()), "a #1 will end");
        let _a = lending.lend(&traffic.running[0], on(4, "b"));
        assert!(lending.check(BuildId(1), &traffic).is_err());
    }

    #[test]
    fn a_request_that_has_ended_holds_up_nobody() {
        let lending = Arc::new(Lending::new(Arc::default()));
        let traffic = Traffic { running: vec![build(1, "a")], ..Traffic::default() };
        let _lent = lending.lend(&traffic.running[0], on(2, "a"));
        assert_eq!(lending.check(BuildId(1), &traffic), Ok(()));
    }

    #[tokio::test]
    async fn a_slot_comes_back_once_there_is_room_and_the_build_goes_on_then_only() {
        let lending = Arc::new(Lending::new(Arc::default()));
        let running = [build(1, "a"), build(2, "b"), build(3, "c")];
        let one_slot = |_: &Build, holding: &[Arc<Build>]| holding.is_empty();
        let lent_by_a = BTreeSet::from([BuildId(1)]);
        let lent = lending.lend(&running[0], on(2, "b"));
        assert_eq!(lending.settle(once(BuildRequestId(2)), &running[..1], one_slot), lent_by_a, "b can start");
        assert_eq!(lending.settle(empty(), &running[..2], one_slot), lent_by_a, "b has it");
        assert_eq!(lending.settle(empty(), &[build(1, "a"), build(3, "c")], one_slot), lent_by_a, "c was faster");
        let mut back = std::pin::pin!(lent.take_back());
        assert!(futures::poll!(&mut back).is_pending());
        assert_eq!(lending.settle(empty(), &[build(1, "a"), build(3, "c")], one_slot), lent_by_a);
        assert!(futures::poll!(&mut back).is_pending());
        assert!(lending.settle(empty(), &running[..1], one_slot).is_empty());
        back.await;
    }

    #[test]
    fn the_slot_of_a_build_whose_wait_is_over_is_kept_for_it_before_it_asks() {
        let lending = Arc::new(Lending::new(Arc::default()));
        let running = [build(1, "a")];
        let _lent = lending.lend(&running[0], on(2, "b"));
        let room = |_: &Build, holding: &[Arc<Build>]| holding.is_empty();
        assert!(lending.settle(once(BuildRequestId(3)), &running, room).is_empty(), "b has ended, and c comes later");
        assert_eq!(lending.settle(once(BuildRequestId(2)), &running, room).len(), 1, "b is built again");
    }
}
