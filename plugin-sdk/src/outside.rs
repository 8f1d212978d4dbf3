//! What a plugin of any kind may ask of the host: its log, time, randomness. Each noun beyond that adds its own methods here, in
//! its own file: [`crate::http`], [`crate::secret`], [`crate::state`], [`crate::builds`].

use crate::host::{Host, Level};
use std::time::Duration;

/// Inside a component the host is one concrete type, so that what a plugin does not use is not imported and needs no grant.
#[cfg(target_family = "wasm")]
pub type AnyHost = crate::guest::Imports;
/// Outside of one it is whatever a test brings.
#[cfg(not(target_family = "wasm"))]
pub type AnyHost = Box<dyn Host>;

/// The part of the outside that steps and reporters share; [`crate::Context`] and the reporter's own context lead to it.
pub struct Outside {
    host: AnyHost,
}

impl Outside {
    /// Over the host; the SDK and tests make it.
    pub fn new(host: AnyHost) -> Self {
        Self { host }
    }

    /// The host, as something that only the trait is known of: the same code then compiles for a component and for a test.
    pub(crate) fn host(&mut self) -> &mut (impl Host + ?Sized + use<>) {
        #[cfg(target_family = "wasm")]
        let host = &mut self.host;
        #[cfg(not(target_family = "wasm"))]
        let host = &mut *self.host;
        host
    }

    /// Says something in the step's log, between the output of its commands; in the server's where there is no step.
    pub fn log(&mut self, level: Level, text: &str) {
        self.host().log(level, text);
    }

    /// Waits; false where a stop or the deadline ended the wait.
    pub fn sleep(&mut self, duration: Duration) -> bool {
        self.host().sleep(duration)
    }

    /// Whether somebody stopped the build: then there are 10 seconds left to end.
    pub fn cancelled(&mut self) -> bool {
        self.host().cancelled()
    }

    /// The time of day, RFC 3339 in UTC: `2026-11-22T10:30:00Z`.
    pub fn now(&mut self) -> String {
        self.host().now()
    }

    /// Random bytes, fit for keys; at most 64 KiB in all, and asking for more ends the call.
    pub fn random_bytes(&mut self, n: u32) -> Vec<u8> {
        self.host().random_bytes(n)
    }
}
