//! `cargo xtask build`: the plugins and the server.

use crate::program::{cargo, root, run, say, target_dir};
use anyhow::Result;
use std::path::PathBuf;
use xtask::{examples, guest};

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
    let folder = target_dir().join("plugins");
    say("building the plugins");
    for plugin in guest::build_bundled(root(), &target_dir().join("guest"), &folder)? {
        say(&format!("{} ({} KiB)", plugin.file.display(), plugin.size_bytes.div_ceil(1024)));
    }
    Ok(folder)
}

/// Builds the plugins that only tests use: some each in a workspace of its own as a third party has it, and the examples in other
/// languages. Before the tests: one that compiles for minutes looks like one that hangs.
///
/// # Errors
/// Where one does not build or a toolchain cannot be had.
pub fn fixtures() -> Result<()> {
    let target = target_dir();
    for name in ["count", "ask", "probe"] {
        let manifest = root().join(format!("tests/plugins/{name}/Cargo.toml"));
        let component = target.join(format!("fixtures/{name}.wasm"));
        guest::build_crate(&manifest, name, &target.join("third-party"), &component)?;
    }
    examples::provider(root(), &target)?;
    examples::build(root(), &target)
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
