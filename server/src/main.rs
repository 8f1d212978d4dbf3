//! The `weir` command: parse arguments, run the command, print the error.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match weir::cli::run(weir::cli::Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weir: {error:#}");
            ExitCode::from(1)
        }
    }
}
