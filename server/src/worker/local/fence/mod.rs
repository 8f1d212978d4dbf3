//! The fence: what a build's command can reach, kept by the kernel (Landlock).

/// What a grant is, and how a list of them travels.
mod grant;
/// What must not be reached.
mod hidden;
/// Grants become a ruleset of the kernel.
mod ruleset;

pub use hidden::Hidden;
pub use ruleset::Ruleset;
