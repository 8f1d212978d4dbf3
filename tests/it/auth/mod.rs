//! Who may do what: every door tried with no token, a bad one, a good one without the right, and one with it.

/// Tokens of somebody else's issuer.
mod foreign;
/// Our own at work.
mod tokens;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use weir::clock::{Clock as _, SystemClock};
use weir::config::issuer::{LocalAlgorithm, LocalKey};
use weir::web::auth::jwt::{Claims, sign};
use weir::web::auth::key::Key;
use weir_tests::page::Page;
use weir_tests::site::Site;
use weir_tests::world::{World, client, segment};

/// A builder as real sites name them.
const ODD: &str = "AMD64 LTO + PGO 50% | x";

async fn world() -> World {
    let force = "force = { parameters = [{ name = \"tests\", type = \"choice\", choices = [\"all\", \"quick\"], default = \"all\" }, \
                 { name = \"note\", type = \"string\", pattern = \"^[a-z]*$\" }, { name = \"n\", type = \"int\", required = true }], \
                 properties = [\"free\"] }";
    Site::new()
        .team("core", "")
        .builder("core/full", "true")
        .builder(&format!("core/{ODD}"), "true")
        .builder_with("core/typed", force, &["true"])
        .builder_with("core/fixed", "force = false", &["true"])
        .team("docs", "visibility = \"private\"")
        .builder("docs/manual", "true")
        .view("all", "categories = [\"*\"]")
        .serve()
        .await
}

