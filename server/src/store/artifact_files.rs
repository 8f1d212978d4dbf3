//! Files that outlive their build's work directory: their content, in `state_dir/artifacts`.
//!
//! ```text
//! incoming/NAME   while it comes, and until its row is stored
//! kept/NN/NAME    its content; NN are the first two characters of NAME, which is random
//! ```
//!
//! A file is written and hashed under `incoming`, made durable, linked to its place in `kept`, and that made durable too; then its row is
//! stored, and then `incoming` forgets it. So whatever stands in `incoming` at start was interrupted: where a row names it, it is
//! whole; where none does, it is nobody's and goes from both places. That costs what was under way, never what is kept.

use super::make_private;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;

/// So many bytes of the disk are left to the database and everybody else.
const LEFT_BYTES_MIN: u64 = 128 << 20;
/// The room on the disk is looked at again after so many bytes.
const LOOK_EVERY: u64 = 16 << 20;

/// Whether so many bytes of the disk below `dir` are free.
fn check_free(dir: &Path, left_bytes_min: u64) -> Result<(), FileError> {
    let stat = nix::sys::statvfs::statvfs(dir).map_err(|e| failed("asking for room in", dir)(e.into()))?;
    let free = stat.blocks_available().saturating_mul(stat.fragment_size());
    if free < left_bytes_min { Err(FileError::NoRoom) } else { Ok(()) }
}

/// The folder of artifacts.
#[derive(Debug, Clone)]
pub struct ArtifactFiles {
    dir: PathBuf,
}

/// Why a file could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The disk is almost full.
    #[error("less than {} MiB are free", LEFT_BYTES_MIN >> 20)]
    NoRoom,
    /// The system refused.
    #[error("{what} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io { what, path, source }
}

impl ArtifactFiles {
    /// Whether its disk has room for more.
    ///
    /// # Errors
    /// `NoRoom`, or where the system does not say.
    pub fn check_room(&self) -> Result<(), FileError> {
        check_free(&self.dir, LEFT_BYTES_MIN)
    }

    /// The folder `artifacts` of `state_dir`, made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open(state_dir: &Path) -> anyhow::Result<Self> {
        let files = Self { dir: state_dir.join("artifacts") };
        for dir in [files.dir.clone(), files.incoming(), files.dir.join("kept")] {
            make_private(&dir)?;
        }
        Ok(files)
    }

    fn incoming(&self) -> PathBuf {
        self.dir.join("incoming")
    }

    /// Where the content of `file` lies.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join("kept").join(file.get(..2).unwrap_or_default()).join(file)
    }

    /// Removes what is kept no longer; where it is gone already that is fine.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn remove(&self, file: &str) -> io::Result<()> {
        remove(&self.path(file))
    }

    /// Begins a new file.
    ///
    /// # Errors
    /// Where there is no room, or it cannot be made.
    pub async fn begin(&self) -> Result<Draft, FileError> {
        let name = format!("{:032x}", rand::random::<u128>());
        let path = self.incoming().join(&name);
        let file = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await;
        let file = file.map_err(failed("making", &path))?;
        let draft = Draft {
            files: self.clone(),
            name,
            file,
            hash: Sha256::new(),
            size_bytes: 0,
            looked_at: 0,
            is_forgotten: false,
        };
        draft.look()?;
        Ok(draft)
    }

    /// Names of files that were under way when the last server ended.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn interrupted(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(self.incoming())?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    /// What was interrupted goes: from its place too, where no row names it.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn settle(&self, file: &str, has_row: bool) -> io::Result<()> {
        if !has_row {
            remove(&self.path(file))?;
        }
        remove(&self.incoming().join(file))
    }
}

/// Removes a file; one that is not there is fine.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Makes what stands in a folder durable.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A file that comes. Dropped, it goes, unless [`Draft::settled`].
#[derive(Debug)]
pub struct Draft {
    files: ArtifactFiles,
    name: String,
    file: tokio::fs::File,
    hash: Sha256,
    size_bytes: u64,
    looked_at: u64,
    is_forgotten: bool,
}

