//! What steps found: test results, numbers, and files that outlive the work directory. Reported by the engine, read in a scope.

use super::commit::Tx;
use super::event::What;
use super::get::{Get, MAX_ROWS};
use super::quota::{self, ArtifactRoom};
use super::resource::{Artifact, Build, Step, TestCase, TestTotals};
use super::update::Update;
use super::{Error, Result, Status, finish, load};
use crate::model::id::{BuildId, BuilderId, StepId};
use crate::model::name::{BuilderKey, check_artifact};
use crate::model::test_outcome::TestOutcome;
use crate::store::artifact_files::{Draft, FileError};
use crate::store::artifacts::{self, NewArtifact};
use crate::store::test_results::{self, TestRow};
use crate::store::{DbConnection, builds, statistics, steps};
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;

/// Texts of one page of test results, unless one alone is longer.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// Test results that are read at once: each may have a long message.
const ROWS_AT_ONCE: usize = 100;

/// Test results of one step at most.
pub const TESTS_MAX: i32 = 100_000;

/// A page of a step's test results.
#[derive(Debug, Clone)]
pub struct TestPage {
    /// Its build.
    pub build: Arc<Build>,
    /// The step.
    pub step: Step,
    /// Only those of this outcome were asked for.
    pub outcome: Option<TestOutcome>,
    /// How many results stand before the first of these.
    pub offset: i32,
    /// The results: failed, errored, skipped, passed, each in the order they came.
    pub cases: Vec<TestCase>,
}

impl TestPage {
    /// How many results there are of what was asked for.
    pub fn total(&self) -> i32 {
        self.outcome.map_or_else(|| self.step.tests.all(), |outcome| self.step.tests.of(outcome))
    }
}

impl Update {
    /// Test results of a running step: stored behind those that it has; [`Update::found`] tells of them. Returns its totals.
    ///
    /// # Errors
    /// `Limit` where they are too many, `Conflict` where the step has ended, or where the database cannot be read or written.
    pub async fn test_results(&self, build: BuildId, step: StepId, cases: Vec<TestCase>) -> Result<TestTotals> {
        self.status
            .commit(move |tx| {
                let now = running_step(tx, build, step)?;
                let mut totals = now.tests;
                let more = i32::try_from(cases.len()).unwrap_or(i32::MAX);
                if totals.all().saturating_add(more) > TESTS_MAX {
                    let what = "test results of a step".to_owned();
                    return Err(Error::Limit { what, max: TESTS_MAX.to_string() });
                }
                let rows: Vec<TestRow> = cases.into_iter().map(|case| row_of(step, case, &mut totals)).collect();
                test_results::insert(tx.c, &rows)?;
                steps::set_tests(tx.c, step, TestOutcome::ALL.map(|outcome| totals.of(outcome)))?;
                Ok(totals)
            })
            .await
    }

    /// A number that a running step measured; the last one of a name counts; [`Update::found`] tells of it.
    ///
    /// # Errors
    /// `Conflict` where the step has ended, or where the database cannot be read or written.
    pub async fn statistic(&self, build: BuildId, step: StepId, name: &str, value: f64) -> Result<()> {
        let name = name.to_owned();
        self.status
            .commit(move |tx| {
                running_step(tx, build, step)?;
                Ok(statistics::set(tx.c, step, &name, value)?)
            })
            .await
    }

    /// Tells that a step has more test results or other numbers than before: once for many.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn found(&self, build: BuildId, step: StepId) -> Result<()> {
        let registry = self.status.0.in_force().registry.clone();
        self.status
            .commit(move |tx| {
                let now = finish::step_of(tx, build, step)?;
                let (builder, key) = whose(tx.c, &registry, build)?;
                let (step, tests) = (now.number, Some(now.tests));
                tx.tell(builder, key, What::StepChanged { build_id: build, step, summary: None, link: None, tests })
            })
            .await
    }

    /// A running step begins to store a file that outlives the work directory. Nobody sees it before [`ArtifactDraft::finish`].
    ///
    /// # Errors
    /// `Invalid` where it may not be called so, or one of the build is called so; `Conflict` where there is no room or the step has ended,
    /// `OverQuota` where the team has no room.
    pub async fn artifact(&self, build: BuildId, step: StepId, name: &str) -> Result<ArtifactDraft> {
        check_artifact(name).map_err(|error| Error::invalid("name", error.to_string()))?;
        let wanted = name.to_owned();
        let (config, registry) = (self.status.config(), self.status.0.in_force().registry.clone());
        let look = move |c: &mut DbConnection| {
            is_free(c, build, &wanted)?;
            let team = whose(c, &registry, build)?.1.team;
            let quota = config.teams.get(&team).map(|team| team.quota).unwrap_or_default();
            quota::artifact_room(c, &team, &quota)
        };
        let room = self.status.0.store.read(look).await?;
        let draft = self.status.0.artifacts.begin().await.map_err(refused)?;
        Ok(ArtifactDraft { status: self.status.clone(), build, step, name: name.to_owned(), room, draft })
    }
}

