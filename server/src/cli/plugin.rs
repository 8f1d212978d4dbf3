//! `weir plugin`: what authors of plugins and the server itself do with components.

use crate::plugins::compile::{Limits, compile_stdin};
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
    Compile {
        /// CPU time that it may use, in seconds.
        #[arg(long)]
        cpu_max_s: u64,
        /// Address space that it may use.
        #[arg(long)]
        memory_bytes_max: u64,
    },
}

impl Plugin {
    /// Does it.
    ///
    /// # Errors
    /// Where the component does not compile.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Compile { cpu_max_s, memory_bytes_max } => {
                compile_stdin(Limits { cpu_max_s, memory_bytes_max }).map(|()| ExitCode::SUCCESS)
            }
        }
    }
}
