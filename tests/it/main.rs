//! All integration tests, one binary. A file a noun; see `tests/src/lib.rs` for how to write a test.

#![expect(clippy::unwrap_used, reason = "all of it is tests, also what clippy does not take for one: their helpers")]

/// Somebody's own page.
mod account;
/// The doors for scripts.
mod api;
/// What comes over the wire to do harm.
mod attacks;
/// Who may do what.
mod auth;
/// What only a browser can show.
mod browser;
/// Commands of an operator, without a server.
mod commands;
/// What operators and teams write.
mod configuration;
/// Killed at any moment, nothing accepted and nothing shown is lost.
mod crash;
/// Every door as everybody.
mod doors;
/// Builds as they run.
mod engine;
/// A real site, served.
mod fleet;
/// What people do on pages.
mod forms;
/// One instance, end to end.
mod instance;
/// Signing in at somebody else's.
mod oidc;
/// Pages as people meet them.
mod pages;
/// Plugins in their host.
mod plugins;
/// What a team may use, and what is said beyond it.
mod quotas;
/// Another configuration while the server runs.
mod reload;
/// Why somebody may do something, and who did what.
mod rights;
/// People sign in and out.
mod signing_in;
/// The store, through status.
mod status;
/// Files of teams.
mod team_files;
/// Files of teams in their own repositories.
mod team_repository;
/// The law of the house.
mod tidy;
/// Secrets that are typed.
mod typed;
/// The embedded worker and its fence.
mod worker;
