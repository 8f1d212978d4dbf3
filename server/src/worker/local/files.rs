//! Files of a builder's work directory, for steps that ask for them. Builds own what lies there, symbolic links too, so every path is
//! opened beneath the work directory by the kernel (cap-std: openat2 with RESOLVE_BENEATH) and never outside it.
//!
//! Only small work is done in the server itself. Trees are removed and copied by commands inside the builder's fence (`tree`): a build
//! can nest folders deeper than the server has descriptors or stack.

use super::glob;
use crate::worker::{Error, FileStat};
use bytes::Bytes;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

/// Bytes of a file that are handed on at once.
const PIECE_BYTES: usize = 256 << 10;

/// A builder's work directory, opened.
pub struct Files {
    dir: Dir,
    root: PathBuf,
}

/// A path that says nothing of a place outside: relative and without `..`.
///
/// # Errors
/// [`Error::Outside`] for any other.
pub fn inside(path: &str) -> Result<PathBuf, Error> {
    let mut clean = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Error::Outside(path.to_owned()));
            }
        }
    }
    if clean.as_os_str().is_empty() {
        clean.push(".");
    }
    Ok(clean)
}

fn failed(what: &str, path: &str, source: io::Error) -> Error {
    // cap-std says this, without a number of the system, of what would lead out.
    if source.kind() == io::ErrorKind::PermissionDenied && source.raw_os_error().is_none() {
        return Error::Outside(path.to_owned());
    }
    Error::Io { what: format!("{what} `{path}`"), source }
}

impl Files {
    /// Opens the work directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(root: PathBuf) -> Result<Self, Error> {
        let dir = Dir::open_ambient_dir(&root, ambient_authority())
            .map_err(|e| failed("opening", &root.display().to_string(), e))?;
        Ok(Self { dir, root })
    }

    /// Makes a directory and those above it.
    ///
    /// # Errors
    /// What [`crate::worker::Worker::mkdir`] says.
    pub fn mkdir(&self, path: &str) -> Result<(), Error> {
        self.make_all(&inside(path)?).map_err(|e| failed("making", path, e))
    }

    /// As the name says; a link on the way that leads out is told as that and not as something that is there already.
    fn make_all(&self, folder: &Path) -> io::Result<()> {
        self.dir.create_dir_all(folder).or_else(|error| {
            for above in folder.ancestors().filter(|above| !above.as_os_str().is_empty()) {
                found(self.dir.metadata(above))?;
            }
            Err(error)
        })
    }

    /// What stands there, following symbolic links that stay inside.
    ///
    /// # Errors
    /// What [`crate::worker::Worker::stat`] says.
    pub fn stat(&self, path: &str) -> Result<Option<FileStat>, Error> {
        Ok(found(self.dir.metadata(inside(path)?))
            .map_err(|e| failed("looking at", path, e))?
            .map(|metadata| stat(&metadata)))
    }

    /// What stands there itself, a symbolic link included.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_there(&self, path: &str) -> Result<bool, Error> {
        Ok(found(self.dir.symlink_metadata(inside(path)?)).map_err(|e| failed("looking at", path, e))?.is_some())
    }

    /// Where a directory really is, absolute.
    ///
    /// # Errors
    /// Where it is not there or leads out.
    pub fn real(&self, path: &str) -> Result<PathBuf, Error> {
        self.dir
            .canonicalize(inside(path)?)
            .map(|below| self.root.join(below))
            .map_err(|e| failed("looking for", path, e))
    }

    /// The content of a file.
    ///
    /// # Errors
    /// What [`crate::worker::Worker::upload`] says.
    pub fn upload(&self, path: &str, max: usize) -> Result<Bytes, Error> {
        let reading = |e| failed("reading", path, e);
        let (file, metadata) = self.open_regular(path)?;
        if metadata.len() > max as u64 {
            return Err(Error::TooLarge { path: path.to_owned(), max });
        }
        let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        // It may grow meanwhile.
        file.take(max as u64 + 1).read_to_end(&mut content).map_err(reading)?;
        if content.len() > max { Err(Error::TooLarge { path: path.to_owned(), max }) } else { Ok(content.into()) }
    }

    /// Opens a file that is one.
    fn open_regular(&self, path: &str) -> Result<(File, Metadata), Error> {
        let reading = |e| failed("reading", path, e);
        // A pipe of that name must not make the server wait for somebody who writes.
        let options = OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).clone();
        let file = self.dir.open_with(inside(path)?, &options).map_err(reading)?;
        let metadata = file.metadata().map_err(reading)?;
        match metadata.is_file() {
            true => Ok((file, metadata)),
            false => Err(reading(io::Error::other("it is no regular file"))),
        }
    }

    /// The content of a file, piece by piece; blocks while nobody takes them.
    ///
    /// # Errors
    /// What [`crate::worker::Worker::read_file`] says.
    pub fn read_file(&self, path: &str, to: &Sender<Bytes>) -> Result<u64, Error> {
        let reading = |e| failed("reading", path, e);
        let (mut file, _) = self.open_regular(path)?;
        let mut n_bytes = 0;
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).map_err(reading)?;
            if piece.is_empty() {
                return Ok(n_bytes);
            }
            n_bytes += piece.len() as u64;
            if to.blocking_send(piece.into()).is_err() {
                return Err(reading(io::Error::other("nobody takes its bytes any more")));
            }
        }
    }

    /// Writes a file, making the folders above it. It appears whole or not at all.
    ///
    /// # Errors
    /// What [`crate::worker::Worker::download`] says.
    pub fn download(&self, path: &str, content: &[u8]) -> Result<(), Error> {
        let writing = |e| failed("writing", path, e);
        let target = inside(path)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            self.make_all(folder).map_err(writing)?;
        }
        let name = target.file_name().ok_or_else(|| writing(io::Error::other("it is a directory")))?;
        let mut draft_name = std::ffi::OsString::from(".");
        draft_name.push(name);
        draft_name.push(".weir-part");
        let draft = target.with_file_name(draft_name);
        // What an interrupted download left; a symbolic link goes, too, instead of being followed.
        found(self.dir.remove_file(&draft)).map_err(writing)?;
        let mut file = self.dir.open_with(&draft, OpenOptions::new().write(true).create_new(true)).map_err(writing)?;
        let written = file.write_all(content).and_then(|()| self.dir.rename(&draft, &self.dir, &target));
        written.map_err(|error| {
            // The first error is the one to tell.
            let _ = self.dir.remove_file(&draft);
            writing(error)
        })
    }

    /// The first `max` paths, sorted, that fit a pattern; ends early where `over` says that nobody waits any more.
    ///
    /// # Errors
    /// What [`crate::worker::Worker::glob`] says.
    pub fn glob(&self, pattern: &str, max: usize, over: &CancellationToken) -> Result<Vec<String>, Error> {
        glob::glob(&self.dir, pattern, max, over)
    }
}

