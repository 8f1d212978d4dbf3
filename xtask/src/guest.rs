//! Builds the plugins of this repository: the bundled ones with the list of their grants, and those that tests use.

use crate::packages;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use weir_plugin_build::rust::{DEBIAN_PACKAGES, TARGET, Toolchain, compile, write_component};
use weir_plugin_build::{Built, write_if_changed};

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

/// The toolchain for [`TARGET`]: the one in use where it has the target, else rustup adds it, else Debian's packages.
///
/// # Errors
/// Where none of these works; says what to do.
pub fn find_or_install() -> Result<Toolchain> {
    if let Some(found) = Toolchain::find() {
        return Ok(found);
    }
    eprintln!("xtask: installing the Rust target {TARGET} (rustup target add)");
    if !runs(Command::new("rustup").args(["target", "add", TARGET])) {
        packages::install(&DEBIAN_PACKAGES);
    }
    // Where neither could be installed, this says what to do.
    Toolchain::require()
}

fn runs(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