/// A file that is whole and durable in its place, before its row is stored.
#[derive(Debug)]
pub struct Placed {
    /// Its name in the store, for the row.
    pub file: String,
    /// How large it is.
    pub size_bytes: u64,
    /// Of its content; lower-case hex.
    pub sha256: String,
}

impl Draft {
    /// Bytes that have come.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Takes some bytes.
    ///
    /// # Errors
    /// Where there is no room, or they cannot be written.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), FileError> {
        self.hash.update(bytes);
        self.size_bytes += bytes.len() as u64;
        if self.size_bytes - self.looked_at >= LOOK_EVERY {
            self.looked_at = self.size_bytes;
            self.look()?;
        }
        self.file.write_all(bytes).await.map_err(failed("writing", &self.incoming()))
    }

    /// Whether there is room.
    fn look(&self) -> Result<(), FileError> {
        self.files.check_room()
    }

    fn incoming(&self) -> PathBuf {
        self.files.incoming().join(&self.name)
    }

    /// All has come: makes it durable in its place.
    ///
    /// # Errors
    /// Where the system refuses.
    pub async fn place(&mut self) -> Result<Placed, FileError> {
        let (from, to) = (self.incoming(), self.files.path(&self.name));
        self.file.flush().await.map_err(failed("writing", &from))?;
        self.file.sync_all().await.map_err(failed("writing", &from))?;
        let said = to.clone();
        let placed = tokio::task::spawn_blocking(move || link(&from, &to)).await;
        placed.unwrap_or_else(|panic| Err(panic.into())).map_err(failed("placing", &said))?;
        let sha256 = self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Placed { file: self.name.clone(), size_bytes: self.size_bytes, sha256 })
    }

    /// Its row is stored.
    pub fn settled(mut self) {
        self.is_forgotten = true;
        self.settle(true);
    }

    /// Whether its row is stored is not known: both places keep it until the next start.
    pub fn left(mut self) {
        self.is_forgotten = true;
    }

    fn settle(&self, has_row: bool) {
        if let Err(error) = self.files.settle(&self.name, has_row) {
            // The next start tries again.
            tracing::warn!(file = self.name, %error, "what was left of an artifact under way cannot be removed");
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_forgotten {
            self.settle(false);
        }
    }
}

/// Links a file to its place. The entry it comes from is durable first, so that a crash cannot leave the other alone.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    let dir = |path: &Path| path.parent().expect("a file lies in a folder").to_owned();
    sync_dir(&dir(from))?;
    let folder = dir(to);
    if !folder.is_dir() {
        make_private(&folder).map_err(io::Error::other)?;
        sync_dir(&dir(&folder))?;
    }
    fs::hard_link(from, to)?;
    sync_dir(&folder)
}

#[cfg(test)]
mod tests {
    use super::{ArtifactFiles, Bytes};
    use std::path::Path;

    fn files(dir: &Path) -> ArtifactFiles {
        ArtifactFiles::open(dir).unwrap()
    }

    fn n_in(dir: &Path) -> usize {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|e| if e.path().is_dir() { n_in(&e.path()) } else { 1 }).sum()
    }

    #[tokio::test]
    async fn a_file_is_hashed_as_it_comes_and_lies_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        let mut draft = files.begin().await.unwrap();
        draft.write(&Bytes::from_static(b"he")).await.unwrap();
        draft.write(&Bytes::from_static(b"llo")).await.unwrap();
        let placed = draft.place().await.unwrap();
        assert_eq!(placed.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!((placed.size_bytes, n_in(dir.path())), (5, 2), "until its row is stored it stands in both places");
        draft.settled();
        assert_eq!(std::fs::read(files.path(&placed.file)).unwrap(), b"hello");
        assert_eq!(n_in(dir.path()), 1);
    }

    #[tokio::test]
    async fn a_file_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path());
        let mut draft = files.begin().await.unwrap();
        draft.write(&Bytes::from_static(b"half")).await.unwrap();
        drop(draft);
        let mut draft = files.begin().await.unwrap();
        draft.place().await.unwrap();
        drop(draft);
        assert_eq!(n_in(dir.path()), 0);
    }
}
