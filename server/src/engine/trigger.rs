//! What a step may do to other builders of its team: request builds and wait for them.

use super::lending::{Lending, Lent, Traffic};
use super::step::{TriggerError, Triggered};
use crate::model::id::{BuildRequestId, StepId};
use crate::model::results::Results;
use crate::render::links::Links;
use crate::status::resource::{Build, Link, Step};
use crate::status::trigger::{Became, TriggerWish};
use crate::status::{self, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Builds that one step may ask for, granted or not, and requests that one wait is for.
const REQUESTS_MAX: usize = 1_000;
/// Links to triggered builds that the step gets by itself.
const LINKS_MAX: usize = 100;
/// A wait looks again after so long, though it heard of nothing.
const TICK: Duration = Duration::from_secs(10);

/// One step's way to other builders.
pub struct Triggers {
    /// Where it asks.
    status: Status,
    /// The build.
    build: Arc<Build>,
    /// The step.
    step: StepId,
    /// The step's name.
    name: String,
    /// Where slots are lent.
    lending: Arc<Lending>,
    /// Ends every wait.
    stop: CancellationToken,
    /// What was asked for so far.
    n_asked: AtomicUsize,
    /// Builds that the step has links to, by builder and number.
    linked: Mutex<BTreeSet<(String, i64)>>,
}

impl Triggers {
    /// A step that has asked for nothing so far.
    pub fn new(status: Status, build: Arc<Build>, step: &Step, lending: Arc<Lending>, stop: CancellationToken) -> Self {
        let name = step.name.clone();
        Self {
            status,
            build,
            step: step.id,
            name,
            lending,
            stop,
            n_asked: AtomicUsize::new(0),
            linked: Mutex::default(),
        }
    }

    /// Requests a build.
    pub async fn start(&self, wish: TriggerWish) -> Result<BuildRequestId, TriggerError> {
        if self.stop.is_cancelled() {
            return Err(TriggerError::Cancelled);
        }
        if self.n_asked.fetch_add(1, Ordering::Relaxed) >= REQUESTS_MAX {
            return Err(TriggerError::Limit(format!("a step asks for at most {REQUESTS_MAX} builds")));
        }
        self.status.update().trigger(&self.build, &self.name, wish).await.map_err(|e| say(&e))
    }

    /// Waits until each of these was built or dropped, or so much time has passed; returns those that are. Meanwhile the build's
    /// slot is lent, but not before the step's last command has ended: what runs needs it.
    pub async fn wait(
        &self,
        requests: Vec<BuildRequestId>,
        timeout: Option<Duration>,
        commands: &TaskTracker,
    ) -> Result<Vec<Triggered>, TriggerError> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let requests: Vec<_> = requests.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        if requests.len() > REQUESTS_MAX {
            return Err(TriggerError::Limit(format!("one wait is for at most {REQUESTS_MAX} requests")));
        }
        // Listening begins before looking, so that nothing falls between.
        let mut moving = self.status.update().moving();
        let mut known = BTreeMap::new();
        self.look(requests, &mut known).await?;
        if is_open(&known) && !commands.is_empty() {
            let idle = async {
                tokio::select! {
                    () = all_ended(commands) => {}
                    () = over(deadline) => {}
                }
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(TriggerError::Cancelled),
                end = self.watch(&mut moving, &mut known, idle) => end?,
            }
        }
        // Where a command still runs, the time was over first.
        if is_open(&known) && commands.is_empty() {
            let lent = self.lend(&known)?;
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(TriggerError::Cancelled),
                end = self.watch(&mut moving, &mut known, over(deadline)) => end?,
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(TriggerError::Cancelled),
                () = lent.take_back() => {}
            }
        }
        let links = Links::new(&self.status.config().server.public_url);
        Ok(known.into_values().filter_map(|became| triggered(&links, became)).collect())
    }

    /// Looks until all have ended or `over` is.
    async fn watch(
        &self,
        moving: &mut tokio::sync::broadcast::Receiver<BuildRequestId>,
        known: &mut BTreeMap<BuildRequestId, Became>,
        over: impl Future<Output = ()>,
    ) -> Result<(), TriggerError> {
        let mut over = std::pin::pin!(over);
        while is_open(known) {
            let heard = tokio::select! {
                heard = moving.recv() => heard,
                () = &mut over => return Ok(()),
                () = tokio::time::sleep(TICK) => Err(RecvError::Lagged(0)),
            };
            let open = || known.values().filter(|became| became.results.is_none()).map(|became| became.request);
            match heard {
                Ok(request) if known.contains_key(&request) => self.look(vec![request], known).await?,
                Ok(_) => {}
                // Events only wake: where some were lost, what is counts.
                Err(RecvError::Lagged(_)) => {
                    let open = open().collect();
                    self.look(open, known).await?;
                    self.check()?;
                }
                Err(RecvError::Closed) => return Err(TriggerError::Failed("the server ends".to_owned())),
            }
        }
        Ok(())
    }

    /// Takes in what became of these, and links the builds that began.
    async fn look(
        &self,
        requests: Vec<BuildRequestId>,
        known: &mut BTreeMap<BuildRequestId, Became>,
    ) -> Result<(), TriggerError> {
        let update = self.status.update();
        for became in update.became(&self.build.builder.team, requests).await.map_err(|e| say(&e))? {
            self.link(&became).await?;
            known.insert(became.request, became);
        }
        Ok(())
    }

    /// A build that began becomes a link beside the step: people want to see it while it runs.
    async fn link(&self, became: &Became) -> Result<(), TriggerError> {
        let Some(number) = became.number else { return Ok(()) };
        {
            let mut linked = self.linked.lock().expect("no holder of the links panics");
            if linked.len() >= LINKS_MAX || !linked.insert((became.builder.name.clone(), number)) {
                return Ok(());
            }
        }
        let links = Links::new(&self.status.config().server.public_url);
        let url = links.whole(&links.build(&became.builder, number));
        let link = Link { name: format!("{} #{number}", became.builder.name), url };
        let told = self.status.update().step_changed(self.build.id, self.step, None, Some(link)).await;
        told.map_err(|e| say(&e))
    }

    fn lend(&self, known: &BTreeMap<BuildRequestId, Became>) -> Result<Lent, TriggerError> {
        let open = known.values().filter(|became| became.results.is_none());
        let lent = self.lending.lend(&self.build, open.map(|b| (b.request, b.builder.clone())).collect());
        self.check()?;
        Ok(lent)
    }

    /// A build that waits for itself would do so for ever.
    fn check(&self) -> Result<(), TriggerError> {
        let update = self.status.update();
        let pending = update.pending();
        let running = update.running();
        let builders: BTreeSet<_> = pending.iter().map(|request| &request.builder).collect();
        let n_workers = builders.into_iter().map(|builder| (builder.clone(), update.n_workers(builder))).collect();
        let traffic = Traffic { pending, running, n_workers };
        self.lending.check(self.build.id, &traffic).map_err(|found| {
            TriggerError::Invalid(format!(
                "this build would wait for itself: no build of {} can start before it has ended",
                found.builder
            ))
        })
    }
}