fn stat(metadata: &Metadata) -> FileStat {
    FileStat { is_dir: metadata.is_dir(), size_bytes: metadata.len(), mode: metadata.mode() & 0o7777 }
}

/// Nothing there is an answer.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{CancellationToken, Error, Files};
    use std::os::unix::fs::symlink;

    fn files() -> (tempfile::TempDir, Files) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("w")).unwrap();
        std::fs::write(dir.path().join("secret"), "hush").unwrap();
        let files = Files::open(dir.path().join("w")).unwrap();
        (dir, files)
    }

    fn glob(files: &Files, pattern: &str, max: usize) -> Result<Vec<String>, Error> {
        files.glob(pattern, max, &CancellationToken::new())
    }

    #[test]
    fn a_file_is_written_looked_at_and_read() {
        let (_dir, files) = files();
        files.download("a/b/c.txt", b"hello").unwrap();
        let stat = files.stat("a/b/c.txt").unwrap().unwrap();
        assert_eq!((stat.is_dir, stat.size_bytes), (false, 5));
        assert!(files.stat("./a/b").unwrap().unwrap().is_dir);
        assert_eq!(files.stat("a/b/absent").unwrap(), None);
        assert_eq!(files.stat("a/b/c.txt/below").unwrap(), None);
        files.download("a/b/c.txt", b"again").unwrap();
        assert_eq!(files.upload("a/b/c.txt", 5).unwrap(), "again");
        assert!(matches!(files.upload("a/b/c.txt", 4), Err(Error::TooLarge { max: 4, .. })));
        assert_eq!(files.upload("a/b", 9).unwrap_err().to_string(), "reading `a/b`: it is no regular file");
        assert_eq!(glob(&files, "**", 9).unwrap(), ["a", "a/b", "a/b/c.txt"], "no draft is left");
    }

    #[test]
    fn nothing_leads_out() {
        let (dir, files) = files();
        symlink(dir.path(), dir.path().join("w/up")).unwrap();
        symlink("../secret", dir.path().join("w/key")).unwrap();
        let outside = |result: Result<(), Error>, path: &str| {
            assert!(matches!(&result, Err(Error::Outside(p)) if p == path), "{path}: {result:?}")
        };
        for path in ["../secret", "/etc/passwd", "a/../../secret", "up/secret", "key", "up/new/deep"] {
            outside(files.upload(path, 99).map(drop), path);
            if path != "key" {
                outside(files.download(path, b"x"), path);
            }
            outside(files.mkdir(path), path);
            outside(files.stat(path).map(drop), path);
        }
        files.download("key", b"mine").unwrap();
        assert_eq!(std::fs::read(dir.path().join("secret")).unwrap(), b"hush", "the link was replaced, not followed");
        outside(glob(&files, "../*", 9).map(drop), "../*");
        assert_eq!(glob(&files, "*/secret", 9).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_pipe_does_not_make_the_server_wait() {
        let (dir, files) = files();
        nix::unistd::mkfifo(&dir.path().join("w/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(files.upload("pipe", 9).unwrap_err().to_string(), "reading `pipe`: it is no regular file");
    }

    #[test]
    fn a_pattern_finds_files_sorted_and_bounded() {
        let (_dir, files) = files();
        for path in ["b.rs", "a.rs", "src/c.rs", "src/deep/d.rs", "src/e.txt", ".hidden.rs"] {
            files.download(path, b"").unwrap();
        }
        for (pattern, paths) in [
            ("*.rs", vec![".hidden.rs", "a.rs", "b.rs"]),
            ("src/*.rs", vec!["src/c.rs"]),
            ("./src/**/*.rs", vec!["src/c.rs", "src/deep/d.rs"]),
            ("src/{c,e}.*", vec!["src/c.rs", "src/e.txt"]),
            ("absent/*", vec![]),
        ] {
            assert_eq!(glob(&files, pattern, 99).unwrap(), paths, "{pattern}");
        }
        assert_eq!(glob(&files, "**/*.rs", 2).unwrap(), [".hidden.rs", "a.rs"]);
        assert!(glob(&files, "[", 9).unwrap_err().to_string().starts_with("reading the pattern `[`: "));
    }
}
