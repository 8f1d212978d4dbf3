//! What a call of a guest has used: CPU, wall time, memory, host calls, log. Every limit is named in its breach.

use super::error::{Breach, Kind};
use super::room::{Refused, Share};
use crate::config::plugin::Limits;
use crate::model::time::Span;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use wasmtime::ResourceLimiter;

const MEMORIES_MAX: usize = 8;
const INSTANCES_MAX: usize = 100;
const TABLES_MAX: usize = 16;

/// Time that a call has used. Shared by the call, its host functions and the epoch callback.
#[derive(Debug)]
pub struct Stopwatch {
    cpu_max: Duration,
    wall_max: Duration,
    stop_grace: Duration,
    state: Mutex<Times>,
    changed: Notify,
}

#[derive(Debug)]
struct Times {
    cpu: Duration,
    /// Spent by the host on looking for lines.
    searched: Duration,
    /// This thread's CPU time when the poll that runs now began.
    polled_since: Option<Duration>,
    wall: Duration,
    /// None while the guest waits for a command: that time is the command's.
    running_since: Option<Instant>,
    /// Wall time left when the build was stopped: the grace is counted like the wall time.
    stopped_at: Option<Duration>,
}

impl Stopwatch {
    /// Starts to count; after a stop the guest has `stop_grace` to end by itself.
    pub fn start(limits: &Limits, stop_grace: Duration) -> Arc<Self> {
        let state = Times {
            cpu: Duration::ZERO,
            searched: Duration::ZERO,
            polled_since: None,
            wall: Duration::ZERO,
            running_since: Some(Instant::now()),
            stopped_at: None,
        };
        let (cpu_max, wall_max) = (limits.cpu, limits.wall);
        Arc::new(Self { cpu_max, wall_max, stop_grace, state: Mutex::new(state), changed: Notify::new() })
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.state.lock().expect("no holder of a stopwatch panics")
    }

    /// CPU time that the call has used, with what the host has spent on its lines.
    pub fn cpu(&self) -> Duration {
        let times = self.times();
        times.cpu + times.searched
    }

    /// Asked at every tick while the guest runs.
    ///
    /// # Errors
    /// Where a limit of time is passed.
    pub fn check(&self) -> Result<(), Breach> {
        let times = self.times();
        let polled = times.polled_since.map_or(Duration::ZERO, |since| thread_cpu().saturating_sub(since));
        if times.cpu + polled > self.cpu_max {
            return Err(Breach::new(
                Kind::Cpu,
                format!("used more CPU time than its limit `cpu` = {} allows in one call", span(self.cpu_max)),
            ));
        }
        match self.left(&times) {
            Some(Duration::ZERO) => Err(self.deadline(&times)),
            _ => Ok(()),
        }
    }

    /// Counts CPU time that the host has spent on looking for the guest's lines. As much as the guest has for itself.
    ///
    /// # Errors
    /// Where it is more.
    pub fn searched(&self, took: Duration) -> Result<(), Breach> {
        let mut times = self.times();
        times.searched += took;
        if times.searched > self.cpu_max {
            let limit = span(self.cpu_max);
            let message = format!(
                "the search for its lines used more CPU time than its limit `cpu` = {limit} allows in one call: look for \
                 less, or with simpler patterns"
            );
            return Err(Breach::new(Kind::Cpu, message));
        }
        Ok(())
    }

    /// The wall time stands still until the guard is dropped: the guest waits for a command.
    pub fn pause(self: &Arc<Self>) -> Paused {
        let mut times = self.times();
        if let Some(since) = times.running_since.take() {
            times.wall += since.elapsed();
        }
        Paused(Arc::clone(self))
    }

    /// The build was stopped: from now on the grace counts.
    pub fn stopped(&self) {
        let mut times = self.times();
        let used = times.used();
        times.stopped_at.get_or_insert(used);
        drop(times);
        self.changed.notify_one();
    }

