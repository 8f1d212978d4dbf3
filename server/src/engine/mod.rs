//! What makes builds happen: the list of loops is the table of contents.

/// Which step runs after what came before, and what all come to.
pub mod course;
/// Match waiting requests to workers, fairly between teams.
pub mod distributor;
/// Placeholders of step settings, filled.
pub mod interpolate;
/// How large a log may grow.
pub mod log_limit;
/// Pieces of output to lines.
pub mod log_lines;
/// Lines in, chunks out, limits kept.
pub mod log_writer;
/// What a build needs of a step.
pub mod step;