/// What a server that died left of artifacts under way goes; what it had answered is kept.
pub(super) async fn settle_artifacts(status: &Status) -> Result<()> {
    let files = status.0.artifacts.clone();
    let failed = |error: std::io::Error| Error::Internal(anyhow::Error::new(error).context("the folder of artifacts"));
    for file in files.interrupted().map_err(failed)? {
        let asked = file.clone();
        let has_row = status.0.store.read(move |c| Ok::<_, Error>(artifacts::has_file(c, &asked)?)).await?;
        files.settle(&file, has_row).map_err(failed)?;
        tracing::info!(file, kept = has_row, "an artifact that was under way when the server died");
    }
    Ok(())
}

/// An artifact that comes. Dropped, it was never there.
pub struct ArtifactDraft {
    status: Status,
    build: BuildId,
    step: StepId,
    name: String,
    room: ArtifactRoom,
    draft: Draft,
}

impl ArtifactDraft {
    /// Bytes that have come.
    pub fn size_bytes(&self) -> u64 {
        self.draft.size_bytes()
    }

    /// Takes some bytes.
    ///
    /// # Errors
    /// `Conflict` where there is no room, `OverQuota` where the team has none, or where they cannot be written.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<()> {
        self.room.check(self.draft.size_bytes() + bytes.len() as u64)?;
        self.draft.write(bytes).await.map_err(refused)
    }

    /// All has come: stored when this returns.
    ///
    /// # Errors
    /// As [`Update::artifact`].
    pub async fn finish(mut self) -> Result<Artifact> {
        let placed = self.draft.place().await.map_err(refused)?;
        let (registry, build, step, name) =
            (self.status.0.in_force().registry.clone(), self.build, self.step, self.name);
        let stored = self
            .status
            .commit(move |tx| {
                let number = running_step(tx, build, step)?.number;
                is_free(tx.c, build, &name)?;
                let size_bytes = i64::try_from(placed.size_bytes).unwrap_or(i64::MAX);
                let (sha256, file, at) = (placed.sha256, placed.file, tx.at);
                let new = NewArtifact { build, step, name: &name, size_bytes, sha256: &sha256, file: &file, at };
                artifacts::insert(tx.c, &new)?;
                let artifact = Artifact { step: number, name, size_bytes, sha256, created_at: at };
                let (builder, key) = whose(tx.c, &registry, build)?;
                quota::store_artifact(tx, &key.team, size_bytes)?;
                tx.tell(builder, key, What::ArtifactAdded { build_id: build, artifact: artifact.clone() })?;
                Ok(artifact)
            })
            .await;
        match &stored {
            Ok(_) => self.draft.settled(),
            // Whether its row is stored is not known; the next start looks.
            Err(Error::Internal(_) | Error::Unavailable) => self.draft.left(),
            Err(_) => drop(self.draft),
        }
        stored
    }
}

impl Get {
    /// A page of a step's test results, at most `limit`; `step` is its number from 0 or its name.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn test_results(
        &self,
        (team, name, number): (&str, &str, i64),
        step: &str,
        outcome: Option<TestOutcome>,
        offset: i32,
        limit: usize,
    ) -> Result<TestPage> {
        let build = self.build_alone(team, name, number).await?;
        let step = build.step(step).ok_or_else(|| Error::not_found("step", step))?.clone();
        let (totals, id) = (step.tests, step.id);
        let read = move |c: &mut DbConnection| read_tests(c, id, totals, outcome, offset, limit.min(MAX_ROWS));
        let cases = self.status.0.store.read(read).await?;
        Ok(TestPage { build, step, outcome, offset, cases })
    }

    /// A build's artifacts whose name comes after `after`, by name, at most `limit`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn artifacts(
        &self,
        (team, name, number): (&str, &str, i64),
        after: &str,
        limit: usize,
    ) -> Result<(Arc<Build>, Vec<Artifact>)> {
        let build = self.build_alone(team, name, number).await?;
        let (id, after, limit) = (build.id, after.to_owned(), limit.min(MAX_ROWS));
        let listed = self.status.0.store.read(move |c| list_artifacts(c, id, &after, limit)).await?;
        Ok((build, listed))
    }

    /// A build's artifact and where its content lies.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn artifact(
        &self,
        (team, name, number): (&str, &str, i64),
        artifact: &str,
    ) -> Result<(Artifact, PathBuf)> {
        let id = self.build_alone(team, name, number).await?.id;
        let wanted = artifact.to_owned();
        let read = move |c: &mut DbConnection| {
            artifacts::get(c, id, &wanted)?.ok_or_else(|| Error::not_found("artifact", wanted))
        };
        let row = self.status.0.store.read(read).await?;
        let path = self.status.0.artifacts.path(&row.file);
        Ok((load::artifact(row), path))
    }
}

