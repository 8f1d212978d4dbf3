//! How often somebody may try: a few times at once, then at a steady pace. It remembers in bounded room, whoever tries how often.

use crate::model::time::Time;
use crate::model::whose::network;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::Mutex;

/// Names, and addresses, that are told apart; two that fall together share their pace.
const SLOTS: usize = 4_096;

/// A pace: the generic cell rate algorithm (ITU-T I.371).
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// So many tries at once.
    burst: i64,
    /// Then one in each span of so many milliseconds.
    every_ms: i64,
}

/// For one name.
const NAME: Pace = Pace { burst: 10, every_ms: 30_000 };
/// For one address: many people may stand behind it.
const ADDRESS: Pace = Pace { burst: 30, every_ms: 10_000 };

/// Who tried how often, as the moment up to which each has used up its pace, in milliseconds since 1970.
pub struct Throttle {
    slots: Mutex<Vec<i64>>,
    /// Seeded at random, so that nobody can choose with whom to fall together.
    hasher: RandomState,
}

/// One try that was counted.
#[derive(Debug, Clone, Copy)]
pub struct Try {
    name: usize,
    address: usize,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { slots: Mutex::new(vec![0; 2 * SLOTS]), hasher: RandomState::new() }
    }
}

impl Throttle {
    /// Counts a try at `name` from `address`, before it is known how it ends: many at the same time count as many.
    ///
    /// # Errors
    /// The seconds after which the next may be made; then nothing is counted.
    pub fn count(&self, name: &str, address: IpAddr, now: Time) -> Result<Try, u64> {
        let tried = Try { name: self.slot(name), address: SLOTS + self.slot(network(address)) };
        let now = now.timestamp_millis();
        let mut slots = self.lock();
        let paces = [(tried.name, NAME), (tried.address, ADDRESS)];
        let wait_ms = paces.iter().map(|(slot, pace)| pace.wait_ms(slots[*slot], now)).max().unwrap_or(0);
        if wait_ms > 0 {
            return Err(u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000));
        }
        for (slot, pace) in paces {
            slots[slot] = slots[slot].clamp(now, now + pace.burst * pace.every_ms) + pace.every_ms;
        }
        Ok(tried)
    }

    /// The try was right, so it does not count. What others tried before still does.
    pub fn forgive(&self, tried: Try) {
        let mut slots = self.lock();
        slots[tried.name] -= NAME.every_ms;
        slots[tried.address] -= ADDRESS.every_ms;
    }

    fn slot(&self, key: impl Hash) -> usize {
        usize::try_from(self.hasher.hash_one(key) % SLOTS as u64).expect("under the number of slots")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<i64>> {
        self.slots.lock().expect("no holder of the tries panics")
    }
}

impl Pace {
    /// How long to wait where the pace is used up to `used`.
    fn wait_ms(self, used: i64, now: i64) -> i64 {
        // A clock that was set back makes nobody wait for longer than the whole burst.
        let ahead = (used - now).min(self.burst * self.every_ms);
        ahead - (self.burst - 1) * self.every_ms
    }
}

#[cfg(test)]
mod tests {
    use super::{Throttle, Time};
    use std::net::IpAddr;

    fn at(s: i64) -> Time {
        Time::from_timestamp(1_000_000 + s, 0).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_may_be_tried_ten_times_and_then_once_in_thirty_seconds_from_wherever() {
        let throttle = Throttle::default();
        for n in 0..10 {
            assert!(throttle.count("ada", ip(&format!("10.0.0.{n}")), at(0)).is_ok(), "{n}");
        }
        assert_eq!(throttle.count("ada", ip("10.0.1.1"), at(0)).unwrap_err(), 30);
        assert_eq!(throttle.count("ada", ip("10.0.1.1"), at(29)).unwrap_err(), 1);
        assert!(throttle.count("ada", ip("10.0.1.1"), at(30)).is_ok());
        assert!(throttle.count("ada", ip("10.0.1.1"), at(31)).is_err());
    }

    #[test]
    fn an_address_may_try_thirty_names_and_an_ipv6_network_is_one_address() {
        let throttle = Throttle::default();
        for n in 0..30 {
            assert!(throttle.count(&format!("user {n}"), ip(&format!("2001:db8::{n}")), at(0)).is_ok(), "{n}");
        }
        assert_eq!(throttle.count("another", ip("2001:db8::ffff:1"), at(0)).unwrap_err(), 10);
        assert!(throttle.count("another", ip("2001:db8:0:1::1"), at(0)).is_ok());
    }

    #[test]
    fn who_is_right_is_not_counted_and_what_others_tried_is() {
        let throttle = Throttle::default();
        for _ in 0..100 {
            let tried = throttle.count("ada", ip("10.0.0.1"), at(0)).unwrap();
            throttle.forgive(tried);
        }
        for _ in 0..9 {
            throttle.count("ada", ip("10.0.0.2"), at(0)).unwrap();
        }
        let tried = throttle.count("ada", ip("10.0.0.1"), at(0)).unwrap();
        throttle.forgive(tried);
        throttle.count("ada", ip("10.0.0.2"), at(0)).unwrap();
        assert!(throttle.count("ada", ip("10.0.0.2"), at(0)).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let throttle = Throttle::default();
        for _ in 0..10 {
            throttle.count("ada", ip("10.0.0.1"), at(1_000_000)).unwrap();
        }
        assert!(throttle.count("ada", ip("10.0.0.1"), at(0)).unwrap_err() <= 30);
    }
}
