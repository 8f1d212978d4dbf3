//! `weir serve`: the server.

use crate::app;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

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
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("weir")
            .build()
            .context("the server's threads cannot be started")?;
        let served = runtime.block_on(app::serve(&self.config, &self.listen));
        // What is left has had its time; a blocked thread must not hold up the end.
        runtime.shutdown_background();
        served
    }
}
