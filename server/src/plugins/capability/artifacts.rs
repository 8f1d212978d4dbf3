//! Files that outlive the work directory. They go from the worker to the store and pass through no guest.

use crate::engine::step::{self, ArtifactSink, StoredArtifact};
use crate::model::name::check_artifact;
use crate::model::size::Size;
use crate::plugins::bindings::artifacts::{Artifact, ArtifactError, Host};
use crate::plugins::instance::Guest;
use crate::plugins::power::denied;
use crate::plugins::tally::Gated;
use crate::worker::{self, Place, Worker};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Artifacts of one step.
const ARTIFACTS_MAX: usize = 1_000;
/// Pieces of a file on the way; a slow store slows the worker.
const PIECES_MAX: usize = 4;
/// A worker that sends nothing of a file for so long is given up.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What a step has stored.
#[derive(Debug, Default)]
pub struct Stored {
    n_files: usize,
    n_bytes: u64,
}

/// How much a step may still store.
#[derive(Debug, Clone, Copy)]
struct Room {
    left: u64,
    limit: Size,
}

impl Room {
    /// Fails where `n_bytes` are too many.
    fn check(self, n_bytes: u64) -> Result<(), ArtifactError> {
        if n_bytes <= self.left {
            return Ok(());
        }
        let (limit, left) = (self.limit, self.left);
        Err(ArtifactError::TooLarge(format!(
            "it is larger than what is left of the limit `artifact_bytes` = {limit} of a step: {left} bytes"
        )))
    }
}

impl Guest {
    /// Why this guest may not store `name`, or how much it may store.
    fn artifact_room(&mut self, name: &str) -> wasmtime::Result<Result<Room, ArtifactError>> {
        let limit = self.limits.artifact_bytes;
        let may = self.powers.artifacts;
        self.tally(Gated::Artifacts, !may);
        let plugin = self.name.clone();
        let step = self.step()?;
        if !may {
            return Ok(Err(ArtifactError::Denied(denied(&plugin, "store artifacts", "artifacts = true"))));
        }
        if let Err(error) = check_artifact(name) {
            return Ok(Err(ArtifactError::Invalid(error.to_string())));
        }
        if step.stored.n_files >= ARTIFACTS_MAX {
            return Ok(Err(ArtifactError::Limit(format!("a step stores at most {ARTIFACTS_MAX} artifacts"))));
        }
        Ok(Ok(Room { left: limit.0.saturating_sub(step.stored.n_bytes), limit }))
    }

    fn count_artifact(&mut self, stored: StoredArtifact) -> wasmtime::Result<Artifact> {
        let step = self.step.as_mut().ok_or_else(|| wasmtime::Error::msg("an artifact was stored without a step"))?;
        step.stored.n_files += 1;
        step.stored.n_bytes += stored.size_bytes;
        let StoredArtifact { name, size_bytes, sha256, url } = stored;
        Ok(Artifact { name, size: u32::try_from(size_bytes).unwrap_or(u32::MAX), sha256, url })
    }
}

impl From<step::ArtifactError> for ArtifactError {
    fn from(error: step::ArtifactError) -> Self {
        match error {
            step::ArtifactError::Invalid(why) => Self::Invalid(why),
            step::ArtifactError::Failed(why) => Self::Failed(why),
        }
    }
}

