//! Why a request waits, in words.

use std::fmt;

/// Why a request waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// Its builder is not declared any more.
    NotDeclared,
    /// No worker that is ready serves the team and has the labels.
    NoWorker,
    /// The team runs as many builds as it may.
    Quota(u32),
    /// Another build of the builder runs on each worker that fits.
    BuilderBusy,
    /// Each worker that fits has all slots taken.
    SlotsBusy,
    /// It can start; others may come first.
    Next,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDeclared => f.write_str("its builder is not in the configuration any more"),
            Self::NoWorker => f.write_str("no worker is ready that serves the team and has the builder's labels"),
            Self::Quota(max) => write!(f, "the team runs {max} builds, which is all its quota allows"),
            Self::BuilderBusy => f.write_str("another build of the builder runs there"),
            Self::SlotsBusy => f.write_str("all slots of the workers that fit are taken"),
            Self::Next => f.write_str("it is about to start"),
        }
    }
}
