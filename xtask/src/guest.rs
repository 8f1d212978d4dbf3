//! Builds plugins: a Rust crate to a core module for `wasm32-unknown-unknown`, and that to a component whose only imports are ours.

use crate::packages;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What plugins are built for: nothing of the system, not even a clock.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian 12's own packages for that target, where rustup cannot download.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];

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

/// A plugin that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its name: that of the file.
    pub name: String,
    /// The component.
    pub file: PathBuf,
    /// Its size.
    pub size_bytes: usize,
    /// Of its content, lower-case hex.
    pub sha256: String,
}

/// Builds every crate of the folder `plugins/` into `out`, with the list of grants that go with their digests beside them.
///
/// # Errors
/// Where there is no toolchain, or a plugin does not compile.
pub fn build_bundled(root: &Path, target_dir: &Path, out: &Path) -> Result<Vec<Built>> {
    let toolchain = find_or_install()?;
    let packages = bundled(root)?;
    let names: Vec<&str> = packages.iter().map(|p| p.package.as_str()).collect();
    let modules = compile(toolchain, &root.join("Cargo.toml"), &names, target_dir)?;
    let mut built = Vec::new();
    let mut list = Vec::new();
    for (package, module) in packages.iter().zip(modules) {
        let plugin = write_component(&module, &out.join(format!("{}.wasm", package.plugin)))?;
        list.push(json!({ "name": plugin.name, "sha256": plugin.sha256, "grants": package.grants }));
        built.push(plugin);
    }
    let list = serde_json::to_string_pretty(&json!({ "plugins": list }))? + "\n";
    write_if_changed(&out.join("bundled.json"), list.as_bytes())?;
    Ok(built)
}

/// Builds one crate of any workspace, as a third party would, into `out`, a `NAME.wasm`.
///
/// # Errors
/// Where there is no toolchain, or it does not compile.
pub fn build_crate(manifest: &Path, package: &str, target_dir: &Path, out: &Path) -> Result<Built> {
    let modules = compile(find_or_install()?, manifest, &[package], target_dir)?;
    write_component(modules.first().context("one package makes one module")?, out)
}

struct Bundled {
    package: String,
    plugin: String,
    grants: Value,
}

/// The crates under `plugins/` with what their `[package.metadata.weir]` says: `grants`, which their digest will carry.
fn bundled(root: &Path) -> Result<Vec<Bundled>> {
    let output = Command::new(cargo())
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let folder = root.join("plugins");
    let mut bundled = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let (Some(name), Some(manifest)) = (package["name"].as_str(), package["manifest_path"].as_str()) else {
            continue;
        };
        let Some(place) = Path::new(manifest).parent().filter(|p| p.parent() == Some(&folder)) else { continue };
        let plugin = place.file_name().and_then(|n| n.to_str()).context("a plugin's folder has a plain name")?;
        let grants = package["metadata"]["weir"]["grants"].clone();
        let grants = if grants.is_null() { json!({}) } else { grants };
        bundled.push(Bundled { package: name.to_owned(), plugin: plugin.to_owned(), grants });
    }
    ensure!(!bundled.is_empty(), "no plugins in {}", folder.display());
    Ok(bundled)
}

fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Compiles the packages' core modules; cargo rebuilds only what changed.
fn compile(toolchain: Toolchain, manifest: &Path, packages: &[&str], target_dir: &Path) -> Result<Vec<PathBuf>> {
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
    let status = command.status().context("cannot run cargo")?;
    ensure!(status.success(), "the plugins do not compile (see above)");
    let folder = target_dir.join(TARGET).join("guest");
    Ok(packages.iter().map(|p| folder.join(format!("{}.wasm", p.replace('-', "_")))).collect())
}

/// Makes the core module a component and writes it where it differs from what is there.
fn write_component(module: &Path, out: &Path) -> Result<Built> {
    let core = std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .and_then(|encoder| encoder.encode())
        .with_context(|| format!("cannot make a component of {}", module.display()))?;
    write_if_changed(out, &component)?;
    let name = out.file_stem().and_then(|n| n.to_str()).context("the component's file has a plain name")?.to_owned();
    let sha256 = Sha256::digest(&component).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Built { name, file: out.to_owned(), size_bytes: component.len(), sha256 })
}

/// Replaces a file in one step, and leaves one alone that already holds `bytes`: a running server looks at the time of change.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().context("a file has a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let new = path.with_extension(format!("new-{}", std::process::id()));
    std::fs::write(&new, bytes).with_context(|| format!("cannot write {}", new.display()))?;
    std::fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}

/// The toolchain for [`TARGET`]: the one in use where it has the target, else rustup adds it, else Debian's packages.
///
/// # Errors
/// Where none of these works; says what to do.
pub fn find_or_install() -> Result<Toolchain> {
    if target_installed() {
        return Ok(Toolchain::Rustup);
    }
    if debian_ready() {
        return Ok(Toolchain::Debian);
    }
    eprintln!("xtask: installing the Rust target {TARGET} (rustup target add)");
    if runs(Command::new("rustup").args(["target", "add", TARGET])) && target_installed() {
        return Ok(Toolchain::Rustup);
    }
    if packages::install(&DEBIAN_PACKAGES) && debian_ready() {
        return Ok(Toolchain::Debian);
    }
    bail!(
        "no compiler for plugins: run `rustup target add {TARGET}` where rustup can download, \
         or as root on Debian 12 or later `apt-get install {}`",
        DEBIAN_PACKAGES.join(" ")
    )
}

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

fn runs(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
