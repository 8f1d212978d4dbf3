//! A team's files in its own git repository: what a commit there changes, what it does not, and who is let in there.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use weir_tests::origin::Origin;
use weir_tests::service::Service;
use weir_tests::site::Site;
use weir_tests::world::World;

/// A team's file with these builders and a view that shows them.
fn team(builders: &[&str]) -> String {
    let step = "use = \"shell\"\nwith = { command = \"echo built\" }";
    let builder = |name: &&str| format!("[[builder.{name}.step]]\n{step}\n");
    format!("[view.mine]\nbuilders = [\"*\"]\n{}", builders.iter().map(builder).collect::<String>())
}

/// What the team's page says to a member, with blanks for line ends.
async fn page(world: &World) -> String {
    let page = world.get_as(&world.token("core", "viewer"), "/team/core").await;
    assert_eq!(page.status, 200);
    page.text().split_whitespace().collect::<Vec<_>>().join(" ").replace("&#x60;", "`")
}

async fn builders(world: &World) -> String {
    world.get("/view/mine.json").await.json()["builders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| format!("{} ", b["name"]))
        .collect()
}

#[tokio::test]
async fn a_commit_changes_the_running_server_and_a_broken_one_is_told_on_the_page_until_it_is_mended() {
    let origin = Origin::new();
    origin.commit(&[("weir/team.toml", &team(&["linux"]))]);
    let config = format!("config = {{ repository = \"{}\", every = \"10s\" }}", origin.serve());
    let site = Site::new().team("core", &format!("{config}\nquota = {{ builds = 1 }}"));
    let world = site.builder("other/a", "true").serve().await;
    world.server().wait_for_log("1 builder new: core/linux");
    world.force("core/linux").await;
    world.settle().await;
    assert_eq!(world.last("core/linux").await.results, "success");

    origin.commit(&[("weir/team.toml", &team(&["linux", "bsd"]))]);
    world.server().wait_for_log("1 builder new: core/bsd");
    assert_eq!(builders(&world).await, "\"core/bsd\" \"core/linux\" ");
    assert!(!page(&world).await.contains("is broken"));

    // Wrong in itself, and reaching for what is not the team's.
    let greedy = "[worker.mine]\nslots = 9\n[team.other]\ntitle = \"Mine\"\n[[auth.user]]\nname = \"eve\"\n[quota]\nbuilds = 100\n";
    let commit = origin.commit(&[("weir/team.toml", "titel = 1\n"), ("weir/greedy.toml", greedy)]);
    world.server().wait_for_log("the configuration was reloaded; nothing follows from it");
    let said = page(&world).await;
    let at = format!("core@{}:weir/", &commit[..10]);
    for wrong in [
        "team.toml:1:1: unknown key `titel`",
        "greedy.toml:1:2: unknown key `worker`",
        "greedy.toml:3:2: unknown key `team`",
        "greedy.toml:5:3: unknown key `auth`",
        "greedy.toml:7:2: `quota` of this team is the operator's to write",
    ] {
        assert!(said.contains(&format!("{at}{wrong}")), "{wrong}: {said}");
    }
    assert!(said.contains("stays in force until they are right again"), "{said}");
    assert!(!world.get("/team/core").await.text().contains("titel"), "a stranger is told nothing");
    assert_eq!(builders(&world).await, "\"core/bsd\" \"core/linux\" ");
    for key in ["core/bsd", "other/a"] {
        world.force(key).await;
        world.settle().await;
        assert_eq!(world.last(key).await.results, "success", "{key}");
    }

    let mended = team(&["linux", "sun"]);
    origin.commit(&[("weir/team.toml", &mended), ("weir/greedy.toml", "")]);
    world.server().wait_for_log("1 builder new: core/sun");
    assert_eq!(builders(&world).await, "\"core/linux\" \"core/sun\" ");
    assert!(!page(&world).await.contains("is broken"));
}

#[tokio::test]
async fn a_private_repository_is_fetched_with_a_token_that_goes_nowhere_else() {
    const TOKEN: &str = "s3cret-of-core";
    let origin = Origin::new();
    origin.commit(&[("weir/team.toml", &team(&["linux"]))]);
    let elsewhere = Service::start().await;
    let door = origin.serve_privately("ci", TOKEN, &elsewhere.url(""));
    // Each run of git is written down with its arguments, as a list of processes would show it.
    let bin = tempfile::tempdir().unwrap();
    let runs = bin.path().join("runs");
    let path = std::env::var("PATH").unwrap();
    let script = format!("#!/bin/sh\necho \"$*\" >> '{}'\nPATH='{path}' exec git \"$@\"\n", runs.display());
    std::fs::write(bin.path().join("git"), script).unwrap();
    std::fs::set_permissions(bin.path().join("git"), Permissions::from_mode(0o755)).unwrap();
    let config = |path: &str, token: &str| {
        format!("config = {{ repository = \"{}{path}\", user = \"ci\", token = {token} }}", door.url)
    };
    let site = Site::new()
        .team("core", &config("/core", "{ env = \"CORE_TOKEN\" }"))
        .team("wrong", &config("/core", "{ file = \"wrong.token\" }"))
        .team("moved", &config("/moved/core", "{ env = \"CORE_TOKEN\" }"))
        .file("wrong.token", "s3cret-of-others\n")
        .env("CORE_TOKEN", TOKEN)
        .env("GIT_SSL_CAINFO", &door.certificate.display().to_string())
        .env("PATH", &format!("{}:{path}", bin.path().display()));
    let world = site.serve().await;
    world.server().wait_for_log("1 builder new: core/linux");
    world.server().wait_for_log("does not accept the token that `config` names");
    world.server().wait_for_log("nothing could be fetched: git ls-remote");
    world.force("core/linux").await;
    world.settle().await;
    assert_eq!(world.last("core/linux").await.results, "success");

    assert_eq!(elsewhere.n_connections(), 0, "no redirect is followed");
    assert!(door.heads().iter().any(|head| head.starts_with("GET /moved/core/")), "{:?}", door.heads());
    let runs = std::fs::read_to_string(runs).unwrap();
    assert!(runs.contains("ls-remote") && runs.contains("fetch"), "{runs}");
    let kept = std::fs::read_to_string(world.state_dir().join("teams/wrong/fetched.json")).unwrap();
    let page = world.get_as(&world.owner(), "/team/wrong").await.body;
    for (what, text) in [("log", world.server().log()), ("arguments", runs), ("state", kept), ("page", page)] {
        for secret in [TOKEN, "s3cret-of-others", "Y2k6czNjcmV0"] {
            assert!(!text.contains(secret), "{secret} is in the {what}: {text}");
        }
    }
}

#[tokio::test]
async fn who_cannot_look_at_what_the_server_fetched_can_check_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::new().team("core", "config = { repository = \"https://git.example.org/core.git\" }");
    site.builder("other/a", "true").file("state", "no folder").write(dir.path());
    let check = |arguments: &[&str]| {
        let output = weir_tests::binary::weir_command(dir.path(), &[]).arg("check").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = check(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("warning: what was fetched cannot be looked at"), "{said}");
    assert!(said.contains("1 warning; 1 team not looked at and left out"), "{said}");
    assert_eq!(check(&["--strict"]).0, Some(1));
}
