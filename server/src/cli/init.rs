//! `weir init`: writes a commented configuration that works.

use anyhow::{Context, bail};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The sample's files, by their path in the folder.
const SAMPLE: [(&str, &str); 2] = [
    ("weir.toml", include_str!("../../../deploy/sample/weir.toml")),
    ("teams/main.toml", include_str!("../../../deploy/sample/teams/main.toml")),
];

/// Writes a commented sample configuration that works.
#[derive(Debug, clap::Args)]
pub struct Init {
    /// Where to write it.
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

impl Init {
    /// Writes the sample and says what to do next. Overwrites nothing.
    ///
    /// # Errors
    /// Where a file of the sample exists, or cannot be written.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        for (name, _) in SAMPLE {
            let path = self.dir.join(name);
            if path.symlink_metadata().is_ok() {
                bail!("{} exists and is not overwritten; name another folder: weir init DIR", path.display());
            }
        }
        for (name, text) in SAMPLE {
            write_new(&self.dir.join(name), text)?;
        }
        let main = self.dir.join("weir.toml");
        let option = if self.dir == Path::new(".") { String::new() } else { format!(" --config {}", main.display()) };
        let mut out = std::io::stdout().lock();
        for (name, _) in SAMPLE {
            writeln!(out, "wrote {}", self.dir.join(name).display())?;
        }
        writeln!(out, "\nNext:")?;
        writeln!(out, "  weir check{option}    says whether everything in it is right")?;
        writeln!(out, "  weir serve{option}    then open http://127.0.0.1:8010/")?;
        writeln!(
            out,
            "  weir token issue{option} --team main --role operator    makes a token; put it into WEIR_TOKEN"
        )?;
        writeln!(out, "  weir force main/hello --server http://127.0.0.1:8010/ --wait    runs the first build")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a file that does not exist yet, and its folder.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .with_context(|| format!("writing {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}
