//! What went wrong in a guest, in our words: names the limit and its value, or the trap.

use super::engine::STACK_BYTES_MAX;
use super::error::{Breach, Error, Kind};
use super::instance::{CROSSING_BYTES_MAX, Guest, HANDLES_MAX};
use crate::model::one_line::one_line;
use crate::model::size::Size;
use wasmtime::{Trap, WasmBacktrace};

/// A wasmtime error in our words.
pub fn explain(guest: &Guest, error: wasmtime::Error) -> Error {
    let backtrace = error.downcast_ref::<WasmBacktrace>().map_or_else(Vec::new, |backtrace| {
        backtrace.frames().iter().map(|frame| frame.func_name().unwrap_or("?").to_owned()).collect()
    });
    let (kind, message) = in_words(guest, &error);
    let message = guest.mask().text(&message).into_owned();
    tracing::warn!(plugin = %guest.name, ?kind, ?backtrace, printed = %one_line(&guest.printed.text()), "plugin broke: {}", one_line(&message));
    Error { plugin: guest.name.clone(), kind, message, backtrace, until: None }
}

fn in_words(guest: &Guest, error: &wasmtime::Error) -> (Kind, String) {
    if let Some(breach) = error.downcast_ref::<Breach>() {
        return (breach.kind, breach.message.clone());
    }
    // Only the text tells these apart.
    let text = format!("{error:#}");
    if text.contains("fuel allocated for hostcalls") {
        let limit = Size(CROSSING_BYTES_MAX as u64);
        return (Kind::Quota, format!("passed more than {limit} to or from the host at once"));
    }
    let resources = guest.limits.resources;
    if text.contains("resource table has no free keys") {
        let message = format!("holds more things of the host than its limit `resources` = {resources} allows");
        return (Kind::Quota, message);
    }
    if text.contains("handle limit exceeded") {
        let max = HANDLES_MAX.max(resources);
        return (Kind::Quota, format!("holds more than {max} handles, which is the limit of every plugin"));
    }
    if let Some((_, called)) = text.split_once("unknown import: `") {
        let called = called.split('`').next().unwrap_or_default();
        return (Kind::Trap, format!("called {called}, which no plugin gets"));
    }
    if text.contains("resource limit exceeded") {
        return (Kind::Quota, format!("has more parts than a plugin may have: {text}"));
    }
    if let Some(refused) = &guest.memory.refused {
        return refused.clone();
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            let limit = Size(STACK_BYTES_MAX as u64);
            (Kind::Trap, format!("trapped: call stack exhausted; every plugin has {limit} of it"))
        }
        Some(Trap::UnreachableCodeReached) => match &guest.last_error {
            Some(said) => (Kind::Trap, format!("panicked: {said}")),
            None => (Kind::Trap, "trapped: it panicked or reached code that it holds to be unreachable".to_owned()),
        },
        Some(trap) => (Kind::Trap, format!("trapped: {trap}")),
        None => (Kind::Trap, text),
    }
}

/// What a guest says went wrong.
pub fn guest_error(guest: &Guest, error: super::bindings::types::PluginError) -> Error {
    use super::bindings::types::PluginError as E;
    let plugin = &guest.name;
    let mut error = match error {
        E::InvalidSettings(issues) => {
            let said: Vec<String> = issues
                .into_iter()
                .take(10)
                .map(|i| if i.path.is_empty() { i.message } else { format!("{}: {}", i.path, i.message) })
                .collect();
            Error::new(plugin, Kind::Settings, said.join("; "))
        }
        E::Retryable(retry) => Error::new(plugin, Kind::Retryable, retry.reason),
        E::Failed(message) => Error::new(plugin, Kind::Guest, message),
    };
    error.message = guest.mask().text(&error.message).into_owned();
    error
}
