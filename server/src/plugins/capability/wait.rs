//! Waiting, the time of day, and being stopped.

use crate::plugins::bindings::wait::{Host, Interruption};
use crate::plugins::instance::Guest;
use std::time::Duration;

impl Host for Guest {
    async fn sleep(&mut self, duration_ms: u32) -> wasmtime::Result<Result<(), Interruption>> {
        let stop = self.used()?.stop.clone();
        // The wall limit goes on: it ends the whole call, so `deadline` needs no answer of its own.
        Ok(tokio::select! {
            biased;
            () = stop.cancelled() => Err(Interruption::Cancelled),
            () = tokio::time::sleep(Duration::from_millis(duration_ms.into())) => Ok(()),
        })
    }

    async fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(self.used()?.stop.is_cancelled())
    }

    async fn now(&mut self) -> wasmtime::Result<String> {
        self.used_for("the time of day")?;
        Ok(self.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
    }
}
