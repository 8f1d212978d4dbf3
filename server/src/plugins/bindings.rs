//! The contract in Rust, generated from `plugin-sdk/wit`, and nothing else.

/// The world of step plugins, and every interface that the host offers.
mod step {
    wasmtime::component::bindgen!({
        path: "../plugin-sdk/wit",
        world: "step",
        // Each call and its answer as events of level TRACE, for `weir plugin test`; but never the plain text of a secret.
        imports: {
            "weir:plugin/secret-reveal.reveal": async | trappable,
            default: async | trappable | tracing | verbose_tracing,
        },
        exports: { default: async },
        with: {
            "weir:plugin/secrets.secret": crate::plugins::capability::secret::Secret,
            "weir:plugin/command.running": crate::plugins::capability::command::RunningCommand,
            "weir:plugin/command.line-reader": crate::plugins::capability::lines::LineReader,
        },
    });
}

/// The world of reporters: its imports are the step world's, so only its handler is new.
mod reporter {
    wasmtime::component::bindgen!({
        path: "../plugin-sdk/wit",
        world: "reporter",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "weir:plugin/types": super::step::weir::plugin::types,
            "weir:plugin/log": super::step::weir::plugin::log,
            "weir:plugin/wait": super::step::weir::plugin::wait,
            "weir:plugin/random": super::step::weir::plugin::random,
            "weir:plugin/secrets": super::step::weir::plugin::secrets,
            "weir:plugin/secret-reveal": super::step::weir::plugin::secret_reveal,
            "weir:plugin/builds": super::step::weir::plugin::builds,
            "weir:plugin/http": super::step::weir::plugin::http,
            "weir:plugin/state": super::step::weir::plugin::state,
        },
    });
}

pub use reporter::exports::weir::plugin::reporter_handler;
pub use step::Step;
pub use step::exports::weir::plugin::{metadata, step_handler};
pub use step::weir::plugin::{
    artifacts, builds, command, http, log, progress, properties, random, secret_reveal, secrets, state, test_results,
    trigger, types, wait, workspace,
};

/// Plain data needs no host.
impl types::Host for super::instance::Guest {}
