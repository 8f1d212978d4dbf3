//! `weir exec` (hidden): the first process of each build command.

use std::process::ExitCode;

/// Arguments of `weir exec`.
#[derive(Debug, clap::Args)]
pub struct Exec {}

impl Exec {
    /// Applies the fence, then becomes the command.
    ///
    /// # Errors
    /// Where the fence cannot be applied: then nothing is run.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        todo!()
    }
}
