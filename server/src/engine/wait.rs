//! Why a request waits.

/// Why a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Its builder is not declared any more.
    NotDeclared,
    /// No worker that is ready serves the team and has the labels.
    NoWorker,
    /// The team runs as many builds as it may.
    Quota,
    /// Another build of the builder runs on each worker that fits.
    BuilderBusy,
    /// Each worker that fits has all slots taken.
    SlotsBusy,
}
