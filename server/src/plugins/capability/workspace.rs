//! Files of the builder's work directory, always on the worker. Granted with `command`: who may run commands may touch files.

use crate::plugins::bindings::workspace::{FileError, FileStat, Host};
use crate::plugins::instance::{Guest, StepState};
use crate::plugins::tally::Gated;
use crate::worker;

/// Largest file that passes through a guest: what one crossing may carry.
const FILE_BYTES_MAX: u32 = 4 << 20;
const GLOB_MAX: u32 = 10_000;

/// The step, where it may touch files.
fn granted(guest: &mut Guest) -> wasmtime::Result<Result<&mut StepState, FileError>> {
    let denied = guest.command_denied();
    guest.tally(Gated::Workspace, denied.is_some());
    let step = guest.step()?;
    Ok(match denied {
        Some(why) => Err(FileError::Denied(why)),
        None => Ok(step),
    })
}

fn said(error: worker::Error) -> FileError {
    match error {
        worker::Error::Outside(_) => FileError::Outside(error.to_string()),
        worker::Error::TooLarge { max, .. } => FileError::TooLarge(u32::try_from(max).unwrap_or(u32::MAX)),
        worker::Error::Io { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => FileError::NotFound,
        _ => FileError::Failed(error.to_string()),
    }
}

/// `?` for the guest's errors inside a function whose own errors are traps.
macro_rules! granted {
    ($guest:expr) => {
        match granted($guest)? {
            Ok(step) => step,
            Err(error) => return Ok(Err(error)),
        }
    };
}

impl Host for Guest {
    async fn upload(&mut self, path: String, max: u32) -> wasmtime::Result<Result<Vec<u8>, FileError>> {
        let step = granted!(self);
        let max = max.min(FILE_BYTES_MAX) as usize;
        Ok(step.call.worker.upload(&step.place, &path, max).await.map(|bytes| bytes.to_vec()).map_err(said))
    }

    async fn download(&mut self, path: String, content: Vec<u8>) -> wasmtime::Result<Result<(), FileError>> {
        let step = granted!(self);
        Ok(step.call.worker.download(&step.place, &path, content.into()).await.map_err(said))
    }

    async fn stat(&mut self, path: String) -> wasmtime::Result<Result<Option<FileStat>, FileError>> {
        let step = granted!(self);
        let stat = step.call.worker.stat(&step.place, &path).await.map_err(said);
        Ok(stat.map(|stat| {
            stat.map(|stat| FileStat {
                directory: stat.is_dir,
                size: u32::try_from(stat.size_bytes).unwrap_or(u32::MAX),
                mode: stat.mode,
            })
        }))
    }

    async fn glob(&mut self, pattern: String, max: u32) -> wasmtime::Result<Result<Vec<String>, FileError>> {
        let step = granted!(self);
        let max = max.min(GLOB_MAX) as usize;
        Ok(step.call.worker.glob(&step.place, &pattern, max).await.map_err(said))
    }

    async fn mkdir(&mut self, path: String) -> wasmtime::Result<Result<(), FileError>> {
        let step = granted!(self);
        Ok(step.call.worker.mkdir(&step.place, &path).await.map_err(said))
    }

    async fn rmdir(&mut self, path: String) -> wasmtime::Result<Result<(), FileError>> {
        let step = granted!(self);
        Ok(step.call.worker.rmdir(&step.place, &path).await.map_err(said))
    }

    async fn cpdir(&mut self, source: String, to: String) -> wasmtime::Result<Result<(), FileError>> {
        let step = granted!(self);
        Ok(step.call.worker.cpdir(&step.place, &source, &to).await.map_err(said))
    }
}
