//! `weir check`: says everything that is wrong in the configuration, and whether the server would start with it.

use crate::clock::SystemClock;
use crate::config::{self, Loaded};
use crate::plugins::Catalogue;
use anyhow::Context;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Checks the configuration: every error with file, line, column and what to write instead. Exits 0 or 1.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The main file; conf.d/ and teams/ are looked for beside it.
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG", default_value = "weir.toml")]
    pub config: PathBuf,
    /// Counts warnings as errors.
    #[arg(long)]
    pub strict: bool,
}

impl Check {
    /// Prints what is wrong, then one line that sums up.
    ///
    /// # Errors
    /// Where plugins cannot be looked at or nothing can be printed.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let loaded = load(&self.config)?;
        let mut out = std::io::stdout().lock();
        for diagnostic in &loaded.diagnostics {
            write!(out, "{diagnostic}")?;
        }
        writeln!(out, "{}", summary(&self.config, &loaded))?;
        let n_warnings = loaded.diagnostics.len() - loaded.n_errors();
        let is_good = loaded.n_errors() == 0 && !(self.strict && n_warnings > 0);
        Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

/// Loads the configuration with the plugins that lie beside this program and in `plugin_dir`.
///
/// # Errors
/// Where plugins cannot be looked at.
pub fn load(file: &Path) -> anyhow::Result<Loaded> {
    let program = std::env::current_exe().context("finding this program's own file")?;
    let catalogue = Catalogue::new(program, Arc::new(SystemClock)).context("preparing to look at plugins")?;
    Ok(config::load(file, config::environment(), &catalogue))
}

/// One line: how much is declared, and how much of it is wrong.
fn summary(file: &Path, loaded: &Loaded) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let n_errors = loaded.n_errors();
    let wrong = match (n_errors, loaded.diagnostics.len() - n_errors) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, warnings) => count(warnings, "warning"),
        (errors, 0) => count(errors, "error"),
        (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    let Some(config) = &loaded.config else {
        return format!("{}: {wrong}; the server would not start", file.display());
    };
    let n_builders: usize = config.teams.values().map(|team| team.builders.len()).sum();
    let broken = match config.broken_teams.len() {
        0 => String::new(),
        n => format!("; {} broken and left out", count(n, "team")),
    };
    format!(
        "{}: {}, {}, {}: {wrong}{broken}",
        file.display(),
        count(config.teams.len(), "team"),
        count(n_builders, "builder"),
        count(config.views.len(), "view"),
    )
}
