//! Debian packages: installed where that can be done without asking anybody, and never in silence.

use std::path::Path;
use std::process::{Command, Stdio};

/// Installs `packages` by apt-get where there is one and we are root; says so. False where it could not.
pub fn install(packages: &[&str]) -> bool {
    if !Path::new("/usr/bin/apt-get").exists() || !is_root() {
        return false;
    }
    eprintln!("xtask: installing Debian's {}", packages.join(", "));
    let apt_get = |arguments: &[&str]| {
        let mut apt_get = Command::new("apt-get");
        apt_get.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
        apt_get.status().is_ok_and(|status| status.success())
    };
    let install = [&["install", "--yes", "--quiet", "--no-install-recommends"], packages].concat();
    apt_get(&["update", "--quiet"]) && apt_get(&install)
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}
