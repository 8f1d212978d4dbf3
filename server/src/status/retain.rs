//! What a team's `history` and `history_builds` keep no longer goes: builds with their logs, test results and artifacts, and requests that
//! were cancelled. Never one that runs or that a running one triggered, never the last finished one of a builder, never what ended just
//! now. In slices, each a short write that waits its turn: no other write waits for more than one of them. So goes what the audit keeps no
//! longer.

use super::commit::Effect;
use super::update::Update;
use super::{Error, Result, Status};
use crate::model::id::{BuildId, BuilderId};
use crate::model::name::BuilderKey;
use crate::model::time::Time;
use crate::store::usage::{self, Stored};
use crate::store::{DbConnection, audit, builders, retention};
use chrono::TimeDelta;
use std::sync::atomic::Ordering;

/// Builds that go in one pass; more wait for the next.
const BUILDS_MAX: usize = 500;
/// Builds of one builder that are looked up at once.
const LOOKED_UP: i64 = 50;
/// Cancelled requests of one builder that go in one write.
const REQUESTS: i64 = 100;
/// Chunks of logs that go in one write: some megabytes.
const CHUNKS: i64 = 64;
/// What ended so lately is kept: somebody may be looking at it, or wait for it.
const LATELY: TimeDelta = TimeDelta::hours(1);
/// Entries of the audit that go in one write.
const ENTRIES: usize = 500;
/// Entries of the audit that go in one pass; more wait for the next.
const ENTRIES_MAX: usize = 10_000;
/// Test results that go in one write.
const TESTS: i32 = 1_000;

/// What came of one pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Builds that went.
    pub n_builds: usize,
    /// Cancelled requests that went.
    pub n_requests: usize,
    /// Entries of the audit that went.
    pub n_entries: usize,
    /// There is more to do.
    pub has_more: bool,
    /// Builders of which nothing could be dropped, and the audit where it is so with it, for reasons that the log says.
    pub n_failed: usize,
}

/// What a builder keeps.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// What ended after this is kept in any case.
    until: Time,
    since: Option<Time>,
    n_builds: Option<u32>,
}

impl Update {
    /// Drops what is kept no longer, a bounded part of it. Begins after the builder where the last pass stopped, so that each has its turn;
    /// one of which nothing can be dropped holds up no other.
    ///
    /// # Errors
    /// Where the database cannot be read, or the server stops.
    pub async fn retain_once(&self) -> Result<Retained> {
        let mut rows = self.status.0.store.read(|c| Ok::<_, Error>(builders::list(c)?)).await?;
        rows.sort_unstable_by_key(|(builder, _, _)| builder.0);
        let last = self.status.0.retained_to.load(Ordering::Relaxed);
        let first = rows.partition_point(|(builder, _, _)| builder.0 <= last);
        rows.rotate_left(first);
        let mut done = Retained::default();
        match self.retain_audit(&mut done).await {
            Err(Error::Unavailable) => return Err(Error::Unavailable),
            Err(error) => {
                done.n_failed += 1;
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::error!(
                    error,
                    "what the audit keeps no longer could not be dropped; old builds go all the same"
                );
            }
            Ok(()) => {}
        }
        for (builder, key, _) in rows {
            let Some(kept) = self.kept(&key) else { continue };
            match self.retain_of(builder, &key, kept, &mut done).await {
                Err(Error::Unavailable) => return Err(Error::Unavailable),
                Err(error) => {
                    done.n_failed += 1;
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::error!(builder = %key, error, "what the builder keeps no longer could not be dropped");
                }
                Ok(()) => {}
            }
            self.status.0.retained_to.store(builder.0, Ordering::Relaxed);
            if done.n_builds == BUILDS_MAX && done.has_more {
                break;
            }
        }
        Ok(done)
    }