/// The code word of an error, and that the rest of it is there.
fn code(page: &Page) -> String {
    let json = page.json();
    assert!(json["error"].as_str().is_some_and(|text| text.ends_with('.')), "{json}");
    assert_eq!(json["request_id"].as_str(), page.header("x-request-id"), "{json}");
    json["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_force_answers_401_403_404_or_202_and_never_tells_what_may_not_be_seen() {
    let w = world().await;
    let (viewer, operator) = (w.token("core", "viewer"), w.token("core", "operator"));
    let (docs, owner) = (w.token("docs", "operator"), w.owner());
    let odd = format!("core/{ODD}");
    for (token, key, status) in [
        (None, "core/full", 401),
        (None, "core/nowhere", 401),
        (None, "nobody/nowhere", 401),
        (None, "docs/manual", 401),
        (Some(&viewer), "core/full", 403),
        (Some(&viewer), "core/nowhere", 404),
        (Some(&viewer), "docs/manual", 404),
        (Some(&operator), "docs/manual", 404),
        (Some(&operator), "nobody/nowhere", 404),
        (Some(&operator), "core/fixed", 409),
        (Some(&docs), "core/full", 403),
        (Some(&docs), "docs/manual", 202),
        (Some(&operator), "core/full", 202),
        (Some(&operator), odd.as_str(), 202),
        (Some(&owner), "docs/manual", 202),
    ] {
        let page = w.force_as(token.map(String::as_str), key, json!({})).await;
        assert_eq!(page.status, status, "{key}: {}", page.body);
        if status == 202 {
            let json = page.json();
            assert!(json["bsid"].is_i64() && json["buildrequests"].as_object().is_some_and(|o| o.len() == 1), "{json}");
        } else {
            code(&page);
        }
        assert_eq!(page.header("www-authenticate").is_some(), status == 401, "{key}");
    }
    // What is hidden and what is not there are told alike, word for word but the name.
    let hidden = w.force_as(Some(&operator), "docs/manual", json!({})).await.json()["error"].to_string();
    let absent = w.force_as(Some(&operator), "docs/nothing", json!({})).await.json()["error"].to_string();
    assert_eq!(hidden.replace("manual", "nothing"), absent);
    w.settle().await;
    assert_eq!(w.last("docs/manual").await.number, 2);
}

#[tokio::test]
async fn a_bad_token_is_refused_at_every_address_with_its_reason() {
    let w = world().await;
    let config = LocalKey { algorithm: LocalAlgorithm::EdDsa, key_file: w.state_dir().join("jwt.pem") };
    let key = Key::open("local", &config).expect("the server made its key");
    let now = SystemClock.now().timestamp();
    let elsewhere = tempfile::tempdir().unwrap();
    let strange = LocalKey { algorithm: LocalAlgorithm::EdDsa, key_file: elsewhere.path().join("jwt.pem") };
    let strange = Key::open("local", &strange).unwrap();
    let good = json!({"iss": "local", "sub": "ada", "aud": "weir", "exp": now + 600, "nbf": now - 5, "iat": now - 5,
                      "jti": "by-hand", "weir": {"team": "core", "role": "operator"}});
    let token = |change: Value| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        sign(&key, &serde_json::from_value::<Claims>(claims).unwrap()).unwrap()
    };
    assert_eq!(w.get_as(&token(json!({})), "/view/all.json").await.status, 200);
    let parts = token(json!({}));
    let parts: Vec<_> = parts.split('.').collect();
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoibG9jYWwifQ.{}.", parts[1]);
    let tampered = format!("{}.{}.{}", parts[0], token(json!({"sub": "eve"})).split('.').nth(1).unwrap(), parts[2]);
    let bad = BTreeMap::from([
        ("garbage".to_owned(), "no token"),
        (none, "not signed"),
        (tampered, "signature does not fit"),
        (token(json!({"exp": now - 60})), "expired"),
        (token(json!({"nbf": now + 600})), "not valid yet"),
        (token(json!({"aud": "other"})), "audience"),
        (token(json!({"iss": "other"})), "issuer"),
        (sign(&strange, &serde_json::from_value(good.clone()).unwrap()).unwrap(), "does not know"),
        ("x".repeat(20_000), "longer than"),
    ]);
    for (token, reason) in &bad {
        for path in ["/", "/view/all", "/view/all.json", "/waterfall.json", "/healthz", "/nowhere", "/sse/waterfall"] {
            let request = client().get(w.url(path)).bearer_auth(token).header("accept", "application/json");
            let page = w.fetch(request).await;
            assert_eq!(page.status, 401, "{path} with {token}");
            assert_eq!(code(&page), "unauthenticated");
            let said = page.json()["error"].as_str().unwrap().to_owned();
            assert!(said.contains(reason), "{path}: {said} should say {reason}");
            assert!(page.header("www-authenticate").is_some_and(|v| v.starts_with("Bearer") && v.contains(reason)));
        }
        assert_eq!(w.force_as(Some(token), "core/full", json!({})).await.status, 401);
        assert_eq!(w.force_as(Some(token), "core/nowhere", json!({})).await.status, 401);
    }
    let basic = client().get(w.url("/view/all.json")).basic_auth("ada", Some("secret"));
    assert_eq!(w.fetch(basic).await.status, 401);
}

