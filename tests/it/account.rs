//! Somebody's own page: where they are signed in, and tokens that they make for their scripts.

use regex::Regex;
use serde_json::json;
use weir_tests::page::Page;
use weir_tests::site::Site;
use weir_tests::visitor::{Visitor, hidden, urlencoded};
use weir_tests::world::{World, client};

async fn world() -> World {
    Site::new()
        .team("core", "visibility = \"private\"")
        .builder("core/full", "true")
        .team("docs", "visibility = \"private\"")
        .builder("docs/manual", "true")
        .user("ada", "teams = { core = \"operator\", docs = \"viewer\" }")
        .user("bob", "teams = { core = \"viewer\" }")
        .user("eve", "owner = true")
        .serve()
        .await
}

/// Where the page's forms for single things are sent: `/account/<kind>/<id>`.
fn actions(page: &Page, kind: &str) -> Vec<String> {
    let pattern = Regex::new(&format!(r#"action="(/account/{kind}/[^"]+)""#)).unwrap();
    pattern.captures_iter(&page.body).map(|found| found[1].to_owned()).collect()
}

/// Makes a token as `visitor` and returns it.
async fn make(visitor: &mut Visitor<'_>, fields: &[(&str, &str)]) -> String {
    let page = send(visitor, fields).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let found = Regex::new(r"weirp_[A-Za-z0-9_-]{43}").unwrap().find(&page.body).expect("the token is shown").as_str();
    found.to_owned()
}

async fn send(visitor: &mut Visitor<'_>, fields: &[(&str, &str)]) -> Page {
    let page = visitor.get("/account").await;
    let csrf = hidden(&page, "/account/tokens").remove(0).1;
    let all = [&[("csrf", csrf.as_str())], fields].concat();
    visitor.post("/account/tokens", &all).await
}

async fn force(w: &World, token: &str, key: &str) -> u16 {
    w.force_as(Some(token), key, json!({})).await.status
}

#[tokio::test]
async fn a_token_is_shown_once_does_what_its_person_may_or_less_and_ends_at_once() {
    let w = world().await;
    let mut ada = Visitor::signed_in(&w, "ada").await;
    let whole = make(&mut ada, &[("name", "whole"), ("team", ""), ("role", ""), ("days", "7")]).await;
    let reader = make(&mut ada, &[("name", "reader"), ("team", "core"), ("role", "viewer"), ("days", "30")]).await;
    assert_eq!(force(&w, &whole, "core/full").await, 202);
    assert_eq!(force(&w, &whole, "docs/manual").await, 403);
    assert_eq!(force(&w, &reader, "core/full").await, 403);
    assert_eq!(force(&w, &reader, "docs/manual").await, 404, "the token reaches one team only");
    let page = ada.get("/account").await;
    assert!(!page.body.contains(&whole) && !page.body.contains(&whole[6..]), "shown once");
    assert!(page.text().contains("no more than viewer, only in core"), "{}", page.text());
    let database = std::fs::read(w.state_dir().join("weir.db")).unwrap();
    let holds = |text: &str| database.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!holds(&whole[6..]) && !holds(&ada.cookies["weir"]), "neither secret is stored");
    // Revoked by its person, and by nobody else.
    let action = actions(&page, "tokens").pop().unwrap();
    let mut bob = Visitor::signed_in(&w, "bob").await;
    let csrf = hidden(&bob.get("/logout").await, "/logout").remove(0).1;
    assert_eq!(bob.post(&action, &[("csrf", &csrf)]).await.status, 404);
    for action in actions(&page, "tokens") {
        assert_eq!(ada.fill_in_at("/account", &action, &[]).await.status, 303);
    }
    for token in [&whole, &reader] {
        let page = w.get_as(token, "/").await;
        assert_eq!(page.status, 401);
        assert!(page.text().contains("revoked"), "{}", page.text());
    }
    w.settle().await;
}

#[tokio::test]
async fn a_token_reaches_no_further_than_its_person_and_makes_no_other_token() {
    let w = world().await;
    let mut ada = Visitor::signed_in(&w, "ada").await;
    for (fields, field) in [
        ([("name", "a"), ("team", "core"), ("role", "admin"), ("days", "7")], "largest role there is operator"),
        ([("name", "a"), ("team", "docs"), ("role", "operator"), ("days", "7")], "largest role there is viewer"),
        ([("name", "a"), ("team", "nope"), ("role", ""), ("days", "7")], "no role in this team"),
        ([("name", "a"), ("team", ""), ("role", "owner"), ("days", "7")], "choose viewer"),
        ([("name", "a"), ("team", ""), ("role", ""), ("days", "9999")], "for how long"),
        ([("name", " "), ("team", ""), ("role", ""), ("days", "7")], "give it a name"),
    ] {
        let page = send(&mut ada, &fields).await;
        assert_eq!(page.status, 422, "{fields:?}");
        assert!(page.text().contains(field), "{fields:?}: {}", page.text());
    }
    let token = make(&mut ada, &[("name", "a"), ("team", ""), ("role", ""), ("days", "7")]).await;
    let again = send(&mut ada, &[("name", "a"), ("team", ""), ("role", ""), ("days", "7")]).await;
    assert_eq!(again.status, 422, "two of one name");
    let opened = ada.get("/account/tokens").await;
    assert_eq!((opened.status, opened.header("location")), (303, Some("/account")), "opened anew from the address bar");
    let page = w.get_as(&token, "/account").await;
    assert_eq!(page.status, 303, "a token has no account page");
    let post = urlencoded(client().post(w.url("/account/tokens")).bearer_auth(&token), &[("name", "b"), ("days", "7")]);
    assert_eq!(w.fetch(post).await.status, 401);
    // An owner's token may be bounded to a role in a team.
    let mut eve = Visitor::signed_in(&w, "eve").await;
    let bounded = make(&mut eve, &[("name", "b"), ("team", "core"), ("role", "operator"), ("days", "7")]).await;
    assert_eq!(force(&w, &bounded, "core/full").await, 202);
    assert_eq!(force(&w, &bounded, "docs/manual").await, 404);
    w.settle().await;
}

#[tokio::test]
async fn what_is_taken_from_a_person_is_taken_from_their_sessions_and_tokens() {
    let mut w = world().await;
    let mut ada = Visitor::signed_in(&w, "ada").await;
    let token = make(&mut ada, &[("name", "a"), ("team", ""), ("role", ""), ("days", "7")]).await;
    let cookies = ada.cookies.clone();
    let file = w.dir().join("weir.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let weaker = text.replace("core = \"operator\", docs = \"viewer\"", "core = \"viewer\"");
    assert_ne!(weaker, text);
    std::fs::write(&file, &weaker).unwrap();
    w.restart().await;
    assert_eq!(force(&w, &token, "core/full").await, 403);
    let mut ada = Visitor::new(&w);
    ada.cookies = cookies.clone();
    assert_eq!((ada.get("/team/core").await.status, ada.get("/team/docs").await.status), (200, 404));
    // Another password ends every session.
    let other = weir_tests::visitor::PASSWORD_HASH.replace("5vHIM", "6vHIM");
    let changed = weaker.replacen(weir_tests::visitor::PASSWORD_HASH, &other, 1);
    std::fs::write(&file, changed).unwrap();
    w.restart().await;
    let mut ada = Visitor::new(&w);
    ada.cookies = cookies;
    assert_eq!(ada.get("/team/core").await.status, 404);
    assert_eq!(w.get_as(&token, "/").await.status, 401, "and every personal token");
}

#[tokio::test]
async fn a_personal_token_makes_no_token_and_an_owner_ends_all_of_a_person() {
    let w = world().await;
    let (mut ada, mut bob) = (Visitor::signed_in(&w, "ada").await, Visitor::signed_in(&w, "bob").await);
    let mut eve = Visitor::signed_in(&w, "eve").await;
    let fields = [("name", "a"), ("team", ""), ("role", ""), ("days", "7")];
    let (adas, eves) = (make(&mut ada, &fields).await, make(&mut eve, &fields).await);
    let (bobs, other) =
        (make(&mut bob, &fields).await, make(&mut bob, &[("name", "b"), fields[1], fields[2], fields[3]]).await);
    let post = async |token: &str, path: &str, json: serde_json::Value| {
        w.fetch(client().post(w.url(path)).bearer_auth(token).json(&json)).await
    };
    let wish = json!({"team": "core", "role": "viewer", "expires": "3650d"});
    let page = post(&eves, "/api/v2/tokens", wish).await;
    assert_eq!(page.status, 409, "{}", page.body);
    assert!(page.body.contains("personal token makes no tokens"), "{}", page.body);
    let me: serde_json::Value = serde_json::from_str(&w.get_as(&eves, "/api/v2/me").await.body).unwrap();
    assert!(me["me"][0]["until"].is_string(), "it is believed until it expires: {me}");

    // By its person or an owner, and by nobody else.
    let mut ids: Vec<_> = actions(&bob.get("/account").await, "tokens").into_iter().collect();
    ids.iter_mut().for_each(|action| {
        *action = action.replace("/account/tokens/", "/api/v2/tokens/").replace("/revoke", "") + "/revoke"
    });
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert_eq!(post(&adas, &ids[0], json!({})).await.status, 404);
    assert_eq!(post(&bobs, &ids[0], json!({})).await.status, 200);
    let left = if w.get_as(&bobs, "/").await.status == 200 { &bobs } else { &other };
    assert_eq!(post(&eves, &ids[1], json!({})).await.status, 200);
    assert_eq!(w.get_as(left, "/").await.status, 401);

    assert_eq!((ada.get("/team/core").await.status, w.get_as(&adas, "/team/core").await.status), (200, 200));
    assert_eq!(post(&adas, "/api/v2/revocations", json!({"subject": "ada"})).await.status, 403);
    assert_eq!(post(&eves, "/api/v2/revocations", json!({"subject": "ada"})).await.status, 200);
    assert_eq!((ada.get("/team/core").await.status, w.get_as(&adas, "/team/core").await.status), (404, 401));
    assert_eq!(bob.get("/team/core").await.status, 200, "others stay signed in");
    // The same on the server's machine, beside the server.
    let mut ada = Visitor::signed_in(&w, "ada").await;
    assert_eq!(ada.get("/team/core").await.status, 200);
    assert!(w.weir(&["token", "revoke", "--subject", "user:ada"], &[]).status.success());
    assert_eq!(ada.get("/team/core").await.status, 404);
}

#[tokio::test]
async fn somebody_sees_where_they_are_signed_in_and_signs_out_of_one_or_of_all() {
    let w = world().await;
    let mut here = Visitor::signed_in(&w, "ada").await;
    let mut there = Visitor::signed_in(&w, "ada").await;
    let mut third = Visitor::signed_in(&w, "ada").await;
    let mut bob = Visitor::signed_in(&w, "bob").await;
    let page = here.get("/account").await;
    assert_eq!(actions(&page, "sessions").len(), 3, "{}", page.text());
    assert_eq!(page.text().matches("this browser").count(), 1);
    assert!(page.text().contains("core operator") && page.text().contains("docs viewer"), "{}", page.text());
    // The session of `there` is the one that `there` calls its own.
    let own = there.get("/account").await.body;
    let own = Regex::new(r#"(?s)this browser.*?action="(/account/sessions/[^"]+)""#).unwrap().captures(&own).unwrap()
        [1]
    .to_owned();
    let csrf = hidden(&bob.get("/account").await, "/account/sessions").remove(0).1;
    assert_eq!(bob.post(&own, &[("csrf", &csrf)]).await.status, 404, "another's session is not there");
    let ended = here.fill_in_at("/account", &own, &[]).await;
    assert_eq!((ended.status, ended.header("location")), (303, Some("/account?done=session")));
    assert!(here.get("/account?done=session").await.text().contains("That session has ended"));
    assert_eq!(there.get("/team/core").await.status, 404);
    assert_eq!(third.get("/team/core").await.status, 200);
    let ended = here.fill_in_at("/account", "/account/sessions", &[]).await;
    assert_eq!((ended.status, ended.header("location")), (303, Some("/")));
    for visitor in [&mut here, &mut third] {
        assert_eq!(visitor.get("/team/core").await.status, 404);
    }
    assert_eq!(bob.get("/team/core").await.status, 200, "others stay signed in");
}

#[tokio::test]
async fn the_password_command_makes_a_hash_that_lets_its_person_in() {
    use std::io::Write as _;
    let w = world().await;
    let run = |password: &str| {
        let mut child = std::process::Command::new(weir_tests::binary::weir())
            .arg("password")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    assert!(!run("short\n").status.success());
    let made = run("correct horse battery\n");
    let hash = String::from_utf8(made.stdout).unwrap();
    assert!(made.status.success() && hash.starts_with("$argon2id$") && hash.lines().count() == 1, "{hash}");
    let mut w = w;
    let file = w.dir().join("weir.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen(weir_tests::visitor::PASSWORD_HASH, hash.trim(), 1)).unwrap();
    w.restart().await;
    let mut ada = Visitor::new(&w);
    assert_eq!(ada.sign_in("ada", "correct horse batter").await.status, 422);
    assert_eq!(ada.sign_in("ada", "correct horse battery").await.status, 303);
}

#[tokio::test]
async fn sign_ins_sign_outs_and_tokens_are_rows_of_the_audit_without_their_secrets() {
    let w = world().await;
    let mut ada = Visitor::new(&w);
    ada.sign_in("ada", "wrong guess").await;
    ada.sign_in("my secret typed there", "wrong guess").await;
    let mut ada = Visitor::signed_in(&w, "ada").await;
    let token = make(&mut ada, &[("name", "a"), ("team", ""), ("role", ""), ("days", "7")]).await;
    ada.fill_in("/logout", &[]).await;
    let store = weir::store::Store::open(&format!("sqlite:{}", w.state_dir().join("weir.db").display())).unwrap();
    let rows = store.read(|c| Ok::<_, weir::status::Error>(weir::store::audit::recent(c, None, 100)?)).await.unwrap();
    let told: Vec<_> = rows.iter().rev().map(|row| (row.subject.as_str(), row.action.as_str(), row.allowed)).collect();
    assert_eq!(
        told,
        [
            ("ada", "sign-in", false),
            ("anonymous", "sign-in", false),
            ("ada", "sign-in", true),
            ("ada", "token.issue", true),
            ("ada", "sign-out", true),
        ]
    );
    for row in rows.iter().filter(|row| row.allowed) {
        let details: serde_json::Value = serde_json::from_str(&row.details).unwrap();
        assert_eq!(details["person"], "user:ada", "{row:?}");
    }
    let all = format!("{rows:?}");
    for secret in ["wrong guess", "my secret typed there", &token[6..]] {
        assert!(!all.contains(secret), "{secret}");
    }
}
