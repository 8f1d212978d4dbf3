//! How a result looks: a shape, a word and a colour class. Never colour alone.

use crate::model::results::Results;
use crate::model::test_outcome::TestOutcome;
use crate::status::resource::BuilderState;
use serde::Serialize;

/// What a state is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Look {
    /// Class of the style sheet that gives the colour; one letter, because it stands in every box.
    pub class: &'static str,
    /// The shape; each state has its own.
    pub sign: &'static str,
    /// The word.
    pub word: &'static str,
}

/// What runs.
pub const RUNNING: Look = Look { class: "y", sign: "▸", word: "running" };
/// What never was.
pub const NONE: Look = Look { class: "n", sign: "–", word: "never built" };
/// What waits.
pub const WAITING: Look = Look { class: "p", sign: "◷", word: "waiting" };

/// How `results` looks; what has none runs.
pub fn of(results: Option<Results>) -> Look {
    let Some(results) = results else { return RUNNING };
    let (class, sign) = match results {
        Results::Success => ("g", "✓"),
        Results::Warnings => ("w", "!"),
        Results::Failure => ("f", "✕"),
        Results::Skipped => ("s", "»"),
        Results::Exception => ("e", "⚡\u{fe0e}"),
        Results::Retry => ("r", "↻"),
        Results::Cancelled => ("z", "■"),
    };
    Look { class, sign, word: results.word() }
}

/// How a test's outcome looks.
pub fn of_test(outcome: TestOutcome) -> Look {
    let like = match outcome {
        TestOutcome::Failed => Results::Failure,
        TestOutcome::Errored => Results::Exception,
        TestOutcome::Skipped => Results::Skipped,
        TestOutcome::Passed => Results::Success,
    };
    Look { word: outcome.word(), ..of(Some(like)) }
}

/// How a builder's state looks.
pub fn of_state(state: BuilderState) -> Look {
    match state {
        BuilderState::Building => Look { word: "building", ..RUNNING },
        BuilderState::Pending => WAITING,
        BuilderState::Idle => Look { class: "i", sign: "·", word: "idle" },
        BuilderState::Retired => Look { class: "i", sign: "–", word: "retired" },
        BuilderState::Offline => Look { class: "o", sign: "○", word: "offline" },
    }
}

/// All that may stand in a box, for the legend.
pub fn legend() -> Vec<Look> {
    Results::ALL.into_iter().map(|r| of(Some(r))).chain([RUNNING, WAITING, of_state(BuilderState::Offline)]).collect()
}

#[cfg(test)]
mod tests {
    use super::legend;

    #[test]
    fn no_two_states_share_a_shape_a_word_or_a_class() {
        for pick in [|l: &super::Look| l.sign, |l: &super::Look| l.word, |l: &super::Look| l.class] {
            let mut all: Vec<_> = legend().iter().map(pick).collect();
            let n = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), n);
        }
    }
}
