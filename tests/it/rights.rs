//! Why somebody may do something, and who did what.

use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use weir_tests::binary::run_weir;
use weir_tests::site::Site;
use weir_tests::visitor::{Visitor, hidden};
use weir_tests::world::World;

const RULES: &str = r#"
[auth.jwt.forge]
issuer = "https://id.example.org/"
jwks_url = "https://id.example.org/jwks.json"
audience = "weir"
algorithms = ["RS256"]

[[auth.grant]]
issuer = "forge"
claim = "realm.groups"
value = "python-core"
team = "core"
role = "operator"

[[auth.user]]
name = "anna"
password_hash = "$argon2id$v=19$m=19456,t=2,p=1$DWBolmf4RdK0xHJMU9BESQ$FAXYkoTyf1gal2bdHpKhzrzllmk4QHH29xBwPowPO68"
teams = { core = "admin", docs = "viewer" }

[[auth.user]]
name = "olga"
password_hash = "$argon2id$v=19$m=19456,t=2,p=1$DWBolmf4RdK0xHJMU9BESQ$FAXYkoTyf1gal2bdHpKhzrzllmk4QHH29xBwPowPO68"
owner = true
"#;

fn site() -> Site {
    Site::new()
        .toml(RULES)
        .team("core", "visibility = \"internal\"")
        .builder("core/full", "true")
        .builder("core/other", "true")
        .builder_with("core/fixed", "force = false", &["true"])
        .team("docs", "visibility = \"private\"")
        .builder("docs/manual", "true")
        .view("all", "categories = [\"*\"]")
}

/// `weir can` on the server's machine: whether it is allowed, and what it says.
fn can(dir: &Path, words: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = run_weir(dir, &[&["can"], words].concat(), &[]);
    let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (status.code().unwrap(), said)
}

/// `weir.toml:LINE:` of the line after `mark` that begins with `key`.
fn place(mark: &str, key: &str) -> String {
    let text = site().text();
    let from = text.lines().position(|line| line == mark).unwrap();
    let line = text.lines().skip(from).position(|line| line.starts_with(key)).unwrap();
    format!("weir.toml:{}:", from + line + 1)
}

#[test]
fn can_says_whether_and_by_which_line_of_which_file() {
    let dir = tempfile::tempdir().unwrap();
    site().write(dir.path());
    let users = place("name = \"anna\"", "teams");
    let grant = place("[[auth.grant]]", "[[auth.grant]]");
    let visibility = place("[team.core]", "visibility");
    for (words, code, says) in [
        (["user:anna", "force", "core/full"], 0, vec!["allowed: user:anna may force", "admin in team core", &users]),
        (["user:anna", "administer", "core"], 0, vec![&users]),
        (["user:anna", "read", "docs/manual"], 0, vec!["viewer in team docs", &users]),
        (
            ["user:anna", "stop", "docs/manual"],
            1,
            vec!["not allowed", "viewer in team docs", "needs the role operator"],
        ),
        (["user:anna", "administer", "instance"], 1, vec!["not allowed"]),
        (["user:olga", "administer", "instance"], 0, vec!["owner of the instance", "weir.toml:"]),
        (["user:olga", "cancel", "docs/manual"], 0, vec!["owner of the instance"]),
        (["user:nobody", "read", "core"], 1, vec!["nobody here is nobody"]),
        (["anonymous", "read", "core/full"], 1, vec!["core is internal", &visibility]),
        (["anonymous", "read", "view:all"], 0, vec!["public"]),
        (
            ["forge:realm.groups=python-core", "force", "core/full"],
            0,
            vec!["operator in team core", "realm.groups", &grant],
        ),
        (["forge:realm.groups=python", "force", "core/full"], 1, vec!["no role in team core"]),
        (["user:anna", "force", "core/fixed"], 1, vec!["`force = false`"]),
        (["user:anna", "force", "core/gone"], 2, vec!["no builder `core/gone`"]),
        (["user:anna", "force", "core"], 2, vec!["TEAM/BUILDER"]),
        (["user:anna", "hug", "core"], 2, vec!["administer"]),
        (["anna", "read", "core"], 2, vec!["user:NAME"]),
        (["nowhere:a=b", "read", "core"], 2, vec!["forge"]),
    ] {
        let (status, said) = can(dir.path(), &words);
        assert_eq!(status, code, "{words:?}: {said}");
        for says in says {
            assert!(said.contains(says), "{words:?} should say {says}: {said}");
        }
    }
    assert!(!dir.path().join("state/weir.db").exists(), "the configuration alone is asked");
}

