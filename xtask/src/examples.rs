//! The examples in JavaScript and Python, built as their authors build them: by npm and pip, with exact versions. They are built in a
//! copy below the target folder, and again only where something of them has changed.

use crate::packages;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use weir_plugin_build::{Built, javascript, python, sha256_hex, write_if_changed};

/// One example: the name of its fixture, the folder that it is, the language.
struct Example {
    fixture: &'static str,
    folder: &'static str,
    language: Language,
}

enum Language {
    JavaScript,
    Python,
}

const EXAMPLES: [Example; 3] = [
    Example { fixture: "javascript", folder: "plugins/examples/js", language: Language::JavaScript },
    // The same source on another engine.
    Example { fixture: "spidermonkey", folder: "tests/plugins/spidermonkey", language: Language::JavaScript },
    Example { fixture: "python", folder: "plugins/examples/python", language: Language::Python },
];

/// Builds each example to `target/fixtures/NAME.wasm`. Without npm or Python it says how to get them; in CI they must be there.
///
/// # Errors
/// Where one does not build, or in CI a toolchain is missing.
pub fn build(root: &Path, target: &Path) -> Result<()> {
    for example in &EXAMPLES {
        let is_there = match example.language {
            Language::JavaScript => javascript::is_there() || packages::install(&["nodejs", "npm"]),
            Language::Python => python::is_there() || packages::install(&["python3", "python3-venv"]),
        };
        if !is_there {
            let (program, how) = match example.language {
                Language::JavaScript => ("npm", "nodejs npm"),
                Language::Python => ("python3 with venv", "python3 python3-venv"),
            };
            let said = format!(
                "there is no {program}: {} is not built, and its tests do nothing; on Debian, run `apt-get install {how}`",
                example.folder
            );
            if std::env::var_os("CI").is_some() {
                bail!("{said}");
            }
            eprintln!("xtask: {said}");
            continue;
        }
        build_one(root, target, example).with_context(|| format!("building {}", example.folder))?;
    }
    Ok(())
}

/// Installs the provider of sign-in that tests start, to `target/oidc`.
///
/// # Errors
/// Where it cannot be had; without npm only in CI.
pub fn provider(root: &Path, target: &Path) -> Result<()> {
    if !(javascript::is_there() || packages::install(&["nodejs", "npm"])) {
        let said =
            "there is no npm: signing in at a provider is NOT tested; on Debian, run `apt-get install nodejs npm`";
        if std::env::var_os("CI").is_some() {
            bail!("{said}");
        }
        eprintln!("xtask: {said}");
        return Ok(());
    }
    let copy = target.join("oidc");
    for (path, bytes) in &sources(&root.join("tests/oidc"))? {
        write_if_changed(&copy.join(path), bytes)?;
    }
    javascript::install(&copy)
}

fn build_one(root: &Path, target: &Path, example: &Example) -> Result<()> {
    let out = target.join(format!("fixtures/{}.wasm", example.fixture));
    let files = sources(&root.join(example.folder))?;
    let digest = digest(&files);
    let stamp = target.join(format!("examples/{}.built", example.fixture));
    if out.is_file() && fs::read_to_string(&stamp).is_ok_and(|built| built == digest) {
        return Ok(());
    }
    eprintln!("xtask: building {}", example.folder);
    let copy = target.join("examples").join(example.fixture);
    for (path, bytes) in &files {
        write_if_changed(&copy.join(path), bytes)?;
    }
    let built: Built = match example.language {
        Language::JavaScript => javascript::build(&copy)?,
        Language::Python => python::build(&copy)?,
    };
    write_if_changed(&out, &fs::read(&built.file).with_context(|| format!("reading {}", built.file.display()))?)?;
    fs::write(&stamp, digest).with_context(|| format!("writing {}", stamp.display()))
}

/// Every file of a project by its path in it, what its links lead to included; nothing that a build left there.
fn sources(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    collect(folder, Path::new(""), &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(root: &Path, below: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
    let folder = root.join(below);
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let name = entry.with_context(|| format!("reading {}", folder.display()))?.file_name();
        let left_behind = name.to_string_lossy();
        if matches!(&*left_behind, "node_modules" | ".venv" | "__pycache__") || left_behind.ends_with(".wasm") {
            continue;
        }
        let path = below.join(&name);
        if root.join(&path).is_dir() {
            collect(root, &path, files)?;
        } else {
            let bytes =
                fs::read(root.join(&path)).with_context(|| format!("reading {}", root.join(&path).display()))?;
            files.push((path, bytes));
        }
    }
    Ok(())
}

fn digest(files: &[(PathBuf, Vec<u8>)]) -> String {
    let said: Vec<String> =
        files.iter().map(|(path, bytes)| format!("{} {}", path.display(), sha256_hex(bytes))).collect();
    sha256_hex(said.join("\n").as_bytes())
}
