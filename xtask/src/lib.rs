//! The parts of xtask that tests use too.

/// Plugins: from crate to component.
pub mod guest;
/// Debian packages.
pub mod packages;
