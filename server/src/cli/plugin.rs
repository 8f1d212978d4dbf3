//! `weir plugin`: what authors of plugins and the server itself do with components.

use clap::Subcommand;
use std::process::ExitCode;

/// Arguments of `weir plugin`.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub struct Plugin {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compiles the component on standard input for this machine; the server calls this, people do not.
    #[command(hide = true)]
    Compile,
}

impl Plugin {
    /// Does it.
    ///
    /// # Errors
    /// Where the component does not compile.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Compile => crate::plugins::compile::compile_stdin().map(|()| ExitCode::SUCCESS),
        }
    }
}
