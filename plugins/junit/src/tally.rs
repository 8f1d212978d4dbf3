//! What was read so far: tests counted, and those that wait to be reported together.

use std::time::Duration;
use weir_plugin_sdk::{Context, Error, Level, Outcome, Refusal, TestCase, TestOutcome};

/// Tests reported at once.
const BATCH_CASES: usize = 1_000;
/// Bytes of their texts.
const BATCH_BYTES: usize = 1 << 20;

/// Tests counted.
#[derive(Debug, Default)]
pub struct Tally {
    n_passed: usize,
    n_failed: usize,
    n_errored: usize,
    n_skipped: usize,
    duration: Duration,
    n_unread: usize,
    waiting: Vec<TestCase>,
    waiting_bytes: usize,
    /// Why the host keeps no more of them.
    full: Option<String>,
}

impl Tally {
    /// Tests that were read.
    pub fn count(&self) -> usize {
        self.n_passed + self.n_failed + self.n_errored + self.n_skipped
    }

    /// One more test.
    ///
    /// # Errors
    /// Where results cannot be stored.
    pub fn take(&mut self, cx: &mut Context, case: TestCase) -> Result<(), Error> {
        *match case.outcome {
            TestOutcome::Passed => &mut self.n_passed,
            TestOutcome::Failed => &mut self.n_failed,
            TestOutcome::Errored => &mut self.n_errored,
            TestOutcome::Skipped => &mut self.n_skipped,
        } += 1;
        self.duration = self.duration.saturating_add(case.duration.unwrap_or_default());
        if self.full.is_some() {
            return Ok(());
        }
        self.waiting_bytes += case.suite.len() + case.name.len() + case.message.as_ref().map_or(0, String::len);
        self.waiting.push(case);
        match self.waiting.len() >= BATCH_CASES || self.waiting_bytes >= BATCH_BYTES {
            true => self.flush(cx),
            false => Ok(()),
        }
    }

    /// Reports what waits.
    ///
    /// # Errors
    /// Where it cannot be stored. That there are too many is none: they are counted on, and it is said.
    pub fn flush(&mut self, cx: &mut Context) -> Result<(), Error> {
        let cases = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if cases.is_empty() || self.full.is_some() {
            return Ok(());
        }
        match cx.report_tests(&cases) {
            Err(error) if error.kind == Refusal::Limit => {
                cx.log(Level::Warn, &format!("from here on results are counted and not kept: {error}"));
                self.full = Some(error.message);
                Ok(())
            }
            done => Ok(done?),
        }
    }

    /// A file that could not be read, or not to its end.
    pub fn unread(&mut self, cx: &mut Context, why: &str) {
        self.n_unread += 1;
        cx.log(Level::Error, why);
    }

    /// Keeps the numbers.
    ///
    /// # Errors
    /// Where they cannot be stored.
    pub fn measure(&self, cx: &mut Context) -> Result<(), Error> {
        for (name, n) in [
            ("tests", self.count()),
            ("failed", self.n_failed),
            ("errored", self.n_errored),
            ("skipped", self.n_skipped),
        ] {
            cx.statistic(name, n as f64)?;
        }
        Ok(cx.statistic("duration", self.duration.as_secs_f64())?)
    }

    /// How the step ends; `fail` makes failed tests a failure.
    pub fn outcome(&self, fail: bool) -> Outcome {
        let mut said = self.words();
        if self.n_unread > 0 {
            let files =
                if self.n_unread == 1 { "1 file".to_owned() } else { format!("{} files", number(self.n_unread)) };
            said = format!("{said}; {files} could not be read");
        }
        let has_failed = self.n_failed + self.n_errored > 0;
        if self.n_unread > 0 || (has_failed && fail) {
            Outcome::failure(said)
        } else if has_failed || self.count() == 0 || self.full.is_some() {
            Outcome::warnings(said)
        } else {
            Outcome::success(said)
        }
    }

    fn words(&self) -> String {
        let wrong: Vec<String> = [(self.n_failed, "failed"), (self.n_errored, "errored")]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{} {word}", number(n)))
            .collect();
        match (self.count(), wrong.is_empty()) {
            (0, _) => "the reports hold no test".to_owned(),
            (n, false) => format!("{} of {}", wrong.join(", "), tests(n)),
            (n, true) if self.n_skipped > 0 => {
                format!("{} passed, {} skipped", tests(n - self.n_skipped), number(self.n_skipped))
            }
            (n, true) => format!("{} passed", tests(n)),
        }
    }
}

/// `1 test`, `3,204 tests`.
pub fn tests(n: usize) -> String {
    format!("{} test{}", number(n), if n == 1 { "" } else { "s" })
}

/// A number with its thousands apart.
fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
