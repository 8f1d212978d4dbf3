//! Secrets that settings hand over. Settings carry none yet, so every name is not granted, and no handle can exist.

use crate::plugins::bindings::secret_reveal::{self, RevealError};
use crate::plugins::bindings::secrets::{Host, HostSecret, SecretError};
use crate::plugins::instance::Guest;
use wasmtime::component::Resource;

/// A secret's handle. There is none to be had: a value cannot exist.
#[derive(Debug)]
pub enum Secret {}

impl Host for Guest {
    async fn get(&mut self, _name: String) -> wasmtime::Result<Result<Resource<Secret>, SecretError>> {
        self.enter()?;
        Ok(Err(SecretError::NotGranted))
    }
}

impl HostSecret for Guest {
    async fn name(&mut self, secret: Resource<Secret>) -> wasmtime::Result<String> {
        self.enter()?;
        match *self.table.get(&secret)? {}
    }

    async fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        Ok(())
    }
}

impl secret_reveal::Host for Guest {
    async fn reveal(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Result<String, RevealError>> {
        self.enter()?;
        match *self.table.get(&secret)? {}
    }
}