async fn served() -> (World, Vec<(String, String)>) {
    let w = site().serve().await;
    let issue = |arguments: &[&str]| {
        let output = w.weir(&[&["token", "issue", "--json"], arguments].concat(), &[]);
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        (json["jti"].as_str().unwrap().to_owned(), json["token"].as_str().unwrap().to_owned())
    };
    let tokens = vec![
        issue(&["--team", "core", "--role", "viewer", "--subject", "eve"]),
        issue(&["--team", "core", "--role", "operator", "--subject", "ada"]),
        issue(&["--team", "core", "--role", "operator", "--builder", "full", "--action", "force"]),
        issue(&["--team", "core", "--role", "admin", "--action", "stop"]),
        issue(&["--team", "docs", "--role", "admin", "--subject", "dora"]),
        issue(&["--owner"]),
    ];
    (w, tokens)
}

#[tokio::test]
async fn what_can_says_is_what_happens() {
    let (w, tokens) = served().await;
    let owner = &tokens[5].1;
    for (jti, token) in &tokens {
        for key in ["core/full", "core/other", "core/fixed", "docs/manual"] {
            let forced = w.force_as(Some(token), key, json!({})).await.status;
            let read = w.get_as(token, &format!("/team/{}", key.replace('/', "/builder/"))).await.status;
            for (action, happens) in [("force", forced == 202), ("read", read == 200)] {
                let path = format!("/api/v2/can?subject=token:{jti}&action={action}&object={key}");
                let said = w.get_as(owner, &path).await.json();
                assert_eq!(said["allowed"], happens, "{action} {key} by {jti}: {forced} {read} {said}");
            }
        }
    }
    w.settle().await;
    let (jti, _) = &tokens[1];
    let env: &[(&str, &str)] = &[("WEIR_TOKEN", owner)];
    let words = ["can", &format!("token:{jti}"), "stop", "core/full"];
    let said = w.weir(&words, env);
    assert_eq!(said.status.code(), Some(0), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(w.weir(&["token", "revoke", jti], &[]).status.success());
    let said = w.weir(&words, env);
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stdout).contains("was revoked"));
    assert_eq!(w.weir(&words, &[]).status.code(), Some(3), "a stranger may not ask");
}

