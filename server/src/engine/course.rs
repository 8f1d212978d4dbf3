//! The course of a build: which step runs after what came before, and what all of them come to. Pure.

use crate::config::builder::Step;
use crate::model::results::Results;

/// Names of steps in a summary at most; the rest is counted.
const NAMED_MAX: usize = 3;

/// Why a build was told to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Somebody asked, with these words (`by ada: wrong branch`).
    Asked(String),
    /// The server shuts down.
    Shutdown,
}

/// What becomes of the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It runs.
    Run,
    /// It does not, and the reader should see that, and why.
    Skip(String),
    /// It does not: the build is over for it.
    Pass,
}

/// How a build has gone so far.
#[derive(Debug, Clone)]
pub struct Course {
    results: Results,
    is_halted: bool,
    stop: Option<Stop>,
    /// Steps that were not good, in order.
    marked: Vec<(Results, String)>,
    /// What broke outside of any step.
    broken: Option<String>,
}

impl Default for Course {
    fn default() -> Self {
        Self { results: Results::Success, is_halted: false, stop: None, marked: Vec::new(), broken: None }
    }
}

impl Course {
    /// The results so far.
    pub fn results(&self) -> Results {
        self.results
    }

    /// Whether the server's shutdown is all that ended it: nothing of its own stands against trying again.
    pub fn is_interrupted(&self) -> bool {
        self.results == Results::Retry && self.stop == Some(Stop::Shutdown)
    }

    /// Whether `step` runs now.
    ///
    /// After a failure, an exception or a stop only `always` steps run, and those whose `when` names how things stand. When the
    /// server shuts down nothing does: the build is requested again.
    pub fn next(&self, step: &Step) -> Next {
        if self.stop == Some(Stop::Shutdown) {
            return Next::Pass;
        }
        if !step.when.is_empty() {
            return match (step.when.contains(&self.results), self.is_halted) {
                (true, _) => Next::Run,
                (false, true) => Next::Pass,
                (false, false) => {
                    let wanted: Vec<_> = step.when.iter().map(|r| r.word()).collect();
                    Next::Skip(format!("skipped: runs only after {}", wanted.join(" or ")))
                }
            };
        }
        if self.is_halted && !step.always { Next::Pass } else { Next::Run }
    }

    /// Takes the outcome of `step` into account, as Buildbot does: a failure fails the build and halts it, or turns it to
    /// warnings with `warn_on_failure`; exception, retry and cancelled halt it.
    pub fn take(&mut self, step: &Step, results: Results) {
        let counts = match results {
            Results::Failure if step.warn_on_failure => Results::Warnings,
            Results::Skipped => Results::Success,
            other => other,
        };
        self.is_halted |= !counts.is_good();
        self.results = self.results.worst(counts);
        if counts != Results::Success {
            self.marked.push((counts, step.name.clone()));
        }
    }

    /// The build was told to end.
    pub fn stop(&mut self, stop: Stop) {
        let results = match &stop {
            Stop::Asked(_) => Results::Cancelled,
            Stop::Shutdown => Results::Retry,
        };
        self.results = self.results.worst(results);
        self.is_halted = true;
        self.stop = Some(stop);
    }

    /// Something broke that is no step's fault.
    pub fn broke(&mut self, what: String) {
        self.results = self.results.worst(Results::Exception);
        self.is_halted = true;
        self.broken = Some(what);
    }

    /// A few words on the whole build.
    pub fn summary(&self) -> String {
        match (self.results, &self.stop, &self.broken) {
            (Results::Cancelled, Some(Stop::Asked(words)), _) => format!("stopped {words}").trim_end().to_owned(),
            (Results::Retry, Some(Stop::Shutdown), _) => "interrupted: the server was stopped".to_owned(),
            (Results::Exception, _, Some(what)) => what.clone(),
            (Results::Success | Results::Skipped, ..) => "build successful".to_owned(),
            (Results::Warnings, ..) => self.name("warnings in"),
            (Results::Failure, ..) => self.name("failed"),
            (Results::Exception, ..) => self.name("exception in"),
            (Results::Retry, ..) => self.name("to be tried again after"),
            (Results::Cancelled, ..) => self.name("cancelled in"),
        }
    }

