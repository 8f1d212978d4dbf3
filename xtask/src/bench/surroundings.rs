//! Which machine, which versions: a figure without them says little.

use crate::program::{output, root};
use serde_json::{Value, json};
use std::process::Command;

/// What figures depend on.
pub fn surroundings(profile: &str) -> Value {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    json!({
        "processor": field("/proc/cpuinfo", "model name"),
        "cores": cores,
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": output(Command::new("uname").args(["-s", "-r", "-m"])),
        "rustc": output(Command::new("rustc").arg("--version")),
        "wasmtime": locked("wasmtime"),
        "commit": output(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root())),
        "profile": profile,
        "load": std::fs::read_to_string("/proc/loadavg").ok().map(|load| load.trim().to_owned()),
    })
}

/// The first line `name : value` of a file of the system.
fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The version of a library in `Cargo.lock`.
fn locked(name: &str) -> Option<String> {
    let text = std::fs::read_to_string(root().join("Cargo.lock")).ok()?;
    let after = text.split_once(&format!("name = \"{name}\"\nversion = \""))?.1;
    Some(after.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::surroundings;

    #[test]
    fn the_machine_and_the_versions_are_told() {
        let told = surroundings("dev");
        assert!(told["cores"].as_u64().is_some_and(|cores| cores > 0), "{told}");
        assert!(told["wasmtime"].as_str().is_some_and(|version| version.contains('.')), "{told}");
    }
}
