//! The same step in other languages, each built by its own tools: alone by `weir plugin test`, and in a build of a real server.

use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Output;
use weir_tests::binary::{compiled_examples, example_plugin, run_weir};
use weir_tests::site::Site;
use weir_tests::world::build_path;

const TEAM: &str =
    "[[builder.lines.step]]\nuse = \"line-count\"\nwith = { command = \"printf 'a\\\\nb\\\\nc\\\\n'\", max = 2 }\n";

/// The component of an example; none, with a word on it, for who runs tests without its language. In CI there is no such excuse.
fn built(name: &str) -> Option<PathBuf> {
    let file = example_plugin(name);
    if file.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name}.wasm is not built: `cargo xtask test` builds it");
        eprintln!("{name} is not built here: this test does nothing");
    }
    file
}

/// Runs the example alone. What is compiled is kept from one run of the tests to the next: the large ones take a while.
fn alone(component: &Path, settings: &str, more: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let (file, cache) = (component.display().to_string(), compiled_examples().display().to_string());
    let arguments = [&["plugin", "test", file.as_str(), "--settings", settings], more].concat();
    run_weir(dir.path(), &arguments, &[("XDG_CACHE_HOME", &cache)])
}

/// An error of the host arrives as the variant that it is; a command that fails is a failure; the property is set.
fn speaks_the_contract(component: &Path) {
    let denied = alone(component, "{ \"command\": \"true\" }", &[]);
    let said = String::from_utf8(denied.stderr).unwrap();
    assert_eq!(denied.status.code(), Some(1), "{said}");
    assert!(said.contains(": may not use the build's worker: grant it with `command = true`"), "{said}");

    let failed = alone(component, "{ \"command\": \"echo a; exit 3\", \"property\": \"n\" }", &["--command"]);
    let said = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains("property n = 1\n") && said.contains("\nfailure: "), "{said}");
    let log = String::from_utf8(failed.stdout).unwrap();
    assert!(log.contains("\na\n") && log.contains("1 lines\n"), "{log}");
}

/// Copies what is compiled already to where a server keeps it.
fn hand_over_compiled(server_state: &Path) {
    let to = server_state.join("compiled");
    std::fs::create_dir_all(&to).unwrap();
    for entry in std::fs::read_dir(compiled_examples().join("weir/compiled")).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

async fn runs_in_a_build(component: &Path) {
    let site = Site::new().file("teams/core.toml", TEAM).toml("[plugin.line-count]\ncommand = true");
    let mut world = site.serve().await;
    std::fs::copy(component, world.dir().join("plugins/line-count.wasm")).unwrap();
    hand_over_compiled(&world.dir().join("state"));
    world.restart().await;
    world.force("core/lines").await;
    world.settle().await;

    let last = world.last("core/lines").await;
    assert_eq!(last.results, "warnings", "{}", last.json);
    let path = format!("/api/v2/teams/core/builders/lines/builds/{}", last.number);
    let build = world.get_as(&world.owner(), &path).await.json()["builds"][0].clone();
    assert_eq!(build["steps"][0]["state_string"], json!("3 lines, more than 2"), "{build}");
    let log = format!("{}/step/0/log/stdio/raw", build_path("core/lines", last.number));
    assert_eq!(world.get_as(&world.owner(), &log).await.body, "a\nb\nc\n");
}

#[tokio::test]
async fn a_step_in_javascript_speaks_the_contract_and_runs_in_a_build() {
    let Some(component) = built("javascript") else { return };
    speaks_the_contract(&component);
    runs_in_a_build(&component).await;
}

#[tokio::test]
async fn the_same_javascript_on_spidermonkey_speaks_the_contract_and_runs_in_a_build() {
    let Some(component) = built("spidermonkey") else { return };
    speaks_the_contract(&component);
    runs_in_a_build(&component).await;
}

#[tokio::test]
async fn a_step_in_python_speaks_the_contract_and_runs_in_a_build() {
    let Some(component) = built("python") else { return };
    speaks_the_contract(&component);
    runs_in_a_build(&component).await;
}
