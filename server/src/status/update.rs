//! What the engine reports. Everything is durable when the call returns; nobody else calls these.

use super::board::Entry;
use super::commit::{Effect, Tx};
use super::event::What;
use super::finish::End;
use super::get::LogProgress;
use super::registry::Registry;
use super::resource::{Build, BuildRequest, Link, Log, LogChannel, LogLine, Step, TestTotals};
use super::{Error, Result, Status, findings, finish, load, quota};
use crate::model::id::{BuildId, BuildRequestId, BuilderId, LogId, StepId};
use crate::model::name::BuilderKey;
use crate::model::property::Property;
use crate::model::results::Results;
use crate::model::text::one_line;
use crate::store::log_chunks::{self, Line};
use crate::store::{builds, logs, properties, steps};
use serde_json::Value;
use std::future::Future;
use std::sync::{Arc, PoisonError};

/// Bytes of lines in one chunk as they come, unless one line alone is longer.
const CHUNK_BYTES: usize = 256 << 10;
/// Larger appends are compressed beside the caller's thread.
const COMPRESS_ASIDE: usize = 64 << 10;
/// zstd's level for lines as they come.
const LEVEL: i32 = 1;

/// Requests of one builder that wait, as they stood when they were asked for.
pub struct Queue(Arc<Entry>);

impl Queue {
    /// At least one; next first, see [`BuildRequest::turn`].
    pub fn requests(&self) -> &[Arc<BuildRequest>] {
        &self.0.pending
    }
}

/// Reports of the engine.
pub struct Update {
    pub(super) status: Status,
}

