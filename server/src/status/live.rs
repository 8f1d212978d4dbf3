//! Logs that still grow: how far each is, for those who follow it. Growth is no event; only the newest progress counts.

use super::get::LogProgress;
use crate::model::id::LogId;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// Every log that still grows.
#[derive(Default)]
pub(super) struct LiveLogs(Mutex<HashMap<LogId, watch::Sender<LogProgress>>>);

impl LiveLogs {
    /// A log was opened, grew or ended. Its end lets go of the sender, so that followers see that nothing more will come.
    pub fn set(&self, log: LogId, progress: LogProgress) {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.complete {
            if let Some(sender) = logs.remove(&log) {
                sender.send_replace(progress);
            }
        } else {
            logs.entry(log).or_insert_with(|| watch::Sender::new(progress)).send_replace(progress);
        }
    }

    /// Follows a log, where it still grows.
    pub fn follow(&self, log: LogId) -> Option<watch::Receiver<LogProgress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&log).map(watch::Sender::subscribe)
    }

    /// Lets go of every follower: the server ends.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
