//! One file a page.

/// The page of every error.
pub mod error;
