//! The JSON API: Buildbot's Data API v2 where it has the thing, Weir's own resources beside it.

/// Who did what.
pub mod audit;
/// JSON bodies: read, bounded, each wrong key named.
pub mod body;
/// Who may do what.
pub mod can;
/// People act: force, stop, cancel.
pub mod control;
/// What steps found.
pub mod findings;
/// Builds and requests.
pub mod read;
/// The configuration loaded anew.
pub mod reload;
/// Tokens: issued, listed, ended; and who one is.
pub mod tokens;
/// A view for machines.
pub mod view;
