//! Plugins of a running server: a third party's that is dropped in, a bundled one that is taken out.

use serde_json::json;
use std::path::Path;
use weir_tests::binary;
use weir_tests::site::Site;
use weir_tests::world::build_path;

const TEAM: &str = "[[builder.lines.step]]\nuse = \"count\"\nwith = { command = \"printf 'a\\\\nb\\\\nc'\" }\n";

#[tokio::test]
async fn a_third_partys_component_dropped_in_runs_in_a_forced_build_and_its_output_is_in_the_log() {
    let site = Site::new().file("teams/core.toml", TEAM).toml("[plugin.count]\ncommand = true");
    let mut world = site.serve().await;
    let answer = world.force_as(Some(&world.owner()), "core/lines", json!({})).await;
    assert_eq!(answer.status, 404, "there is no such plugin yet, so there is no such builder: {}", answer.body);
    assert!(world.server().log().contains("unknown plugin `count`"), "{}", world.server().log());

    std::fs::copy(binary::fixture_plugin("count"), world.dir().join("plugins/count.wasm")).unwrap();
    world.restart().await;
    world.force("core/lines").await;
    world.settle().await;

    let last = world.last("core/lines").await;
    assert_eq!(last.results, "success", "{}", last.json);
    let path = format!("/api/v2/teams/core/builders/lines/builds/{}", last.number);
    let build = world.get_as(&world.owner(), &path).await.json()["builds"][0].clone();
    assert_eq!(build["steps"][0]["state_string"], json!("3 lines"), "{build}");
    let log = format!("{}/step/0/log/stdio/raw?headers=1", build_path("core/lines", last.number));
    assert_eq!(world.get_as(&world.owner(), &log).await.body, "3 lines\n");
}

#[tokio::test]
async fn without_its_file_a_bundled_plugin_is_as_unknown_as_any() {
    // Beside the binary, so that it can be linked instead of copied.
    let dir = tempfile::tempdir_in(binary::profile_dir()).unwrap();
    let weir = dir.path().join("bin/weir");
    let bundled = dir.path().join("bin/plugins");
    std::fs::create_dir_all(&bundled).unwrap();
    std::fs::hard_link(binary::weir(), &weir).unwrap();
    for name in ["shell", "git"] {
        std::fs::copy(binary::plugin(name), bundled.join(format!("{name}.wasm"))).unwrap();
    }
    let step = "use = \"git\"\nwith = { repository = \"https://example.org/x.git\" }";
    let site = Site::new().builder("core/a", "true").toml(&format!("[[team.core.builder.a.step]]\n{step}"));
    site.write(dir.path());
    let (is_good, said) = check(&weir, dir.path());
    assert!(is_good, "with it, all is well: {said}");

    std::fs::remove_file(bundled.join("git.wasm")).unwrap();
    let (is_good, said) = check(&weir, dir.path());
    assert!(!is_good && said.contains("unknown plugin `git`"), "{said}");
    assert!(
        said.contains("a plugin that is present: one of `shell`") || said.contains("a plugin that is present: `shell`"),
        "{said}"
    );
}

/// Runs `weir check`: whether all is well, and what it says.
fn check(weir: &Path, dir: &Path) -> (bool, String) {
    let output = std::process::Command::new(weir).current_dir(dir).arg("check").output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}
