//! `cargo xtask demo`: the server with real builds of this repository.

use crate::build;
use anyhow::Result;
use std::net::SocketAddr;

/// Arguments of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Where the site is served.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8010")]
    listen: SocketAddr,
    /// Optimised: takes longer to build, runs faster.
    #[arg(long)]
    release: bool,
}

impl Demo {
    /// Builds, serves, forces the first builds, and ends everything at Ctrl-C.
    ///
    /// # Errors
    /// Where something does not build or the server does not start.
    pub fn run(self) -> Result<()> {
        build::plugins()?;
        let weir = build::server(self.release)?;
        anyhow::bail!("{} cannot serve {} yet", weir.display(), self.listen)
    }
}