#[tokio::test]
async fn can_knows_what_is_used_up_by_which_key_a_token_is_signed_and_what_people_made_for_themselves() {
    let w = site().user("ada", "teams = { core = \"operator\" }").serve().await;
    let issue = |arguments: &[&str]| {
        let words = [&["token", "issue", "--json", "--team", "core", "--role", "operator"], arguments].concat();
        let json: Value = serde_json::from_slice(&w.weir(&words, &[]).stdout).unwrap();
        (format!("token:{}", json["jti"].as_str().unwrap()), json["token"].as_str().unwrap().to_owned())
    };
    let says = |subject: &str, action: &str, code: i32, says: &[&str]| {
        let (status, said) = can(w.dir(), &[subject, action, "core/full"]);
        assert_eq!(status, code, "{subject} {action}: {said}");
        says.iter().for_each(|part| assert!(said.contains(part), "{subject} {action} should say {part}: {said}"));
    };
    let (once, token) = issue(&["--uses", "1"]);
    says(&once, "force", 0, &["the token is good for 1 action in all, 1 left"]);
    assert_eq!(w.force_as(Some(&token), "core/full", json!({})).await.status, 202);
    says(&once, "force", 1, &["the token is used up: it was good for 1 action"]);
    says(&once, "read", 0, &[]);
    assert_ne!(w.force_as(Some(&token), "core/full", json!({})).await.status, 202);
    w.settle().await;

    // What somebody made for themselves: found by the id that the audit has.
    let mut ada = Visitor::signed_in(&w, "ada").await;
    let mut ids = Vec::new();
    for (name, role) in [("all", ""), ("less", "viewer")] {
        let csrf = hidden(&ada.get("/account").await, "/account/tokens").remove(0).1;
        let wish = [("csrf", &*csrf), ("name", name), ("team", ""), ("role", role), ("days", "7")];
        assert_eq!(ada.post("/account/tokens", &wish).await.status, 200);
        let json = w.get_as(&w.owner(), "/api/v2/audit?action=token.issue&subject=ada&limit=1").await.json();
        ids.push(json["audit"][0]["object"].as_str().unwrap().strip_prefix("token ").unwrap().to_owned());
    }
    says(&format!("token:{}", ids[0]), "force", 0, &["operator in team core, by [[auth.user]] ada", "weir.toml:"]);
    says(&format!("personal:{}", ids[0]), "stop", 0, &["a personal token of user:ada: it may do all that they may"]);
    says(&format!("personal:{}", ids[1]), "force", 1, &["viewer in team core", "it is viewer at most"]);
    says(&format!("personal:{}", &ids[1]["personal-".len()..]), "read", 0, &[]);
    assert!(w.weir(&["token", "revoke", &ids[0]], &[]).status.success());
    says(&format!("personal:{}", ids[0]), "force", 2, &["revoked"]);

    // A key that is replaced goes on checking; one that is revoked ends what it signed.
    let (plain, token) = issue(&[]);
    let list = w.weir(&["token", "list", "--json"], &[]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let row = list.as_array().or(list["tokens"].as_array()).unwrap().iter();
    let row = row.clone().find(|row| plain.ends_with(row["jti"].as_str().unwrap())).unwrap();
    let kid = row["kid"].as_str().unwrap().to_owned();
    assert!(w.weir(&["token", "rotate-key", "local"], &[]).status.success());
    says(&plain, "force", 0, &[]);
    // Beside a server that has just looked.
    assert_eq!(w.get_as(&token, "/").await.status, 200);
    assert!(w.weir(&["token", "revoke", "--key", &kid], &[]).status.success());
    says(&plain, "force", 1, &[&format!("the key {kid} that signed the token was revoked")]);
    assert_eq!(w.force_as(Some(&token), "core/full", json!({})).await.status, 401);
}

#[tokio::test]
async fn admins_ask_about_their_own_team_and_of_the_others_learn_nothing() {
    let (w, tokens) = served().await;
    let (dora, owner) = (&tokens[4].1, &tokens[5].1);
    let ask = |object: &str| format!("/can?subject=user%3Aanna&action=stop&object={object}");
    let page = w.get_as(dora, &ask("docs%2Fmanual")).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains("✘ Not allowed: user:anna may not stop docs/manual."), "{text}");
    assert!(text.contains("viewer in team docs, by [[auth.user]] anna") && text.contains("weir.toml:"), "{text}");
    // Another team's thing, though everybody signed in may read it, is told like one that never was.
    let told = async |object: &str| {
        let text = w.get_as(dora, &ask(object)).await.text();
        let line = text.lines().find(|line| line.contains("That cannot be asked")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{object}: {text}")).replace(object, "OBJECT")
    };
    assert_eq!(told("core").await, told("gone").await);
    // So is another team's token, by whoever has seen its id.
    let list = w.weir(&["token", "list", "--json"], &[]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let list = list.as_array().or(list["tokens"].as_array()).unwrap();
    for (asker, team, status) in [(dora, "docs", 200), (dora, "core", 404), (owner, "core", 200)] {
        let token = list.iter().find(|row| row["team"] == team).unwrap()["jti"].as_str().unwrap();
        let path = format!("/api/v2/can?subject=token%3A{token}&action=read&object=docs");
        assert_eq!(w.get_as(asker, &path).await.status, status, "{team}");
    }
    assert!(w.get_as(owner, &ask("core%2Ffull")).await.text().contains("✔ Allowed"));
    let wrong = w.get_as(owner, "/can?subject=anna&action=read&object=core").await.text();
    assert!(wrong.contains("That cannot be asked") && wrong.contains("user:NAME"), "{wrong}");
    let wrong = w.get_as(owner, "/api/v2/can?subject=x&action=y&object=%2F").await;
    let fields: Vec<_> = wrong.json()["fields"].as_object().unwrap().keys().cloned().collect();
    assert_eq!((wrong.status, fields), (422, vec!["action".to_owned(), "object".to_owned(), "subject".to_owned()]));
}

#[tokio::test]
async fn the_audit_tells_those_who_administer_who_did_what_and_who_was_refused() {
    let (w, tokens) = served().await;
    let (eve, ada, dora, owner) = (&tokens[0].1, &tokens[1].1, &tokens[4].1, &tokens[5].1);
    let core = w.token("core", "admin");
    assert_eq!(w.force_as(Some(ada), "core/full", json!({"reason": "mine <b>"})).await.status, 202);
    assert_eq!(w.force_as(Some(eve), "core/full", json!({})).await.status, 403);
    assert_eq!(w.force_as(Some(ada), "docs/manual", json!({})).await.status, 404);
    assert_eq!(w.force_as(Some(ada), "nowhere/manual", json!({})).await.status, 404);
    w.settle().await;
    let rows = async |token: &str, query: &str| -> Vec<String> {
        let json = w.get_as(token, &format!("/api/v2/audit?{query}")).await.json();
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let rows = json["audit"].as_array().unwrap_or_else(|| panic!("{query}: {json}")).iter();
        rows.map(|row| {
            format!("{} {} {} {}", text(row, "subject"), text(row, "action"), text(row, "object"), row["allowed"])
        })
        .collect()
    };
    let of_core = ["eve force core/full false", "ada force core/full true"];
    assert_eq!(rows(&core, "action=force").await, of_core);
    assert_eq!(rows(&core, "team=core&action=force").await, of_core);
    // Who was refused at a door of theirs is told to those who administer it, and to nobody else.
    assert_eq!(rows(dora, "action=force").await, ["ada force docs/manual false"]);
    let all = ["ada force nowhere/manual false", "ada force docs/manual false", of_core[0], of_core[1]];
    assert_eq!(rows(owner, "action=force").await, all);
    assert_eq!(rows(owner, "subject=eve").await, &of_core[..1]);
    assert_eq!(rows(owner, "action=force&outcome=done").await, &of_core[1..]);
    assert_eq!(rows(owner, "object=core%2Ffull&since=2026-01-01").await, of_core);
    assert_eq!(rows(owner, "action=force&until=2026-01-01").await, Vec::<String>::new());
    assert!(rows(owner, "team=core").await.iter().any(|row| row.contains("token.issue")));
    // Page by page it is the same.
    let mut before = String::new();
    for expected in all {
        let json = w.get_as(owner, &format!("/api/v2/audit?action=force&limit=1{before}")).await.json();
        let row = &json["audit"][0];
        assert!(expected.contains(row["object"].as_str().unwrap()), "{expected}: {json}");
        before = format!("&before={}", json["meta"]["older"]);
    }
    assert!(before.ends_with("null"), "there is nothing older: {before}");
    let page = w.get_as(&core, "/team/core/audit?action=force").await;
    let text = page.text();
    assert!(text.contains("✘ refused") && text.contains("✔ done") && text.contains("mine <b>"), "{text}");
    assert!(!text.contains("docs") && !page.body.contains("mine <b>"), "{text}");
    let older = w.get_as(owner, "/audit?limit=2&action=force").await.links();
    let older = older.iter().find(|link| link.contains("before=")).expect("a link to older entries");
    assert!(w.get_as(owner, older).await.text().contains("core/full"));
    for (token, path, status) in [
        (eve, "/team/core/audit", 404),
        (ada, "/audit", 404),
        (dora, "/team/core/audit", 404),
        (owner, "/team/docs/audit", 200),
        (owner, "/audit?since=noon", 400),
    ] {
        assert_eq!(w.get_as(token, path).await.status, status, "{path}");
    }
}
