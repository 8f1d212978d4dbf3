//! What makes builds happen: the list of loops is the table of contents.

/// Run one build.
pub mod build;
/// Which step runs after what came before, and what all come to.
pub mod course;
/// Match waiting requests to workers, fairly between teams.
pub mod distributor;
/// Placeholders of step settings, filled.
pub mod interpolate;
/// Slots of builds that wait for other builds.
pub mod lending;
/// How large a log may grow.
pub mod log_limit;
/// Pieces of output to lines.
pub mod log_lines;
/// Lines in, chunks out, limits kept.
pub mod log_writer;
/// A log's output without secrets.
pub mod masked;
/// What is kept no longer.
pub mod retention;
/// Whose turn it is among teams.
pub mod round;
/// What a build needs of a step.
pub mod step;
/// What a running step gets from its build.
pub mod step_host;
/// How a running build is told to end.
pub mod stop;
/// What a step may do to other builders.
pub mod trigger;
/// Why a request waits.
pub mod wait;

use crate::config::Config;
use crate::config::vault::Vault;
use crate::model::id::BuildId;
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::status::Status;
use crate::status::resource::Build;
use crate::status::update::Queue;
use crate::worker::Worker;
use arc_swap::ArcSwap;
use build::RunningBuild;
use distributor::{Assignment, Running, Snapshot, TeamShare, Waiting, WorkerSlots};
use futures::FutureExt;
use lending::Lending;
use round::Round;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use step::StepRunner;
use stop::StopSwitch;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The loop looks again after so long, though nothing woke it.
const TICK: Duration = Duration::from_secs(2);
/// Running builds have so long to end when the server shuts down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// Workers by name.
pub type Workers = BTreeMap<String, Arc<dyn Worker>>;

/// Everything that makes builds happen; cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    status: Status,
    workers: ArcSwap<Workers>,
    runner: Arc<dyn StepRunner>,
    shutdown: CancellationToken,
    /// Builds that run in this process.
    builds: Mutex<HashMap<BuildId, Arc<StopSwitch>>>,
    round: Mutex<Round>,
    tasks: TaskTracker,
    /// Where output becomes stored lines.
    log_threads: Handle,
    /// A build ended, or lends its slot, or wants it back.
    ended: Arc<Notify>,
    lending: Arc<Lending>,
}

impl Engine {
    /// An engine that does nothing until it is asked to. Output is made into stored lines on `log_threads`.
    pub fn new(
        status: Status,
        workers: Workers,
        runner: Arc<dyn StepRunner>,
        log_threads: Handle,
        shutdown: CancellationToken,
    ) -> Self {
        let ended = Arc::new(Notify::new());
        Self(Arc::new(Inner {
            lending: Arc::new(Lending::new(ended.clone())),
            status,
            workers: ArcSwap::from_pointee(workers),
            runner,
            shutdown,
            builds: Mutex::default(),
            round: Mutex::default(),
            tasks: TaskTracker::new(),
            log_threads,
            ended,
        }))
    }

