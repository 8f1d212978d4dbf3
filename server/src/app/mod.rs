//! The composition root: build every part once, wire, start, stop.

/// The folder that belongs to one server.
pub mod state_dir;
