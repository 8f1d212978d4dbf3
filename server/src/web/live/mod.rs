//! Live events and logs.

/// Stands until the streams do.
pub const MODULE: () = ();