/// A build's artifacts whose name comes after `after`.
pub(super) fn list_artifacts(c: &mut DbConnection, build: BuildId, after: &str, limit: usize) -> Result<Vec<Artifact>> {
    let rows = artifacts::list(c, build, after, i64::try_from(limit).unwrap_or(i64::MAX))?;
    Ok(rows.into_iter().map(load::artifact).collect())
}

/// Reads results: what stands before `offset` is passed over by the totals, not by reading it. A page whose texts are long ends early:
/// messages come from whoever writes the tests, and pages are made for anybody who asks.
fn read_tests(
    c: &mut DbConnection,
    step: StepId,
    totals: TestTotals,
    outcome: Option<TestOutcome>,
    offset: i32,
    limit: usize,
) -> Result<Vec<TestCase>> {
    let mut before = offset.max(0);
    let (mut cases, mut n_bytes) = (Vec::new(), 0);
    for one in TestOutcome::ALL.into_iter().filter(|one| outcome.is_none_or(|wanted| wanted == *one)) {
        let n = totals.of(one);
        if before >= n {
            before -= n;
            continue;
        }
        // Results that came after the totals were read are not shown twice, and not at all yet.
        while before < n && cases.len() < limit {
            let max = (limit - cases.len()).min(ROWS_AT_ONCE).min(usize::try_from(n - before).unwrap_or(0));
            let rows = test_results::list(c, step, one, before, i64::try_from(max).unwrap_or(i64::MAX))?;
            let Some(last) = rows.last() else { break };
            before = last.number + 1;
            for row in rows {
                n_bytes += row.suite.len() + row.name.len() + row.message.as_ref().map_or(0, String::len);
                if n_bytes > PAGE_BYTES_MAX && !cases.is_empty() {
                    return Ok(cases);
                }
                cases.push(load::test_case(row));
            }
        }
        before = 0;
    }
    Ok(cases)
}

/// A result's row, numbered behind those that are there.
fn row_of(step: StepId, case: TestCase, totals: &mut TestTotals) -> TestRow {
    let outcome = case.outcome;
    let number = totals.of(outcome);
    totals.count(outcome);
    TestRow {
        step_id: step.0,
        outcome: outcome.number(),
        number,
        suite: case.suite,
        name: case.name,
        duration_ms: case.duration_ms,
        message: case.message,
    }
}

/// A step that the engine says runs.
fn running_step(tx: &mut Tx<'_>, build: BuildId, id: StepId) -> Result<Step> {
    let step = finish::step_of(tx, build, id)?;
    match step.finished_at {
        None => Ok(step),
        Some(_) => Err(Error::Conflict(format!("the step {} has ended; nothing can be added", step.name))),
    }
}

fn whose(c: &mut DbConnection, registry: &super::registry::Registry, id: BuildId) -> Result<(BuilderId, BuilderKey)> {
    let builder = builds::builder_of(c, id)?.ok_or_else(|| Error::not_found("build", id.to_string()))?;
    Ok((builder, registry.key(builder)))
}

fn is_free(c: &mut DbConnection, build: BuildId, name: &str) -> Result<()> {
    match artifacts::get(c, build, name)? {
        None => Ok(()),
        Some(_) => Err(Error::invalid("name", format!("the build has an artifact `{name}` already"))),
    }
}

pub(super) fn refused(error: FileError) -> Error {
    match error {
        FileError::NoRoom => Error::NoRoom(error.to_string()),
        FileError::Io { .. } => Error::Internal(error.into()),
    }
}