#[tokio::test]
async fn a_wrong_wish_is_refused_naming_each_wrong_field_and_changes_nothing() {
    let w = world().await;
    let operator = w.token("core", "operator");
    for (wish, fields) in [
        (json!({}), vec!["parameters.n"]),
        (json!({"parameters": {"n": "seven"}}), vec!["parameters.n"]),
        (json!({"parameters": {"n": 1, "tests": "some"}}), vec!["parameters.tests"]),
        (json!({"parameters": {"n": 1, "note": "A"}}), vec!["parameters.note"]),
        (json!({"parameters": {"n": 1, "other": 1}}), vec!["parameters.other"]),
        (json!({"parameters": {"n": 1}, "properties": {"other": 1}}), vec!["properties.other"]),
        (json!({"parameters": {"note": "A", "tests": 1}}), vec!["parameters.n", "parameters.note", "parameters.tests"]),
        (json!({"branch": 5, "nonsense": 1}), vec!["branch", "nonsense", "parameters.n"]),
        (json!({"parameters": []}), vec!["parameters"]),
    ] {
        let page = w.force_as(Some(&operator), "core/typed", wish.clone()).await;
        assert_eq!(page.status, 422, "{wish}: {}", page.body);
        assert_eq!(code(&page), "invalid");
        let named: Vec<_> = page.json()["fields"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(named, fields, "{wish}: {}", page.body);
    }
    let builders = w.get("/waterfall.json").await.json();
    for builder in builders["builders"].as_array().unwrap() {
        assert_eq!(
            (&builder["pending"], &builder["running"], &builder["last"]),
            (&json!([]), &json!([]), &Value::Null)
        );
    }
    let good = json!({"parameters": {"n": 7, "note": "x"}, "properties": {"free": "y"}, "reason": "because"});
    assert_eq!(w.force_as(Some(&operator), "core/typed", good).await.status, 202);
    w.settle().await;
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused_saying_where() {
    let w = world().await;
    let operator = w.token("core", "operator");
    let url = w.url(&format!("/api/v2/teams/core/builders/{}/force", segment("full")));
    let send = |kind: &'static str, body: String| {
        w.fetch(client().post(&url).bearer_auth(&operator).header("content-type", kind).body(body))
    };
    let page = send("application/json", "{\n  \"branch\": \"main\",,\n}".to_owned()).await;
    assert_eq!((page.status, code(&page).as_str()), (400, "bad_request"), "{}", page.body);
    assert!(page.body.contains("line 2 column"), "{}", page.body);
    assert_eq!(send("application/json", "[]".to_owned()).await.status, 400);
    assert_eq!(send("application/json", "[".repeat(100_000)).await.status, 400);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json-patch+json"] {
        assert_eq!(send(kind, "{}".to_owned()).await.status, 415, "{kind}");
    }
    let huge = format!("{{\"reason\": \"{}\"}}", "x".repeat(300_000));
    assert_eq!(send("application/json", huge).await.status, 413);
    assert_eq!(send("Application/JSON; charset=utf-8", "{}".to_owned()).await.status, 202);
    w.settle().await;
}

#[tokio::test]
async fn a_narrow_token_does_its_one_thing_so_often_and_is_ended_by_revoke() {
    let w = world().await;
    let operator = ["--team", "core", "--role", "operator"];
    let narrow = w.issue(&[&operator[..], &["--builder", "full*", "--action", "force", "--uses", "2"]].concat());
    assert_eq!(w.force_as(Some(&narrow), &format!("core/{ODD}"), json!({})).await.status, 403);
    for _ in 0..2 {
        assert_eq!(w.force_as(Some(&narrow), "core/full", json!({})).await.status, 202);
    }
    let third = w.force_as(Some(&narrow), "core/full", json!({})).await;
    assert_eq!((third.status, code(&third).as_str()), (403, "token_used_up"), "{}", third.body);
    w.settle().await;
    let no_stop = w.issue(&[&operator[..], &["--action", "force"]].concat());
    let stop = client().post(w.url("/api/v2/teams/core/builders/full/builds/1/stop")).bearer_auth(&no_stop);
    assert_eq!(w.fetch(stop).await.status, 403);

    let list = w.weir(&["token", "list", "--json"], &[]);
    let list: Value = serde_json::from_slice(&list.stdout).expect("the list is JSON");
    let jti = list[0]["jti"].as_str().expect("the newest token comes first").to_owned();
    assert_eq!(w.get_as(&no_stop, "/view/all.json").await.status, 200);
    let revoked = w.weir(&["token", "revoke", &jti], &[]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    // The server that runs beside the command knows it when the command returns.
    assert_eq!(w.get_as(&no_stop, "/view/all.json").await.status, 401);
    let page = w.force_as(Some(&no_stop), "core/full", json!({})).await;
    assert_eq!(page.status, 401);
    assert!(page.body.contains("revoked"), "{}", page.body);
    assert!(!w.weir(&["token", "revoke", "nonsense"], &[]).status.success());
}

#[tokio::test]
async fn the_token_command_prints_the_token_and_nothing_else_and_explains_what_is_wrong() {
    let w = world().await;
    let issued = w.weir(&["token", "issue", "--team", "core", "--role", "operator", "--subject", "ci"], &[]);
    let out = String::from_utf8(issued.stdout).unwrap();
    assert_eq!(out.trim().split('.').count(), 3);
    assert_eq!(out.lines().count(), 1);
    assert!(String::from_utf8_lossy(&issued.stderr).contains("weir token revoke"));
    for (arguments, says) in [
        (&["token", "issue", "--team", "cor", "--role", "operator"][..], "core"),
        (&["token", "issue", "--team", "core"], "--role"),
        (&["token", "issue", "--team", "core", "--role", "king"], "viewer"),
        (&["token", "issue"], "--owner"),
        (&["token", "issue", "--owner", "--team", "core", "--role", "admin"], "--team"),
        (&["token", "issue", "--owner", "--expires", "soon"], "10m"),
        (&["token", "issue", "--owner", "--config", "nowhere.toml"], "nowhere.toml"),
    ] {
        let output = w.weir(arguments, &[]);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(says), "{arguments:?} said {said}");
    }
}

