//! Tokens of our own at work: issued by the API and with `--server`, narrow ones, keys that are replaced, and revocation by token, by
//! subject and by key at every door, open answers included.

use super::{Site, Value, World, client, json};
use futures::StreamExt as _;
use std::time::Duration;
use weir_tests::issuer::{Issuer, TestKey};
use weir_tests::page::Page;

const SOON: Duration = Duration::from_secs(5);

async fn world() -> World {
    Site::new()
        .team("core", "visibility = \"private\"")
        .builder("core/full", "true")
        .builder_with(
            "core/typed",
            "force = { parameters = [{ name = \"tests\", type = \"choice\", choices = [\"all\", \"quick\"], default = \"all\" }] }",
            &["true"],
        )
        .builder("core/long", "echo begun; sleep 600")
        .team("docs", "visibility = \"private\"")
        .builder("docs/manual", "true")
        .view("all", "categories = [\"*\"]")
        .serve()
        .await
}

async fn post(w: &World, token: &str, path: &str, body: Value) -> Page {
    w.fetch(client().post(w.url(path)).bearer_auth(token).json(&body)).await
}

#[tokio::test]
async fn an_admin_issues_tokens_of_the_own_team_and_nothing_more_than_the_own_right() {
    let w = world().await;
    let admin = w.issue(&["--team", "core", "--role", "admin", "--subject", "anna", "--expires", "2h"]);
    let issued = post(
        &w,
        &admin,
        "/api/v2/tokens",
        json!({"team": "core", "role": "operator", "subject": "ci", "expires": "30m"}),
    )
    .await;
    assert_eq!(issued.status, 201, "{}", issued.body);
    assert_eq!(issued.header("cache-control"), Some("no-store"));
    let issued = issued.json();
    assert_eq!(issued["subject"], "ci (for anna)", "nobody is named alone by somebody else's word");
    let operator = issued["token"].as_str().unwrap().to_owned();
    assert_eq!(w.force_as(Some(&operator), "core/full", json!({})).await.status, 202);
    w.settle().await;
    let me = w.get_as(&operator, "/api/v2/me").await.json();
    assert_eq!((&me["me"][0]["teams"]["core"], &me["me"][0]["owner"]), (&json!("operator"), &json!(false)), "{me}");
    for (wish, status) in [
        (json!({"team": "docs", "role": "viewer"}), 403),
        (json!({"team": "nowhere", "role": "viewer"}), 403),
        (json!({"owner": true}), 403),
        (json!({"team": "core", "role": "owner"}), 422),
        (json!({"team": "core", "role": "admin", "expires": "3h"}), 422),
        (json!({"team": "core", "role": "admin", "more": 1}), 422),
        (json!({"team": "core", "role": "admin"}), 201),
    ] {
        assert_eq!(post(&w, &admin, "/api/v2/tokens", wish.clone()).await.status, status, "{wish}");
    }
    assert_eq!(post(&w, &operator, "/api/v2/tokens", json!({"team": "core", "role": "viewer"})).await.status, 403);
    for narrow in [&["--uses", "1"][..], &["--action", "force"], &["--builder", "*"]] {
        let token = w.issue(&[&["--team", "core", "--role", "admin"], narrow].concat());
        let made = post(&w, &token, "/api/v2/tokens", json!({"team": "core", "role": "viewer"})).await;
        assert_eq!(made.status, 403, "what is narrowed hands out nothing: {narrow:?}");
    }
    assert_eq!(w.fetch(client().get(w.url("/api/v2/tokens"))).await.status, 401);
    assert_eq!(w.get_as(&admin, "/api/v2/tokens").await.status, 403, "all teams' are the owner's");
    let listed = w.get_as(&admin, "/api/v2/tokens?team=core").await;
    assert!(listed.status == 200 && !listed.body.contains(&operator), "a token is shown once");
    let jti = issued["jti"].as_str().unwrap();
    assert!(listed.body.contains(jti));
    let foreign = w.token("docs", "admin");
    assert_eq!(post(&w, &foreign, &format!("/api/v2/tokens/{jti}/revoke"), json!({})).await.status, 404);
    assert_eq!(post(&w, &admin, &format!("/api/v2/tokens/{jti}/revoke"), json!({})).await.status, 200);
    assert_eq!(w.get_as(&operator, "/view/all.json").await.status, 401, "at once, where the server itself revoked it");
    assert_eq!(post(&w, &admin, "/api/v2/revocations", json!({"subject": "ci"})).await.status, 403);
}

