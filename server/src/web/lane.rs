//! Nobody's calls take all processors: of each who asks some are answered at a time, and the others wait for those.

use crate::model::whose::Whose;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So long a call waits for others of the same asker, and no longer: one of them may wait for something else, as for a slow sender.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// Askers that are known at once; those beyond wait for nobody.
const ASKERS_MAX: usize = 10_000;

/// The calls that are being answered. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Lanes(Arc<Mutex<HashMap<Whose, Arc<Semaphore>>>>);

/// A turn; the next one comes when it is dropped.
#[derive(Debug)]
pub struct Turn {
    lanes: Lanes,
    whose: Whose,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    /// Waits for a turn: half the processors are one asker's at a time.
    pub async fn turn(&self, whose: Whose) -> Option<Turn> {
        let lane = {
            let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if table.len() >= ASKERS_MAX && !table.contains_key(&whose) {
                return None;
            }
            table.entry(whose.clone()).or_insert_with(|| Arc::new(Semaphore::new(n_at_once()))).clone()
        };
        let mut turn = Turn { lanes: self.clone(), whose, permit: None };
        turn.permit = tokio::time::timeout(WAIT_MAX, lane.acquire_owned()).await.ok().and_then(Result::ok);
        Some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.permit = None;
        let mut table = self.lanes.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has a turn or waits for one holds the lane, too.
        if table.get(&self.whose).is_some_and(|lane| Arc::strong_count(lane) == 1) {
            table.remove(&self.whose);
        }
    }
}

fn n_at_once() -> usize {
    (std::thread::available_parallelism().map_or(1, NonZeroUsize::get) / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::{Lanes, Whose, n_at_once};
    use tokio::time::Instant;

    fn team(name: &str) -> Whose {
        Whose::Team(name.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_all_turns_waits_for_one_of_them_and_others_do_not() {
        let (lanes, began) = (Lanes::default(), Instant::now());
        let mut held = Vec::new();
        for _ in 0..n_at_once() {
            held.push(lanes.turn(team("hostile")).await);
        }
        let waiting = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.turn(team("hostile")).await.is_some_and(|turn| turn.permit.is_some()) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert!(lanes.turn(team("quiet")).await.unwrap().permit.is_some());
        held.pop();
        assert!(waiting.await.unwrap() && began.elapsed().is_zero());
        drop(held);
        assert!(lanes.0.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let lanes = Lanes::default();
        let mut held = Vec::new();
        for _ in 0..=n_at_once() {
            held.push(lanes.turn(team("hostile")).await.unwrap());
        }
        assert!(held.last().unwrap().permit.is_none());
        drop(held);
        assert!(lanes.0.lock().unwrap().is_empty());
    }
}
