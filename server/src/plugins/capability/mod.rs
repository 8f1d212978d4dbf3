//! What a guest may ask for: one file a capability.

/// Commands on the build's worker.
pub mod command;
/// The guest's own lines.
pub mod log;
/// Summary and links of the step.
pub mod progress;
/// Properties of the build.
pub mod properties;
/// Secrets that settings hand over.
pub mod secret;
/// Waiting, and being stopped.
pub mod wait;
/// Files of the builder's work directory.
pub mod workspace;
