//! How fast calls to one host may follow each other: a bucket of credits for each host.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Calls to one host in a second, after the burst.
const PER_S: f64 = 10.0;
/// Calls to one host that may come at once.
const BURST: f64 = 50.0;
/// Hosts that are remembered; of more the full buckets are forgotten, which changes nothing.
const HOSTS_MAX: usize = 1_000;

/// Credits by host and port.
#[derive(Debug, Default)]
pub struct Buckets(HashMap<String, Bucket>);

#[derive(Debug)]
struct Bucket {
    credit: f64,
    filled_at: Instant,
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let gained = now.duration_since(self.filled_at).as_secs_f64() * PER_S;
        self.credit = (self.credit + gained).min(BURST);
        self.filled_at = now;
    }
}

impl Buckets {
    /// Takes a credit for a call to `host`.
    ///
    /// # Errors
    /// Where there is none: how long it takes until there is.
    pub fn take(&mut self, host: &str, now: Instant) -> Result<(), Duration> {
        if self.0.len() >= HOSTS_MAX && !self.0.contains_key(host) {
            self.0.retain(|_, bucket| {
                bucket.fill(now);
                bucket.credit < BURST
            });
            if self.0.len() >= HOSTS_MAX {
                return Err(Duration::from_secs(1));
            }
        }
        let bucket = self.0.entry(host.to_owned()).or_insert(Bucket { credit: BURST, filled_at: now });
        bucket.fill(now);
        if bucket.credit < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.credit) / PER_S));
        }
        bucket.credit -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, Buckets, HOSTS_MAX};
    use std::time::{Duration, Instant};

    #[test]
    fn after_a_burst_calls_come_at_a_rate_and_each_host_has_its_own() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        for _ in 0..BURST as usize {
            buckets.take("a:443", now).unwrap();
        }
        let wait = buckets.take("a:443", now).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        buckets.take("b:443", now).unwrap();
        buckets.take("a:443", now + wait).unwrap();
        assert!(buckets.take("a:443", now + wait).is_err());
    }

    #[test]
    fn however_many_hosts_are_called_few_are_remembered() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        for n in 0..HOSTS_MAX {
            buckets.take(&n.to_string(), now).unwrap();
        }
        assert!(buckets.take("one more", now).is_err());
        let later = now + Duration::from_secs(1);
        buckets.take("one more", later).unwrap();
        assert_eq!(buckets.0.len(), 1);
    }
}
