//! Files of the builder's own work directory, on the worker. Paths are relative to it.

use crate::context::Context;
use crate::error::HostError;
use crate::host::Host;

/// What stands at a path of the work directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// A directory, not a file.
    pub is_dir: bool,
    /// Bytes of a file; what is larger says `u32::MAX`.
    pub size_bytes: u32,
    /// Unix permissions.
    pub mode: u32,
}

impl Context {
    /// The content of a file of the work directory.
    ///
    /// # Errors
    /// Where there is none, or it has more than `max_bytes`.
    pub fn upload(&mut self, path: &str, max_bytes: u32) -> Result<Vec<u8>, HostError> {
        self.host().upload(path, max_bytes)
    }

    /// Writes a file of the work directory.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn download(&mut self, path: &str, content: &[u8]) -> Result<(), HostError> {
        self.host().download(path, content)
    }

    /// What stands at a path of the work directory; none where nothing does.
    ///
    /// # Errors
    /// Where the worker cannot look.
    pub fn stat(&mut self, path: &str) -> Result<Option<FileStat>, HostError> {
        self.host().stat(path)
    }

    /// Paths of the work directory that fit a pattern, sorted, at most `max`.
    ///
    /// # Errors
    /// Where the worker cannot look.
    pub fn glob(&mut self, pattern: &str, max: u32) -> Result<Vec<String>, HostError> {
        self.host().glob(pattern, max)
    }

    /// Makes a directory and those above it.
    ///
    /// # Errors
    /// Where the worker cannot.
    pub fn mkdir(&mut self, path: &str) -> Result<(), HostError> {
        self.host().mkdir(path)
    }

    /// Removes a directory and all in it; one that is not there is fine.
    ///
    /// # Errors
    /// Where the worker cannot.
    pub fn rmdir(&mut self, path: &str) -> Result<(), HostError> {
        self.host().rmdir(path)
    }

    /// Copies a directory and all in it.
    ///
    /// # Errors
    /// Where the worker cannot.
    pub fn cpdir(&mut self, from: &str, to: &str) -> Result<(), HostError> {
        self.host().cpdir(from, to)
    }
}