#[tokio::test]
async fn what_one_may_not_see_is_404_at_every_door() {
    let w = world().await;
    w.force("docs/manual").await;
    w.settle().await;
    let docs = w.token("docs", "viewer");
    let core = w.token("core", "admin");
    let build = "/api/v2/teams/docs/builders/manual/builds/1";
    let log = "/team/docs/builder/manual/build/1/step/0/log/stdio/raw";
    for path in [
        build,
        log,
        "/api/v2/buildrequests/1",
        "/api/v2/teams/docs/builders/manual/force",
        "/sse/team/docs",
        "/sse/team/docs/builder/manual",
        "/sse/team/docs/builder/manual/build/1",
        "/sse/team/docs/builder/manual/build/1/step/0/log/stdio",
    ] {
        assert_eq!(w.get(path).await.status, 404, "{path}");
        assert_eq!(w.get_as(&core, path).await.status, 404, "{path}");
        let answer = client().get(w.url(path)).bearer_auth(&docs).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
    }
    let cancel = client().post(w.url("/api/v2/buildrequests/1/cancel")).bearer_auth(&core);
    assert_eq!(w.fetch(cancel).await.status, 404);
    let all = w.get_as(&core, "/view/all.json").await.json();
    assert!(all["builders"].as_array().unwrap().iter().all(|builder| builder["team"] == "core"));
}

#[tokio::test]
async fn every_force_and_stop_allowed_or_refused_is_a_row_of_the_audit() {
    let w = world().await;
    let (ada, eve) =
        (["--team", "core", "--role", "operator", "--subject", "ada"], ["--team", "core", "--role", "viewer"]);
    let (ada, eve) = (w.issue(&ada), w.issue(&[&eve[..], &["--subject", "eve"]].concat()));
    assert_eq!(w.force_as(Some(&ada), "core/full", json!({"reason": "mine"})).await.status, 202);
    assert_eq!(w.force_as(Some(&eve), "core/full", json!({})).await.status, 403);
    assert_eq!(w.force_as(Some(&eve), "docs/manual", json!({})).await.status, 404);
    w.settle().await;
    let store = weir::store::Store::open(&format!("sqlite:{}", w.state_dir().join("weir.db").display())).unwrap();
    let rows = store
        .read(|c| Ok::<_, Failed>(weir::store::audit::recent(c, None, 100)?))
        .await
        .unwrap_or_else(|Failed(why)| panic!("the audit cannot be read: {why}"));
    let of =
        |subject: &str| rows.iter().filter(|row| row.subject == subject).map(|row| row.allowed).collect::<Vec<_>>();
    assert_eq!(of("ada"), [true]);
    assert_eq!(of("eve"), [false, false]);
    let mine = rows.iter().find(|row| row.subject == "ada").unwrap();
    assert!(
        mine.token_id.is_some() && mine.action.contains("force") && mine.object.contains("core/full"),
        "{}",
        mine.object
    );
}

/// Why a read failed.
struct Failed(String);

impl From<weir::store::Error> for Failed {
    fn from(error: weir::store::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<weir::store::QueryError> for Failed {
    fn from(error: weir::store::QueryError) -> Self {
        Self(error.to_string())
    }
}
