//! How much may be used at once and how fast it comes back: a bucket of credits.

use super::time::Time;
use std::time::Duration;

/// How large a bucket is, and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// What may be used at once.
    pub burst: f64,
    /// What comes back in a second.
    pub per_s: f64,
}

impl Rate {
    /// `n` within `span`, all of which may be used at once.
    pub fn within(n: f64, span: Duration) -> Self {
        Self { burst: n, per_s: n / span.as_secs_f64().max(f64::MIN_POSITIVE) }
    }
}

/// What is left of a rate.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    credit: f64,
    filled_at: Time,
}

impl Bucket {
    /// A full one.
    pub fn full(rate: Rate, now: Time) -> Self {
        Self { credit: rate.burst, filled_at: now }
    }

    /// Takes `n` where they are there.
    ///
    /// # Errors
    /// How long it takes until they are; then nothing was taken.
    pub fn take(&mut self, n: f64, rate: Rate, now: Time) -> Result<(), Duration> {
        self.fill(rate, now);
        if self.credit < n {
            return Err(wait(n - self.credit, rate));
        }
        self.credit -= n;
        Ok(())
    }

    /// Takes `n` that were used already, though they may be more than there are.
    pub fn charge(&mut self, n: f64, rate: Rate, now: Time) {
        self.fill(rate, now);
        self.credit -= n;
    }

    /// Whether anything is left; else how long it takes until something is.
    ///
    /// # Errors
    /// That time.
    pub fn check(&mut self, rate: Rate, now: Time) -> Result<(), Duration> {
        self.fill(rate, now);
        if self.credit > 0.0 { Ok(()) } else { Err(wait(-self.credit, rate).max(Duration::from_secs(1))) }
    }

    /// What is used of it at `now`.
    pub fn used(&mut self, rate: Rate, now: Time) -> f64 {
        self.fill(rate, now);
        rate.burst - self.credit
    }

    /// Whether it is as good as a new one.
    pub fn is_full(&mut self, rate: Rate, now: Time) -> bool {
        self.used(rate, now) <= 0.0
    }

    fn fill(&mut self, rate: Rate, now: Time) {
        // A clock that is set back gives nothing and takes nothing.
        let passed = (now - self.filled_at).to_std().unwrap_or_default();
        self.credit = (self.credit + passed.as_secs_f64() * rate.per_s).min(rate.burst);
        self.filled_at = now;
    }
}

fn wait(missing: f64, rate: Rate) -> Duration {
    // Where nothing ever comes back, somebody asks again tomorrow.
    Duration::try_from_secs_f64(missing / rate.per_s).unwrap_or(Duration::from_secs(86_400))
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Rate};
    use crate::model::time::Time;
    use chrono::TimeDelta;
    use std::time::Duration;

    const RATE: Rate = Rate { burst: 4.0, per_s: 2.0 };

    #[test]
    fn after_a_burst_credits_come_back_at_the_rate_and_never_more_than_the_burst() {
        let now = Time::UNIX_EPOCH;
        let mut bucket = Bucket::full(RATE, now);
        for _ in 0..4 {
            bucket.take(1.0, RATE, now).unwrap();
        }
        assert_eq!(bucket.take(1.0, RATE, now).unwrap_err(), Duration::from_millis(500));
        bucket.take(1.0, RATE, now + TimeDelta::milliseconds(500)).unwrap();
        let later = now + TimeDelta::days(1);
        assert!(bucket.is_full(RATE, later));
        assert!(bucket.take(4.5, RATE, later).is_err());
        bucket.take(4.0, RATE, later).unwrap();
    }

    #[test]
    fn what_was_used_already_may_leave_a_debt_that_is_paid_off_in_time() {
        let now = Time::UNIX_EPOCH;
        let mut bucket = Bucket::full(RATE, now);
        bucket.check(RATE, now).unwrap();
        bucket.charge(10.0, RATE, now);
        assert_eq!(bucket.used(RATE, now), 10.0);
        assert_eq!(bucket.check(RATE, now).unwrap_err(), Duration::from_secs(3));
        bucket.check(RATE, now + TimeDelta::milliseconds(3_001)).unwrap();
    }

    #[test]
    fn a_clock_that_is_set_back_breaks_nothing() {
        let now = Time::UNIX_EPOCH + TimeDelta::days(1);
        let mut bucket = Bucket::full(RATE, now);
        bucket.take(4.0, RATE, now - TimeDelta::hours(1)).unwrap();
        assert!(bucket.take(1.0, RATE, now - TimeDelta::hours(2)).is_err());
    }
}
