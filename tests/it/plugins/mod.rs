//! Plugins in their host: what they may do, and what happens to those that do more.

/// Source code, checked out.
mod git;
/// Guests written by hand.
mod guest;
/// Guests that misbehave.
mod hostile;
/// A build's side of the host, for tests.
mod stage;
/// Steps that do their work.
mod steps;