impl Host for Guest {
    async fn store_file(&mut self, path: String, name: String) -> wasmtime::Result<Result<Artifact, ArtifactError>> {
        if let Some(why) = self.command_denied() {
            self.enter()?;
            self.tally(Gated::Artifacts, true);
            return Ok(Err(ArtifactError::Denied(why)));
        }
        let room = match self.artifact_room(&name)? {
            Ok(room) => room,
            Err(error) => return Ok(Err(error)),
        };
        let step = self.step.as_ref().ok_or_else(|| wasmtime::Error::msg("a file is stored without a step"))?;
        let file = FileOfWorker {
            worker: step.call.worker.clone(),
            place: step.place.clone(),
            path,
            stop: step.call.stop.clone(),
        };
        let host = step.host.clone();
        // Beside the guests: bytes are hashed and written, and that is none of their time.
        let storing = step.main.spawn(async move { file.store(host.artifact(&name).await?, room).await });
        let waiting = self.stopwatch.pause();
        let stored = AbortOnDropHandle::new(storing).await;
        drop(waiting);
        match stored.unwrap_or_else(|_| Err(ArtifactError::Failed("the server broke while it stored it".to_owned()))) {
            Ok(stored) => Ok(Ok(self.count_artifact(stored)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn store_bytes(
        &mut self,
        name: String,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<Artifact, ArtifactError>> {
        let room = match self.artifact_room(&name)? {
            Ok(room) => room,
            Err(error) => return Ok(Err(error)),
        };
        let step = self.step.as_ref().ok_or_else(|| wasmtime::Error::msg("bytes are stored without a step"))?;
        let host = step.host.clone();
        let storing = step.main.spawn(async move {
            room.check(content.len() as u64)?;
            let mut sink = host.artifact(&name).await?;
            sink.write(content.into()).await?;
            Ok(sink.finish().await?)
        });
        let stored: Result<StoredArtifact, ArtifactError> = AbortOnDropHandle::new(storing)
            .await
            .unwrap_or_else(|_| Err(ArtifactError::Failed("the server broke while it stored it".to_owned())));
        match stored {
            Ok(stored) => Ok(Ok(self.count_artifact(stored)?)),
            Err(error) => Ok(Err(error)),
        }
    }
}

/// A file of a work directory, on its worker.
struct FileOfWorker {
    worker: Arc<dyn Worker>,
    place: Place,
    path: String,
    stop: CancellationToken,
}

impl FileOfWorker {
    /// Brings it whole to the store, or not at all.
    async fn store(self, mut sink: Box<dyn ArtifactSink>, room: Room) -> Result<StoredArtifact, ArtifactError> {
        let stat = self.worker.stat(&self.place, &self.path).await.map_err(|error| said(&self.path, error))?;
        let stat = stat.ok_or_else(|| ArtifactError::NotFound(format!("there is no file `{}`", self.path)))?;
        // Told before anything is copied; it may grow meanwhile, so it is counted as well.
        room.check(stat.size_bytes)?;
        let (to, pieces) = mpsc::channel(PIECES_MAX);
        let (worker, place, path) = (self.worker.clone(), self.place.clone(), self.path.clone());
        let reading = AbortOnDropHandle::new(tokio::spawn(async move { worker.read_file(&place, &path, to).await }));
        let n_written = tokio::select! {
            () = self.stop.cancelled() => return Err(ArtifactError::Failed("the build was stopped".to_owned())),
            written = write(pieces, &mut *sink, room) => written?,
        };
        let n_read = match reading.await {
            Ok(read) => read.map_err(|error| said(&self.path, error))?,
            Err(_) => return Err(ArtifactError::Failed("the worker broke while it read the file".to_owned())),
        };
        if n_read != n_written {
            let path = &self.path;
            return Err(ArtifactError::Failed(format!("{n_written} of {n_read} bytes of `{path}` arrived")));
        }
        Ok(sink.finish().await?)
    }
}

/// Writes pieces as they come; returns how many bytes they had.
async fn write(
    mut pieces: mpsc::Receiver<Bytes>,
    sink: &mut dyn ArtifactSink,
    room: Room,
) -> Result<u64, ArtifactError> {
    let mut n_bytes = 0;
    loop {
        let piece = tokio::time::timeout(SILENCE_MAX, pieces.recv()).await;
        let piece = piece.map_err(|_| {
            ArtifactError::Failed(format!("the worker sent nothing of it for {} seconds", SILENCE_MAX.as_secs()))
        })?;
        let Some(piece) = piece else { return Ok(n_bytes) };
        n_bytes += piece.len() as u64;
        room.check(n_bytes)?;
        sink.write(piece).await?;
    }
}

fn said(path: &str, error: worker::Error) -> ArtifactError {
    match error {
        worker::Error::Outside(_) => ArtifactError::Invalid(error.to_string()),
        worker::Error::Io { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            ArtifactError::NotFound(format!("there is no file `{path}`"))
        }
        _ => ArtifactError::Failed(error.to_string()),
    }
}