#[tokio::test]
async fn the_token_command_asks_a_server_and_a_saved_login_is_used() {
    let w = world().await;
    let home = tempfile::tempdir().unwrap();
    let home = home.path().to_str().unwrap();
    let url = w.url("/");
    let admin = w.token("core", "admin");
    let as_admin = [("WEIR_TOKEN", admin.as_str()), ("XDG_CONFIG_HOME", home)];
    let issue = ["token", "issue", "--server", &url, "--team", "core", "--role", "operator"];
    let issued = w.weir(&issue, &as_admin);
    assert!(issued.status.success(), "{}", String::from_utf8_lossy(&issued.stderr));
    let operator = String::from_utf8(issued.stdout).unwrap().trim().to_owned();
    let refused = w.weir(&issue, &[("WEIR_TOKEN", operator.as_str()), ("XDG_CONFIG_HOME", home)]);
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
    let list = w.weir(&["token", "list", "--server", &url, "--team", "core", "--json"], &as_admin);
    let list: Vec<Value> = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list.len(), 2);
    let login = w.weir(&["login", "--server", &url], &[("WEIR_TOKEN", "nonsense"), ("XDG_CONFIG_HOME", home)]);
    assert_eq!(login.status.code(), Some(3));
    let login = w.weir(&["login", "--server", &url], &[("WEIR_TOKEN", operator.as_str()), ("XDG_CONFIG_HOME", home)]);
    assert!(login.status.success(), "{}", String::from_utf8_lossy(&login.stderr));
    assert!(!String::from_utf8_lossy(&login.stderr).contains(&operator));
    let file = std::path::Path::new(home).join("weir/logins.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let force = w.weir(&["force", "core/full"], &[("XDG_CONFIG_HOME", home)]);
    assert!(force.status.success(), "{}", String::from_utf8_lossy(&force.stderr));
    w.settle().await;
    assert!(w.weir(&["login", "--forget"], &[("XDG_CONFIG_HOME", home)]).status.success());
    assert_eq!(w.weir(&["force", "core/full"], &[("XDG_CONFIG_HOME", home)]).status.code(), Some(3));
}

#[tokio::test]
async fn a_token_for_one_use_is_used_once_by_a_hundred_at_the_same_time() {
    let w = world().await;
    let once = w.issue(&["--team", "core", "--role", "operator", "--action", "force", "--uses", "1"]);
    let tries = (0..100).map(|_| w.force_as(Some(&once), "core/full", json!({})));
    let tries = futures::future::join_all(tries).await;
    let n = |status: u16| tries.iter().filter(|page| page.status == status).count();
    assert_eq!((n(202), n(403)), (1, 99));
    assert!(tries.iter().filter(|page| page.status == 403).all(|page| page.body.contains("token_used_up")));
    w.settle().await;
    assert_eq!(w.last("core/full").await.number, 1);
}

#[tokio::test]
async fn a_token_with_fixed_parameters_forces_with_these_and_no_others() {
    let w = world().await;
    let fixed = w.issue(&[
        "--team",
        "core",
        "--role",
        "operator",
        "--parameter",
        "tests=quick",
        "--parameter",
        "branch=stable",
    ]);
    for (wish, status) in [
        (json!({"parameters": {"tests": "all"}}), 422),
        (json!({"branch": "main"}), 422),
        (json!({"parameters": {"tests": "quick"}, "branch": "stable"}), 202),
        (json!({}), 202),
    ] {
        assert_eq!(w.force_as(Some(&fixed), "core/typed", wish.clone()).await.status, status, "{wish}");
    }
    w.settle().await;
    let build = w.get_as(&w.owner(), "/api/v2/teams/core/builders/typed/builds/2").await.json();
    assert!(build.to_string().contains("quick"), "{build}");
}

