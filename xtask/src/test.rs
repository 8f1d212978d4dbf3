//! `cargo xtask test`: every test.

use crate::program::{cargo, is_there, run};
use crate::{build, program};
use anyhow::Result;

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// Handed to the test runner, as a filter: `cargo xtask test tidy`.
    filter: Vec<String>,
}

impl Test {
    /// Builds the plugins and the server, which the tests start, then runs every test.
    ///
    /// # Errors
    /// Where something does not build or a test fails.
    pub fn run(self) -> Result<()> {
        build::plugins()?;
        build::server(false)?;
        let mut tests = cargo();
        if is_there("cargo-nextest") {
            tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        } else {
            program::say("cargo-nextest is not installed: running `cargo test`, which is slower and prints more");
            tests.args(["test", "--workspace", "--no-fail-fast"]);
        }
        run(tests.args(&self.filter))?;
        run(cargo().args(["test", "--doc", "--package", "weir-plugin-sdk"]))
    }
}