    /// Drops what is older in the audit than the configuration has it kept, the oldest first.
    async fn retain_audit(&self, done: &mut Retained) -> Result<()> {
        let keep = TimeDelta::from_std(self.status.config().audit.keep).ok();
        let Some(before) = keep.and_then(|keep| self.status.now().checked_sub_signed(keep)) else { return Ok(()) };
        while done.n_entries < ENTRIES_MAX {
            let write = move |c: &mut _| Ok::<_, Error>(audit::delete_older(c, before, ENTRIES as i64)?);
            let n = self.status.0.store.write(write).await?;
            done.n_entries += n;
            if n < ENTRIES {
                return Ok(());
            }
        }
        done.has_more = true;
        Ok(())
    }

    /// What is kept of a builder's history; none where all of it is. One that left the configuration keeps what its team's builders do.
    fn kept(&self, key: &BuilderKey) -> Option<Kept> {
        let quota = self.status.config().teams.get(&key.team)?.quota;
        let history = quota.history.and_then(|span| TimeDelta::from_std(span.0).ok());
        let since = history.and_then(|span| self.status.now().checked_sub_signed(span));
        let until = self.status.now().checked_sub_signed(LATELY)?;
        let kept = Kept { until, since, n_builds: quota.history_builds };
        (kept.since.is_some() || kept.n_builds.is_some()).then_some(kept)
    }

    async fn retain_of(&self, builder: BuilderId, key: &BuilderKey, kept: Kept, done: &mut Retained) -> Result<()> {
        loop {
            let old = self.status.0.store.read(move |c| list(c, builder, kept)).await?;
            if old.is_empty() {
                break;
            }
            for build in old {
                if done.n_builds == BUILDS_MAX {
                    done.has_more = true;
                    return Ok(());
                }
                self.drop_build(build, key).await?;
                done.n_builds += 1;
            }
        }
        let Some(since) = kept.since else { return Ok(()) };
        loop {
            let n = self
                .status
                .0
                .store
                .write(move |c| {
                    let old = retention::list_cancelled(c, builder, since, REQUESTS)?;
                    old.iter().try_for_each(|request| retention::drop_request(c, *request))?;
                    Ok::<_, Error>(old.len())
                })
                .await?;
            done.n_requests += n;
            if n < REQUESTS as usize {
                return Ok(());
            }
        }
    }

    /// Its bulk first, in slices; then the files of its artifacts, and at last its rows: a crash in between leaves a build of which less
    /// is there, and the next pass goes on.
    async fn drop_build(&self, build: BuildId, key: &BuilderKey) -> Result<()> {
        let store = &self.status.0.store;
        while store.write(move |c| Ok::<_, Error>(retention::drop_chunks(c, build, CHUNKS)?)).await? > 0 {}
        while store.write(move |c| Ok::<_, Error>(retention::drop_tests(c, build, TESTS)?)).await? > 0 {}
        let files = store.read(move |c| Ok::<_, Error>(retention::list_files(c, build)?)).await?;
        remove_files(&self.status, files).await?;
        let team = key.team.clone();
        self.status
            .commit(move |tx| {
                let Some(dropped) = retention::drop_build(tx.c, build)? else { return Ok(()) };
                let Stored { log_bytes, artifact_bytes } = dropped.stored;
                let less = Stored { log_bytes: -log_bytes, artifact_bytes: -artifact_bytes };
                usage::add(tx.c, &team, less)?;
                tx.then(Effect::BuildDropped(dropped.builder, dropped.number));
                Ok(())
            })
            .await
    }
}

fn list(c: &mut DbConnection, builder: BuilderId, kept: Kept) -> Result<Vec<BuildId>> {
    if let Some(since) = kept.since {
        let old = retention::list_older(c, builder, since.min(kept.until), LOOKED_UP)?;
        if !old.is_empty() {
            return Ok(old);
        }
    }
    match kept.n_builds {
        Some(n) => Ok(retention::list_beyond(c, builder, n, kept.until, LOOKED_UP)?),
        None => Ok(Vec::new()),
    }
}

async fn remove_files(status: &Status, files: Vec<String>) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let artifacts = status.0.artifacts.clone();
    let removing = tokio::task::spawn_blocking(move || files.iter().try_for_each(|file| artifacts.remove(file)));
    let removed = removing.await.map_err(|e| Error::Internal(e.into()))?;
    removed.map_err(|e| Error::Internal(anyhow::Error::new(e).context("the folder of artifacts")))
}