impl Update {
    /// Removes what a dead server left of artifacts under way. Ends builds that it left running as `retry` and requests them again (as an exception, and no more, after 3).
    /// One that somebody wanted stopped ends as `cancelled`. What waits for builders that left the configuration is cancelled. Called once at start, before anything runs. Returns the builds it ended.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn recover(&self) -> Result<Vec<Arc<Build>>> {
        findings::settle_artifacts(&self.status).await?;
        finish::recover(&self.status).await
    }

    /// Requests that wait, in the order in which each team wants them: higher priority first, then older first.
    pub fn pending(&self) -> Vec<Arc<BuildRequest>> {
        let now = self.status.0.in_force();
        let mut pending: Vec<Arc<BuildRequest>> =
            now.board.look().entries.iter().flat_map(|entry| entry.pending.iter().cloned()).collect();
        pending.sort_by_key(|request| request.turn());
        pending
    }

    /// Requests that wait, by builder: it costs what there are builders, however much waits.
    pub fn queues(&self) -> Vec<Queue> {
        let now = self.status.0.in_force();
        let board = now.board.look();
        board.entries.iter().filter(|entry| !entry.pending.is_empty()).cloned().map(Queue).collect()
    }

    /// Builds that run.
    pub fn running(&self) -> Vec<Arc<Build>> {
        let now = self.status.0.in_force();
        let board = now.board.look();
        let mut running: Vec<Arc<Build>> =
            board.entries.iter().flat_map(|entry| entry.running.iter().cloned()).collect();
        drop(board);
        running.sort_by_key(|build| build.id);
        running
    }

    /// Running builds that somebody wants stopped, with the reason.
    pub fn stops_wanted(&self) -> Vec<(BuildId, String)> {
        self.status.0.in_force().board.look().stops.iter().map(|(id, reason)| (*id, reason.clone())).collect()
    }

    /// Resolves when something was asked for that the engine may act on (a request, a stop); never misses one between calls
    /// when the future is made before looking.
    pub fn wake(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.status.0.wake.clone().notified_owned()
    }

    /// Sets a property of a running build; `got_revision` also shows on the build.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn set_property(&self, build: BuildId, name: &str, value: Value, source: &str) -> Result<()> {
        let (inner, name) = (self.status.0.clone(), name.to_owned());
        let property = Property { value, source: source.to_owned() };
        self.status
            .commit(move |tx| {
                properties::set_of_build(tx.c, build, &name, &property)?;
                if let (true, Some(revision)) = (name == "got_revision", property.value.as_str()) {
                    let revision = &*one_line(revision);
                    builds::set_got_revision(tx.c, build, revision)?;
                    tell_change(tx, &inner.in_force().registry, build, None, Some(revision))?;
                }
                Ok(())
            })
            .await
    }

    /// A step begins.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn step_started(&self, build: BuildId, name: &str) -> Result<Step> {
        let (inner, name) = (self.status.0.clone(), name.to_owned());
        self.status
            .commit(move |tx| {
                let (builder, key) = builder_of(tx, &inner.in_force().registry, build)?;
                let (id, number) = steps::insert(tx.c, build, &name, "running", tx.at)?;
                let step = Step {
                    id,
                    number,
                    name,
                    started_at: tx.at,
                    finished_at: None,
                    results: None,
                    summary: "running".to_owned(),
                    urls: Vec::new(),
                    tests: TestTotals::default(),
                    logs: Vec::new(),
                };
                tx.tell(builder, key, What::StepStarted { build_id: build, step: step.clone() })?;
                say_what_runs(tx, &inner.in_force().registry, build, &format!("running {}", step.name))?;
                Ok(step)
            })
            .await
    }

    /// A running step's words, or a link of it, changed.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn step_changed(
        &self,
        build: BuildId,
        step: StepId,
        summary: Option<&str>,
        link: Option<Link>,
    ) -> Result<()> {
        let (inner, summary) = (self.status.0.clone(), summary.map(|summary| one_line(summary).into_owned()));
        let link = link.map(|link| Link { name: one_line(&link.name).into_owned(), url: link.url });
        self.status
            .commit(move |tx| {
                let (builder, key) = builder_of(tx, &inner.in_force().registry, build)?;
                let mut now = finish::step_of(tx, build, step)?;
                let words = summary.as_ref().map(|summary| format!("{}: {summary}", now.name));
                if let Some(summary) = &summary {
                    steps::set_summary(tx.c, step, summary)?;
                }
                let link = link.filter(|link| !now.urls.contains(link));
                if let Some(link) = &link {
                    now.urls.push(link.clone());
                    let json = serde_json::to_string(&now.urls).map_err(|e| Error::Internal(e.into()))?;
                    steps::set_urls(tx.c, step, &json)?;
                }
                tx.tell(
                    builder,
                    key,
                    What::StepChanged { build_id: build, step: now.number, summary, link, tests: None },
                )?;
                words.map_or(Ok(()), |words| say_what_runs(tx, &inner.in_force().registry, build, &words))
            })
            .await
    }

    /// A step ended; logs of it that are still open are ended with it.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn step_finished(&self, build: BuildId, step: StepId, results: Results, summary: &str) -> Result<()> {
        let (inner, summary) = (self.status.0.clone(), one_line(summary).into_owned());
        let ended = self
            .status
            .commit(move |tx| {
                let (builder, key) = builder_of(tx, &inner.in_force().registry, build)?;
                steps::finish(tx.c, step, results, &summary, tx.at)?;
                let mut now = finish::step_of(tx, build, step)?;
                let ended = finish::end_logs(tx, build, &mut now)?;
                tx.tell(builder, key, What::StepFinished { build_id: build, step: now })?;
                Ok(ended)
            })
            .await?;
        finish::join_chunks_of(&self.status, ended).await;
        Ok(())
    }

    /// A step that did not run: recorded as begun and ended at once, skipped.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn step_skipped(&self, build: BuildId, name: &str, summary: &str) -> Result<()> {
        let (inner, name, summary) = (self.status.0.clone(), name.to_owned(), one_line(summary).into_owned());
        self.status
            .commit(move |tx| {
                let (builder, key) = builder_of(tx, &inner.in_force().registry, build)?;
                let (id, _) = steps::insert(tx.c, build, &name, &summary, tx.at)?;
                steps::finish(tx.c, id, Results::Skipped, &summary, tx.at)?;
                let step = finish::step_of(tx, build, id)?;
                tx.tell(builder, key, What::StepFinished { build_id: build, step })
            })
            .await
    }

    /// A log is opened; one of that name that is open already is gone on with.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn log_opened(&self, build: BuildId, step: StepId, name: &str) -> Result<Log> {
        let (inner, name) = (self.status.0.clone(), one_line(name).into_owned());
        self.status
            .commit(move |tx| {
                let (builder, key) = builder_of(tx, &inner.in_force().registry, build)?;
                let step = finish::step_of(tx, build, step)?;
                if let Some(open) = step.logs.iter().find(|log| log.name == name && !log.complete) {
                    return Ok(open.clone());
                }
                let slug = free_slug(&name, &step.logs);
                let id = logs::insert(tx.c, step.id, &name, &slug)?;
                let log = Log { id, name, slug, n_lines: 0, size_bytes: 0, complete: false };
                // It can be followed before anybody hears of it.
                tx.then(finish::progress_of(build, step.number, &log));
                tx.tell(builder, key, What::LogChanged { build_id: build, step: step.number, log: log.clone() })?;
                Ok(log)
            })
            .await
    }

    /// What Weir itself says in a log, whatever else the team has room for: one line of its own.
    ///
    /// # Errors
    /// As [`Update::log_append`], without `OverQuota`.
    pub async fn log_said(&self, log: LogId, words: &str) -> Result<()> {
        let (at, bytes) = (self.status.now(), words.as_bytes().to_vec());
        let line = LogLine { number: 0, channel: LogChannel::Header, at, bytes, continues: false };
        self.append(log, vec![line], false).await
    }

    /// Lines are stored, numbered from where the log stands (in one chunk, or several where they are many); when this returns,
    /// viewers may see them.
    ///
    /// # Errors
    /// `Conflict` where the log has ended, `OverQuota` where the team has no room for them, `NoRoom` where the disk has none, or where the database cannot be read or written.
    pub async fn log_append(&self, log: LogId, lines: Vec<LogLine>) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        // Logs lie beside the artifacts unless the database is a server of its own.
        if !self.status.config().server.database.starts_with("postgres") {
            self.status.0.artifacts.check_room().map_err(findings::refused)?;
        }
        self.append(log, lines, true).await
    }

    async fn append(&self, log: LogId, lines: Vec<LogLine>, is_bounded: bool) -> Result<()> {
        let lines: Vec<Line> = lines.into_iter().map(load::to_stored).collect();
        let size_bytes: usize = lines.iter().map(|line| line.bytes.len()).sum();
        let chunks = if size_bytes > COMPRESS_ASIDE {
            let encoded = tokio::task::spawn_blocking(move || encode(lines)).await;
            encoded.map_err(|e| Error::Internal(e.into()))?
        } else {
            encode(lines)
        }
        .map_err(|e| Error::Internal(e.into()))?;
        self.status
            .commit(move |tx| {
                let n_lines: i64 = chunks.iter().map(|chunk| chunk.n_lines).sum();
                let n_bytes: i64 = chunks.iter().map(|chunk| chunk.size_bytes).sum();
                let Some((mut first, size_bytes)) = logs::grow(tx.c, log, n_lines, n_bytes)? else {
                    return Err(Error::Conflict(format!("log {log} has ended; nothing can be added")));
                };
                for chunk in &chunks {
                    log_chunks::insert(tx.c, log, first, chunk.n_lines, chunk.size_bytes, &chunk.content)?;
                    first += chunk.n_lines;
                }
                if let Some((builder, build, step)) = logs::place(tx.c, log)? {
                    quota::store_log(tx, builder, n_bytes, is_bounded)?;
                    let progress = LogProgress { n_lines: first, complete: false };
                    tx.then(Effect::Log { log, build, step, progress, size_bytes });
                }
                Ok(())
            })
            .await
    }

    /// A log ended; its small chunks are joined into larger ones.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn log_finished(&self, log: LogId) -> Result<()> {
        let inner = self.status.0.clone();
        let has_ended = self
            .status
            .commit(move |tx| {
                if !logs::finish(tx.c, log)? {
                    return Ok(false);
                }
                let (Some((builder, build, step)), Some(row)) = (logs::place(tx.c, log)?, logs::get(tx.c, log)?) else {
                    return Ok(false);
                };
                let now = load::log(row);
                tx.then(finish::progress_of(build, step, &now));
                tx.tell(
                    builder,
                    inner.in_force().registry.key(builder),
                    What::LogChanged { build_id: build, step, log: now },
                )?;
                Ok(true)
            })
            .await?;
        if has_ended {
            finish::join_chunks_of(&self.status, vec![log]).await;
        }
        Ok(())
    }

    /// A build ended. As `retry`, its request waits again in the same transaction (an exception, and no more, after 3).
    ///
    /// # Errors
    /// `Conflict` where it had ended already, or where the database cannot be read or written.
    pub async fn build_finished(&self, build: BuildId, results: Results, summary: &str) -> Result<()> {
        self.end(build, End::With(results), summary).await
    }

    /// A build ended as `retry` because the server is stopped in good order. Its request waits again in the same transaction, however
    /// often that happens.
    ///
    /// # Errors
    /// `Conflict` where it had ended already, or where the database cannot be read or written.
    pub async fn build_interrupted(&self, build: BuildId, summary: &str) -> Result<()> {
        self.end(build, End::Interrupted, summary).await
    }

    async fn end(&self, build: BuildId, end: End, summary: &str) -> Result<()> {
        let (inner, summary) = (self.status.0.clone(), summary.to_owned());
        let (_, ended) =
            self.status.commit(move |tx| finish::build(tx, &inner.in_force().registry, build, end, &summary)).await?;
        finish::join_chunks_of(&self.status, ended).await;
        Ok(())
    }

    /// A worker is ready, or is not.
    pub fn worker_connected(&self, worker: &str, connected: bool) {
        let inner = &self.status.0;
        let replaced = inner.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        inner.in_force().board.connect(worker, connected);
        drop(replaced);
        inner.wake();
    }
}

