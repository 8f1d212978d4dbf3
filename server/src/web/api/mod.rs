//! The JSON API.

/// A view for machines.
pub mod view;
