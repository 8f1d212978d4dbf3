//! `cargo xtask test`: every test.

use crate::build;
use crate::program::{cargo, is_there, run, say};
use anyhow::Result;
use xtask::packages;

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// Runs only tests whose path holds one of these: `cargo xtask test tidy`.
    filter: Vec<String>,
    /// Leaves out what needs a browser.
    #[arg(long)]
    no_browser: bool,
}

impl Test {
    /// Builds the plugins and the server, which the tests start, then runs every test.
    ///
    /// # Errors
    /// Where something does not build or a test fails.
    pub fn run(self) -> Result<()> {
        if !self.no_browser {
            find_browser();
        }
        build::plugins()?;
        build::fixtures()?;
        // In one go with the tests, so that no library is compiled twice with other features.
        run(cargo().args(["build", "--workspace", "--bins", "--tests"]))?;
        if self.filter.is_empty() {
            run(cargo().args(["test", "--quiet", "--doc", "--package", "weir-plugin-sdk"]))?;
        }
        run(&mut self.runner())
    }

    /// nextest where it is installed: it runs each test in a process of its own, and says more about what fails.
    fn runner(&self) -> std::process::Command {
        let mut tests = cargo();
        if is_there("cargo-nextest") {
            tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]).args(&self.filter);
            if self.no_browser {
                tests.args(["--filterset", "not test(/^browser::/)"]);
            }
        } else {
            say(
                "cargo-nextest is not installed: running `cargo test` (`cargo install cargo-nextest --locked` brings it)",
            );
            tests
                .args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast", "--"])
                .args(&self.filter);
            if self.no_browser {
                tests.args(["--skip", "browser::"]);
            }
        }
        tests
    }
}

/// The pages are tried in a real browser.
fn find_browser() {
    if is_there("chromium") && is_there("chromedriver") {
        return;
    }
    if !packages::install(&["chromium", "chromium-driver"]) {
        say("there is no Chromium and it cannot be installed here: what only a browser can show will not be tested; \
             on Debian, run `apt-get install chromium chromium-driver`");
    }
}
