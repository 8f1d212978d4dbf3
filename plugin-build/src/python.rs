//! Python: pip installs what `requirements.txt` names into an environment below the project, and componentize-py makes the component.

use crate::program::run;
use crate::project::{is_stamped, named_by_wit, stamp};
use crate::{Built, sha256_hex};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// The environment of the project, below its folder.
const VENV: &str = ".venv";
const MISSING: &str = "python3 is not installed: https://www.python.org says how to get it (Debian: apt-get install python3 python3-venv)";

/// Whether Python is there, with what makes environments.
pub fn is_there() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]).output().is_ok_and(|output| output.status.success())
}

/// Builds the project of a folder: the module `plugin`, against the world `plugin` of `wit/`, to `NAME.wasm`, NAME being that of the
/// WIT package.
///
/// # Errors
/// Where Python is missing, or something does not build.
pub fn build(dir: &Path) -> Result<Built> {
    let name = named_by_wit(dir)?;
    install(dir)?;
    let out = format!("{name}.wasm");
    let mut componentize =
        Command::new(dir.canonicalize().context("finding the project")?.join(VENV).join("bin/componentize-py"));
    componentize.current_dir(dir).args(["--quiet", "--wit-path", "wit", "--world", "plugin"]);
    // Nothing but our own imports is left: Python's would be many, and answered with nothing.
    componentize.args(["componentize", "plugin", "--stub-wasi", "--output", &out]);
    run(&mut componentize, "`requirements.txt` does not name componentize-py")?;
    Built::at(&dir.join(out))
}

/// Makes the environment and installs what the requirements name, where that is not what is installed.
fn install(dir: &Path) -> Result<()> {
    let requirements = dir.join("requirements.txt");
    let wanted = std::fs::read(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let digest = sha256_hex(&wanted);
    let installed = dir.join(VENV).join(".weir-installed");
    if is_stamped(&installed, &digest) {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv", VENV]).current_dir(dir), MISSING)?;
    let mut pip = Command::new(dir.canonicalize().context("finding the project")?.join(VENV).join("bin/pip"));
    pip.current_dir(dir).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
        "requirements.txt",
    ]);
    run(&mut pip, "the environment has no pip (Debian: apt-get install python3-venv)")?;
    stamp(&installed, &digest)
}
