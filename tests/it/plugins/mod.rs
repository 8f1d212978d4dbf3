//! Plugins in their host: what they may do, and what happens to those that do more.

/// Files that outlive their build.
mod artifact;
/// Files of plugins that change.
mod changed;
/// Services that plugins may call, and those that they may not.
mod egress;
/// Source code, checked out.
mod git;
/// Parts of it, and how much of it.
mod git_parts;
/// Guests written by hand.
mod guest;
/// Plugins that mean harm.
mod hostile;
/// Services called by a step.
mod http;
/// What tests said.
mod junit;
/// Steps in other languages.
mod languages;
/// Limits, and the breaker behind them.
mod limits;
/// Lines that the host looks for.
mod lines;
/// The page of plugins.
mod page;
/// Projects of plugins.
mod project;
/// Builds told to a receiver.
mod reporter;
/// Secrets, and where they are not shown.
mod secrets;
/// Plugins of a running server.
mod served;
/// Properties from what a command prints.
mod set_property;
/// A build's side of the host, for tests.
mod stage;
/// Steps that do their work.
mod steps;
/// What authors of plugins run.
mod tools;
/// Builds that trigger others.
mod trigger;
/// Warnings of compilers.
mod warnings;
/// The WASI that gives nothing.
mod wasi;
