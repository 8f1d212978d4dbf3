//! Row ids as types, so that a build's id is never taken for a builder's.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A builder's row.
    BuilderId,
    /// A buildset's row.
    BuildsetId,
    /// A build request's row.
    BuildRequestId,
    /// A build's row (not its number, which counts from 1 for each builder).
    BuildId,
    /// A step's row (not its number, which counts from 0 in each build).
    StepId,
    /// A log's row.
    LogId,
    /// An event's place in the one ordered stream.
    EventId,
}
