//! Status, as the plugin's team may see it.

use crate::plugins::bindings::builds::{BuildsError, Host};
use crate::plugins::instance::Guest;

const NOT_YET: &str = "this server answers plugins no questions yet";

impl Host for Guest {
    async fn builder(&mut self, _name: String) -> wasmtime::Result<Result<String, BuildsError>> {
        self.enter()?;
        Ok(Err(BuildsError::Failed(NOT_YET.to_owned())))
    }

    async fn build(&mut self, _builder: String, _number: u32) -> wasmtime::Result<Result<String, BuildsError>> {
        self.enter()?;
        Ok(Err(BuildsError::Failed(NOT_YET.to_owned())))
    }

    async fn recent(&mut self, _builder: String, _limit: u32) -> wasmtime::Result<Result<Vec<String>, BuildsError>> {
        self.enter()?;
        Ok(Err(BuildsError::Failed(NOT_YET.to_owned())))
    }

    async fn view(&mut self, _name: String) -> wasmtime::Result<Result<String, BuildsError>> {
        self.enter()?;
        Ok(Err(BuildsError::Failed(NOT_YET.to_owned())))
    }
}
