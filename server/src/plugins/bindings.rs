//! The contract in Rust, generated from `plugin-sdk/wit`, and nothing else.

/// The world of step plugins, and every interface that the host offers.
mod step {
    wasmtime::component::bindgen!({
        path: "../plugin-sdk/wit",
        world: "step",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "weir:plugin/secrets.secret": crate::plugins::capability::secret::Secret,
            "weir:plugin/command.running": crate::plugins::capability::command::RunningCommand,
            "weir:plugin/command.line-reader": crate::plugins::capability::lines::LineReader,
        },
    });
}

pub use step::Step;
pub use step::exports::weir::plugin::{metadata, step_handler};
pub use step::weir::plugin::{
    artifacts, builds, command, http, log, progress, properties, random, secret_reveal, secrets, state, test_results,
    trigger, types, wait, workspace,
};

/// Plain data needs no host.
impl types::Host for super::instance::Guest {}
