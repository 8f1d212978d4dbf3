//! The programs that tests start: the shipped `weir` and the bundled plugins, built by `cargo xtask test` before.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folder of the build profile that this test runs in: `target/debug`.
pub fn profile_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let deps = test.parent().expect("a program lies in a folder");
    let is_deps = deps.file_name().is_some_and(|name| name == "deps");
    if is_deps { deps.parent().expect("`deps` lies in the profile's folder").to_owned() } else { deps.to_owned() }
}

/// The `weir` binary.
///
/// # Panics
/// Where it is not built.
pub fn weir() -> PathBuf {
    built(profile_dir().join("weir"))
}

/// The component of a bundled plugin.
///
/// # Panics
/// Where it is not built.
pub fn plugin(name: &str) -> PathBuf {
    let target = profile_dir().parent().expect("a profile's folder lies in the target folder").to_owned();
    built(target.join("plugins").join(format!("{name}.wasm")))
}

/// The component of a plugin that only tests use: `tests/plugins/NAME`, which `cargo xtask test` builds as a third party would.
///
/// # Panics
/// Where it is not built.
pub fn fixture_plugin(name: &str) -> PathBuf {
    let target = profile_dir().parent().expect("a profile's folder lies in the target folder").to_owned();
    built(target.join("fixtures").join(format!("{name}.wasm")))
}

/// The component of an example in another language, which `cargo xtask test` builds where npm or Python is there; none where not.
pub fn example_plugin(name: &str) -> Option<PathBuf> {
    let target = profile_dir().parent().expect("a profile's folder lies in the target folder").to_owned();
    Some(target.join("fixtures").join(format!("{name}.wasm"))).filter(|path| path.is_file())
}

/// Where compiled examples are kept from one run of the tests to the next.
pub fn compiled_examples() -> PathBuf {
    profile_dir().parent().expect("a profile's folder lies in the target folder").join("examples/cache")
}

/// The provider of sign-in, which `cargo xtask test` installs where npm is there; none where not.
pub fn sign_in_provider() -> Option<PathBuf> {
    let target = profile_dir().parent().expect("a profile's folder lies in the target folder").to_owned();
    let dir = target.join("oidc");
    Some(dir.join("provider.js")).filter(|path| path.is_file() && dir.join("node_modules/.weir-installed").is_file())
}

/// Runs `weir` to its end with nothing of our environment but what it needs.
///
/// # Panics
/// Where it cannot be started.
pub fn run_weir(dir: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut weir = weir_command(dir, env);
    weir.args(arguments).stdin(Stdio::null());
    weir.output().expect("the built weir can be started")
}

/// `weir` in `dir`, without any `WEIR_` variable of the person who runs the tests.
pub fn weir_command(dir: &Path, env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(weir());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command.current_dir(dir).envs(env.iter().copied());
    command
}

fn built(path: PathBuf) -> PathBuf {
    assert!(
        path.is_file(),
        "{} is not built: `cargo xtask test` builds all that tests start, also where it is to run only some of them",
        path.display()
    );
    path
}