    fn name(&self, words: &str) -> String {
        let names: Vec<_> = self.marked.iter().filter(|(r, _)| *r == self.results).map(|(_, n)| n.as_str()).collect();
        let shown = names[..names.len().min(NAMED_MAX)].join(", ");
        match names.len().saturating_sub(NAMED_MAX) {
            0 => format!("{words} {shown}"),
            more => format!("{words} {shown} and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Course, Next, Stop};
    use crate::config::builder::Step;
    use crate::model::results::Results::{self, Exception, Failure, Retry, Skipped, Success, Warnings};
    use expect_test::{Expect, expect};
    use serde_json::Value;

    fn step(name: &str, flags: &str) -> Step {
        let when = flags.split(' ').filter_map(|f| f.strip_prefix("when=")).map(|w| w.parse().unwrap()).collect();
        Step {
            name: name.to_owned(),
            plugin: "shell".to_owned(),
            settings: Value::Null,
            always: flags.contains("always"),
            warn_on_failure: flags.contains("warn"),
            when,
            timeout: None,
            idle_timeout: None,
        }
    }

    /// Steps as `(name, flags, results if it runs)`; `stop` comes during the step of that name.
    fn run(steps: &[(&str, &str, Results)], stop: Option<(&str, Stop)>, expected: Expect) {
        let mut course = Course::default();
        let mut told = Vec::new();
        for (name, flags, results) in steps {
            let step = step(name, flags);
            match course.next(&step) {
                Next::Run => {
                    course.take(&step, *results);
                    if let Some((_, stop)) = stop.as_ref().filter(|(at, _)| at == name) {
                        course.stop(stop.clone());
                    }
                    told.push(format!("{name} {results}"));
                }
                Next::Skip(why) => told.push(format!("{name} {why}")),
                Next::Pass => {}
            }
        }
        expected.assert_eq(&format!("{} | {} | {}", told.join(", "), course.results(), course.summary()));
    }

    #[test]
    fn a_failed_step_halts_and_fails_the_build() {
        run(
            &[("git", "", Success), ("compile", "", Failure), ("test", "", Success), ("upload", "always", Success)],
            None,
            expect!["git success, compile failure, upload success | failure | failed compile"],
        );
    }

    #[test]
    fn warn_on_failure_goes_on_with_warnings() {
        run(
            &[("lint", "warn", Failure), ("test", "", Success), ("docs", "", Skipped), ("size", "", Warnings)],
            None,
            expect!["lint failure, test success, docs skipped, size warnings | warnings | warnings in lint, size"],
        );
    }

    #[test]
    fn every_failure_is_named_up_to_three() {
        let steps: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| (name, "always", Failure)).into();
        run(
            &steps,
            None,
            expect!["a failure, b failure, c failure, d failure, e failure | failure | failed a, b, c and 2 more"],
        );
    }

    #[test]
    fn an_exception_or_a_retry_halts_and_outweighs_a_failure() {
        run(
            &[("a", "", Failure), ("b", "always", Exception), ("c", "", Success)],
            None,
            expect!["a failure, b exception | exception | exception in b"],
        );
        run(&[("a", "", Retry), ("b", "", Success)], None, expect!["a retry | retry | to be tried again after a"]);
    }

    #[test]
    fn when_decides_by_how_things_stand() {
        run(
            &[("a", "", Success), ("blame", "when=failure", Success), ("b", "when=success when=warnings", Success)],
            None,
            expect!["a success, blame skipped: runs only after failure, b success | success | build successful"],
        );
        run(
            &[("a", "", Failure), ("b", "when=success", Success), ("blame", "when=failure", Success)],
            None,
            expect!["a failure, blame success | failure | failed a"],
        );
    }

    #[test]
    fn after_a_stop_only_always_steps_run_and_after_a_shutdown_none() {
        let steps = [("a", "", Results::Cancelled), ("b", "", Success), ("clean", "always", Success)];
        run(
            &steps,
            Some(("a", Stop::Asked("by ada: wrong branch".to_owned()))),
            expect!["a cancelled, clean success | cancelled | stopped by ada: wrong branch"],
        );
        let steps = [("a", "", Retry), ("clean", "always", Success)];
        run(&steps, Some(("a", Stop::Shutdown)), expect!["a retry | retry | interrupted: the server was stopped"]);
    }

    #[test]
    fn no_steps_at_all_are_a_success() {
        run(&[("a", "", Skipped)], None, expect!["a skipped | success | build successful"]);
    }
}
