//! One file that the configuration is or names, opened once: what is checked is what is read, whoever changes links meanwhile.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// How often a file is opened that is replaced as it is opened.
const OPENED_AGAIN: usize = 10;

/// Why a file is not read.
#[derive(Debug)]
pub enum Refused {
    /// It is not in the folder in which it has to be.
    LeadsOut,
    /// It is not there, not readable, no ordinary file, too large or no text.
    Unreadable(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::LeadsOut => Self::other("it leads out of its folder"),
            Refused::Unreadable(error) => error,
        }
    }
}

/// A file that is open, and where it lies.
pub struct Opened {
    /// What is read.
    pub file: File,
    /// Its own path, without links: what may be read is decided by this. Links on the way to it may lead elsewhere by now.
    pub real: PathBuf,
    /// Neither a folder nor a pipe nor a device.
    pub is_ordinary: bool,
}

impl Opened {
    /// Opens what is at `path`, wherever links lead at this moment. Nothing of it is read.
    ///
    /// # Errors
    /// Where there is nothing, or it may not be read.
    pub fn at(path: &Path) -> io::Result<Self> {
        // A pipe would keep the server waiting for whoever writes to it.
        let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NOCTTY;
        for _ in 0..OPENED_AGAIN {
            let file = std::fs::OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
            let real = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
            let metadata = file.metadata()?;
            // Of what is deleted nobody knows any more where it lay.
            if metadata.nlink() > 0 {
                return Ok(Self { is_ordinary: metadata.is_file(), file, real });
            }
            if let Some(real) = mounted(path, &real, &metadata) {
                return Ok(Self { is_ordinary: metadata.is_file(), file, real });
            }
        }
        Err(io::Error::other("it is being replaced all the time"))
    }
}

/// Where an open file lies that is deleted and still there by its name: one that is mounted by itself, as containers do, and was replaced
/// beneath. `shown` is what the system calls it.
fn mounted(path: &Path, shown: &Path, open: &Metadata) -> Option<PathBuf> {
    let bare = shown.as_os_str().as_bytes().strip_suffix(b" (deleted)")?;
    let real = PathBuf::from(OsStr::from_bytes(bare));
    let at = std::fs::metadata(&real).ok()?;
    let is_it = path.canonicalize().ok()? == real && (at.dev(), at.ino()) == (open.dev(), open.ino());
    is_it.then_some(real)
}

/// The text of the ordinary file at `path`, of at most `bytes_max` bytes. With `inside`, a folder without links in its path, links may
/// lead nowhere else.
///
/// # Errors
/// Says why not.
pub fn read_text(path: &Path, inside: Option<&Path>, bytes_max: usize) -> Result<String, Refused> {
    // What is not there is said to be so, and nothing outside is opened.
    if inside.is_some_and(|dir| path.canonicalize().is_ok_and(|real| !real.starts_with(dir))) {
        return Err(Refused::LeadsOut);
    }
    let Opened { mut file, real, is_ordinary } = Opened::at(path)?;
    if inside.is_some_and(|dir| !real.starts_with(dir)) {
        return Err(Refused::LeadsOut);
    }
    if !is_ordinary {
        return Err(io::Error::other("it is no ordinary file").into());
    }
    let mut text = String::new();
    (&mut file).take(bytes_max as u64 + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        // Cut in the middle of a character.
        io::ErrorKind::InvalidData if file.metadata().is_ok_and(|file| file.len() > bytes_max as u64) => {
            too_large(bytes_max)
        }
        _ => error,
    })?;
    if text.len() > bytes_max {
        return Err(too_large(bytes_max).into());
    }
    Ok(text)
}

fn too_large(bytes_max: usize) -> io::Error {
    io::Error::other(format!("it has over {bytes_max} bytes"))
}

#[cfg(test)]
mod tests {
    use super::{Refused, read_text};
    use nix::sys::stat::Mode;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_is_read_but_an_ordinary_file_in_the_folder_and_of_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let at = |name: &str| dir.join(name);
        std::fs::create_dir(at("in")).unwrap();
        std::fs::write(at("in/a"), "text").unwrap();
        std::fs::write(at("out"), "private").unwrap();
        symlink("a", at("in/link")).unwrap();
        symlink("../out", at("in/leads-out")).unwrap();
        nix::unistd::mkfifo(&at("in/pipe"), Mode::S_IRWXU).unwrap();
        let read = |name: &str, bytes_max| match read_text(&at("in").join(name), Some(&at("in")), bytes_max) {
            Ok(text) => text,
            Err(Refused::LeadsOut) => "leads out".to_owned(),
            Err(Refused::Unreadable(error)) => error.to_string(),
        };
        assert_eq!(
            (read("a", 4), read("link", 4), read("leads-out", 9)),
            ("text".into(), "text".into(), "leads out".into())
        );
        assert_eq!(read("pipe", 9), "it is no ordinary file");
        assert!(read("a", 3).starts_with("it has over 3 bytes"), "{}", read("a", 3));
    }
}
