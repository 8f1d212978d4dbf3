//! What tests said.

use crate::plugins::bindings::test_results::{Host, ResultsError, TestCase};
use crate::plugins::instance::Guest;

impl Host for Guest {
    async fn report(&mut self, _cases: Vec<TestCase>) -> wasmtime::Result<Result<(), ResultsError>> {
        self.step()?;
        Ok(Err(ResultsError::Failed("this server keeps no test results yet".to_owned())))
    }
}
