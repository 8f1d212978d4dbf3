//! `weir serve`: the server.

use crate::app;
use crate::nice;
use crate::open_files;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::runtime::Runtime;

/// Arguments of `weir serve`.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The main configuration file; `conf.d/` and `teams/` are read beside it.
    #[arg(long, short, value_name = "FILE", default_value = "weir.toml", env = "WEIR_CONFIG")]
    pub config: PathBuf,
    /// Listens here instead of where the configuration says; may be given several times. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<SocketAddr>,
}

impl Serve {
    /// Runs the server until it is told to end.
    ///
    /// # Errors
    /// Where it cannot start, saying what to do.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        open_files::allow_all();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("weir")
            .build()
            .context("the server's threads cannot be started")?;
        let logs = log_threads().context("the threads for logs cannot be started")?;
        let served = runtime.block_on(app::serve(&self.config, &self.listen, logs.handle().clone()));
        // What is left has had its time; a blocked thread must not hold up the end.
        logs.shutdown_background();
        runtime.shutdown_background();
        served
    }
}

/// Threads for builds' output alone, which is split, masked and compressed there: few, and the last to get a processor, so that however
/// much is printed no page waits for it and no build's start.
fn log_threads() -> std::io::Result<Runtime> {
    let n_cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let n_threads = (n_cores / 4).max(1);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(n_threads)
        .max_blocking_threads(n_threads)
        .thread_name("logs")
        .on_thread_start(nice::stand_back)
        .enable_all()
        .build()
}
