//! Calls of the host: how many a guest has made, and how fast. The count is all that a call costs; the clock is asked at ticks.

use super::error::{Breach, Kind};
use std::time::{Duration, Instant};

/// A guest may make the calls of so long a time at once.
const BURST_S: f64 = 0.25;

/// Counts calls of the host. A guest that is too fast is made to wait where it is interrupted anyway, so that the wait holds no thread.
#[derive(Debug)]
pub struct CallMeter {
    n_calls: u64,
    max: u64,
    max_per_s: f64,
    /// Calls that may be made now, as of the last tick; below zero they have been made already.
    credit: f64,
    /// Calls at the last tick.
    counted: u64,
    /// At this count the guest is interrupted before the next tick.
    interrupt_at: u64,
    refilled_at: Instant,
}

impl CallMeter {
    /// A meter over nothing called yet.
    pub fn new(max: u64, max_per_s: u64) -> Self {
        let max_per_s = (max_per_s as f64).max(1.0);
        let credit = burst(max_per_s);
        Self {
            n_calls: 0,
            max,
            max_per_s,
            credit,
            counted: 0,
            interrupt_at: credit as u64,
            refilled_at: Instant::now(),
        }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// Over the limit of all calls.
    pub fn count(&mut self) -> Result<(), Breach> {
        self.n_calls += 1;
        if self.n_calls == self.interrupt_at {
            super::engine::interrupt();
        }
        if self.n_calls > self.max {
            let message = format!("called the host more often than its limit `host_calls` = {} allows", self.max);
            return Err(Breach::new(Kind::Quota, message));
        }
        Ok(())
    }

    /// Asked at every tick while the guest runs: how long it has to wait before it goes on.
    pub fn wait(&mut self) -> Duration {
        self.wait_at(Instant::now())
    }

    fn wait_at(&mut self, now: Instant) -> Duration {
        let refill = now.duration_since(self.refilled_at).as_secs_f64() * self.max_per_s;
        let made = (self.n_calls - self.counted) as f64;
        self.credit = (self.credit + refill).min(burst(self.max_per_s)) - made;
        (self.counted, self.refilled_at) = (self.n_calls, now);
        if self.credit >= 1.0 {
            self.interrupt_at = self.n_calls + self.credit as u64;
            return Duration::ZERO;
        }
        // Until a good part of a burst is there again, or the guest would be interrupted at every call.
        let part = (burst(self.max_per_s) / 2.0).max(1.0);
        self.interrupt_at = self.n_calls + part as u64;
        Duration::from_secs_f64((part - self.credit) / self.max_per_s)
    }
}

fn burst(max_per_s: f64) -> f64 {
    (max_per_s * BURST_S).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::CallMeter;
    use std::time::Duration;

    fn calls(meter: &mut CallMeter, n: u64) {
        for _ in 0..n {
            meter.count().unwrap();
        }
    }

    #[test]
    fn a_guest_that_calls_too_often_waits_until_it_has_kept_to_its_rate() {
        let mut meter = CallMeter::new(u64::MAX, 1_000);
        let start = meter.refilled_at;
        calls(&mut meter, 200);
        assert_eq!(meter.wait_at(start), Duration::ZERO, "a burst is free");
        calls(&mut meter, 550);
        // What was too many, and half a burst.
        assert_eq!(meter.wait_at(start), Duration::from_millis(500 + 125));
        assert_eq!(meter.wait_at(start + Duration::from_millis(625)), Duration::ZERO);
        // What was not used long ago is no credit for a flood now.
        calls(&mut meter, 750);
        assert_eq!(meter.wait_at(start + Duration::from_secs(3_600)), Duration::from_millis(500 + 125));
    }

    #[test]
    fn over_its_total_a_guest_is_told_the_limit() {
        let mut meter = CallMeter::new(3, 1_000);
        calls(&mut meter, 3);
        assert!(meter.count().unwrap_err().message.contains("`host_calls` = 3"));
    }
}
