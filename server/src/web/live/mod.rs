//! Live events and logs.

/// Which builders a page shows, across configurations.
mod columns;
/// What happens, to a page that shows it.
pub mod events;
/// Lines of a log as they come.
pub mod log;
/// How many long answers are open.
pub mod open;
/// A log as plain bytes.
pub mod raw;
/// Server-sent events: the form of a stream.
mod sse;
/// Whether the asker of a long answer still may have it.
pub mod standing;
