//! The parts of xtask that tests use too.

/// The examples in other languages.
pub mod examples;
/// Plugins: from crate to component.
pub mod guest;
/// Debian packages.
pub mod packages;