#[tokio::test]
async fn a_token_for_feeds_reads_feeds_and_is_nobody_elsewhere() {
    let w = world().await;
    w.force("core/full").await;
    w.settle().await;
    let feed = w.issue(&["--team", "core", "--role", "viewer", "--feed-only"]);
    for path in ["/view/all.json", "/waterfall.json"] {
        let page = w.get_as(&feed, path).await;
        assert!(page.status == 200 && page.body.contains("core/full") && !page.body.contains("docs"), "{}", page.body);
    }
    for path in ["/team/core", "/team/core/builder/full", "/api/v2/teams/core/builders/full/builds/1", "/sse/team/core"]
    {
        assert_eq!(w.get_as(&feed, path).await.status, 404, "{path}");
    }
    for path in ["/", "/view/all", "/waterfall"] {
        let page = w.get_as(&feed, path).await;
        assert!(page.status == 200 && !page.body.contains("full"), "{path}: {}", page.body);
    }
    assert_eq!(w.force_as(Some(&feed), "core/full", json!({})).await.status, 404);
    let wrong = w.weir(&["token", "issue", "--team", "core", "--role", "operator", "--feed-only"], &[]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("viewer") && !wrong.status.success());
}

#[tokio::test]
async fn a_replaced_key_signs_no_more_and_its_tokens_stay_good_until_it_is_revoked() {
    let w = world().await;
    let old = w.token("core", "viewer");
    let rotate = w.weir(&["token", "rotate-key"], &[]);
    let said = String::from_utf8_lossy(&rotate.stderr).into_owned();
    assert!(rotate.status.success(), "{said}");
    let new = w.token("core", "viewer");
    assert_ne!(old.split('.').next(), new.split('.').next(), "another key, another `kid`");
    for token in [&old, &new] {
        assert_eq!(w.get_as(token, "/view/all.json").await.status, 200);
    }
    let kid = said.split("--key ").nth(1).unwrap().split('`').next().unwrap();
    assert!(w.weir(&["token", "revoke", "--key", kid], &[]).status.success());
    let page = w.get_as(&old, "/view/all.json").await;
    assert_eq!(page.status, 401);
    assert!(page.body.contains("key that signed the token was revoked"), "{}", page.body);
    assert_eq!(w.get_as(&new, "/view/all.json").await.status, 200);
}

