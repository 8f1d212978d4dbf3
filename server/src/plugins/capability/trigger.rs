//! Other builders of the own team.

use crate::plugins::bindings::trigger::{Finished, Host, Order, TriggerError};
use crate::plugins::instance::Guest;

const NOT_YET: &str = "this server lets plugins trigger nothing yet";

impl Host for Guest {
    async fn start(&mut self, _order: Order) -> wasmtime::Result<Result<String, TriggerError>> {
        self.step()?;
        Ok(Err(TriggerError::Failed(NOT_YET.to_owned())))
    }

    async fn wait_for(
        &mut self,
        _requests: Vec<String>,
        _timeout_ms: Option<u32>,
    ) -> wasmtime::Result<Result<Vec<Finished>, TriggerError>> {
        self.step()?;
        Ok(Err(TriggerError::Failed(NOT_YET.to_owned())))
    }
}
