//! A small state for each use of a plugin.

use crate::plugins::bindings::state::{Expectation, Host, StateError, Versioned};
use crate::plugins::instance::Guest;

const NOT_YET: &str = "this server keeps no state for plugins yet";

impl Host for Guest {
    async fn get(&mut self, _key: String) -> wasmtime::Result<Result<Option<Versioned>, StateError>> {
        self.enter()?;
        Ok(Err(StateError::Failed(NOT_YET.to_owned())))
    }

    async fn put(
        &mut self,
        _key: String,
        _value: Vec<u8>,
        _expected: Expectation,
    ) -> wasmtime::Result<Result<String, StateError>> {
        self.enter()?;
        Ok(Err(StateError::Failed(NOT_YET.to_owned())))
    }

    async fn delete(&mut self, _key: String) -> wasmtime::Result<Result<(), StateError>> {
        self.enter()?;
        Ok(Err(StateError::Failed(NOT_YET.to_owned())))
    }

    async fn keys(&mut self, _prefix: String, _max: u32) -> wasmtime::Result<Result<Vec<String>, StateError>> {
        self.enter()?;
        Ok(Err(StateError::Failed(NOT_YET.to_owned())))
    }
}
