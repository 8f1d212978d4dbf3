//! People sign in with a password, stay signed in by a cookie, and sign out.

use weir_tests::site::Site;
use weir_tests::visitor::{PASSWORD, Visitor, hidden, urlencoded};
use weir_tests::world::{World, client};

fn site() -> Site {
    Site::new()
        .team("core", "visibility = \"private\"")
        .builder("core/full", "true")
        .user("ada", "teams = { core = \"operator\" }")
        .user("bob", "teams = { core = \"viewer\" }")
}

async fn world() -> World {
    site().serve().await
}

#[tokio::test]
async fn who_signs_in_sees_their_teams_until_they_sign_out() {
    let w = site().prefix("/ci/").serve().await;
    let mut ada = Visitor::new(&w);
    let hidden_page = ada.get("/team/core?x=1").await;
    assert_eq!(hidden_page.status, 404);
    let sign_in = hidden_page.links().into_iter().find(|link| link.contains("login?to=")).expect("404 offers sign-in");
    assert_eq!(sign_in, "/ci/login?to=%2Fci%2Fteam%2Fcore%3Fx%3D1");
    let answer = ada.fill_in(sign_in.strip_prefix("/ci").unwrap(), &[("name", "ada"), ("password", PASSWORD)]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/ci/team/core?x=1")), "{}", answer.text());
    let page = ada.get("/team/core").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("ada") && page.text().contains("Sign out"), "{}", page.text());
    assert_eq!(Visitor::new(&w).get("/team/core").await.status, 404, "another browser is nobody");
    let answer = ada.fill_in("/logout", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/ci/")));
    assert!(!ada.cookies.contains_key("weir"), "{:?}", ada.cookies);
    assert_eq!(ada.get("/team/core").await.status, 404);
}

#[tokio::test]
async fn a_cookie_is_worth_nothing_once_its_session_ended_and_open_streams_end_with_it() {
    let w = world().await;
    let mut ada = Visitor::signed_in(&w, "ada").await;
    let stolen = ada.cookies.clone();
    let cookie = format!("weir={}", stolen["weir"]);
    let mut stream = client().get(w.url("/sse/team/core")).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(stream.status().as_u16(), 200);
    ada.fill_in("/logout", &[]).await;
    let ended = async { while stream.chunk().await.is_ok_and(|chunk| chunk.is_some()) {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.expect("the stream ends with its session");
    let mut thief = Visitor::new(&w);
    thief.cookies = stolen;
    assert_eq!(thief.get("/team/core").await.status, 404);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_answered_alike() {
    let w = world().await;
    let mut somebody = Visitor::new(&w);
    let mut said = Vec::new();
    for (name, password) in [("ada", "wrong"), ("eve", "wrong"), ("eve", PASSWORD), ("ada", "")] {
        let page = somebody.sign_in(name, password).await;
        assert_eq!(page.status, 422, "{name}");
        said.push(page.text().replace(name, "NAME").lines().filter(|l| !l.contains("page made")).collect::<String>());
        assert!(!somebody.cookies.contains_key("weir"));
        assert!(!page.body.contains("wrong\"") && page.body.contains(&format!("value=\"{name}\"")), "the name is kept");
    }
    assert!(said.iter().all(|text| *text == said[0]), "{said:?}");
}

#[tokio::test]
async fn tries_are_throttled_by_name_and_by_address_and_the_right_password_too() {
    let w = site().behind_proxy().serve().await;
    let mut eve = Visitor::new(&w);
    let first = guesses(&mut eve, |n| ("ada".to_owned(), format!("203.0.113.{n}"))).await;
    assert!(first >= 10, "{first}");
    eve.address = Some("203.0.113.99".to_owned());
    let page = eve.sign_in("ada", PASSWORD).await;
    assert_eq!(page.status, 429, "{}", page.text());
    let wait: u64 = page.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait) && page.text().contains(&format!("in {wait} s")), "{}", page.text());
    assert_eq!(Visitor::signed_in(&w, "bob").await.get("/team/core").await.status, 200, "others are let in");
    eve.address = Some("198.51.100.7".to_owned());
    let n_looked_at = guesses(&mut eve, |n| (format!("user {n}"), "198.51.100.7".to_owned())).await;
    assert!(n_looked_at >= 30, "{n_looked_at}");
    for _ in 0..2 {
        assert_eq!(eve.sign_in("bob", PASSWORD).await.status, 429);
    }
    // What was held back is in the audit, and a flood of it is one entry until its time is over.
    let store = weir::store::Store::open(&format!("sqlite:{}", w.state_dir().join("weir.db").display())).unwrap();
    let rows = store.read(|c| Ok::<_, weir::status::Error>(weir::store::audit::recent(c, None, 100)?)).await.unwrap();
    let held_back: Vec<_> = rows.iter().filter(|row| row.reason == "not looked at: too many tries").collect();
    let known: Vec<_> = held_back.iter().filter(|row| row.object != "an unknown user").collect();
    let told: Vec<_> = known.iter().map(|row| (row.object.as_str(), row.allowed, row.details.clone())).collect();
    let address = |text: &str| format!("{{\"address\":\"{text}\"}}");
    let first = address(&format!("203.0.113.{first}"));
    assert_eq!(told, [("user bob", false, address("198.51.100.7")), ("user ada", false, first)]);
}

/// Guesses passwords, each of the name and from the address that `next` says, until a guess is not looked at any more: how many were. Time
/// gives tries back, so a slow machine looks at some more than are allowed at once.
async fn guesses(eve: &mut Visitor<'_>, next: impl Fn(usize) -> (String, String)) -> usize {
    for n in 0..100 {
        let (name, address) = next(n);
        eve.address = Some(address);
        match eve.sign_in(&name, "guess").await.status {
            422 => {}
            status => {
                assert_eq!(status, 429, "{n}");
                return n;
            }
        }
    }
    panic!("a hundred guesses were looked at");
}

#[tokio::test]
async fn the_cookie_is_bound_tightly_and_is_another_one_at_each_sign_in() {
    let w = world().await;
    let mut ada = Visitor::new(&w);
    // What somebody else planted in the browser before does not count after.
    ada.cookies.insert("weir".to_owned(), "A".repeat(43));
    let answer = ada.sign_in("ada", PASSWORD).await;
    let cookie = answer.headers.iter().find(|(n, v)| n == "set-cookie" && v.starts_with("weir=")).unwrap().1.clone();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"] {
        assert!(cookie.contains(part), "{cookie} lacks {part}");
    }
    assert!(!cookie.contains("Domain") && !cookie.contains("Secure"), "{cookie}");
    let first = ada.cookies["weir"].clone();
    assert_ne!(first, "A".repeat(43));
    // Signing in anew in the same browser ends the session that it had.
    let page = Visitor::new(&w).get("/login").await;
    let mut again = Visitor::new(&w);
    again.cookies.insert("weir".to_owned(), first.clone());
    let before = page.header("set-cookie").unwrap().split(';').next().unwrap().split_once('=').unwrap();
    again.cookies.insert(before.0.to_owned(), before.1.to_owned());
    let csrf = hidden(&page, "/login").into_iter().find(|(name, _)| name == "csrf").unwrap().1;
    let answer = again.post("/login", &[("csrf", &csrf), ("name", "bob"), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_ne!(again.cookies["weir"], first);
    assert_eq!(ada.get("/team/core").await.status, 404, "the old session has ended");
}

#[tokio::test]
async fn a_link_to_the_sign_in_page_leads_nowhere_else() {
    let w = world().await;
    for to in ["https://evil.example/", "//evil.example/", "/.//evil.example", "/\\evil.example", "javascript:alert(1)"]
    {
        let to: String = url_encoded(to);
        let mut ada = Visitor::new(&w);
        let answer = ada.fill_in(&format!("/login?to={to}"), &[("name", "ada"), ("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{to}");
        let answer = ada.get(&format!("/login?to={to}")).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{to}, signed in");
        let answer = Visitor::new(&w)
            .fill_in("/login", &[("name", "ada"), ("password", PASSWORD), ("to", "//evil.example/")])
            .await;
        assert_eq!(answer.header("location"), Some("/"));
    }
}

#[tokio::test]
async fn what_no_page_of_ours_sent_changes_nothing() {
    let w = world().await;
    let mut ada = Visitor::signed_in(&w, "ada").await;
    let csrf = hidden(&ada.get("/logout").await, "/logout").remove(0).1;
    let mut bob = Visitor::signed_in(&w, "bob").await;
    let others = hidden(&bob.get("/logout").await, "/logout").remove(0).1;
    for fields in [vec![], vec![("csrf", "")], vec![("csrf", others.as_str())], vec![("csrf", &csrf), ("csrf", &csrf)]]
    {
        assert_eq!(ada.post("/logout", &fields).await.status, 403, "{fields:?}");
    }
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        ada.origin = Some(origin.to_owned());
        assert_eq!(ada.post("/logout", &[("csrf", &csrf)]).await.status, 403, "{origin}");
    }
    ada.origin = None;
    let url = w.url("/logout");
    let site =
        ada.send(urlencoded(client().post(&url).header("sec-fetch-site", "same-site"), &[("csrf", &csrf)])).await;
    assert_eq!(site.status, 403);
    let text = client().post(&url).header("content-type", "text/plain").body(format!("csrf={csrf}"));
    assert_eq!(ada.send(text).await.status, 415);
    assert_eq!(ada.get("/team/core").await.status, 200, "still signed in after all that");
    // Nobody is signed in unseen, either.
    let mut victim = Visitor::new(&w);
    let csrf = hidden(&Visitor::new(&w).get("/login").await, "/login").remove(0).1;
    let planted = [("csrf", csrf.as_str()), ("name", "ada"), ("password", PASSWORD)];
    assert_eq!(victim.post("/login", &planted).await.status, 403);
    assert_eq!(victim.post("/logout", &[]).await.status, 401);
}

#[tokio::test]
async fn a_script_in_a_page_of_ours_may_use_the_cookie_with_json_and_nobody_elses_may() {
    let w = world().await;
    let mut ada = Visitor::signed_in(&w, "ada").await;
    let url = w.url("/api/v2/teams/core/builders/full/force");
    assert_eq!(ada.send(client().post(&url).json(&serde_json::json!({}))).await.status, 202);
    w.settle().await;
    let form = ada.send(urlencoded(client().post(&url), &[("reason", "x")])).await;
    assert_eq!(form.status, 415, "{}", form.body);
    let plain = client().post(&url).header("content-type", "text/plain").body("{}");
    assert_eq!(ada.send(plain).await.status, 415);
    ada.origin = Some("https://evil.example".to_owned());
    let foreign = ada.send(client().post(&url).json(&serde_json::json!({}))).await;
    assert_eq!((foreign.status, foreign.json()["code"].as_str()), (403, Some("cross_site")));
    let cookie = format!("weir={}", ada.cookies["weir"]);
    let silent = w.fetch(client().post(&url).header("cookie", cookie).json(&serde_json::json!({}))).await;
    assert_eq!(silent.status, 403, "who does not say where it comes from");
    // Whatever way the address is written in.
    for url in [url.replace("/api/", "/%61pi/"), url.replace("/api/", "/a%70i/")] {
        let cookie = format!("weir={}", ada.cookies["weir"]);
        assert_eq!(w.fetch(client().post(&url).header("cookie", cookie)).await.status, 403, "{url}");
    }
    assert_eq!(w.last("core/full").await.number, 1);
}

/// A text as it stands in a query.
fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
