//! Trees are removed and copied by commands inside the builder's fence: whatever a build has made of its work directory, nothing is
//! done there with more than the build's own rights.

use super::files::{Files, inside};
use super::{Directories, LocalWorker};
use crate::worker::{Channel, Command, Error, Exit, Output, Place, What};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A tree that takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(3600);
/// What of its complaints is told.
const COMPLAINT_BYTES_MAX: usize = 500;

/// Removes what stands at `path`, all in it, and for the work directory itself all in it only.
pub async fn remove(worker: &LocalWorker, files: Files, place: &Place, path: &str) -> Result<(), Error> {
    let clean = inside(path)?;
    let (folder, line) = match clean.file_name() {
        None => (".".to_owned(), REMOVE_ALL),
        Some(_) if !files.is_there(path)? => return Ok(()),
        Some(_) => {
            (clean.parent().map_or_else(|| ".".to_owned(), |p| Path::new(".").join(p).display().to_string()), REMOVE)
        }
    };
    let name = clean.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let directories = worker.directories(place).await?;
    run(
        worker,
        &directories.work,
        &directories,
        command(place, &folder, &["sh", "-c", line, "sh", &name]),
        &format!("removing `{path}`"),
    )
    .await
}

/// Removes all that is in the builder's TMPDIR.
pub async fn empty(worker: &LocalWorker, directories: &Directories, place: &Place) -> Result<(), Error> {
    run(worker, &directories.tmp, directories, command(place, ".", &["sh", "-c", REMOVE_ALL]), "emptying TMPDIR").await
}

/// Test suites leave folders that may not be written.
const REMOVE: &str = r#"rm -rf -- "./$1" 2>/dev/null || { chmod -R u+rwx -- "./$1"; rm -rf -- "./$1"; }"#;
/// `find` also finds names that begin with a dot.
const REMOVE_ALL: &str = "find . -mindepth 1 -delete 2>/dev/null || { chmod -R u+rwx .; find . -mindepth 1 -delete; }";

/// Copies all that is in `from` into `to`, links as links.
pub async fn copy(worker: &LocalWorker, files: Files, place: &Place, from: &str, to: &str) -> Result<(), Error> {
    let what = format!("copying `{from}` to `{to}`");
    match files.stat(from)? {
        Some(stat) if stat.is_dir => {}
        Some(_) => return Err(Error::Io { what, source: io::Error::other(format!("`{from}` is no directory")) }),
        None => return Err(Error::Io { what, source: io::Error::other(format!("there is no `{from}`")) }),
    }
    files.mkdir(to)?;
    let to = files.real(to)?;
    let from = inside(from)?.display().to_string();
    let directories = worker.directories(place).await?;
    let command = command(place, &from, &["cp", "-R", "-P", "-p", "--", ".", &to.to_string_lossy()]);
    run(worker, &directories.work, &directories, command, &what).await
}

fn command(place: &Place, folder: &str, words: &[&str]) -> Command {
    Command {
        place: place.clone(),
        what: What::Program(words.iter().map(|word| (*word).to_owned()).collect()),
        directory: Some(folder.to_owned()),
        env: [].into(),
        stdin: None,
        timeout: Some(TIMEOUT),
        idle_timeout: None,
    }
}

async fn run(
    worker: &LocalWorker,
    root: &Path,
    directories: &Directories,
    command: Command,
    what: &str,
) -> Result<(), Error> {
    let (sender, mut receiver) = mpsc::channel::<Output>(4);
    let listen = async {
        let mut complaint = Vec::new();
        while let Some(piece) = receiver.recv().await {
            if piece.channel == Channel::Stderr && complaint.len() < COMPLAINT_BYTES_MAX {
                complaint.extend_from_slice(&piece.bytes);
            }
        }
        complaint.truncate(COMPLAINT_BYTES_MAX);
        String::from_utf8_lossy(&complaint).trim().to_owned()
    };
    let (exit, complaint) =
        tokio::join!(worker.run_in(root, directories, command, sender, CancellationToken::new()), listen);
    match exit? {
        Exit::Code(0) => Ok(()),
        _ if !complaint.is_empty() => Err(Error::Io { what: what.to_owned(), source: io::Error::other(complaint) }),
        exit => Err(Error::Io { what: what.to_owned(), source: io::Error::other(format!("it ended with {exit:?}")) }),
    }
}
