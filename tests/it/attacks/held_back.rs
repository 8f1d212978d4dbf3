//! Who asks while they may and holds back a part of the request, or of the reading, until they may no more.

use serde_json::json;
use weir_tests::site::Site;
use weir_tests::visitor::{Visitor, hidden};
use weir_tests::wire::{Wire, answers};
use weir_tests::world::{World, client};

use futures::StreamExt as _;

async fn world() -> World {
    Site::new()
        .team("core", "visibility = \"private\"")
        .builder("core/full", "true")
        .user("ada", "teams = { core = \"operator\" }")
        .user("eve", "owner = true")
        .serve()
        .await
}

/// A request of which the last byte is still to come.
struct HeldBack {
    wire: Wire,
    last: u8,
}

impl HeldBack {
    async fn begin(world: &World, path: &str, headers: &str, body: &str) -> Self {
        let (last, first) = body.as_bytes().split_last().expect("a body");
        let address = world.server().address();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n\r\n"
        );
        let mut wire = Wire::to(address).await;
        wire.send(head).await;
        wire.send(first).await;
        Self { wire, last: *last }
    }

    /// Sends it; the code of the answer, and all of it.
    async fn finish(mut self) -> (u16, String) {
        self.wire.send([self.last]).await;
        let heard = self.wire.rest().await;
        (answers(&heard)[0], heard)
    }
}

#[tokio::test]
async fn who_is_revoked_while_their_request_comes_in_does_nothing_with_it() {
    let w = world().await;
    let json = |token: &str| format!("Authorization: Bearer {token}\r\nContent-Type: application/json");
    let bob = w.issue(&["--team", "core", "--role", "admin", "--subject", "bob"]);
    let mut ada = Visitor::signed_in(&w, "ada").await;
    let csrf = hidden(&ada.get("/account").await, "/account/tokens").remove(0).1;
    let form = |path: &str| {
        let origin = w.url("/").trim_end_matches('/').to_owned();
        let cookie = format!("Cookie: weir={}\r\nOrigin: {origin}", ada.cookies["weir"]);
        (path.to_owned(), format!("{cookie}\r\nContent-Type: application/x-www-form-urlencoded"))
    };
    let (tokens, as_ada) = form("/account/tokens");
    let (force, _) = form("/team/core/builder/full/force");
    let wish = format!("csrf={csrf}&name=kept&team=&role=&days=365");
    let issue = json!({"team": "core", "role": "admin", "subject": "eve"}).to_string();
    let held = [
        HeldBack::begin(&w, "/api/v2/teams/core/builders/full/force", &json(&bob), "{\"reason\": \"late\"}").await,
        HeldBack::begin(&w, "/api/v2/tokens", &json(&bob), &issue).await,
        HeldBack::begin(&w, &tokens, &as_ada, &wish).await,
        HeldBack::begin(&w, &force, &as_ada, &format!("csrf={csrf}&reason=late")).await,
    ];
    for subject in ["bob", "ada"] {
        assert!(w.weir(&["token", "revoke", "--subject", subject], &[]).status.success());
    }
    for held in held {
        let (code, heard) = held.finish().await;
        assert_eq!(code, 401, "{heard}");
        assert!(!heard.contains("weirp_") && !heard.contains("\"token\""), "{heard}");
    }
    w.settle().await;
    let page = w.get_as(&w.owner(), "/waterfall.json").await.json();
    assert!(page["builders"][0]["last"].is_null(), "{page}");
    // Who was not revoked is not in the way of themselves.
    let eve = w.issue(&["--owner", "--subject", "eve"]);
    let held = HeldBack::begin(&w, "/api/v2/teams/core/builders/full/force", &json(&eve), "{}").await;
    assert_eq!(held.finish().await.0, 202);
    w.settle().await;
}

/// Bytes that no connection holds for a reader who does not read.
const LARGE: usize = 64 << 20;

#[tokio::test]
async fn who_is_revoked_while_they_download_gets_no_more_of_it() {
    let team = format!(
        "visibility = \"private\"\n[builder.app]\n\
         [[builder.app.step]]\nname = \"make\"\nuse = \"shell\"\nwith = {{ command = \"yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -n 400000; head -c {LARGE} /dev/zero > large\" }}\n\
         [[builder.app.step]]\nname = \"keep\"\nuse = \"artifact\"\nwith = {{ path = \"large\" }}\n"
    );
    let w = Site::new()
        .file("teams/core.toml", team)
        .user("ada", "teams = { core = \"viewer\" }")
        .user("eve", "owner = true")
        .serve()
        .await;
    w.force_as(Some(&w.owner()), "core/app", json!({})).await;
    w.settle().await;
    let build = "/team/core/builder/app/build/1";
    for (path, size) in
        [(format!("{build}/artifact/large"), LARGE), (format!("{build}/step/make/log/stdio/raw"), 400_000 * 71)]
    {
        let ada = Visitor::signed_in(&w, "ada").await;
        let bob = w.issue(&["--team", "core", "--role", "viewer", "--subject", "bob"]);
        let cookie = format!("weir={}", ada.cookies["weir"]);
        for (name, as_whom) in [
            ("ada", client().get(w.url(&path)).header("cookie", cookie)),
            ("bob", client().get(w.url(&path)).bearer_auth(&bob)),
        ] {
            let again = as_whom.try_clone().unwrap();
            let answer = as_whom.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "{path}");
            assert!(w.weir(&["token", "revoke", "--subject", name], &[]).status.success());
            // Asked for once more, it is refused; and what the first answer has not sent yet, it sends no more.
            let refused = w.fetch(again).await.status;
            assert!(matches!(refused, 401 | 404), "{refused}");
            let (n, broken_off) = drain(answer).await;
            assert!(broken_off && n < size, "{name} got {n} bytes of {size} of {path}");
        }
    }
}

