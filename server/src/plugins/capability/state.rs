//! A small state for each use of a plugin. The guest says a key and nothing of whose state it is.

use crate::plugins::bindings::state::{Expectation as GuestExpectation, Host, StateError, Versioned};
use crate::plugins::instance::Guest;
use crate::plugins::power;
use crate::plugins::tally::Gated;
use crate::status::plugin_state::{Expectation, PluginState, UseKey};
use crate::status::{self, Error};

/// Bytes of keys that one answer holds.
const ANSWER_BYTES_MAX: usize = 1 << 20;

impl Guest {
    /// What this use keeps, where the plugin may keep something.
    fn kept(&mut self) -> wasmtime::Result<Result<PluginState, StateError>> {
        let used = self.used()?;
        let key = UseKey { team: used.team.clone(), plugin: used.plugin.clone(), used_by: used.by.key() };
        self.tally(Gated::State, !self.powers.state);
        if !self.powers.state {
            return Ok(Err(StateError::Denied(power::denied(&self.name, "keep a state", "state = true"))));
        }
        let Some(status) = &self.status else {
            return Ok(Err(StateError::Failed("there is no server here that could keep a state".to_owned())));
        };
        Ok(Ok(status.plugin_state(key)))
    }
}

fn refused(plugin: &str, error: status::Error) -> StateError {
    let sentence = error.to_string();
    match error {
        Error::Invalid { .. } => StateError::Invalid(sentence),
        Error::Limit { .. } => StateError::Quota(format!("plugin `{plugin}`: {sentence}")),
        Error::Conflict(_) => StateError::Conflict,
        Error::Internal(source) => {
            tracing::error!(plugin, error = format!("{source:#}"), "a plugin's state could not be read or written");
            StateError::Failed(sentence)
        }
        _ => StateError::Failed(sentence),
    }
}

impl Host for Guest {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Versioned>, StateError>> {
        let kept = match self.kept()? {
            Ok(kept) => kept,
            Err(error) => return Ok(Err(error)),
        };
        let found = kept.get(&key).await.map_err(|error| refused(&self.name, error));
        Ok(found.map(|found| found.map(|found| Versioned { value: found.value, version: found.version })))
    }

    async fn put(
        &mut self,
        key: String,
        value: Vec<u8>,
        expected: GuestExpectation,
    ) -> wasmtime::Result<Result<String, StateError>> {
        let kept = match self.kept()? {
            Ok(kept) => kept,
            Err(error) => return Ok(Err(error)),
        };
        let expected = match expected {
            GuestExpectation::Anything => Expectation::Anything,
            GuestExpectation::Absent => Expectation::Absent,
            GuestExpectation::Version(version) => Expectation::Version(version),
        };
        let put = kept.put(&key, value, expected, self.limits.state_bytes).await;
        Ok(put.map_err(|error| refused(&self.name, error)))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), StateError>> {
        let kept = match self.kept()? {
            Ok(kept) => kept,
            Err(error) => return Ok(Err(error)),
        };
        Ok(kept.delete(&key).await.map_err(|error| refused(&self.name, error)))
    }

    async fn keys(&mut self, prefix: String, max: u32) -> wasmtime::Result<Result<Vec<String>, StateError>> {
        let kept = match self.kept()? {
            Ok(kept) => kept,
            Err(error) => return Ok(Err(error)),
        };
        let keys = match kept.keys(&prefix, max as usize).await {
            Ok(keys) => keys,
            Err(error) => return Ok(Err(refused(&self.name, error))),
        };
        let n_bytes: usize = keys.iter().map(String::len).sum();
        if n_bytes > ANSWER_BYTES_MAX {
            let message = format!(
                "these keys have {n_bytes} bytes, and an answer holds {ANSWER_BYTES_MAX}: ask for fewer, or by a longer prefix"
            );
            return Ok(Err(StateError::Invalid(message)));
        }
        Ok(Ok(keys))
    }
}
