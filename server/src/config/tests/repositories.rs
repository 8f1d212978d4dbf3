//! Teams whose files lie in git repositories, fetched from a real git daemon.

use super::{SHELL, TestCatalogue, check, load_texts, step};
use crate::config::fetched::{fetch, snapshot_file};
use crate::config::{Config, load};
use crate::model::right::Visibility;
use expect_test::expect;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// A repository, a daemon that serves it for as long as the test's process lives, and an instance with a team in it.
struct Origin {
    dir: tempfile::TempDir,
}

impl Origin {
    fn new(keys: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let base = dir.path().join("served");
        let origin = Self { dir };
        std::fs::create_dir_all(base.join("core")).unwrap();
        origin.git(&["init", "--quiet", "--initial-branch=main"]);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (input, output) = (stream.try_clone().unwrap(), stream);
                let base = format!("--base-path={}", base.display());
                let mut daemon = Command::new("git");
                daemon.args(["daemon", "--inetd", "--export-all", &base]).stderr(Stdio::null());
                daemon.stdin(Stdio::from(std::os::fd::OwnedFd::from(input)));
                daemon.stdout(Stdio::from(std::os::fd::OwnedFd::from(output))).spawn().unwrap().wait().unwrap();
            }
        });
        let main = format!(
            "[team.core]\nconfig = {{ repository = \"git://{address}/core\", path = \"ci\" }}\n{keys}\n[team.other]\n"
        );
        std::fs::write(origin.path("weir.toml"), main).unwrap();
        origin
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn git(&self, arguments: &[&str]) {
        let own = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        let dir = self.path("served/core");
        assert!(Command::new("git").args(own).args(arguments).current_dir(dir).status().unwrap().success());
    }

    fn commit(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = self.path("served/core").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "x"]);
    }

    /// What is in force, and what is said.
    fn load(&self) -> (Arc<Config>, String) {
        let loaded = load(&self.path("weir.toml"), [], &TestCatalogue);
        let said = super::said(&loaded);
        (loaded.config.unwrap_or_else(|| panic!("{said}")), said)
    }

    fn fetch(&self) -> bool {
        let (config, _) = self.load();
        fetch(&config.server.state_dir, "core", &config.repositories["core"]).unwrap()
    }
}

fn builders(config: &Config) -> Vec<&str> {
    config.teams["core"].builders.keys().map(String::as_str).collect()
}

#[test]
fn a_team_s_files_are_fetched_and_stay_where_fetching_fails() {
    let origin = Origin::new("quota = { builds = 2 }\nsecret.token = { command = [\"printf\", \"x\"] }");
    origin.commit(&[
        ("ci/a.toml", &step(SHELL)),
        ("ci/view.yaml", "view: {mine: {builders: ['*']}}\n"),
        ("ci/deep/x.toml", "titel = 1"),
        ("README.md", ""),
    ]);
    let (config, said) = origin.load();
    assert!(said.contains("weir.toml:2:1: nothing was fetched yet [not-looked-at]"), "{said}");
    assert!(config.teams["core"].builders.is_empty() && config.teams.contains_key("other"));
    assert!(config.files.contains(&snapshot_file(&config.server.state_dir, "core")));

    assert!(origin.fetch());
    let (config, said) = origin.load();
    assert_eq!(said, "");
    assert_eq!(builders(&config), ["a"]);
    assert_eq!(config.views["mine"].team.as_deref(), Some("core"));
    assert_eq!(config.teams["core"].quota.builds, Some(2));
    assert!(config.teams["core"].secrets.contains_key("token"));
    assert!(!origin.fetch(), "the same commit is nothing new");

    // What it says wrong is told at its place in the commit.
    origin.commit(&[("ci/a.toml", "[builder.a]\ntitel = 1\n")]);
    assert!(origin.fetch());
    let (_, said) = origin.load();
    assert!(said.starts_with("core@") && said.contains(":ci/a.toml:2:1: unknown key `titel`"), "{said}");

    origin.commit(&[("ci/a.toml", &step(SHELL))]);
    assert!(origin.fetch());
    origin.git(&["branch", "--quiet", "--move", "gone"]);
    assert!(origin.fetch());
    let (config, said) = origin.load();
    assert!(
        said.contains("warning: what is newest could not be fetched") && said.contains("no branch `main`"),
        "{said}"
    );
    assert_eq!(builders(&config), ["a"]);
}

#[test]
fn what_the_operator_lends_is_not_the_repository_s_to_write() {
    let origin = Origin::new("visibility = \"private\"");
    let greedy = "visibility = \"public\"\nweight = 1000\n[quota]\nbuilds = 1000\n[secret]\nx = { env = \"HOME\" }\n[config]\nrepository = \"git://h/x\"\n";
    origin.commit(&[("ci/a.toml", greedy)]);
    assert!(origin.fetch());
    let (config, said) = origin.load();
    for key in ["visibility", "weight", "quota", "secret", "config"] {
        assert!(said.contains(&format!("`{key}` of this team is the operator's to write [not-lent]")), "{key}: {said}");
    }
    assert_eq!(config.broken_teams.keys().collect::<Vec<_>>(), ["core"]);

    // What the operator comes to write beside it does not break the team.
    origin.commit(&[("ci/a.toml", &format!("visibility = \"public\"\n{}", step(SHELL)))]);
    assert!(origin.fetch());
    let (config, said) = origin.load();
    assert!(said.starts_with("core@") && said.contains(":ci/a.toml:1:1: warning: `visibility` of this team"), "{said}");
    assert_eq!((builders(&config), config.teams["core"].visibility), (vec!["a"], Visibility::Private));
}

