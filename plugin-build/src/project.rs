//! What kind of project a folder holds, and what it is called.

use crate::{Built, javascript, python, rust};
use anyhow::{Context, Result, bail};
use std::path::Path;

/// The language of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A `Cargo.toml`.
    Rust,
    /// A `package.json`.
    JavaScript,
    /// A `plugin.py` and its `requirements.txt`.
    Python,
}

impl Language {
    /// The language of the project in `dir`.
    ///
    /// # Errors
    /// Where there is none that is known.
    pub fn of(dir: &Path) -> Result<Self> {
        let has = |name: &str| dir.join(name).is_file();
        if has("Cargo.toml") {
            Ok(Self::Rust)
        } else if has("package.json") {
            Ok(Self::JavaScript)
        } else if has("plugin.py") && has("requirements.txt") {
            Ok(Self::Python)
        } else {
            bail!(
                "{} holds no plugin: neither `Cargo.toml` (Rust) nor `package.json` (JavaScript) nor `plugin.py` with \
                 `requirements.txt` (Python); `weir plugin new NAME` makes one",
                dir.display()
            )
        }
    }

    /// Runs its toolchain on the project in `dir`.
    ///
    /// # Errors
    /// Where the toolchain is missing or something does not build.
    pub fn build(self, dir: &Path) -> Result<Built> {
        match self {
            Self::Rust => rust::build(dir),
            Self::JavaScript => javascript::build(dir),
            Self::Python => python::build(dir),
        }
    }
}

/// The name in `package namespace:NAME;` of the project's own WIT.
///
/// # Errors
/// Where there is no such line.
pub fn named_by_wit(dir: &Path) -> Result<String> {
    let path = dir.join("wit/world.wit");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}, whose package names the plugin", path.display()))?;
    let package = text.lines().find_map(|line| line.trim().strip_prefix("package ")).unwrap_or_default();
    let name = package.trim_end().trim_end_matches(';').split_once(':').map(|(_, name)| name);
    let name = name.map(|name| name.split_once('@').map_or(name, |(name, _)| name)).unwrap_or_default();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if name.is_empty() || !is_plain {
        bail!("{} says nowhere `package NAMESPACE:NAME;`, which names the plugin", path.display());
    }
    Ok(name.to_owned())
}

/// Whether what `digest` stands for was done before.
pub fn is_stamped(stamp: &Path, digest: &str) -> bool {
    std::fs::read_to_string(stamp).is_ok_and(|text| text == digest)
}

/// Remembers that it was done.
///
/// # Errors
/// Where it cannot be written down.
pub fn stamp(stamp: &Path, digest: &str) -> Result<()> {
    std::fs::write(stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::{Language, named_by_wit};

    #[test]
    fn a_folder_is_of_the_language_of_its_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let said = Language::of(dir.path()).unwrap_err().to_string();
        assert!(said.contains("holds no plugin") && said.contains("`weir plugin new NAME`"), "{said}");
        let touch = |name: &str| std::fs::write(dir.path().join(name), "").unwrap();
        touch("plugin.py");
        assert!(Language::of(dir.path()).is_err());
        for (file, language) in [
            ("requirements.txt", Language::Python),
            ("package.json", Language::JavaScript),
            ("Cargo.toml", Language::Rust),
        ] {
            touch(file);
            assert_eq!(Language::of(dir.path()).unwrap(), language);
        }
    }

    #[test]
    fn the_package_of_the_wit_names_the_plugin() {
        let dir = tempfile::tempdir().unwrap();
        assert!(named_by_wit(dir.path()).is_err());
        std::fs::create_dir(dir.path().join("wit")).unwrap();
        for (text, name) in [
            ("// a\npackage example:line-count;\nworld w {}\n", Some("line-count")),
            ("package me:x@0.1.0;\n", Some("x")),
            ("package me:../../x;\n", None),
            ("world w {}\n", None),
        ] {
            std::fs::write(dir.path().join("wit/world.wit"), text).unwrap();
            assert_eq!(named_by_wit(dir.path()).ok().as_deref(), name, "{text}");
        }
    }
}
