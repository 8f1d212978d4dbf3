//! `weir plugin build`: a project becomes a component, by the toolchain of its language.

use anyhow::Context;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use weir_plugin_build::project::Language;

const EXAMPLES: &str = "\
What it runs:
  Cargo.toml          cargo build for wasm32-unknown-unknown, then wit-component; nothing else is installed
  package.json        npm install (once), npm run build
  plugin.py           pip install -r requirements.txt into .venv (once), componentize-py
The component lies in the project's folder, as NAME.wasm.

Examples:
  weir plugin build
  weir plugin build plugins/line-count";

/// Makes a component of a project in Rust, JavaScript or Python, and says what it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Build {
    /// The project's folder.
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

impl Build {
    /// Builds it, looks at what came of it and says what to do next.
    ///
    /// # Errors
    /// Where the toolchain is missing or something does not build, and where what was built is no plugin.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let built = Language::of(&self.dir)?.build(&self.dir)?;
        let file = built.file.strip_prefix("./").unwrap_or(&built.file).to_owned();
        let (name, text) = super::inspect::summary(&file)?;
        let shown = file.display();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{shown}, {} KiB\n{text}\nNext:", built.size_bytes.div_ceil(1024))
            .and_then(|()| writeln!(out, "  weir plugin inspect {shown}    says everything about it"))
            .and_then(|()| {
                writeln!(
                    out,
                    "  weir plugin test {shown} --settings settings.toml    runs a step; flags grant it what it needs"
                )
            })
            .and_then(|()| {
                writeln!(
                    out,
                    "  copy it into `plugin_dir` and grant what it wants in `[plugin.{name}]` to use it on a site"
                )
            })
            .context("printing")?;
        Ok(ExitCode::SUCCESS)
    }
}
