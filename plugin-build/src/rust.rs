//! Rust: a crate to a core module for `wasm32-unknown-unknown`, and that to a component whose only imports are ours.

use crate::program::{output, run};
use crate::{Built, write_if_changed};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What plugins are built for: nothing of the system, not even a clock.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian 12's own packages for that target, where rustup cannot download.
pub const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];

/// Small, and with names left in so that a guest's backtrace can be read.
const PROFILE: [&str; 7] = [
    "inherits=\"release\"",
    "opt-level=\"s\"",
    "lto=true",
    "codegen-units=1",
    "debug=false",
    "strip=\"debuginfo\"",
    "panic=\"abort\"",
];

/// How to compile for [`TARGET`] on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toolchain {
    /// The toolchain in use has the target.
    Rustup,
    /// Debian's `rustc-web`, which builds the standard library itself.
    Debian,
}

impl Toolchain {
    /// What this machine has; none where neither is there.
    pub fn find() -> Option<Self> {
        if target_installed() {
            return Some(Self::Rustup);
        }
        debian_ready().then_some(Self::Debian)
    }

    /// What this machine has.
    ///
    /// # Errors
    /// Where there is nothing; says what to do.
    pub fn require() -> Result<Self> {
        if Command::new(cargo()).arg("--version").output().is_err() {
            bail!("cargo is not installed: https://rustup.rs says how to get it");
        }
        Self::find().with_context(|| {
            format!(
                "no compiler for plugins: run `rustup target add {TARGET}` where rustup can download, or as root on Debian 12 or \
                 later `apt-get install {}`",
                DEBIAN_PACKAGES.join(" ")
            )
        })
    }
}

/// Builds the one crate of a folder as an author has it; the component lies beside its manifest.
///
/// # Errors
/// Where there is no toolchain, or it does not compile.
pub fn build(dir: &Path) -> Result<Built> {
    let toolchain = Toolchain::require()?;
    let manifest = dir.join("Cargo.toml");
    let asked = output(Command::new(cargo()).args(["metadata", "--format-version=1", "--no-deps"]).current_dir(dir))?;
    let metadata: Value = serde_json::from_str(&asked).context("cargo metadata is no JSON")?;
    let path = manifest.canonicalize().with_context(|| format!("cannot find {}", manifest.display()))?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages
        .filter(|package| package["manifest_path"].as_str().is_some_and(|p| Path::new(p) == path))
        .find_map(|package| package["name"].as_str());
    let package = package.with_context(|| format!("{} declares no package", manifest.display()))?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names a target directory")?;
    let modules = compile(toolchain, &path, &[package], Path::new(target))?;
    write_component(modules.first().context("one package makes one module")?, &dir.join(format!("{package}.wasm")))
}

/// Compiles the packages' core modules; cargo rebuilds only what changed.
///
/// # Errors
/// Where they do not compile.
pub fn compile(toolchain: Toolchain, manifest: &Path, packages: &[&str], target_dir: &Path) -> Result<Vec<PathBuf>> {
    let mut command = match toolchain {
        Toolchain::Rustup => Command::new(cargo()),
        Toolchain::Debian => {
            let mut command = Command::new("/usr/bin/cargo");
            command.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", "/usr/bin/rustc").env("RUSTDOC", "/usr/bin/rustdoc");
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-22");
            command
        }
    };
    command.args(["build", "--quiet", "--lib", "--profile", "guest", "--target", TARGET]);
    for line in PROFILE {
        command.arg("--config").arg(format!("profile.guest.{line}"));
    }
    if toolchain == Toolchain::Debian {
        command.arg("-Zbuild-std=std,panic_abort");
    }
    command.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(target_dir);
    for package in packages {
        command.args(["--package", package]);
    }
    // Flags meant for the machine's own programs (linkers, instrumentation) do not fit a guest.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    run(&mut command, "cargo is not installed").context("it does not compile")?;
    let folder = target_dir.join(TARGET).join("guest");
    Ok(packages.iter().map(|p| folder.join(format!("{}.wasm", p.replace('-', "_")))).collect())
}

/// Makes the core module a component and writes it where it differs from what is there.
///
/// # Errors
/// Where it is no plugin, or cannot be written.
pub fn write_component(module: &Path, out: &Path) -> Result<Built> {
    let core = std::fs::read(module).with_context(|| {
        format!("there is no {}: a plugin is a library with `crate-type = [\"cdylib\"]`", module.display())
    })?;
    let component = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .and_then(|encoder| encoder.encode())
        .with_context(|| format!("cannot make a component of {}", module.display()))?;
    write_if_changed(out, &component)?;
    Built::of(out, &component)
}

/// The cargo in use: the one that runs us, where one does.
fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Whether the toolchain in use has the target.
fn target_installed() -> bool {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let Ok(output) = Command::new(rustc).args(["--print", "sysroot"]).output() else { return false };
    let sysroot = String::from_utf8_lossy(&output.stdout);
    Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

fn debian_ready() -> bool {
    let has = |program: &str| Path::new("/usr/bin").join(program).exists();
    let source = Command::new("/usr/bin/rustc").args(["--print", "sysroot"]).output().is_ok_and(|output| {
        let sysroot = String::from_utf8_lossy(&output.stdout);
        Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std").is_dir()
    });
    source && has("cargo") && has("rustc") && has("wasm-ld-22")
}
