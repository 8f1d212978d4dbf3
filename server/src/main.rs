//! The `weir` command: parse arguments, run the command, print the error.

use clap::Parser;
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Memory that each thread takes from a heap of its own. Where threads share heaps, one that stands back (see [`weir::nice`]) makes
/// others wait that do not, for as long as it waits for a processor with the heap's lock in hand. It asks for no huge pages (`no_thp`): where
/// the system gives them to who asks, an idle server would hold twice as much.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    weir::memory::hold_free_memory();
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
