//! Plain data of the contract to that of the SDK, and back.

use super::imports::{artifacts, log, secrets, state, test_results, trigger, types};
use super::{millis, refusal};
use crate::artifact::Artifact;
use crate::error::HostError;
use crate::host::Level;
use crate::secret::Secret;
use crate::state::Expect;
use crate::test_results::{TestCase, TestOutcome};
use crate::trigger::{Finished, Order, Results};

/// The host's handle of a secret.
pub fn handle(secret: &Secret) -> Result<secrets::Secret, HostError> {
    secrets::get(secret.name()).map_err(|e| refusal::of_secret(secret.name(), e))
}

/// How loud.
pub fn level(level: Level) -> log::Level {
    match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    }
}

/// One test.
pub fn test_case(case: &TestCase) -> test_results::TestCase {
    test_results::TestCase {
        suite: case.suite.clone(),
        name: case.name.clone(),
        outcome: match case.outcome {
            TestOutcome::Passed => test_results::TestOutcome::Passed,
            TestOutcome::Failed => test_results::TestOutcome::Failed,
            TestOutcome::Errored => test_results::TestOutcome::Errored,
            TestOutcome::Skipped => test_results::TestOutcome::Skipped,
        },
        duration: case.duration.map(millis),
        message: case.message.clone(),
    }
}

/// A file that was stored.
pub fn artifact(artifact: artifacts::Artifact) -> Artifact {
    let artifacts::Artifact { name, size, sha256, url } = artifact;
    Artifact { name, size_bytes: size, sha256, url }
}

/// The wish for a build.
pub fn order(order: &Order) -> trigger::Order {
    let entry =
        |(key, value): &(String, serde_json::Value)| types::Entry { key: key.clone(), value: value.to_string() };
    trigger::Order {
        builder: order.builder.clone(),
        branch: order.branch.clone(),
        revision: order.revision.clone(),
        reason: order.reason.clone(),
        properties: order.properties.iter().map(entry).collect(),
    }
}

/// A request that was built or cancelled.
pub fn finished(finished: trigger::Finished) -> Finished {
    Finished {
        request: finished.request,
        builder: finished.builder,
        number: finished.number,
        results: match finished.results {
            trigger::Results::Success => Results::Success,
            trigger::Results::Warnings => Results::Warnings,
            trigger::Results::Failure => Results::Failure,
            trigger::Results::Skipped => Results::Skipped,
            trigger::Results::Exception => Results::Exception,
            trigger::Results::Retry => Results::Retry,
            trigger::Results::Cancelled => Results::Cancelled,
        },
        summary: finished.summary,
        url: finished.url,
    }
}

/// What must be there.
pub fn expectation(expected: &Expect) -> state::Expectation {
    match expected {
        Expect::Anything => state::Expectation::Anything,
        Expect::Absent => state::Expectation::Absent,
        Expect::Version(version) => state::Expectation::Version(version.clone()),
    }
}
