//! `cargo xtask`: what a developer does with this repository. Nothing to install for it but Rust.

/// `cargo xtask bench`: figures.
mod bench;
/// `cargo xtask build`: the plugins and the server.
mod build;
/// `cargo xtask demo`: the server with real builds of this repository.
mod demo;
/// Programs: say which one runs, run it, say how it failed.
mod program;
/// A running `weir serve`.
mod server;
/// `cargo xtask test`: every test.
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Builds, tests and shows Weir.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, about, max_term_width = 100)]
struct Arguments {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Builds the plugins and the server: `target/plugins/*.wasm` and `target/<profile>/weir`.
    Build(build::Build),
    /// Builds what the tests need, then runs every test.
    Test(test::Test),
    /// Measures, and says on which machine.
    Bench(bench::Bench),
    /// Serves the demonstration site, whose builders build this repository, until Ctrl-C.
    Demo(demo::Demo),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Build(build) => build.run(),
        Command::Test(test) => test.run(),
        Command::Bench(bench) => bench.run(),
        Command::Demo(demo) => demo.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
