//! JavaScript: npm installs what the project's lock file names, and the project's `build` script makes the component.

use crate::program::run;
use crate::project::{is_stamped, named_by_wit, stamp};
use crate::{Built, sha256_hex};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

const MISSING: &str =
    "npm is not installed: https://nodejs.org says how to get it (Debian: apt-get install nodejs npm)";

/// Whether npm is there.
pub fn is_there() -> bool {
    Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Builds the project of a folder: its `build` script leaves `NAME.wasm`, NAME being that of its WIT package.
///
/// # Errors
/// Where npm is missing, or its script fails.
pub fn build(dir: &Path) -> Result<Built> {
    let name = named_by_wit(dir)?;
    install(dir)?;
    run(npm(dir).args(["run", "--silent", "build"]), MISSING)?;
    Built::at(&dir.join(format!("{name}.wasm")))
}

/// Installs what the project's lock file names, where that is not what is installed.
///
/// # Errors
/// Where npm is missing, or does not find it.
pub fn install(dir: &Path) -> Result<()> {
    let lock = dir.join("package-lock.json");
    let wanted = if lock.is_file() { &lock } else { &dir.join("package.json") };
    let wanted = std::fs::read(wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    let digest = sha256_hex(&wanted);
    let installed = dir.join("node_modules/.weir-installed");
    if is_stamped(&installed, &digest) {
        return Ok(());
    }
    // Not `npm ci`: that refuses a lock file which does not know some other platform's optional package.
    run(npm(dir).args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]), MISSING)?;
    stamp(&installed, &digest)
}

fn npm(dir: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(dir);
    npm
}
