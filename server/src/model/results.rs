//! Outcomes of steps and builds. Words and numbers are Buildbot's and are fixed: they stand on the wire and in the database.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How a step or a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Results {
    /// 0: all good.
    Success = 0,
    /// 1: good, with something to look at.
    Warnings = 1,
    /// 2: the thing under test is broken.
    Failure = 2,
    /// 3: there was nothing to do.
    Skipped = 3,
    /// 4: the build system itself broke.
    Exception = 4,
    /// 5: interrupted through nobody's fault; requested again.
    Retry = 5,
    /// 6: somebody stopped it.
    Cancelled = 6,
}

impl Results {
    /// Every outcome, by number.
    pub const ALL: [Self; 7] =
        [Self::Success, Self::Warnings, Self::Failure, Self::Skipped, Self::Exception, Self::Retry, Self::Cancelled];

    /// Buildbot's number.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The outcome with that number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.number() == number)
    }

    /// The outcome's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Warnings => "warnings",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Exception => "exception",
            Self::Retry => "retry",
            Self::Cancelled => "cancelled",
        }
    }

    /// Success, warnings and skipped count as good.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Success | Self::Warnings | Self::Skipped)
    }

    /// The worse of two, in Buildbot's order: skipped, success, warnings, failure, exception, retry, cancelled
    /// (`master/buildbot/process/results.py`, `worst_status`).
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        const ORDER: [Results; 7] = [
            Results::Skipped,
            Results::Success,
            Results::Warnings,
            Results::Failure,
            Results::Exception,
            Results::Retry,
            Results::Cancelled,
        ];
        let rank = |r: Self| ORDER.iter().position(|o| *o == r).unwrap_or(0);
        if rank(self) >= rank(other) { self } else { other }
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Said of a word that is no outcome.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no result; results are success, warnings, failure, skipped, exception, retry, cancelled")]
pub struct UnknownResults(pub String);

impl FromStr for Results {
    type Err = UnknownResults;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|r| r.word() == word).ok_or_else(|| UnknownResults(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Results::{self, *};

    #[test]
    fn numbers_are_buildbots() {
        let numbers: Vec<_> = Results::ALL.iter().map(|r| (r.number(), r.word())).collect();
        assert_eq!(
            numbers,
            [
                (0, "success"),
                (1, "warnings"),
                (2, "failure"),
                (3, "skipped"),
                (4, "exception"),
                (5, "retry"),
                (6, "cancelled")
            ]
        );
        assert!(Results::ALL.iter().all(|r| Results::from_number(r.number()) == Some(*r)));
        assert_eq!(Results::from_number(7), None);
    }

    #[test]
    fn the_worst_wins_and_a_skipped_step_never_hides_a_success() {
        assert_eq!(Success.worst(Skipped), Success);
        assert_eq!(Warnings.worst(Success), Warnings);
        assert_eq!(Failure.worst(Warnings), Failure);
        assert_eq!(Exception.worst(Failure), Exception);
        assert_eq!(Exception.worst(Retry), Retry);
        assert_eq!(Retry.worst(Cancelled), Cancelled);
    }
}
