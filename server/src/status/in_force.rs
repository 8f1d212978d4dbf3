//! What is in force: a configuration and all that follows from it, behind one value that is replaced as a whole. Who asks something
//! takes it once and answers from it, so that no answer is half of the old and half of the new.

use super::Inner;
use super::board::Board;
use super::registry::Registry;
use super::select::Selection;
use crate::config::Config;
use std::collections::HashMap;
use std::sync::Arc;

/// A configuration and all that follows from it. Places of builders ([`super::registry::Slot`]) mean nothing in another one.
pub(super) struct InForce {
    /// What was loaded.
    pub config: Arc<Config>,
    /// Its builders.
    pub registry: Arc<Registry>,
    /// What each of its views shows.
    pub selections: HashMap<String, Selection>,
    /// How its builders stand.
    pub board: Board,
}

impl Inner {
    /// What is in force now. Take it once for each question.
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }
}
