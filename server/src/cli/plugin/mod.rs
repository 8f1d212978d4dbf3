//! `weir plugin`: what authors of plugins and the server itself do with components.

/// How long the host takes (hidden).
mod bench;
/// From project to component.
mod build;
/// What a plugin gets, by flags or by a configuration.
mod granted;
/// What there is to say about a component.
mod inspect;
/// A project that works as it is.
mod new;
/// Two voices on one terminal.
mod printer;
/// What somebody types as settings and properties.
mod settings;
/// Settings in rows.
mod table;
/// A step without a server.
mod test;
/// Every host call in a line.
mod trace;
/// A build's side of the host, without a server.
mod workbench;

use crate::plugins::compile::{Limits, compile_stdin};
use clap::Subcommand;
use std::process::ExitCode;

/// Arguments of `weir plugin`.
#[derive(Debug, clap::Args)]
pub struct Plugin {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes a small project that builds, tests and runs as it is
    New(new::New),
    /// Makes a component of a project
    Build(build::Build),
    /// Says what a component is, wants and would get
    Inspect(inspect::Inspect),
    /// Runs a step on this machine, without a server
    Test(Box<test::Test>),
    /// Measures the host, for `cargo xtask bench plugins`; people call that.
    #[command(hide = true)]
    Bench(bench::Bench),
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
    /// Where the component cannot be used, or what it is to do cannot be done.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::New(new) => new.run(),
            Command::Build(build) => build.run(),
            Command::Inspect(inspect) => inspect.run(),
            Command::Test(test) => test.run(),
            Command::Bench(bench) => bench.run(),
            Command::Compile { cpu_max_s, memory_bytes_max } => {
                compile_stdin(Limits { cpu_max_s, memory_bytes_max, ..Limits::default() }).map(|()| ExitCode::SUCCESS)
            }
        }
    }
}
