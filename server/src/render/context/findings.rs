//! What steps found, as pages show it: tests counted in words, test results, numbers, artifacts.

use super::Anchor;
use crate::model::test_outcome::TestOutcome;
use crate::model::time::Time;
use crate::render::links::{Links, with_query};
use crate::render::look::{self, Look};
use crate::render::words::{self, Moment};
use crate::status::findings::TestPage;
use crate::status::resource::{Artifact, Build, Statistic, TestCase, TestTotals};
use serde::Serialize;

/// Test results of one page.
pub const TESTS_PAGE: usize = 50;
/// Bytes of a message that a page shows.
const MESSAGE_SHOWN: usize = 8 << 10;
/// First characters of a SHA-256 that a page shows.
const DIGEST_SHOWN: usize = 12;

/// Tests counted: `11 failed, 3,204 passed`.
#[derive(Debug, Clone, Serialize)]
pub struct TestCounts {
    /// Outcomes that some test has, what is wrong first.
    pub parts: Vec<TestCount>,
    /// `3,256 tests`.
    pub total: String,
}

/// Tests of one outcome.
#[derive(Debug, Clone, Serialize)]
pub struct TestCount {
    /// How the outcome looks.
    pub look: Look,
    /// How many there are.
    pub n: String,
}

impl TestCounts {
    /// The counts of `totals`; none where there is no test.
    pub fn new(totals: &TestTotals) -> Option<Self> {
        let some = TestOutcome::ALL.into_iter().filter(|outcome| totals.of(*outcome) > 0);
        let parts: Vec<_> = some
            .map(|one| TestCount { look: look::of_test(one), n: words::number(i64::from(totals.of(one))) })
            .collect();
        let n = usize::try_from(totals.all()).unwrap_or(0);
        (!parts.is_empty()).then(|| Self { parts, total: words::count(n, "test") })
    }
}

/// The test results of a step, a page of them.
#[derive(Debug, Clone, Serialize)]
pub struct TestsSection {
    /// `3,256 tests`.
    pub total: String,
    /// All of them, or those of one outcome; what is shown is marked.
    pub filters: Vec<TestFilter>,
    /// The results.
    pub cases: Vec<TestLine>,
    /// `1 to 50 of 3,256`.
    pub range: String,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
}

/// A way to narrow test results.
#[derive(Debug, Clone, Serialize)]
pub struct TestFilter {
    /// How the outcome looks; none is all of them.
    pub look: Option<Look>,
    /// How many there are, and their link.
    pub link: Anchor,
}

/// A test result.
#[derive(Debug, Clone, Serialize)]
pub struct TestLine {
    /// How it ended.
    pub look: Look,
    /// Where it belongs.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// How long it took.
    pub took: Option<String>,
    /// Why it failed, or was skipped.
    pub message: Option<String>,
    /// The message is longer than a page shows.
    pub is_cut: bool,
}

impl TestLine {
    fn new(case: &TestCase) -> Self {
        let shown = case.message.as_deref().map(|message| cut(message, MESSAGE_SHOWN));
        Self {
            look: look::of_test(case.outcome),
            suite: case.suite.clone(),
            name: case.name.clone(),
            took: case.duration_ms.map(took),
            is_cut: case.message.as_ref().map(String::len) != shown.map(str::len),
            message: shown.map(str::to_owned),
        }
    }
}