#[tokio::test]
async fn who_signs_out_everywhere_loses_the_streams_in_which_something_comes_all_the_time() {
    let w = Site::new()
        .team("core", "visibility = \"private\"")
        .builder("core/busy", "while sleep 0.002; do echo line; done")
        .user("ada", "teams = { core = \"operator\" }")
        .serve()
        .await;
    let owner = w.owner();
    w.force_as(Some(&owner), "core/busy", json!({})).await;
    w.running("core/busy").await;
    let mut streams = Vec::new();
    let mut ada = Visitor::signed_in(&w, "ada").await;
    let log = "/team/core/builder/busy/build/1/step/0/log/stdio";
    for path in [format!("/sse{log}"), format!("{log}/raw"), log.to_owned()].into_iter().cycle().take(18) {
        let other = Visitor::signed_in(&w, "ada").await;
        let ask = || client().get(w.url(&path)).header("cookie", format!("weir={}", other.cookies["weir"])).send();
        let mut answer = ask().await.unwrap();
        // The log is opened after the build has begun.
        while answer.status() == 404 {
            answer = ask().await.unwrap();
        }
        assert_eq!(answer.status().as_u16(), 200);
        streams.push((path, answer.bytes_stream()));
    }
    assert_eq!(ada.fill_in_at("/account", "/account/sessions", &[]).await.status, 303);
    for (path, mut stream) in streams {
        let end = async { while let Some(Ok(_)) = stream.next().await {} };
        tokio::time::timeout(std::time::Duration::from_secs(10), end)
            .await
            .unwrap_or_else(|_| panic!("{path} goes on"));
    }
    let stop = client().post(w.url("/api/v2/teams/core/builders/busy/builds/1/stop")).bearer_auth(&owner);
    assert_eq!(w.fetch(stop).await.status, 202);
    w.settle().await;
}

#[tokio::test]
async fn who_is_revoked_while_they_wait_for_a_token_gets_none() {
    let w = world().await;
    let owner = w.owner();
    let post =
        |token: &str, path: &str, body: serde_json::Value| client().post(w.url(path)).bearer_auth(token).json(&body);
    let wish = json!({"owner": true, "subject": "thief"});
    let thief = w.fetch(post(&owner, "/api/v2/tokens", wish)).await.json();
    let token = thief["token"].as_str().expect("a token is issued");
    // Now a token for eve is issued in the next second only.
    assert_eq!(w.fetch(post(token, "/api/v2/revocations", json!({"subject": "eve"}))).await.status, 200);
    let issue = w.fetch(post(token, "/api/v2/tokens", json!({"owner": true, "subject": "eve"})));
    let revoke = w.fetch(post(&owner, &format!("/api/v2/tokens/{}/revoke", thief["jti"].as_str().unwrap()), json!({})));
    let (issued, revoked) = tokio::join!(issue, revoke);
    assert_eq!((issued.status, revoked.status), (401, 200), "{}", issued.body);
}

#[tokio::test]
async fn a_strangers_download_ends_when_its_team_is_hidden() {
    let team = |visibility: &str| {
        format!(
            "visibility = \"{visibility}\"\n[builder.app]\n\
             [[builder.app.step]]\nuse = \"shell\"\nwith = {{ command = \"head -c {LARGE} /dev/zero > large\" }}\n\
             [[builder.app.step]]\nuse = \"artifact\"\nwith = {{ path = \"large\" }}\n"
        )
    };
    let w = Site::new().file("teams/core.toml", team("public")).serve().await;
    w.force("core/app").await;
    w.settle().await;
    let path = "/team/core/builder/app/build/1/artifact/large";
    let answer = client().get(w.url(path)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    std::fs::write(w.dir().join("teams/core.toml"), team("private")).unwrap();
    let reload = client().post(w.url("/api/v2/reload")).bearer_auth(w.owner());
    assert_eq!(w.fetch(reload).await.status, 200);
    assert_eq!(w.get(path).await.status, 404);
    let (n, broken_off) = drain(answer).await;
    assert!(broken_off && n < LARGE, "{n} bytes");
}

/// How many bytes of an answer still come, and whether it breaks off.
async fn drain(answer: reqwest::Response) -> (usize, bool) {
    let mut pieces = answer.bytes_stream();
    let mut n = 0;
    loop {
        match pieces.next().await {
            Some(Ok(piece)) => n += piece.len(),
            Some(Err(_)) => return (n, true),
            None => return (n, false),
        }
    }
}
