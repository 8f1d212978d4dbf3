//! Starting programs: their own output goes through, what fails is said with what to do.

use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// Runs a program to its end without input. What it prints goes to standard error, so that ours stays our own.
///
/// # Errors
/// Where it cannot be started (`missing` says how to get it) or does not exit with 0.
pub fn run(command: &mut Command, missing: &str) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status().map_err(|error| {
        let is_missing = error.kind() == std::io::ErrorKind::NotFound;
        let error = anyhow::Error::new(error).context(format!("`{name}` cannot be started"));
        if is_missing { error.context(missing.to_owned()) } else { error }
    })?;
    if !status.success() {
        let words = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
        bail!("`{name} {words}` failed ({status}): what it says stands above");
    }
    Ok(())
}

/// What a program prints.
///
/// # Errors
/// Where it cannot be started or does not exit with 0.
pub fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("`{name}` cannot be started"))?;
    if !output.status.success() {
        bail!("`{name}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
