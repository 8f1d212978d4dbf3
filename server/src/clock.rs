//! Where the time comes from: an argument, so that tests own it.

use crate::model::time::Time;
use std::sync::{Arc, Mutex};

/// Tells the time. Passed to whatever needs it; nothing else reads the system's clock.
pub trait Clock: Send + Sync + 'static {
    /// Now, in UTC.
    fn now(&self) -> Time;
}

/// A clock to hand around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Time {
        chrono::Utc::now()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct TestClock(Mutex<Time>);

impl TestClock {
    /// A clock that shows `at`.
    pub fn at(at: Time) -> Arc<Self> {
        Arc::new(Self(Mutex::new(at)))
    }

    /// Moves the clock forward by `seconds`.
    pub fn advance(&self, seconds: i64) {
        let mut now = self.0.lock().expect("no holder of the clock panics");
        *now += chrono::TimeDelta::seconds(seconds);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        *self.0.lock().expect("no holder of the clock panics")
    }
}