    /// Runs the loop until shutdown, then ends what runs as `retry`, within a bounded time.
    pub async fn run(&self) {
        for worker in self.0.workers.load().keys() {
            self.0.status.update().worker_connected(worker, true);
        }
        while !self.0.shutdown.is_cancelled() {
            let update = self.0.status.update();
            let mut wake = pin!(update.wake());
            // Polled before looking, so that it hears of what comes while looking.
            let is_woken = futures::poll!(&mut wake).is_ready();
            if AssertUnwindSafe(self.look_once()).catch_unwind().await.is_err() {
                tracing::error!("the engine's loop broke; it goes on");
            }
            if !is_woken {
                tokio::select! {
                    () = wake => {}
                    () = self.0.ended.notified() => {}
                    () = tokio::time::sleep(TICK) => {}
                    () = self.0.shutdown.cancelled() => {}
                }
            }
        }
        self.0.tasks.close();
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("some builds did not end in time; the next start requests them again");
        }
    }

    /// The workers that there are.
    pub fn workers(&self) -> Arc<Workers> {
        self.0.workers.load_full()
    }

    /// Takes over other workers, from the next start of a build on; builds that run stay with theirs.
    pub fn employ(&self, workers: Workers) {
        let update = self.0.status.update();
        let names: BTreeSet<String> = workers.keys().cloned().collect();
        let before = self.0.workers.swap(Arc::new(workers));
        for gone in before.keys().filter(|name| !names.contains(*name)) {
            update.worker_connected(gone, false);
        }
        for name in &names {
            update.worker_connected(name, true);
        }
    }

    async fn look_once(&self) {
        self.stop_once();
        if let Err(error) = self.distribute_once().await {
            tracing::error!(error = format!("{:#}", anyhow::Error::new(error)), "requests could not be distributed");
        }
    }

    /// Tells builds that somebody wants stopped to end.
    pub fn stop_once(&self) {
        let wanted = self.0.status.update().stops_wanted();
        if wanted.is_empty() {
            return;
        }
        let builds = self.0.builds.lock().expect("no holder of the builds panics");
        for (build, words) in wanted {
            if let Some(switch) = builds.get(&build) {
                switch.ask(&words);
            }
        }
    }

    /// Starts what can start now; says how many builds that were.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn distribute_once(&self) -> crate::status::Result<usize> {
        let config = self.0.status.config();
        let assignments = self.assignments(&config);
        // All at once, so that the store commits them together.
        let started = futures::future::join_all(assignments.into_iter().map(|a| self.start(a))).await;
        let mut n_started = 0;
        for is_started in started {
            n_started += usize::from(is_started?);
        }
        Ok(n_started)
    }

    /// Waits until no build runs in this process.
    pub async fn idle(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.tasks.reopen();
    }

    fn assignments(&self, config: &Config) -> Vec<Assignment> {
        let update = self.0.status.update();
        let queues = update.queues();
        let running = update.running();
        let pending = queues.iter().flat_map(Queue::requests).map(|request| request.id);
        let lent = self.0.lending.settle(pending, &running, |build, holding| has_room(config, build, holding));
        if queues.is_empty() {
            return Vec::new();
        }
        let round = self.0.round.lock().expect("no holder of the round panics");
        let workers = self.workers();
        let ready = |name: &str| workers.contains_key(name);
        distributor::decide(&snapshot(config, &round, &queues, (&running, &lent), &ready))
    }

    /// Claims a request and runs its build in a task of its own; false where somebody else was first.
    async fn start(&self, assignment: Assignment) -> crate::status::Result<bool> {
        let claimed = self.0.status.update().claim_under(assignment.request, &assignment.worker).await?;
        // Another configuration may have come since it was assigned: it is built as it was claimed.
        let Some((build, properties, config)) = claimed else { return Ok(false) };
        if let Some(team) = config.teams.get(&assignment.team) {
            self.0.round.lock().expect("no holder of the round panics").advance(&assignment.team, team.weight);
        }
        match self.running_build(&config, &build, properties) {
            Some(running) => self.spawn(running),
            None => {
                // Nobody's failure, and no try: it waits again, or is done with where its builder left.
                let words = "its builder or worker left the configuration just now";
                self.0.status.update().build_interrupted(build.id, words).await?;
            }
        }
        Ok(true)
    }

    fn running_build(&self, config: &Config, build: &Arc<Build>, properties: Properties) -> Option<RunningBuild> {
        let team = config.teams.get(&build.builder.team)?;
        Some(RunningBuild {
            status: self.0.status.clone(),
            runner: self.0.runner.clone(),
            worker: self.workers().get(&build.worker)?.clone(),
            builder: team.builders.get(&build.builder.name)?.clone(),
            log_bytes: team.quota.log_bytes,
            build: build.clone(),
            properties: Arc::new(Mutex::new(properties)),
            switch: Arc::new(StopSwitch::new(&self.0.shutdown)),
            lending: self.0.lending.clone(),
            tasks: self.0.tasks.clone(),
            log_threads: self.0.log_threads.clone(),
            vault: Arc::new(Vault::of_team(team)),
        })
    }

    fn spawn(&self, running: RunningBuild) {
        let id = running.build.id;
        tracing::info!(builder = %running.build.builder, number = running.build.number, worker = running.build.worker, "build started");
        self.0.builds.lock().expect("no holder of the builds panics").insert(id, running.switch.clone());
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            if AssertUnwindSafe(running.run()).catch_unwind().await.is_err() {
                tracing::error!(build = %id, "a build broke while its end was recorded");
            }
            engine.0.builds.lock().expect("no holder of the builds panics").remove(&id);
            engine.0.ended.notify_one();
        });
    }
}

/// Whether `build`, which lent its slot, may have it back, given the builds that hold theirs.
fn has_room(config: &Config, build: &Build, holding: &[Arc<Build>]) -> bool {
    let n_there = holding.iter().filter(|held| held.worker == build.worker).count();
    let n_of_team = holding.iter().filter(|held| held.builder.team == build.builder.team).count();
    let slots = config.workers.get(&build.worker).map_or(u32::MAX, |worker| worker.slots);
    let quota = config.teams.get(&build.builder.team).and_then(|team| team.quota.builds).unwrap_or(u32::MAX);
    // It ran before, so one is always allowed.
    n_there < slots.max(1) as usize && n_of_team < quota.max(1) as usize
}

/// What a decision depends on, as `status` and the configuration have it now.
fn snapshot<'a>(
    config: &'a Config,
    round: &Round,
    queues: &'a [Queue],
    (running, lent): (&'a [Arc<Build>], &BTreeSet<BuildId>),
    ready: &dyn Fn(&str) -> bool,
) -> Snapshot<'a> {
    let labels = |builder: &BuilderKey| {
        let builder = config.teams.get(&builder.team)?.builders.get(&builder.name)?;
        Some(builder.labels.as_slice())
    };
    let waiting = |queue: &'a Queue| {
        let requests = queue.requests();
        let builder = &requests.first()?.builder;
        Some(Waiting { builder, labels: labels(builder), requests })
    };
    let share = |name: &str, team: &crate::config::team::Team| TeamShare {
        weight: team.weight,
        quota: team.quota.builds,
        turn: round.turn(name),
    };
    let workers = config.workers.values().filter(|worker| ready(&worker.name));
    Snapshot {
        teams: config.teams.iter().map(|(name, team)| (name.as_str(), share(name, team))).collect(),
        workers: workers
            .map(|w| WorkerSlots { name: &w.name, slots: w.slots, labels: &w.labels, teams: &w.teams })
            .collect(),
        waiting: queues.iter().filter_map(waiting).collect(),
        running: running
            .iter()
            .map(|build| Running { builder: &build.builder, worker: &build.worker, is_lent: lent.contains(&build.id) })
            .collect(),
    }
}