fn is_open(known: &BTreeMap<BuildRequestId, Became>) -> bool {
    known.values().any(|became| became.results.is_none())
}

async fn over(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// None of them runs. The guest waits meanwhile and starts no more.
async fn all_ended(commands: &TaskTracker) {
    // Only one that is closed tells when it is empty.
    commands.close();
    commands.wait().await;
    commands.reopen();
}

/// What ended, as the step hears of it.
fn triggered(links: &Links, became: Became) -> Option<Triggered> {
    let results = became.results?;
    let url = match became.number {
        Some(number) => links.build(&became.builder, number),
        None => links.builder(&became.builder),
    };
    let was_dropped = became.number.is_none() && results == Results::Cancelled;
    Some(Triggered {
        request: became.request,
        url: links.whole(&url),
        builder: became.builder,
        number: became.number,
        results,
        summary: if was_dropped { "cancelled before it was built".to_owned() } else { became.summary },
    })
}

/// The error as a step hears of it; what lies behind an internal one goes to the server's own log.
fn say(error: &status::Error) -> TriggerError {
    let sentence = error.to_string();
    match error {
        status::Error::NotFound { .. } => TriggerError::NotFound(sentence),
        status::Error::Invalid { .. } => TriggerError::Invalid(sentence),
        status::Error::Limit { .. } | status::Error::OverQuota(_) => TriggerError::Limit(sentence),
        status::Error::Internal(source) => {
            tracing::error!(error = format!("{source:#}"), "a step could not trigger builds, or wait for them");
            TriggerError::Failed(sentence)
        }
        _ => TriggerError::Failed(sentence),
    }
}
