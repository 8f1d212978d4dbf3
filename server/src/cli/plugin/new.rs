//! `weir plugin new`: a small project that builds, tests and runs as it is. What it writes are the examples of this repository, under
//! another name: they are built and run by its tests.

use anyhow::{Context, bail};
use clap::ValueEnum;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What was packed at build time.
mod packs {
    include!(concat!(env!("OUT_DIR"), "/packs.rs"));
}

/// Where the copy of the SDK lies in a project.
const SDK_DIR: &str = "weir-plugin-sdk";
/// What a build leaves behind.
const IGNORED: &str = "*.wasm\n.venv/\n__pycache__/\nnode_modules/\ntarget/\n";

const EXAMPLES: &str = "\
Examples:
  weir plugin new line-count
  weir plugin new line-count --lang js
  weir plugin new room --kind reporter
Then:
  cd line-count && weir plugin build && weir plugin test line-count.wasm --settings settings.toml --command";

/// What kind of plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A step of a build.
    Step,
    /// Tells the outside what happened.
    Reporter,
}

/// In which language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lang {
    /// Small and fast, with tests that need no WebAssembly.
    Rust,
    /// On QuickJS, 1.1 MB.
    Js,
    /// On CPython, 18 MB.
    Python,
}

/// Writes a small project that builds, tests and runs as it is: a step that counts the lines of a command, or a reporter that posts one
/// line. A project in Rust brings a copy of the SDK along. Overwrites nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct New {
    /// What it is called: small letters, digits and hyphens.
    #[arg(value_name = "NAME")]
    name: String,
    /// What kind of plugin.
    #[arg(long, value_enum, default_value_t = Kind::Step)]
    kind: Kind,
    /// In which language.
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    lang: Lang,
    /// Where to write it; without this into a folder of its name.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Uses the SDK that lies there instead of a copy.
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

impl New {
    /// Writes it and says what to do next.
    ///
    /// # Errors
    /// Where the name is none, something is there already, or it cannot be written.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        check_name(&self.name)?;
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        let files = self.files()?;
        if let Some((path, _)) = files.iter().find(|(path, _)| dir.join(path).symlink_metadata().is_ok()) {
            let there = dir.join(path);
            bail!("{} exists and is not overwritten; name another folder with `--dir`", there.display());
        }
        for (path, text) in &files {
            write_new(&dir.join(path), text)?;
        }
        let (name, dir) = (&self.name, dir.display());
        let next = match (self.lang, self.kind) {
            (Lang::Rust, Kind::Reporter) => {
                format!("cargo test\n  weir plugin build\n  weir plugin inspect {name}.wasm")
            }
            (lang, _) => {
                let test = if lang == Lang::Rust { "cargo test\n  " } else { "" };
                format!("{test}weir plugin build\n  weir plugin test {name}.wasm --settings settings.toml --command")
            }
        };
        let said = format!("wrote {} files to {dir}\n\nNext:\n  cd {dir}\n  {next}\n", files.len());
        std::io::stdout().lock().write_all(said.as_bytes()).context("printing")?;
        Ok(ExitCode::SUCCESS)
    }

    /// Every file by its path in the project.
    fn files(&self) -> anyhow::Result<Vec<(String, String)>> {
        let (pack, old) = match (self.kind, self.lang) {
            (Kind::Step, Lang::Rust) => (packs::RUST, "line-count"),
            (Kind::Reporter, Lang::Rust) => (packs::REPORTER, "build-told"),
            (Kind::Step, Lang::Js) => (packs::JAVASCRIPT, "line-count"),
            (Kind::Step, Lang::Python) => (packs::PYTHON, "line-count"),
            (Kind::Reporter, _) => bail!("a project of a reporter is in Rust only: `--lang rust`"),
        };
        let mut files: Vec<(String, String)> =
            pack.iter().map(|(path, text)| ((*path).to_owned(), renamed(text, old, &self.name))).collect();
        files.push((".gitignore".to_owned(), IGNORED.to_owned()));
        if self.lang == Lang::Rust {
            self.add_sdk(&mut files)?;
        } else if self.sdk.is_some() {
            bail!("`--sdk` is for Rust: other languages are built against the contract alone");
        } else {
            let deps =
                packs::WIT.iter().map(|(path, text)| (format!("wit/deps/weir-plugin/{path}"), (*text).to_owned()));
            files.extend(deps);
        }
        Ok(files)
    }

    /// The SDK is on no registry: it comes as a copy, or is used where it lies.
    fn add_sdk(&self, files: &mut Vec<(String, String)>) -> anyhow::Result<()> {
        let sdk = match &self.sdk {
            Some(path) => {
                let path = path.canonicalize().with_context(|| format!("finding the SDK {}", path.display()))?;
                if !path.join("wit").is_dir() {
                    bail!("{} is no SDK: it has no `wit/`", path.display());
                }
                path.display().to_string()
            }
            None => {
                files.extend(packs::SDK.iter().map(|(path, text)| (format!("{SDK_DIR}/{path}"), (*text).to_owned())));
                SDK_DIR.to_owned()
            }
        };
        let manifest = files.iter_mut().find(|(path, _)| path == "Cargo.toml").context("a crate has a manifest")?;
        // Its own workspace, wherever it is written.
        manifest.1 =
            manifest.1.replace("\"plugin-sdk\"", &serde_json::Value::from(sdk).to_string()) + "\n[workspace]\n";
        Ok(())
    }
}

/// Small letters, digits and hyphens, each word beginning with a letter: a name in Rust, in WIT, in npm and on a site.
fn check_name(name: &str) -> anyhow::Result<()> {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if name.len() <= 60 && name.split('-').all(is_word) && !KEYWORDS.contains(&name) {
        return Ok(());
    }
    bail!(
        "`{name}` is no name for a plugin: use words of small letters and digits that begin with a letter, with hyphens between \
         them, such as `line-count`"
    )
}

/// Names that no crate may have, or that would hide what the project uses.
const KEYWORDS: [&str; 14] =
    ["as", "break", "const", "core", "enum", "extern", "fn", "impl", "mod", "std", "struct", "test", "type", "plugin"];

/// The text of an example under another name, in each way that names are written.
fn renamed(text: &str, old: &str, new: &str) -> String {
    text.replace(old, new).replace(&camel(old), &camel(new))
}

fn camel(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(word).collect()
}

/// Writes a file that does not exist yet, and its folder.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .with_context(|| format!("writing {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{camel, check_name, packs, renamed};

    #[test]
    fn names_fit_every_language() {
        for good in ["line-count", "a", "sonar2", "a-b-c"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Line", "line_count", "-a", "a-", "a--b", "2x", "../x", "a b", "x.wasm", "fn", &"a".repeat(61)]
        {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_example_is_renamed_wherever_its_name_stands() {
        let text = "name = \"line-count\"; struct LineCount; line-count.wasm";
        assert_eq!(
            renamed(text, "line-count", "todo-list2"),
            "name = \"todo-list2\"; struct TodoList2; todo-list2.wasm"
        );
        assert_eq!(camel("a"), "A");
    }

    #[test]
    fn what_is_written_names_nothing_of_the_workspace() {
        for (path, text) in [packs::SDK, packs::RUST, packs::REPORTER].concat() {
            assert!(!path.ends_with("Cargo.toml") || !text.contains("workspace = true"), "{path}:\n{text}");
        }
        assert!(packs::SDK.iter().any(|(path, _)| *path == "src/lib.rs"));
        assert!(packs::WIT.iter().any(|(path, _)| *path == "worlds.wit"));
    }
}
