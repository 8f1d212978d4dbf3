//! How many connections are open: in all no more than leave files for the database and the builds, and of one address a part of those.

use crate::model::whose::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Files that are kept for the database, logs, artifacts and what builds are watched with; where a process may have few, a half of them.
const KEPT: u64 = 2_048;
/// Connections in all: more than any one machine serves well.
const ALL_MAX: u64 = 200_000;
/// Of all connections, one address may have a part of this size. Behind a proxy that nobody named all visitors are one address.
const PART: usize = 4;

/// The connections that are open now. Clones are the same.
#[derive(Debug, Clone)]
pub struct Connections {
    of: Arc<Mutex<HashMap<IpAddr, usize>>>,
    all_max: usize,
}

/// A place among them, left when it is dropped.
#[derive(Debug)]
pub struct Place {
    of: Arc<Mutex<HashMap<IpAddr, usize>>>,
    whose: IpAddr,
}

impl Connections {
    /// Of a process that may have `n_files` open.
    pub fn of(n_files: u64) -> Self {
        let kept = KEPT.min(n_files / 2);
        let all_max = (n_files - kept).min(ALL_MAX);
        Self { of: Arc::default(), all_max: usize::try_from(all_max).unwrap_or(usize::MAX) }
    }

    /// How many each of `n_threads` threads may have.
    pub fn max_of_thread(&self, n_threads: usize) -> usize {
        (self.all_max / NonZeroUsize::new(n_threads).map_or(1, NonZeroUsize::get)).max(1)
    }

    /// A place for a connection from `peer`; none where it has its part.
    pub fn take(&self, peer: IpAddr) -> Option<Place> {
        let whose = network(peer);
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let n = of.entry(whose).or_default();
        if *n >= (self.all_max / PART).max(1) {
            return None;
        }
        *n += 1;
        Some(Place { of: self.of.clone(), whose })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = of.get_mut(&self.whose) {
            *n -= 1;
            if *n == 0 {
                of.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Connections;

    #[test]
    fn one_address_never_takes_what_others_need_and_gives_back_what_it_took() {
        let connections = Connections::of(1_024);
        assert_eq!((connections.all_max, connections.max_of_thread(16)), (512, 32));
        let held: Vec<_> = (0..200).filter_map(|_| connections.take([192, 0, 2, 7].into())).collect();
        assert_eq!(held.len(), 128);
        assert!(connections.take([192, 0, 2, 8].into()).is_some());
        drop(held);
        assert!(connections.of.lock().unwrap().is_empty());
        assert_eq!(Connections::of(1 << 20).all_max, 200_000);
        assert_eq!(Connections::of(1 << 16).all_max, 63_488);
    }
}
