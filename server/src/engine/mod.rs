//! What makes builds happen: the list of loops is the table of contents.

/// What a build needs of a step.
pub mod step;
