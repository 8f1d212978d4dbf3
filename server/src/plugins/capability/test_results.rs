//! What tests said: bounded, and from the guest straight to the build.

use crate::model::size::Size;
use crate::model::test_outcome::TestOutcome as Outcome;
use crate::plugins::bindings::test_results::{Host, ResultsError, TestCase, TestOutcome};
use crate::plugins::instance::Guest;
use crate::status::resource;

/// Results of one step.
const CASES_MAX: usize = 100_000;
/// Their texts, summed: they are kept in the database.
const TEXT_BYTES_MAX: usize = 64 << 20;
/// Reports of one step: each is a durable write that everybody hears of who looks.
const REPORTS_MAX: usize = 10_000;
/// A suite's and a test's name; longer ones are cut.
const NAME_BYTES_MAX: usize = 2 << 10;
/// A message; longer ones are cut.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// What a step has reported.
#[derive(Debug, Default)]
pub struct Reported {
    n_cases: usize,
    n_bytes: usize,
    n_reports: usize,
}

impl Reported {
    /// Counts what is reported now.
    fn count(&mut self, cases: &[resource::TestCase]) -> Result<(), String> {
        let text = |case: &resource::TestCase| {
            case.suite.len() + case.name.len() + case.message.as_ref().map_or(0, String::len)
        };
        let (n_cases, n_bytes) = (self.n_cases + cases.len(), self.n_bytes + cases.iter().map(text).sum::<usize>());
        if n_cases > CASES_MAX {
            return Err(format!("a step reports at most {CASES_MAX} test results"));
        }
        if n_bytes > TEXT_BYTES_MAX {
            let max = Size(TEXT_BYTES_MAX as u64);
            return Err(format!("names and messages of a step's test results have at most {max} together"));
        }
        if self.n_reports >= REPORTS_MAX {
            return Err(format!("a step reports test results at most {REPORTS_MAX} times: report many at once"));
        }
        *self = Self { n_cases, n_bytes, n_reports: self.n_reports + 1 };
        Ok(())
    }
}

impl Host for Guest {
    async fn report(&mut self, cases: Vec<TestCase>) -> wasmtime::Result<Result<(), ResultsError>> {
        let step = self.step()?;
        if cases.iter().any(|case| case.name.trim().is_empty()) {
            return Ok(Err(ResultsError::Invalid("a test result has no name".to_owned())));
        }
        if cases.is_empty() {
            return Ok(Ok(()));
        }
        let cases: Vec<_> = cases.into_iter().map(case).collect();
        if let Err(why) = step.reported.count(&cases) {
            return Ok(Err(ResultsError::Limit(why)));
        }
        Ok(step.host.test_results(cases).await.map_err(ResultsError::Failed))
    }
}

fn case(case: TestCase) -> resource::TestCase {
    resource::TestCase {
        suite: fit(case.suite, NAME_BYTES_MAX),
        name: fit(case.name, NAME_BYTES_MAX),
        outcome: match case.outcome {
            TestOutcome::Passed => Outcome::Passed,
            TestOutcome::Failed => Outcome::Failed,
            TestOutcome::Errored => Outcome::Errored,
            TestOutcome::Skipped => Outcome::Skipped,
        },
        duration_ms: case.duration.map(i64::from),
        message: case.message.filter(|m| !m.is_empty()).map(|message| fit(message, MESSAGE_BYTES_MAX)),
    }
}

/// A text cut at its bound, without zero bytes: PostgreSQL keeps none.
fn fit(text: String, max: usize) -> String {
    let mut text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
    if text.len() > max {
        const CUT: &str = " …";
        let end = (0..=max - CUT.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push_str(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Reported, fit, resource};
    use crate::model::test_outcome::TestOutcome;

    fn cases(n: usize, message_bytes: usize) -> Vec<resource::TestCase> {
        let case = resource::TestCase {
            suite: String::new(),
            name: "t".to_owned(),
            outcome: TestOutcome::Failed,
            duration_ms: None,
            message: Some("x".repeat(message_bytes)),
        };
        vec![case; n]
    }

    #[test]
    fn results_their_texts_and_reports_are_bounded() {
        let mut reported = Reported::default();
        reported.count(&cases(99_999, 0)).unwrap();
        assert_eq!(reported.count(&cases(2, 0)).unwrap_err(), "a step reports at most 100000 test results");
        reported.count(&cases(1, 0)).unwrap();
        let said = Reported::default().count(&cases(2_000, 40_000)).unwrap_err();
        assert!(said.contains("at most 64 MiB together"), "{said}");
        let mut often = Reported::default();
        (0..10_000).for_each(|_| often.count(&cases(1, 1)).unwrap());
        assert!(often.count(&cases(1, 1)).unwrap_err().contains("at most 10000 times"));
    }

    #[test]
    fn texts_are_cut_at_a_character_and_hold_no_zero_byte() {
        assert_eq!(fit("a\0b".to_owned(), 9), "a\u{fffd}b");
        assert_eq!(fit("é".repeat(10), 20), "é".repeat(10));
        let cut = fit("é".repeat(11), 20);
        assert!(cut.len() <= 20 && cut.ends_with("é …"), "{cut}");
    }
}
