//! Status to people: which finished builds a team's reporters want, told to them at least once. Each reporter goes its own course,
//! so that one's trouble is nobody else's.

/// Which finished builds a reporter wants.
pub mod choose;
/// One reporter's course through the events.
pub mod course;
/// What is told of a build.
pub mod payload;
/// What delivery needs of a reporter.
pub mod reporter;

use crate::clock::SharedClock;
use crate::config::reporter::Reporter;
use crate::status::{Error, Result, Status};
use course::Course;
use futures::FutureExt as _;
use reporter::ReporterRunner;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A reporter looks again after so long, though it heard nothing.
const TICK: Duration = Duration::from_secs(60);
/// A course that broke rests so long.
const REST: Duration = Duration::from_secs(2);
/// Reporters have so long to end when the server shuts down; a guest has 10 seconds.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);

/// Every reporter of the configuration in force; cheap to clone.
#[derive(Clone)]
pub struct Delivery(Arc<Inner>);

struct Inner {
    status: Status,
    runner: Arc<dyn ReporterRunner>,
    clock: SharedClock,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    /// By team and name. Locked while reporters start and stop, so that each has one course at a time.
    going: Mutex<BTreeMap<(String, String), Going>>,
}

/// A reporter that goes its course.
struct Going {
    reporter: Arc<Reporter>,
    stop: CancellationToken,
    course: JoinHandle<()>,
}

impl Delivery {
    /// Tells nobody anything until it is asked to [`Delivery::follow`].
    pub fn new(
        status: Status,
        runner: Arc<dyn ReporterRunner>,
        clock: SharedClock,
        shutdown: CancellationToken,
    ) -> Self {
        let (tasks, going) = (TaskTracker::new(), Mutex::default());
        Self(Arc::new(Inner { status, runner, clock, shutdown, tasks, going }))
    }

    /// Lets exactly the reporters of the configuration in force go their courses, each from where it stopped: new ones start, those that
    /// left stop, and those that changed go on as what they are now. What is under way of them is told again by the next course.
    ///
    /// # Errors
    /// Where the database cannot be read or written, for the first that could not start; all others go their courses, and the next
    /// call tries again.
    pub async fn follow(&self) -> Result<()> {
        let inner = &self.0;
        let mut going = inner.going.lock().await;
        let config = inner.status.config();
        let wanted: BTreeMap<(String, String), &Arc<Reporter>> = config
            .teams
            .values()
            .flat_map(|team| team.reporters.values())
            .map(|reporter| ((reporter.team.clone(), reporter.name.clone()), reporter))
            .collect();
        let is_as_wanted =
            |key: &(String, String), going: &Going| wanted.get(key).is_some_and(|wanted| **wanted == going.reporter);
        let ends: Vec<Going> = going.extract_if(.., |key, going| !is_as_wanted(key, going)).map(|(_, g)| g).collect();
        // All are asked before any is waited for.
        ends.iter().for_each(|going| going.stop.cancel());
        for end in ends {
            end.ended().await;
        }
        let mut followed = Ok(());
        for (key, reporter) in wanted {
            if going.contains_key(&key) {
                continue;
            }
            match inner.start(reporter).await {
                Ok(started) => drop(going.insert(key, started)),
                Err(error) => {
                    tracing::error!(team = key.0, reporter = key.1, %error, "the reporter could not start");
                    followed = followed.and(Err(error));
                }
            }
        }
        followed
    }

    /// Waits for shutdown, then for every course, within a bounded time.
    pub async fn run(&self) {
        self.0.shutdown.cancelled().await;
        self.0.tasks.close();
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("some reporters did not end in time; the next start goes on where they were");
        }
    }
}

impl Inner {
    async fn start(&self, reporter: &Arc<Reporter>) -> Result<Going> {
        let stop = self.shutdown.child_token();
        let course = Course::begin(self.status.clone(), self.runner.clone(), reporter.clone(), stop.clone()).await?;
        let course = self.tasks.spawn(run(course, self.clock.clone(), stop.clone()));
        Ok(Going { reporter: reporter.clone(), stop, course })
    }
}

impl Going {
    /// Waits until it has stopped. One that does not is ended where it stands: what it was telling is told again.
    async fn ended(mut self) {
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, &mut self.course).await.is_err() {
            let (team, reporter) = (&self.reporter.team, &self.reporter.name);
            tracing::warn!(%team, %reporter, "a reporter did not stop in time and was ended");
            self.course.abort();
        }
    }
}

/// Runs one course until it is to stop, whatever breaks.
async fn run(mut course: Course, clock: SharedClock, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let turned = AssertUnwindSafe(turn(&mut course, &clock, &shutdown)).catch_unwind().await;
        let error = match turned {
            Ok(Ok(())) => continue,
            // The server ends: the loop does as well.
            Ok(Err(_)) if shutdown.is_cancelled() => continue,
            Ok(Err(error)) => format!("{:#}", anyhow::Error::new(error)),
            Err(_) => "it panicked".to_owned(),
        };
        let (team, reporter) = (&course.reporter().team, &course.reporter().name);
        tracing::error!(%team, %reporter, %error, "a reporter broke off; it goes on");
        tokio::select! {
            () = tokio::time::sleep(REST) => course.retrace(),
            () = shutdown.cancelled() => {}
        }
    }
    if let Err(error) = course.leave().await {
        let (team, reporter) = (&course.reporter().team, &course.reporter().name);
        let error = format!("{:#}", anyhow::Error::new(error));
        tracing::warn!(%team, %reporter, %error, "where a reporter stopped could not be stored");
    }
}

/// Waits for the next thing to do, and does it.
async fn turn(course: &mut Course, clock: &SharedClock, shutdown: &CancellationToken) -> Result<()> {
    if let Some(at) = course.due_at() {
        // Due already where it lies in the past.
        let wait = (at - clock.now()).to_std().unwrap_or_default();
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
        return course.deliver_once(clock.now()).await;
    }
    course.pass_by().await?;
    let heard = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        () = tokio::time::sleep(TICK) => return Ok(()),
        heard = course.hear() => heard,
    };
    match heard {
        Ok(event) => course.take(&event).await,
        Err(Error::Limit { .. }) => course.skip_lost().await,
        Err(error) => Err(error),
    }
}
