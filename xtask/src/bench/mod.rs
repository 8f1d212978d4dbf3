//! `cargo xtask bench`: figures, measured on this machine.

/// `cargo xtask bench doors`.
mod doors;
/// What is made of what was measured.
mod figures;
/// A connection to measure with.
mod http;
/// `cargo xtask bench plugins`.
mod plugins;
/// Which machine, which versions.
mod surroundings;
/// `cargo xtask bench tenants`.
mod tenants;

use anyhow::Result;
use clap::Subcommand;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// What to measure.
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What one may not see against what never was, at every kind of door: whether the time of an answer tells them apart.
    Doors(doors::Doors),
    /// The host of plugins: loading, instances, calls, lines, what a step adds to a command, steps that wait.
    Plugins(plugins::Plugins),
    /// A quiet team's builds and pages, alone and beside a hostile team.
    Tenants(tenants::Tenants),
}

impl Bench {
    /// Measures and prints.
    ///
    /// # Errors
    /// Where something does not build or run.
    pub fn run(self) -> Result<()> {
        match self.what {
            What::Doors(doors) => doors.run(),
            What::Plugins(plugins) => plugins.run(),
            What::Tenants(tenants) => tenants.run(),
        }
    }
}
