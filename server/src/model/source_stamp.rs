//! Which version of the code to build.

use serde::{Deserialize, Serialize};

/// A source stamp. What is not given is chosen by the step that checks out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceStamp {
    /// Branch or tag; none is the repository's default branch.
    pub branch: Option<String>,
    /// Exact revision; none is the branch's newest.
    pub revision: Option<String>,
    /// Where the code is, as the change told it.
    #[serde(default)]
    pub repository: String,
    /// The project that the change belongs to.
    #[serde(default)]
    pub project: String,
    /// Which of several codebases; empty where there is one.
    #[serde(default)]
    pub codebase: String,
}
