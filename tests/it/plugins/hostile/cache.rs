//! Row 36: compiled code that this server did not write is never run; it is made anew, and the server's log says so.

use crate::plugins::guest::Guest;
use crate::plugins::stage::Stage;
use serde_json::json;
use std::path::{Path, PathBuf};
use weir::model::results::Results;
use weir_tests::site::Site;
use weir_tests::world::World;

/// What the log says of a file that is not trusted.
const ALARM: &str = "was not written by this server, or was changed since";

/// A server with two plugins that have run, `a` as a good step and `b` as one that traps.
async fn two_plugins() -> World {
    let step = |builder: &str| {
        format!("[team.core.builder.{builder}]\n[[team.core.builder.{builder}.step]]\nuse = \"{builder}\"")
    };
    let site = Site::new()
        .team("core", "")
        .toml(&step("a"))
        .toml(&step("b"))
        .plugin("a", &Guest::run("global.get $success").component())
        .plugin("b", &Guest::run("unreachable").component());
    let world = site.serve().await;
    assert_eq!(ends(&world).await, ["success", "exception"]);
    assert!(!world.server().log().contains(ALARM), "{}", world.server().log());
    world
}

/// How both end.
async fn ends(world: &World) -> [String; 2] {
    for key in ["core/a", "core/b"] {
        let answer = world.force_as(Some(&world.owner()), key, json!({})).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
    world.settle().await;
    [world.last("core/a").await.results, world.last("core/b").await.results]
}

/// The compiled forms of `a` and `b`.
fn compiled(world: &World) -> [PathBuf; 2] {
    ["a", "b"].map(|name| {
        let digest = sha256(&world.dir().join(format!("plugins/{name}.wasm")));
        let files = std::fs::read_dir(world.state_dir().join("compiled")).unwrap();
        let mut files = files.map(|entry| entry.unwrap().path());
        files.find(|path| path.to_string_lossy().ends_with(&format!("{digest}.cwasm"))).expect("it was compiled")
    })
}

fn sha256(path: &Path) -> String {
    let output = std::process::Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

fn mac(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.mac", path.display()))
}

/// Row 36.
#[tokio::test]
async fn compiled_code_with_a_flipped_bit_is_made_anew_with_an_alarm() {
    let mut world = two_plugins().await;
    let [a, _] = compiled(&world);
    let whole = std::fs::read(&a).unwrap();
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&a, &changed).unwrap();
    world.restart().await;
    assert_eq!(ends(&world).await, ["success", "exception"]);
    assert!(world.server().log().contains(ALARM), "{}", world.server().log());
    assert_ne!(std::fs::read(&a).unwrap(), changed, "it was not made anew");
}

/// Row 36: the other plugin's code with its own good MAC.
#[tokio::test]
async fn compiled_code_of_another_plugin_is_not_run_in_a_plugins_place() {
    let mut world = two_plugins().await;
    let [a, b] = compiled(&world);
    let kept = a.with_extension("kept");
    for ending in ["code", "mac"] {
        let of = |path: &Path| if ending == "mac" { mac(path) } else { path.to_owned() };
        std::fs::rename(of(&a), &kept).unwrap();
        std::fs::rename(of(&b), of(&a)).unwrap();
        std::fs::rename(&kept, of(&b)).unwrap();
    }
    world.restart().await;
    assert_eq!(ends(&world).await, ["success", "exception"]);
    assert_eq!(world.server().log().matches(ALARM).count(), 2, "{}", world.server().log());
}

/// Row 36: what another engine, or this one with other settings, has made.
#[tokio::test]
async fn compiled_code_of_another_configuration_is_not_run() {
    let mut world = two_plugins().await;
    let [a, _] = compiled(&world);
    // The mark of the engine begins the name. Under another mark it is not looked at; brought back, its MAC does not fit.
    let name = a.file_name().unwrap().to_str().unwrap();
    let (mark, rest) = name.split_once('-').unwrap();
    let other = a.with_file_name(format!("{}-{rest}", "0".repeat(mark.len())));
    std::fs::rename(&a, &other).unwrap();
    std::fs::rename(mac(&a), mac(&other)).unwrap();
    world.restart().await;
    assert_eq!(ends(&world).await, ["success", "exception"]);
    assert!(a.is_file(), "it was not compiled anew");

    // Code of the right name, with a MAC that some other key made.
    std::fs::write(mac(&a), "0".repeat(64)).unwrap();
    world.restart().await;
    assert_eq!(ends(&world).await, ["success", "exception"]);
    assert!(world.server().log().contains(ALARM), "{}", world.server().log());

    // No MAC at all.
    std::fs::remove_file(mac(&a)).unwrap();
    world.restart().await;
    assert_eq!(ends(&world).await, ["success", "exception"]);
    assert!(world.server().log().contains(ALARM), "{}", world.server().log());
}

/// Row 36: whoever has the old key can write nothing that a server with a new one runs.
#[tokio::test]
async fn without_its_key_the_server_trusts_nothing_that_it_kept() {
    let mut world = two_plugins().await;
    std::fs::write(world.state_dir().join("compiled/key"), [7; 32]).unwrap();
    world.restart().await;
    assert_eq!(ends(&world).await, ["success", "exception"]);
    assert!(world.server().log().contains(ALARM), "{}", world.server().log());
}

/// Row 36.
#[tokio::test]
async fn compiled_code_that_was_cut_emptied_or_made_long_is_made_anew() {
    let mut stage = Stage::new();
    stage.plugin("good", &Guest::run("global.get $success").component());
    assert_eq!(stage.run("good", json!({})).await.results, Results::Success);
    let path = stage.compiled();
    let whole = std::fs::read(&path).unwrap();
    for changed in [whole[..whole.len() / 2].to_vec(), Vec::new(), [whole.as_slice(), b"more"].concat()] {
        std::fs::write(&path, &changed).unwrap();
        stage.restart();
        let end = stage.run("good", json!({})).await;
        assert_eq!(end.results, Results::Success, "{}", end.summary);
        assert_ne!(std::fs::read(&path).unwrap(), changed, "it was not made anew");
    }
}