#[test]
fn what_belongs_into_the_repository_does_not_stand_beside_config() {
    let main = "[team.core]\nconfig = { repository = \"git://h/x\" }\ntitle = \"Core\"\n[team.core.builder.a]\ntitel = 1\n[team.core.view.v]\n";
    check(
        main,
        expect![[r#"
        weir.toml:4:12: `builder` of this team stands in its repository, which `config` names [not-beside-config]
          key: team.core.builder
             4 | [team.core.builder.a]
               |            ^^^^^^^
          expected: nothing here: write it into the team's own files; beside `config` stand `title`, `visibility`, `quota`, `weight` and `secret`
        weir.toml:6:12: `view` of this team stands in its repository, which `config` names [not-beside-config]
          key: team.core.view
             6 | [team.core.view.v]
               |            ^^^^
          expected: nothing here: write it into the team's own files; beside `config` stand `title`, `visibility`, `quota`, `weight` and `secret`
    "#]],
    );
}

#[test]
fn a_token_goes_by_https_alone_and_comes_from_where_no_team_s_secret_does() {
    let config =
        |url: &str, keys: &str| format!("[team.core]\nconfig = {{ repository = \"{url}\", {keys} }}\n[team.other]\n");
    let main = config("http://git.example.org/core.git", "token = { env = \"CORE_TOKEN\" }");
    check(
        &main,
        expect![[r#"
        weir.toml:2:60: a token is only sent by https [token-in-clear]
          key: team.core.config.token
             2 | config = { repository = "http://git.example.org/core.git", token = { env = "CORE_TOKEN" } }
               |                                                            ^^^^^
          expected: `repository = "https://..."`; with `ssh://` the keys of the server's user count
    "#]],
    );
    let main = config("https://git.example.org/core.git", "token = \"s3cret\", user = \"a:b\"");
    check(
        &main,
        expect![[r#"
        weir.toml:2:69: this is a string; a secret does not stand in the configuration [wrong-type]
          key: team.core.config.token
             2 | config = { repository = "https://git.example.org/core.git", token = ...
               |                                                                     ^^^
          expected: `{ env = "VARIABLE" }`, `{ file = "PATH" }`, `{ credential = "NAME" }` or `{ command = ["PROGRAM"] }`
        weir.toml:2:86: this is no user's name [bad-repository]
          key: team.core.config.user
             2 | config = { repository = "https://git.example.org/core.git", token = ..., user = "a:b" }
               |                                                                                 ^^^^^
          expected: a name without `:`
    "#]],
    );
    let main = config("https://git.example.org/core.git", "token = { env = \"CORE_TOKEN\" }");
    let taken = [("weir.toml", main.as_str()), ("teams/thief.toml", "[secret]\nx = { env = \"CORE_TOKEN\" }\n")];
    let loaded = load_texts(&taken, &[("CORE_TOKEN", "x")]);
    assert!(
        super::said(&loaded).contains("teams/thief.toml:2:13: variable `CORE_TOKEN` is the server's own"),
        "{}",
        super::said(&loaded)
    );
    let unset = super::said(&load_texts(&taken[..1], &[]));
    let warning = "weir.toml:2:77: warning: variable `CORE_TOKEN` is not set: the team's repository cannot be fetched";
    assert!(unset.contains(warning), "{unset}");
}

#[test]
fn what_cannot_be_looked_at_keeps_the_team_and_is_said() {
    let origin = Origin::new("");
    std::fs::write(origin.path("state"), "no folder").unwrap();
    let (config, said) = origin.load();
    assert!(
        said.contains("weir.toml:2:1: what was fetched cannot be looked at: not a directory [not-looked-at]"),
        "{said}"
    );
    assert!(config.broken_teams.contains_key("core") && !config.broken_teams.contains_key("other"));
}

#[test]
fn links_hooks_and_what_is_too_large_are_not_taken() {
    let origin = Origin::new("");
    origin.commit(&[("ci/a.toml", &step(SHELL))]);
    std::os::unix::fs::symlink("/etc/passwd", origin.path("served/core/ci/b.toml")).unwrap();
    origin.commit(&[]);
    assert!(origin.fetch());
    let (_, said) = origin.load();
    assert!(said.contains("nothing could be fetched: `ci/b.toml` is a link: write the file itself"), "{said}");

    std::fs::remove_file(origin.path("served/core/ci/b.toml")).unwrap();
    origin.commit(&[("ci/large.toml", &"# much\n".repeat(1 << 20))]);
    assert!(!origin.fetch(), "why it fails is kept, and is no reason for a reload");
    assert!(origin.load().1.contains("its files have together over 4 MiB"));

    origin.commit(&[("ci/large.toml", "")]);
    assert!(origin.fetch());
    assert_eq!(origin.load().1, "");
    assert!(!Path::new(&origin.path("state/teams/core/repository.git")).exists());
}
