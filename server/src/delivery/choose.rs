//! Which finished builds a reporter wants. Pure.

use crate::config::reporter::When;
use crate::model::results::Results;

/// Whether a result says something about the code: a build that was stopped, skipped or is tried again says nothing.
pub fn is_judgement(results: Results) -> bool {
    matches!(results, Results::Success | Results::Warnings | Results::Failure | Results::Exception)
}

/// Everything that is true of a build that ended with `results` after one that ended with `previous`, the last before it that was a
/// judgement. A build that is tried again has not ended: nothing is true of it.
pub fn true_of(results: Results, previous: Option<Results>) -> Vec<When> {
    if results == Results::Retry {
        return Vec::new();
    }
    let mut all = vec![When::Finished];
    if !is_judgement(results) {
        return all;
    }
    let was_bad = previous.is_some_and(|previous| !previous.is_good());
    if !results.is_good() && !was_bad {
        all.push(When::Problem);
    }
    if results.is_good() && was_bad {
        all.push(When::Recovery);
    }
    if previous.is_some_and(|previous| previous != results) {
        all.push(When::Change);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{Results, true_of};
    use expect_test::expect;

    #[test]
    fn what_is_true_of_a_build_depends_on_the_judgement_before_it() {
        use Results::{Cancelled, Exception, Failure, Retry, Skipped, Success, Warnings};
        let mut table = String::new();
        for previous in [None, Some(Success), Some(Warnings), Some(Failure), Some(Exception)] {
            for results in [Success, Warnings, Failure, Exception, Skipped, Cancelled, Retry] {
                let words: Vec<&str> = true_of(results, previous).into_iter().map(|when| when.word()).collect();
                let before = previous.map_or("nothing", Results::word);
                table.push_str(&format!("{results} after {before}: {}\n", words.join(" ")));
            }
        }
        expect![[r#"
            success after nothing: finished
            warnings after nothing: finished
            failure after nothing: finished problem
            exception after nothing: finished problem
            skipped after nothing: finished
            cancelled after nothing: finished
            retry after nothing: 
            success after success: finished
            warnings after success: finished change
            failure after success: finished problem change
            exception after success: finished problem change
            skipped after success: finished
            cancelled after success: finished
            retry after success: 
            success after warnings: finished change
            warnings after warnings: finished
            failure after warnings: finished problem change
            exception after warnings: finished problem change
            skipped after warnings: finished
            cancelled after warnings: finished
            retry after warnings: 
            success after failure: finished recovery change
            warnings after failure: finished recovery change
            failure after failure: finished
            exception after failure: finished change
            skipped after failure: finished
            cancelled after failure: finished
            retry after failure: 
            success after exception: finished recovery change
            warnings after exception: finished recovery change
            failure after exception: finished change
            exception after exception: finished
            skipped after exception: finished
            cancelled after exception: finished
            retry after exception: 
        "#]]
        .assert_eq(&table);
    }
}
