//! `weir check`: says everything that is wrong in the configuration, and whether the server would start with it.

use crate::clock::SystemClock;
use crate::config::diagnostic::Severity;
use crate::config::fetched::NOT_LOOKED_AT;
use crate::config::written::{self, Written};
use crate::config::{self, Config, Loaded, diff};
use crate::plugins::Catalogue;
use anyhow::Context;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Exit code where there is nothing to compare with.
const NOTHING_TO_COMPARE: u8 = 2;

/// Checks the configuration: every error with file, line, column and what to write instead. Exits 0 or 1; 2 where there is nothing to
/// compare it with.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The main file; conf.d/ and teams/ are looked for beside it.
    #[arg(long, value_name = "FILE", env = "WEIR_CONFIG", default_value = "weir.toml")]
    pub config: PathBuf,
    /// Counts warnings as errors.
    #[arg(long)]
    pub strict: bool,
    /// Also says what would follow from these files in the place of those that the running server has in force, or of FILE and what lies
    /// beside it: rights that are widened first, marked `! WIDER`.
    #[arg(long, num_args = 0..=1, value_name = "FILE")]
    pub diff: Option<Option<PathBuf>>,
}

impl Check {
    /// Prints what is wrong, then one line that sums up.
    ///
    /// # Errors
    /// Where plugins cannot be looked at or nothing can be printed.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let catalogue = catalogue()?;
        let mut loaded = config::load(&self.config, config::environment(), &catalogue);
        let mut before = None;
        if let Some(diff) = &self.diff {
            match self.before(diff.as_deref(), &loaded, &catalogue) {
                Ok((old, new)) => (before, loaded) = (Some(old), new),
                Err(error) => {
                    eprintln!("weir: {error:#}");
                    return Ok(ExitCode::from(NOTHING_TO_COMPARE));
                }
            }
        }
        // A server fetches, and keeps what a team was; who checks files need not be able to read what it fetched.
        let not_looked_at = loaded.diagnostics.iter_mut().filter(|d| d.rule == NOT_LOOKED_AT);
        not_looked_at.for_each(|diagnostic| diagnostic.severity = Severity::Warning);
        let mut out = std::io::stdout().lock();
        for diagnostic in &loaded.diagnostics {
            write!(out, "{diagnostic}")?;
        }
        writeln!(out, "{}", summary(&self.config, &loaded))?;
        if let (Some(old), Some(new)) = (&before, &loaded.config) {
            tell(&mut out, old, new)?;
        }
        let n_warnings = loaded.n_warnings();
        let is_good = loaded.n_errors() == 0 && !(self.strict && n_warnings > 0);
        Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    /// What is compared with, and what a server that has that in force would load of the files as they are now.
    fn before(
        &self,
        former: Option<&Path>,
        loaded: &Loaded,
        catalogue: &Catalogue,
    ) -> anyhow::Result<(Arc<Config>, Loaded)> {
        let environment = config::environment();
        if let Some(former) = former {
            let old = written::load_former(former, &self.config, environment.clone(), catalogue);
            let errors: String = old.diagnostics.iter().filter(|d| d.is_error()).map(ToString::to_string).collect();
            let unusable = || format!("{} cannot be compared with, it is wrong itself:\n{errors}", former.display());
            let old = old.config.with_context(unusable)?;
            let new = config::load_keeping(&self.config, environment, catalogue, &old.team_texts);
            return Ok((old, new));
        }
        let config = loaded.config.as_ref();
        let none = "without a configuration that is right nobody knows where a server has its state; mend what `weir check` says first";
        let state_dir = &config.context(none)?.server.state_dir;
        let kept = Written::read(state_dir).with_context(|| {
            let file = written::in_force_file(state_dir);
            format!(
                "{} cannot be read, where a running server keeps what it has in force; start one with this configuration, or name what \
                 to compare with: `weir check --diff OLD/weir.toml`",
                file.display()
            )
        })?;
        let old = kept.load(environment.clone(), catalogue).config;
        let old = old.context(
            "what the server has in force cannot be loaded by this version; `--diff OLD/weir.toml` compares files",
        )?;
        Ok((old, config::load_keeping(&self.config, kept.environment(environment), catalogue, kept.texts())))
    }
}

/// Says what follows from `new` in the place of `old`, as a reload would.
fn tell(out: &mut impl Write, old: &Config, new: &Config) -> std::io::Result<()> {
    if let Some(why) = diff::needs_restart(old, new) {
        writeln!(out, "A running server would refuse this: {why}.")?;
    }
    let consequences = diff::diff(old, new).into_iter().chain(diff::keep_fixed(old, &mut new.clone()));
    let consequences: Vec<_> = consequences.collect();
    match consequences.as_slice() {
        [] => writeln!(out, "Nothing follows from it."),
        some => {
            writeln!(out, "What follows from it:")?;
            some.iter().try_for_each(|consequence| writeln!(out, "{consequence}"))
        }
    }
}

/// The plugins that lie beside this program and in `plugin_dir`.
fn catalogue() -> anyhow::Result<Catalogue> {
    let program = std::env::current_exe().context("finding this program's own file")?;
    Catalogue::new(program, Arc::new(SystemClock)).context("preparing to look at plugins")
}

/// One line: how much is declared, and how much of it is wrong.
fn summary(file: &Path, loaded: &Loaded) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let n_errors = loaded.n_errors();
    let wrong = match (n_errors, loaded.n_warnings()) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, warnings) => count(warnings, "warning"),
        (errors, 0) => count(errors, "error"),
        (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    let Some(config) = &loaded.config else {
        return format!("{}: {wrong}; the server would not start", file.display());
    };
    let n_builders: usize = config.teams.values().map(|team| team.builders.len()).sum();
    let is_broken = |team: &&String| loaded.diagnostics.iter().any(|d| d.is_error() && d.team.as_ref() == Some(*team));
    let n_broken = config.broken_teams.keys().filter(is_broken).count();
    let left_out = |n: usize, how: &str| match n {
        0 => String::new(),
        n => format!("; {} {how}", count(n, "team")),
    };
    let broken = left_out(n_broken, "broken and left out")
        + &left_out(config.broken_teams.len() - n_broken, "not looked at and left out");
    format!(
        "{}: {}, {}, {}: {wrong}{broken}",
        file.display(),
        count(config.teams.len(), "team"),
        count(n_builders, "builder"),
        count(config.views.len(), "view"),
    )
}
