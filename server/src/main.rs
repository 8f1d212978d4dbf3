//! The `weir` command: parse arguments, run the command, print the error.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let ran = if weir::cli::exec::is_asked() {
        weir::cli::exec::Exec {}.run()
    } else {
        weir::cli::run(weir::cli::Arguments::parse())
    };
    match ran {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weir: {error:#}");
            ExitCode::from(1)
        }
    }
}
