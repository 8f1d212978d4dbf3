//! Status to people: which finished builds a team's reporters want, told to them at least once.

/// What delivery needs of a reporter.
pub mod reporter;