#[tokio::test]
async fn a_revocation_by_token_subject_or_key_ends_open_answers_too() {
    let issuer = Issuer::start(&[TestKey::Ed25519.jwk("e1"), TestKey::P256.jwk("p1")]).await;
    let grant = "[[auth.grant]]\nissuer = \"forge\"\nclaim = \"groups\"\nvalue = \"python-core\"\nteam = \"core\"\nrole = \"viewer\"\n";
    let w = Site::new()
        .toml(&issuer.table("forge", &["EdDSA", "ES256"]))
        .toml(grant)
        .team("core", "visibility = \"private\"")
        .builder("core/long", "echo begun; sleep 600")
        .view("all", "categories = [\"*\"]")
        .serve()
        .await;
    let owner = w.owner();
    w.force("core/long").await;
    w.running("core/long").await;
    let ed = |change: Value| issuer.token(TestKey::Ed25519, jsonwebtoken::Algorithm::EdDSA, "e1", &change);
    let es = |change: Value| issuer.token(TestKey::P256, jsonwebtoken::Algorithm::ES256, "p1", &change);
    let local = w.weir(&["token", "issue", "--team", "core", "--role", "viewer", "--json"], &[]);
    let local: Value = serde_json::from_slice(&local.stdout).unwrap();
    let text = |name: &str| local[name].as_str().unwrap().to_owned();
    let bob = w.issue(&["--team", "core", "--role", "viewer", "--subject", "bob"]);
    for (token, revoke) in [
        (text("token"), vec![text("jti")]),
        (bob, vec!["--subject".to_owned(), "bob".to_owned()]),
        (ed(json!({"jti": "one"})), ["one", "--issuer", "forge"].map(str::to_owned).to_vec()),
        (ed(json!({"jti": "two"})), ["--subject", "ada", "--issuer", "forge"].map(str::to_owned).to_vec()),
        (
            ed(json!({"sub": "4711", "preferred_username": "mia"})),
            ["--subject", "mia", "--issuer", "forge"].map(str::to_owned).to_vec(),
        ),
        (es(json!({"sub": "eve"})), ["--key", "p1", "--issuer", "forge"].map(str::to_owned).to_vec()),
    ] {
        let log = "/team/core/builder/long/build/1/step/0/log/stdio";
        let mut open = Vec::new();
        for path in ["/sse/waterfall".to_owned(), format!("/sse{log}"), format!("{log}/raw"), log.to_owned()] {
            let answer = client().get(w.url(&path)).bearer_auth(&token).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "{path}");
            open.push((path, answer.bytes_stream()));
        }
        let arguments: Vec<&str> = ["token", "revoke"].into_iter().chain(revoke.iter().map(String::as_str)).collect();
        let revoked = w.weir(&arguments, &[]);
        assert!(revoked.status.success(), "{revoke:?}: {}", String::from_utf8_lossy(&revoked.stderr));
        for (path, mut chunks) in open {
            let end = async { while let Some(Ok(_)) = chunks.next().await {} };
            tokio::time::timeout(SOON, end).await.unwrap_or_else(|_| panic!("{path} goes on after {revoke:?}"));
        }
        assert_eq!(w.get_as(&token, "/view/all.json").await.status, 401);
    }
    // What was issued after is good again, and others were never touched.
    let now = issuer.claims(&json!({}))["exp"].as_i64().unwrap() - 600;
    assert_eq!(w.get_as(&ed(json!({"jti": "three", "iat": now + 2})), "/view/all.json").await.status, 200);
    assert_eq!(w.get_as(&ed(json!({"jti": "four", "sub": "eve"})), "/view/all.json").await.status, 200);
    let stop = client().post(w.url("/api/v2/teams/core/builders/long/builds/1/stop")).bearer_auth(&owner);
    assert_eq!(w.fetch(stop).await.status, 202);
    w.settle().await;
}

#[tokio::test]
async fn who_was_revoked_and_is_issued_a_token_again_can_use_it() {
    let w = world().await;
    let (ci, owner) = (["--team", "core", "--role", "viewer", "--subject", "ci"], w.owner());
    for _ in 0..3 {
        let old = w.issue(&ci);
        assert!(w.weir(&["token", "revoke", "--subject", "ci"], &[]).status.success());
        let new = w.issue(&ci);
        let codes = [w.get_as(&old, "/view/all.json").await.status, w.get_as(&new, "/view/all.json").await.status];
        assert_eq!(codes, [401, 200]);
        let ended = post(&w, &owner, "/api/v2/revocations", json!({"subject": "ci"})).await;
        assert_eq!(ended.status, 200, "{}", ended.body);
        let wish = json!({"team": "core", "role": "viewer", "subject": "ci"});
        let issued = post(&w, &owner, "/api/v2/tokens", wish).await.json();
        let newer = issued["token"].as_str().expect("a token is issued");
        let codes = [w.get_as(&new, "/view/all.json").await.status, w.get_as(newer, "/view/all.json").await.status];
        assert_eq!(codes, [401, 200]);
    }
}