/// Tells what changed of a running build, and no more of it.
fn tell_change(
    tx: &mut Tx<'_>,
    registry: &Registry,
    id: BuildId,
    summary: Option<&str>,
    got_revision: Option<&str>,
) -> Result<()> {
    let row = builds::get(tx.c, id)?.ok_or_else(|| Error::not_found("build", id.to_string()))?;
    let builder = BuilderId(row.builder_id);
    let changed = What::BuildChanged {
        build_id: id,
        number: row.number,
        request_id: BuildRequestId(row.request_id),
        summary: summary.map(str::to_owned),
        got_revision: got_revision.map(str::to_owned),
    };
    tx.tell(builder, registry.key(builder), changed)
}

/// A running build's own words are those of the step that runs.
fn say_what_runs(tx: &mut Tx<'_>, registry: &Registry, id: BuildId, summary: &str) -> Result<()> {
    if builds::set_summary(tx.c, id, summary)? {
        tell_change(tx, registry, id, Some(summary), None)?;
    }
    Ok(())
}

/// Whose build it is.
fn builder_of(tx: &mut Tx<'_>, registry: &Registry, id: BuildId) -> Result<(BuilderId, BuilderKey)> {
    let builder = builds::builder_of(tx.c, id)?.ok_or_else(|| Error::not_found("build", id.to_string()))?;
    Ok((builder, registry.key(builder)))
}

