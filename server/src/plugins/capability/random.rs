//! Randomness, from the system.

use crate::plugins::bindings::random::Host;
use crate::plugins::error::{Breach, Kind};
use crate::plugins::instance::{Guest, RANDOM_BYTES_MAX};
use rand::TryRngCore as _;

impl Host for Guest {
    async fn bytes(&mut self, n: u32) -> wasmtime::Result<Vec<u8>> {
        self.used_for("randomness")?;
        self.n_random_bytes += u64::from(n);
        if self.n_random_bytes > RANDOM_BYTES_MAX {
            let message = format!("asked for more than {RANDOM_BYTES_MAX} random bytes in one call");
            return Err(Breach::new(Kind::Quota, message).into());
        }
        let mut bytes = vec![0; n as usize];
        let drawn = rand::rngs::OsRng.try_fill_bytes(&mut bytes);
        drawn.map_err(|error| Breach::new(Kind::Host, format!("the system gives no randomness: {error}")))?;
        Ok(bytes)
    }
}
