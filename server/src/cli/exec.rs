//! `weir exec` (hidden): the first process of each build command.

use std::ffi::OsStr;
use std::process::ExitCode;

/// Arguments of `weir exec`.
#[derive(Debug, clap::Args)]
pub struct Exec {}

impl Exec {
    /// Applies the fence, then runs the command in it and watches over it.
    ///
    /// # Errors
    /// Where the server did not start it or it cannot be set up: then nothing is run.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        crate::worker::local::supervise()
    }
}

/// Whether this process is a `weir exec`, told without the cost of the whole argument parser: it starts with every command of every build.
pub fn is_asked() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    arguments.next().as_deref() == Some(OsStr::new("exec")) && arguments.next().is_none()
}
