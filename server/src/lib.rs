//! Weir: a continuous-integration status server. Modules in reading order: data flows down, imports point up.

/// Build every part once, wire, start, stop.
pub mod app;
/// One file a command.
pub mod cli;
/// Where the time comes from.
pub mod clock;
/// What the operator and the teams wrote.
pub mod config;
/// Status to people.
pub mod delivery;
/// What makes builds happen.
pub mod engine;
/// What the allocator does with memory that is free again.
pub mod memory;
/// Words and rules, no IO.
pub mod model;
/// Who leaves the processors to others.
pub mod nice;
/// How many files may be open.
pub mod open_files;
/// The one HTTP client.
pub mod outbound;
/// WebAssembly components as steps and reporters.
pub mod plugins;
/// Status to text.
pub mod render;
/// One signal, graceful then hard.
pub mod shutdown;
/// The one status API.
pub mod status;
/// Rows and queries.
pub mod store;
/// Status to browsers and scripts.
pub mod web;
/// Where commands run.
pub mod worker;
