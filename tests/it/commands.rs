//! `weir check` and `weir init` as an operator runs them.

use std::path::Path;
use std::process::Output;
use weir_tests::binary::run_weir;
use weir_tests::source::root;
use weir_tests::world::World;

/// What a command printed, and its exit code.
fn told(output: &Output) -> (String, Option<i32>) {
    (String::from_utf8(output.stdout.clone()).unwrap(), output.status.code())
}

/// A site whose configuration is this, checked.
fn check(toml: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("weir.toml"), toml).unwrap();
    told(&run_weir(dir.path(), &[&["check"], arguments].concat(), &[]))
}

/// One builder with one step, whose settings are these.
fn with_step(settings: &str) -> String {
    format!(
        "[worker.local]\n\n[team.core.builder.linux]\n\n[[team.core.builder.linux.step]]\nuse = \"shell\"\nwith = {settings}\n"
    )
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn the_documents_example_is_accepted_and_only_warned_of_what_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    copy(&root().join("tests/data/example"), dir.path());
    let env = [("CORE_WEBHOOK_TOKEN", "x"), ("CORE_HOOK_SECRET", "x")];
    let (said, code) = told(&run_weir(dir.path(), &["check"], &env));
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(" error"), "{said}");
    assert!(said.ends_with("weir.toml: 2 teams, 3 builders, 5 views: 3 warnings\n"), "{said}");
    // Warnings are errors to those who ask for it.
    let (strict, code) = told(&run_weir(dir.path(), &["check", "--strict"], &env));
    assert_eq!((strict, code), (said, Some(1)));
}

#[test]
fn every_error_is_told_at_once_with_its_file_line_and_column() {
    let toml = with_step("{ comand = \"make\" }") + "timeuot = \"5m\"\n\n[view.all]\ncategories = [1]\n";
    let (said, code) = check(&toml, &[]);
    assert_eq!(code, Some(1), "{said}");
    for place in
        ["weir.toml:7:10: unknown setting ", "weir.toml:8:1: unknown key ", "weir.toml:11:15: this is the number "]
    {
        assert!(said.lines().any(|line| line.starts_with(place)), "{place} {said}");
    }
    for right in ["you mean `command`?", "you mean `timeout`?", "linux.step[0].timeuot", "8 | timeuot = ..."] {
        assert!(said.contains(right), "{right}: {said}");
    }
    assert!(said.ends_with("; the server would not start\n"), "{said}");
}

#[test]
fn a_file_that_is_no_toml_or_not_there_is_said_where() {
    let (said, code) = check("[server\n", &[]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("weir.toml:1:8: unclosed table"), "{said}");
    let dir = tempfile::tempdir().unwrap();
    let (said, code) = told(&run_weir(dir.path(), &["check", "--config", "gone.toml"], &[]));
    assert_eq!(code, Some(1));
    assert!(said.contains("gone.toml"), "{said}");
}

#[test]
fn a_good_configuration_is_good_also_strictly() {
    let (said, code) = check(&with_step("{ command = \"make\" }"), &["--strict"]);
    assert_eq!((said.as_str(), code), ("weir.toml: 1 team, 1 builder, 0 views: nothing is wrong\n", Some(0)));
}

#[tokio::test]
async fn the_sample_is_checked_served_and_its_first_build_forced_as_the_readme_says() {
    let dir = tempfile::tempdir().unwrap();
    let (site, elsewhere) = (dir.path().display().to_string(), Path::new("/"));
    let (said, code) = told(&run_weir(elsewhere, &["init", &site], &[]));
    assert_eq!(code, Some(0), "{said}");
    let main = format!("{site}/weir.toml");
    let (said, code) = told(&run_weir(elsewhere, &["check", "--strict", "--config", &main], &[]));
    assert_eq!((said, code), (format!("{main}: 1 team, 3 builders, 3 views: nothing is wrong\n"), Some(0)));

    let world = World::on(dir, &[("WEIR_SERVER__LISTEN", "[\"127.0.0.1:0\"]")]).await;
    for view in ["all", "quick", "counters"] {
        assert_eq!(world.get(&format!("/view/{view}")).await.status, 200, "{view}");
    }
    let token = world.issue(&["--team", "main", "--role", "operator"]);
    let forced = world.weir(&["force", "main/hello", "--wait"], &[("WEIR_TOKEN", &token)]);
    let said = String::from_utf8_lossy(&forced.stdout).into_owned();
    assert!(forced.status.success(), "{said}{}", String::from_utf8_lossy(&forced.stderr));
    assert!(said.contains("hello from Linux"), "{said}");
}

#[test]
fn what_the_readme_tells_to_add_to_the_sample_is_right() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let added: Vec<_> = readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [builder, view] = added.as_slice() else {
        panic!("the README adds a builder to a team's file and a view to the instance's")
    };
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(told(&run_weir(dir.path(), &["init"], &[])).1, Some(0));
    for (file, text) in [("teams/main.toml", builder), ("weir.toml", view)] {
        let file = dir.path().join(file);
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + text).unwrap();
    }
    let (said, code) = told(&run_weir(dir.path(), &["check", "--strict"], &[]));
    assert_eq!((said.as_str(), code), ("weir.toml: 1 team, 4 builders, 4 views: nothing is wrong\n", Some(0)));
}

#[test]
fn init_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(told(&run_weir(dir.path(), &["init"], &[])).1, Some(0));
    std::fs::remove_file(dir.path().join("teams/main.toml")).unwrap();
    std::fs::write(dir.path().join("weir.toml"), "# mine\n").unwrap();
    let again = run_weir(dir.path(), &["init"], &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("weir.toml exists and is not overwritten"));
    assert_eq!(std::fs::read_to_string(dir.path().join("weir.toml")).unwrap(), "# mine\n");
    assert!(!dir.path().join("teams/main.toml").exists(), "nothing is written where a part of it exists");
}