impl TestsSection {
    /// The section of `page`; none where the step has no test.
    pub fn new(page: &TestPage, links: &Links) -> Option<Self> {
        let totals = &page.step.tests;
        let counts = TestCounts::new(totals)?;
        let here = links.step(&page.build.builder, page.build.number, page.step.number);
        let to = |outcome: Option<TestOutcome>, offset: i32| {
            let outcome = outcome.map(|outcome| ("outcome".to_owned(), outcome.word().to_owned()));
            let offset = (offset > 0).then(|| ("offset".to_owned(), offset.to_string()));
            format!("{}#tests", with_query(&here, &outcome.into_iter().chain(offset).collect::<Vec<_>>()))
        };
        let filter = |outcome: Option<TestOutcome>, n: i32| TestFilter {
            look: outcome.map(look::of_test),
            link: Anchor {
                text: words::number(i64::from(n)),
                href: to(outcome, 0),
                is_current: page.outcome == outcome,
            },
        };
        let some = TestOutcome::ALL.into_iter().filter(|outcome| totals.of(*outcome) > 0);
        let filters =
            std::iter::once(filter(None, totals.all())).chain(some.map(|one| filter(Some(one), totals.of(one))));
        let (n, size) = (i32::try_from(page.cases.len()).unwrap_or(0), i32::try_from(TESTS_PAGE).unwrap_or(i32::MAX));
        let end = page.offset.saturating_add(n);
        let number = |n: i32| words::number(i64::from(n));
        Some(Self {
            total: counts.total,
            filters: filters.collect(),
            cases: page.cases.iter().map(TestLine::new).collect(),
            range: match n {
                0 => format!("none of {}", number(page.total())),
                _ => format!("{} to {} of {}", number(page.offset + 1), number(end), number(page.total())),
            },
            previous: (page.offset > 0)
                .then(|| to(page.outcome, page.offset.min(page.total()).saturating_sub(size).max(0))),
            next: (end < page.total()).then(|| to(page.outcome, end)),
        })
    }
}

/// A number that a step measured.
#[derive(Debug, Clone, Serialize)]
pub struct StatisticLine {
    /// What it counts.
    pub name: String,
    /// How much there is of it.
    pub value: String,
}

impl StatisticLine {
    /// The line of `statistic`.
    pub fn new(statistic: &Statistic) -> Self {
        let value = statistic.value;
        let is_whole = value.fract() == 0.0 && value.abs() < 1e15;
        let shown = if is_whole {
            words::number(value as i64)
        } else {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        Self { name: statistic.name.clone(), value: shown }
    }
}

/// A file that outlives its build.
#[derive(Debug, Clone, Serialize)]
pub struct ArtifactLine {
    /// Its name.
    pub name: String,
    /// The file.
    pub href: String,
    /// `33 MiB`.
    pub size: String,
    /// The first characters of its SHA-256.
    pub digest: String,
    /// All of it.
    pub digest_full: String,
    /// When it was stored.
    pub created: Moment,
    /// The step that stored it.
    pub step: String,
}

impl ArtifactLine {
    /// The line of `artifact`.
    pub fn new(build: &Build, artifact: &Artifact, links: &Links, now: Time) -> Self {
        let step = build.steps.iter().find(|step| step.number == artifact.step);
        Self {
            name: artifact.name.clone(),
            href: links.artifact(&build.builder, build.number, &artifact.name),
            size: words::bytes(artifact.size_bytes),
            digest: artifact.sha256.chars().take(DIGEST_SHOWN).collect(),
            digest_full: artifact.sha256.clone(),
            created: Moment::new(artifact.created_at, now),
            step: step.map(|step| step.name.clone()).unwrap_or_default(),
        }
    }
}

/// At most `max` bytes, cut at a character.
fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

/// Tests are often quicker than a second.
fn took(ms: i64) -> String {
    match ms {
        ..=999 => format!("{} ms", ms.max(0)),
        1_000..=59_999 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => words::span(ms / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::{Statistic, StatisticLine, cut, took};

    #[test]
    fn numbers_and_spans_read_well() {
        let value = |value| StatisticLine::new(&Statistic { name: String::new(), value }).value;
        assert_eq!([1_234.0, 87.125, 0.5, -3.0, 1.0 / 3.0].map(value), ["1,234", "87.125", "0.5", "-3", "0.333"]);
        assert_eq!([7, 1_250, 59_999, 61_000].map(took), ["7 ms", "1.2 s", "59.9 s", "1m 01s"]);
        assert_eq!((cut("aé", 2), cut("aé", 3)), ("a", "aé"));
    }
}
