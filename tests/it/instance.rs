//! One instance, end to end: two teams and several Waterfalls on one port, builds forced by a token, their real output in the
//! log, and what strangers do not get to see.

use serde_json::json;
use weir_tests::site::Site;
use weir_tests::world::build_path;

/// A team that everybody reads and one that only its members do, with a view for each and one for both.
fn two_teams() -> Site {
    Site::new()
        .builder_with("core/linux", r#"categories = ["release"]"#, &["echo compiling; echo 'a warning' >&2"])
        .builder_with("core/freebsd", r#"categories = ["release", "bsd"]"#, &["echo compiling"])
        .builder_with("core/lint", r#"categories = ["checks"]"#, &["echo no findings"])
        .team("vault", r#"visibility = "private""#)
        .builder("vault/keys", "echo secret")
        .toml("[team.vault.view.vault]\ntitle = \"The vault\"")
        .view("release", r#"categories = ["release"]"#)
        .view("checks", r#"categories = ["checks"]"#)
        .view("all", r#"categories = ["*"]"#)
}

/// Names of the builders in a view's JSON.
fn names(view: &serde_json::Value) -> Vec<&str> {
    let builders = view["builders"].as_array().expect("a view has builders");
    builders.iter().filter_map(|builder| builder["name"].as_str()).collect()
}

#[tokio::test]
async fn two_views_on_one_port_show_different_builders() {
    let world = two_teams().serve().await;
    assert_eq!(names(&world.get("/view/release.json").await.json()), ["core/freebsd", "core/linux"]);
    assert_eq!(names(&world.get("/view/checks.json").await.json()), ["core/lint"]);

    let release = world.get("/view/release").await;
    assert_eq!(release.status, 200);
    assert!(release.text().contains("freebsd") && !release.text().contains("lint"), "{}", release.text());
    let checks = world.get("/view/checks").await;
    assert!(checks.text().contains("lint") && !checks.text().contains("freebsd"), "{}", checks.text());
}

#[tokio::test]
async fn show_narrows_a_view_and_never_widens_it() {
    let world = two_teams().serve().await;
    let page = world.get("/view/release?show=linux").await.text();
    assert!(page.contains("linux") && !page.contains("freebsd"), "{page}");
    assert_eq!(
        names(&world.get("/waterfall.json?show=core/lint&show=linux").await.json()),
        ["core/lint", "core/linux"]
    );
    let narrowed = world.get("/view/release.json?show=lint").await;
    assert_eq!((narrowed.status, names(&narrowed.json())), (200, Vec::new()));
    let front = world.get("/?show=linux").await;
    assert_eq!((front.status, front.header("location")), (302, Some("/waterfall?show=linux")));
}

#[tokio::test]
async fn a_force_without_token_is_refused_and_starts_nothing() {
    let world = two_teams().serve().await;
    for key in ["core/linux", "vault/keys", "core/there-is-none"] {
        let answer = world.force_as(None, key, json!({})).await;
        assert_eq!((answer.status, answer.json()["code"].is_string()), (401, true), "{key}: {}", answer.body);
    }
    let viewer = world.token("core", "viewer");
    assert_eq!(world.force_as(Some(&viewer), "core/linux", json!({})).await.status, 403);
    assert_eq!(world.force_as(Some(&viewer), "vault/keys", json!({})).await.status, 404);
    assert_eq!(world.force_as(Some("no.token.at-all"), "core/linux", json!({})).await.status, 401);
    let all = world.get_as(&world.owner(), "/waterfall.json").await.json();
    let idle = |builder: &serde_json::Value| builder["last"].is_null() && builder["pending"] == json!([]);
    assert!(all["builders"].as_array().expect("builders").iter().all(idle), "{all}");
}

#[tokio::test]
async fn a_forced_build_ends_with_the_steps_real_output_in_its_log() {
    let world = two_teams().serve().await;
    let token = world.token("core", "operator");
    let answer = world.force_as(Some(&token), "core/linux", json!({ "reason": "is it still well?" })).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert!(answer.json()["bsid"].is_i64() && answer.json()["buildrequests"].is_object(), "{}", answer.body);
    world.settle().await;
    let build = world.last("core/linux").await;
    assert_eq!((build.number, build.results.as_str()), (1, "success"));

    let log = world.get(&format!("{}/step/0/log/stdio/raw", build_path("core/linux", 1))).await;
    assert!(log.body.contains("compiling\n") && log.body.contains("a warning\n"), "{}", log.body);
    let page = world.get(&format!("{}/step/0/log/stdio", build_path("core/linux", 1))).await;
    assert!(page.text().contains("a warning"), "{}", page.text());
    let page = world.get(&build_path("core/linux", 1)).await.text();
    assert!(page.contains("is it still well?") && page.contains("success"), "{page}");
}

#[tokio::test]
async fn a_failed_step_ends_the_build_and_the_steps_that_always_run_still_run() {
    let always = "\n[[team.core.builder.linux.step]]\nname = \"clean\"\nuse = \"shell\"\nalways = true\nwith = { command = \"echo cleaned\" }";
    let world = Site::new().builder_with("core/linux", "", &["exit 3", "echo never"]).toml(always).serve().await;
    world.force("core/linux").await;
    world.settle().await;
    let build = world.last("core/linux").await;
    assert_eq!(build.results, "failure");
    assert!(world.log("core/linux", 1, "clean", "stdio").await.contains("cleaned"));
    let steps = world.get(&build_path("core/linux", 1)).await.text();
    assert!(!steps.contains("never"), "{steps}");
}

/// A page's text without what differs from answer to answer.
fn without_request(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("Request ") && !line.contains("page made"));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_private_teams_view_does_not_exist_for_strangers() {
    let world = two_teams().serve().await;
    let pages = ["/view/vault", "/view/vault.json", "/team/vault", "/team/vault/builder/keys", "/sse/view/vault"];
    let missing = world.get("/view/there-is-none").await;
    for path in pages {
        let page = world.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        if path == "/view/vault" {
            let page = page.text().replace("vault", "there-is-none");
            assert_eq!(without_request(&page), without_request(&missing.text()), "hidden and missing read alike");
        }
    }
    for path in ["/", "/view/all", "/waterfall"] {
        let page = world.get(path).await;
        assert!(page.status == 200 && !page.body.contains("vault"), "{path}: {}", page.text());
    }
    let member = world.token("vault", "viewer");
    for path in &pages[..4] {
        assert_eq!(world.get_as(&member, path).await.status, 200, "{path}");
    }
    let owner = world.owner();
    assert!(names(&world.get_as(&owner, "/view/all.json").await.json()).contains(&"vault/keys"));
}

#[tokio::test]
async fn a_build_cannot_read_what_the_server_keeps() {
    let read = "for file in $(echo {{files}}); do cat $file && echo LEAKED $file; done; tr '\\0' '\\n' < /proc/$PPID/environ; env; true";
    let parameters =
        "[team.core.builder.spy.force]\nparameters = [{ name = \"files\", type = \"string\", required = true }]";
    let world = Site::new()
        .team("core", "")
        .builder("core/spy", read)
        .builder("other/work", "echo theirs > theirs")
        .toml(parameters)
        .env("WEIR_TEST_PASSWORD", "hunter2")
        .serve()
        .await;
    world.force("other/work").await;
    world.settle().await;
    let files: Vec<_> = ["state/jwt.pem", "state/weir.db", "weir.toml"].map(|file| world.dir().join(file)).to_vec();
    assert!(files.iter().all(|file| file.is_file()), "there is something to read");
    let theirs = find(&world.state_dir(), "theirs").expect("the other team's build wrote a file");
    let files: Vec<String> = files.iter().chain([&theirs]).map(|file| file.display().to_string()).collect();
    let wish = json!({ "parameters": { "files": files.join(" ") } });
    let answer = world.force_as(Some(&world.owner()), "core/spy", wish).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    world.settle().await;
    let log = world.log("core/spy", 1, 0, "stdio").await;
    assert!(log.contains("ermission denied"), "{log}");
    assert!(!log.contains("LEAKED") && !log.contains("PRIVATE KEY") && !log.contains("hunter2"), "{log}");
}

/// The file of that name under `folder`.
fn find(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .find_map(|entry| if entry.file_name() == name { Some(entry.path()) } else { find(&entry.path(), name) })
}

#[tokio::test]
async fn every_link_stays_under_the_prefix_and_leads_somewhere() {
    let world = two_teams().prefix("/ci/").serve().await;
    world.force("core/linux").await;
    world.settle().await;
    let mut seen = std::collections::BTreeSet::new();
    let mut next = vec!["/ci/".to_owned()];
    while let Some(path) = next.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let under = path.strip_prefix("/ci/").unwrap_or_else(|| panic!("{path} leaves the prefix"));
        let page = world.get(under).await;
        assert_eq!(page.status, 200, "{path}");
        let links = page.links().into_iter().filter(|link| !link.starts_with("http") && !link.starts_with('#'));
        next.extend(links.map(|link| link.split('#').next().unwrap_or_default().to_owned()));
        assert!(seen.len() < 200, "links without end: {seen:?}");
    }
    assert!(seen.contains("/ci/view/release") && seen.len() > 8, "{seen:?}");
}