/// A log's name as it stands in a URL, unlike those of the other logs.
fn free_slug(name: &str, others: &[Log]) -> String {
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c.to_ascii_lowercase() } else { '_' };
    let slug: String = name.chars().take(80).map(plain).collect();
    let slug = if slug.trim_matches('.').is_empty() { "log".to_owned() } else { slug };
    let is_free = |slug: &str| others.iter().all(|log| log.slug != slug);
    if is_free(&slug) {
        return slug;
    }
    (2..).map(|n| format!("{slug}-{n}")).find(|slug| is_free(slug)).expect("there are more numbers than logs")
}

/// Lines that are stored together.
struct Chunk {
    n_lines: i64,
    size_bytes: i64,
    content: Vec<u8>,
}

/// Cuts lines into chunks and compresses them.
fn encode(lines: Vec<Line>) -> std::io::Result<Vec<Chunk>> {
    let mut chunks = Vec::new();
    let mut rest = lines.as_slice();
    while !rest.is_empty() {
        let mut size_bytes = 0;
        let fits = |line: &&Line| {
            size_bytes += line.bytes.len();
            size_bytes <= CHUNK_BYTES
        };
        let n = rest.iter().take(log_chunks::LINES_MAX).take_while(fits).count().max(1);
        let (some, after) = rest.split_at(n);
        rest = after;
        let size_bytes = some.iter().map(|line| line.bytes.len() as i64).sum();
        chunks.push(Chunk { n_lines: n as i64, size_bytes, content: log_chunks::encode(some, LEVEL)? });
    }
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    use super::{Log, LogId, free_slug};

    #[test]
    fn a_slug_is_fit_for_a_url_and_unlike_the_others() {
        let log = |slug: &str| Log {
            id: LogId(1),
            name: String::new(),
            slug: slug.to_owned(),
            n_lines: 0,
            size_bytes: 0,
            complete: false,
        };
        assert_eq!(free_slug("stdio", &[]), "stdio");
        assert_eq!(free_slug("Test log/2", &[]), "test_log_2");
        assert_eq!(free_slug("..", &[]), "log");
        assert_eq!(free_slug("a b", &[log("a_b"), log("a_b-2")]), "a_b-3");
    }
}
