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
use crate::status::{Error, Result, Status};
use course::Course;
use futures::FutureExt as _;
use reporter::ReporterRunner;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A reporter looks again after so long, though it heard nothing.
const TICK: Duration = Duration::from_secs(60);
/// A course that broke rests so long.
const REST: Duration = Duration::from_secs(2);
/// Reporters have so long to end when the server shuts down; a guest has 10 seconds.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);

/// Every reporter of the configuration.
pub struct Delivery {
    courses: Vec<Course>,
    clock: SharedClock,
    shutdown: CancellationToken,
}

impl Delivery {
    /// Every reporter of the configuration, each where it stopped. Nothing is told until it runs.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn open(
        status: &Status,
        runner: Arc<dyn ReporterRunner>,
        clock: SharedClock,
        shutdown: CancellationToken,
    ) -> Result<Self> {
        let mut courses = Vec::new();
        let config = status.config();
        for reporter in config.teams.values().flat_map(|team| team.reporters.values()) {
            let course = Course::begin(status.clone(), runner.clone(), reporter.clone(), shutdown.clone());
            courses.push(course.await?);
        }
        Ok(Self { courses, clock, shutdown })
    }

    /// Runs every course until shutdown, then waits for them, within a bounded time.
    pub async fn run(self) {
        let tasks = TaskTracker::new();
        for course in self.courses {
            tasks.spawn(run(course, self.clock.clone(), self.shutdown.clone()));
        }
        tasks.close();
        self.shutdown.cancelled().await;
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, tasks.wait()).await.is_err() {
            tracing::warn!("some reporters did not end in time; the next start goes on where they were");
        }
    }
}

/// Runs one course until shutdown, whatever breaks.
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
