//! Work that is done for all who ask for it: one at a time, and however many ask while it runs, once more. So a queue of it is never
//! longer than one, and what somebody gets was begun after they asked.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// What runs and what waits.
pub struct Turns<T> {
    /// Held while one runs.
    running: tokio::sync::Mutex<()>,
    /// The next one, which has not begun; whoever asks now shares it.
    waiting: Mutex<Option<Arc<Turn<T>>>>,
}

/// One time.
struct Turn<T> {
    /// Whether any of those who share it means whatever may come of it; fixed when it begins.
    is_meant: Mutex<bool>,
    came: OnceCell<T>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { running: tokio::sync::Mutex::default(), waiting: Mutex::default() }
    }
}

impl<T: Clone> Turns<T> {
    /// What comes of `work` that begins from now on; it is told whether any of those who share it said `is_meant`. Where all who wait are
    /// dropped it does not begin, and where the one is dropped in whose place it runs, the next who waits begins anew.
    pub async fn share<F: Future<Output = T>>(&self, is_meant: bool, work: impl FnOnce(bool) -> F) -> T {
        let turn = self.join(is_meant);
        let run = || async {
            let _alone = self.running.lock().await;
            work(self.begin(&turn)).await
        };
        turn.came.get_or_init(run).await.clone()
    }

    fn join(&self, is_meant: bool) -> Arc<Turn<T>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Turn { is_meant: Mutex::default(), came: OnceCell::new() });
        let turn = waiting.get_or_insert_with(fresh).clone();
        *turn.is_meant.lock().unwrap_or_else(PoisonError::into_inner) |= is_meant;
        turn
    }

    /// Whoever asks from here on waits for the next one; says whether this one is meant.
    fn begin(&self, turn: &Arc<Turn<T>>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was begun before, in the place of somebody who was dropped, waits no more.
        waiting.take_if(|next| Arc::ptr_eq(next, turn));
        *turn.is_meant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;
    use futures::future::join_all;
    use futures::poll;
    use std::cell::{Cell, RefCell};
    use std::pin::pin;
    use std::task::Poll;
    use tokio::sync::oneshot::{self, Sender};

    /// Work that ends when it is let; what comes of it is its number and whether it is meant.
    #[derive(Default)]
    struct Work {
        turns: Turns<(u32, bool)>,
        n_begun: Cell<u32>,
        running: RefCell<Option<Sender<()>>>,
    }

    impl Work {
        async fn ask(&self, is_meant: bool) -> (u32, bool) {
            let work = |is_meant| async move {
                self.n_begun.set(self.n_begun.get() + 1);
                let (number, (end, ended)) = (self.n_begun.get(), oneshot::channel());
                self.running.replace(Some(end));
                ended.await.unwrap();
                (number, is_meant)
            };
            self.turns.share(is_meant, work).await
        }

        fn end(&self) {
            self.running.take().expect("one runs").send(()).unwrap();
        }
    }

    #[tokio::test]
    async fn however_many_ask_while_one_runs_one_more_runs_for_all_of_them() {
        let work = Work::default();
        let mut first = pin!(work.ask(false));
        assert!(poll!(first.as_mut()).is_pending());
        let mut many = pin!(join_all((0..1_000).map(|n| work.ask(n == 500))));
        assert!(poll!(many.as_mut()).is_pending());
        assert_eq!(work.n_begun.get(), 1);
        work.end();
        assert_eq!(poll!(first.as_mut()), Poll::Ready((1, false)));
        assert!(poll!(many.as_mut()).is_pending());
        assert_eq!(work.n_begun.get(), 2);
        // What came after it had begun is not in it.
        let mut late = pin!(work.ask(false));
        assert!(poll!(late.as_mut()).is_pending());
        work.end();
        assert_eq!(poll!(many.as_mut()), Poll::Ready(vec![(2, true); 1_000]));
        assert!(poll!(late.as_mut()).is_pending());
        work.end();
        assert_eq!(poll!(late.as_mut()), Poll::Ready((3, false)));
    }

    #[tokio::test]
    async fn who_goes_away_leaves_nothing_that_holds_up_others() {
        let work = Work::default();
        let mut running = Box::pin(work.ask(false));
        let mut waiting = Box::pin(work.ask(false));
        assert!(poll!(running.as_mut()).is_pending() && poll!(waiting.as_mut()).is_pending());
        drop(waiting);
        drop(running);
        let (mut begins, mut shares) = (Box::pin(work.ask(false)), Box::pin(work.ask(false)));
        assert!(poll!(begins.as_mut()).is_pending());
        assert_eq!(work.n_begun.get(), 2);
        assert!(poll!(shares.as_mut()).is_pending());
        drop(begins);
        assert!(poll!(shares.as_mut()).is_pending());
        assert_eq!(work.n_begun.get(), 3);
        work.end();
        assert_eq!(poll!(shares.as_mut()), Poll::Ready((3, false)));
    }
}
