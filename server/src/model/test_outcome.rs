//! How one test ended. The numbers stand in the database and are the order in which pages list results: what is wrong comes first.

use serde::{Deserialize, Serialize};

/// How one test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TestOutcome {
    /// 0: what it checks does not hold.
    Failed = 0,
    /// 1: the test itself broke.
    Errored = 1,
    /// 2: it did not run.
    Skipped = 2,
    /// 3: what it checks holds.
    Passed = 3,
}

impl TestOutcome {
    /// Every outcome, by number.
    pub const ALL: [Self; 4] = [Self::Failed, Self::Errored, Self::Skipped, Self::Passed];

    /// Its number.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The outcome with that number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.number() == number)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Errored => "errored",
            Self::Skipped => "skipped",
            Self::Passed => "passed",
        }
    }
}
