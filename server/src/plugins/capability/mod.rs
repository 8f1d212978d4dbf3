//! What a guest may ask for: one file a capability.

/// Files that outlive the work directory.
pub mod artifacts;
/// Status, in the team's scope.
pub mod builds;
/// Commands on the build's worker.
pub mod command;
/// Calls of services.
pub mod http;
/// Lines of commands that the host looks for.
pub mod lines;
/// The guest's own lines.
pub mod log;
/// Summary, links and numbers of the step.
pub mod progress;
/// Properties of the build.
pub mod properties;
/// Randomness.
pub mod random;
/// Secrets that settings hand over.
pub mod secret;
/// A small state for each use.
pub mod state;
/// What tests said.
pub mod test_results;
/// Other builders of the own team.
pub mod trigger;
/// Waiting, the time of day, and being stopped.
pub mod wait;
/// Files of the builder's own work directory.
pub mod workspace;
