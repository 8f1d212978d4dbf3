//! From the source of a plugin to its component, by the toolchain of its language. `weir plugin build` and `cargo xtask` share it.

/// JavaScript: npm and what the project's build script runs.
pub mod javascript;
/// Starting programs.
mod program;
/// What kind of project a folder holds.
pub mod project;
/// Python: a virtual environment and componentize-py.
pub mod python;
/// Rust: a core module for `wasm32-unknown-unknown`, and that to a component whose only imports are ours.
pub mod rust;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// A component that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its name: that of the file.
    pub name: String,
    /// The component.
    pub file: PathBuf,
    /// Its size.
    pub size_bytes: usize,
    /// Of its content, lower-case hex.
    pub sha256: String,
}

impl Built {
    /// What lies at `file`.
    ///
    /// # Errors
    /// Where nothing does: the toolchain said that it was done and was not.
    pub fn at(file: &Path) -> Result<Self> {
        let bytes = std::fs::read(file).with_context(|| format!("the build left no {}", file.display()))?;
        Self::of(file, &bytes)
    }

    fn of(file: &Path, component: &[u8]) -> Result<Self> {
        let name = file.file_stem().and_then(|n| n.to_str()).context("a component's file has a plain name")?.to_owned();
        Ok(Self { name, file: file.to_owned(), size_bytes: component.len(), sha256: sha256_hex(component) })
    }
}

/// SHA-256 in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Replaces a file in one step, and leaves one alone that already holds `bytes`: a running server looks at the time of change.
///
/// # Errors
/// Where it cannot be written.
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().context("a file has a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let new = path.with_extension(format!("new-{}", std::process::id()));
    std::fs::write(&new, bytes).with_context(|| format!("cannot write {}", new.display()))?;
    std::fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}
