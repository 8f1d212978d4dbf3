//! All integration tests, one binary. A file a noun; see `tests/src/lib.rs` for how to write a test.

/// The doors for scripts.
mod api;
/// Who may do what.
mod auth;
/// What operators and teams write.
mod configuration;
/// Killed at any moment, nothing accepted and nothing shown is lost.
mod crash;
/// Builds as they run.
mod engine;
/// Plugins in their host.
mod plugins;
/// What only a browser can show.
mod browser;
/// One instance, end to end.
mod instance;
/// The store, through status.
mod status;
/// The law of the house.
mod tidy;
/// The embedded worker and its fence.
mod worker;