    /// Resolves when the wall time, or the grace after a stop, is over.
    pub async fn over(&self) -> Breach {
        loop {
            let left = {
                let times = self.times();
                match self.left(&times) {
                    Some(Duration::ZERO) => return self.deadline(&times),
                    left => left,
                }
            };
            match left {
                Some(left) => {
                    tokio::select! {
                        () = tokio::time::sleep(left) => {}
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// What is left; none while the time stands still.
    fn left(&self, times: &Times) -> Option<Duration> {
        times.running_since?;
        let end = match times.stopped_at {
            Some(at) => (at + self.stop_grace).min(self.wall_max),
            None => self.wall_max,
        };
        Some(end.saturating_sub(times.used()))
    }

    fn deadline(&self, times: &Times) -> Breach {
        if times.stopped_at.is_some() && times.used() < self.wall_max {
            let message = format!("did not end within {} after the build was stopped", span(self.stop_grace));
            return Breach::new(Kind::Cancelled, message);
        }
        let message =
            format!("ran longer than its limit `wall` = {} allows, not counting its commands", span(self.wall_max));
        Breach::new(Kind::Deadline, message)
    }
}

impl Times {
    fn used(&self) -> Duration {
        self.wall + self.running_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// A span for a message; shorter than a second in milliseconds.
fn span(duration: Duration) -> String {
    if duration.subsec_millis() == 0 { Span(duration).to_string() } else { format!("{}ms", duration.as_millis()) }
}

/// See [`Stopwatch::pause`].
#[derive(Debug)]
pub struct Paused(Arc<Stopwatch>);

impl Drop for Paused {
    fn drop(&mut self) {
        self.0.times().running_since = Some(Instant::now());
        self.0.changed.notify_one();
    }
}

/// CPU time of this thread: unlike the time of day it does not grow while others have the processor.
pub fn thread_cpu() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// A future whose polls are counted as CPU time: what the host does for a guest counts too.
pub struct Timed<F> {
    /// What to poll.
    pub future: Pin<Box<F>>,
    /// Where to count.
    pub stopwatch: Arc<Stopwatch>,
}

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let began = thread_cpu();
        self.stopwatch.times().polled_since = Some(began);
        let polled = self.future.as_mut().poll(cx);
        let mut times = self.stopwatch.times();
        times.polled_since = None;
        times.cpu += thread_cpu().saturating_sub(began);
        drop(times);
        polled
    }
}

/// Bounds memory as a sum: the engine's own limiter counts each memory alone.
#[derive(Debug)]
pub struct MemoryMeter {
    memory_max: usize,
    memory: usize,
    table_elements_max: usize,
    table_elements: usize,
    /// What was refused, if anything: a guest that is refused memory usually breaks, and then this is why.
    pub refused: Option<Refused>,
    /// Of the memory that all guests have together; none while a plugin describes itself, which is short.
    share: Option<Share>,
}

impl MemoryMeter {
    /// A meter over nothing used yet.
    pub fn new(limits: &Limits, share: Option<Share>) -> Self {
        let memory_max = usize::try_from(limits.memory.0).unwrap_or(usize::MAX);
        Self {
            memory_max,
            memory: 0,
            table_elements_max: limits.table_elements,
            table_elements: 0,
            refused: None,
            share,
        }
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let sum = self.memory.saturating_sub(current).saturating_add(desired);
        if sum > self.memory_max {
            let limit = crate::model::size::Size(self.memory_max as u64);
            self.refused =
                Some((Kind::Quota, format!("asked for {sum} bytes of memory, its limit `memory` is {limit}")));
            return Ok(false);
        }
        if let Some(Err(refused)) = self.share.as_mut().map(|share| share.resize(sum)) {
            self.refused = Some(refused);
            return Ok(false);
        }
        self.memory = sum;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _max: Option<usize>) -> wasmtime::Result<bool> {
        let sum = self.table_elements.saturating_sub(current).saturating_add(desired);
        let max = self.table_elements_max;
        if sum > max {
            let message = format!("asked for {sum} table elements, its limit `table_elements` is {max}");
            self.refused = Some((Kind::Quota, message));
            return Ok(false);
        }
        self.table_elements = sum;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}
