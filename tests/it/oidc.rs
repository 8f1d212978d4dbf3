//! Signing in at somebody else's: against a real, certified provider of OpenID Connect.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use weir_tests::browser::Browser;
use weir_tests::page::Page;
use weir_tests::provider::{CLIENT_SECRET, Provider, Settings};
use weir_tests::site::Site;
use weir_tests::traveller::Traveller;
use weir_tests::world::World;

const PUBLIC_URL: &str = "http://localhost/";
const BEGIN: &str = "http://localhost/auth/oidc/main";
const CORE: &str = "http://localhost/team/core";
const DOCS: &str = "http://localhost/team/docs";

/// Two teams that strangers do not see, each for a group of the provider's, one of them in a claim of claims.
fn site(provider: &Provider, more: &str) -> Site {
    let grants = "[[auth.grant]]\nissuer = \"main\"\nclaim = \"realm_access.roles\"\nvalue = \"dev\"\nteam = \"core\"\nrole = \"operator\"\n\
                  [[auth.grant]]\nissuer = \"main\"\nclaim = \"groups\"\nvalue = \"writers\"\nteam = \"docs\"\nrole = \"viewer\"\n";
    // Many pages at once are what some tests are about, and no quota.
    let keys = "visibility = \"private\"\nquota = { requests_per_s = 100000 }";
    Site::new()
        .team("core", keys)
        .builder("core/linux", "true")
        .team("docs", keys)
        .builder("docs/manual", "true")
        .toml(&provider.toml(more))
        .toml(grants)
        .env("CLIENT_SECRET", CLIENT_SECRET)
}

fn people() -> Value {
    json!({
        "1": {"preferred_username": "ada", "groups": ["writers"], "realm_access": {"roles": ["dev", "lunch"]}},
        "2": {"preferred_username": "ben", "groups": ["writers"], "realm_access": {"roles": ["lunch"]}},
        "3": {"preferred_username": "eve"},
    })
}

async fn world(settings: &Settings) -> Option<(Provider, World)> {
    let provider = Provider::start(settings)?;
    let world = site(&provider, "").serve().await;
    Some((provider, world))
}

fn settings() -> Settings {
    Settings::new(PUBLIC_URL, people())
}

/// A browser in which the person of that `sub` is signed in, and the page at the end of it.
async fn signed_in<'w>(world: &'w World, sub: &str) -> (Traveller<'w>, Page) {
    let mut browser = Traveller::new(world, PUBLIC_URL);
    let page = browser.follow(BEGIN).await;
    let page = browser.sign_in_at_provider(page, sub).await;
    (browser, page)
}

async fn statuses(browser: &mut Traveller<'_>) -> (u16, u16) {
    (browser.open(CORE).await.status, browser.open(DOCS).await.status)
}

fn query(url: &str) -> BTreeMap<String, String> {
    reqwest::Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

#[tokio::test]
async fn who_signs_in_at_the_provider_gets_the_roles_of_their_claims_and_comes_back_to_where_they_were() {
    let Some((provider, w)) = world(&settings()).await else { return };
    let mut browser = Traveller::new(&w, PUBLIC_URL);
    assert_eq!(statuses(&mut browser).await, (404, 404));
    let page = browser.open("http://localhost/login?to=/team/core").await;
    assert!(page.text().contains("Sign in with Example ID"), "{}", page.text());
    assert!(page.links().contains(&"/auth/oidc/main?to=%2Fteam%2Fcore".to_owned()), "{:?}", page.links());
    let login = browser.follow(&format!("{BEGIN}?to=/team/core")).await;
    let asked = browser.seen.iter().find(|url| url.starts_with(&format!("{}/auth?", provider.issuer()))).unwrap();
    let asked = query(asked);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "weir"),
        ("redirect_uri", "http://localhost/auth/oidc/main/callback"),
        ("scope", "openid profile groups"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(asked[name], value, "{asked:?}");
    }
    assert!(asked["state"].len() >= 43 && asked["nonce"].len() >= 43 && asked["code_challenge"].len() == 43);

    let page = browser.sign_in_at_provider(login, "1").await;
    assert_eq!((page.status, browser.seen.last().map(String::as_str)), (200, Some(CORE)), "{}", page.body);
    assert_eq!(statuses(&mut browser).await, (200, 200));
    let (mut ben, _) = signed_in(&w, "2").await;
    assert_eq!(statuses(&mut ben).await, (404, 200));
    let (mut eve, page) = signed_in(&w, "3").await;
    assert_eq!((page.status, statuses(&mut eve).await), (200, (404, 404)), "signed in, and of no team");

    // What is worth something to a thief lies nowhere that can be read.
    let tokens = provider.control(json!({})).await["tokens"].clone();
    let secrets: Vec<String> = tokens.as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect();
    assert_eq!(secrets.len(), 3);
    let stored: Vec<u8> = std::fs::read_dir(w.state_dir())
        .unwrap()
        .flatten()
        .filter_map(|e| std::fs::read(e.path()).ok())
        .flatten()
        .collect();
    let (stored, log) = (String::from_utf8_lossy(&stored), w.server().log());
    assert!(stored.contains("issuer:main:1"), "the sessions are looked for where they are");
    for secret in secrets.iter().map(String::as_str).chain([CLIENT_SECRET]) {
        assert!(!stored.contains(secret) && !log.contains(secret));
    }
}

#[tokio::test]
async fn claims_count_from_the_id_token_too_and_a_client_may_be_public_or_send_its_secret_in_the_body() {
    for (method, secret) in [("client_secret_post", true), ("none", false)] {
        let settings = settings().with("userinfo", json!(false)).client("token_endpoint_auth_method", json!(method));
        let settings = if secret { settings } else { settings.client("client_secret", Value::Null) };
        let settings = settings.with("auth_methods", json!([method]));
        let Some(provider) = Provider::start(&settings) else { return };
        let mut toml = provider.toml("");
        if !secret {
            toml = toml.lines().filter(|line| !line.starts_with("client_secret")).collect::<Vec<_>>().join("\n");
        }
        let text = site(&provider, "").text().replace(&provider.toml(""), &format!("{toml}\n"));
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("plugins")).unwrap();
        std::fs::write(dir.path().join("weir.toml"), text).unwrap();
        let w = World::on(dir, &[("CLIENT_SECRET", CLIENT_SECRET)]).await;
        let (mut browser, page) = signed_in(&w, "1").await;
        assert_eq!((page.status, statuses(&mut browser).await), (200, (200, 200)), "{method}: {}", w.server().log());
    }
}

#[tokio::test]
async fn an_answer_counts_once_and_only_in_the_browser_that_asked_for_it() {
    let Some((_provider, w)) = world(&settings()).await else { return };
    // Eve signs in at the provider, and keeps what it answers to herself.
    let mut eve = Traveller::new(&w, PUBLIC_URL);
    let page = eve.follow(BEGIN).await;
    let page = eve.submit_only(&page, &[("login", "3"), ("password", "x")]).await;
    let page = eve.follow_until(page, "/auth/oidc/main/callback").await;
    let callback = page.header("location").unwrap().to_owned();
    let of_eve = query(&callback);

    // Ada's browser has begun nothing.
    let mut ada = Traveller::new(&w, PUBLIC_URL);
    assert_eq!(ada.open(&callback).await.status, 400);
    // She has begun; the answer is to Eve's question.
    let begun = ada.open(BEGIN).await;
    let state = query(begun.header("location").unwrap())["state"].clone();
    assert_eq!(ada.open(&callback).await.status, 400);
    // Eve's code put into Ada's answer: it was given for another secret than Ada's.
    let forged = |state: &str, code: &str, iss: &str| {
        let url = reqwest::Url::parse_with_params(
            "http://localhost/auth/oidc/main/callback",
            [("state", state), ("code", code), ("iss", iss)],
        );
        url.unwrap().to_string()
    };
    let (code, iss) = (of_eve["code"].as_str(), of_eve["iss"].as_str());
    let cookie = |state: &str| {
        format!("weir-sign-in-{}", state.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>())
    };
    assert!(ada.cookie(&cookie(&state)).is_some(), "an answer to somebody else's question takes nothing from hers");
    assert_eq!(ada.open(&forged(&state, code, "http://evil.example")).await.status, 502, "of another provider");
    assert!(ada.cookie(&cookie(&state)).is_none(), "what failed is spent");
    assert_eq!(ada.open(&forged(&state, code, iss)).await.status, 400);
    let begun = ada.open(BEGIN).await;
    let state = query(begun.header("location").unwrap())["state"].clone();
    assert_eq!(ada.open(&forged(&state, code, iss)).await.status, 403);
    assert!(ada.cookie(&cookie(&state)).is_none(), "what was refused is spent");
    assert_eq!(ada.open(&forged("", code, iss)).await.status, 400);
    assert_eq!(ada.open(&forged("../x;y", code, iss)).await.status, 400);
    assert!(ada.cookie("weir").is_none());

    // The same answer twice: somebody looked over a shoulder.
    let (mut ben, _) = signed_in(&w, "2").await;
    let callback = ben.seen.iter().find(|url| url.contains("/callback?")).unwrap().clone();
    let of_ben = ben.cookie("weir").unwrap().to_owned();
    assert_eq!(ben.open(&callback).await.status, 400);
    assert_eq!(ben.cookie("weir"), Some(of_ben.as_str()));
}

#[tokio::test]
async fn a_sign_in_leads_to_no_other_site_and_replaces_whatever_session_was_there() {
    let Some((_provider, w)) = world(&settings()).await else { return };
    for to in ["//evil.example/", "https://evil.example/", "/\\evil.example", "/auth/oidc/main"] {
        let mut browser = Traveller::new(&w, PUBLIC_URL);
        let planted = "A".repeat(43);
        browser.set_cookie("weir", &planted);
        let begin = reqwest::Url::parse_with_params(BEGIN, [("to", to)]).unwrap();
        let page = browser.follow(begin.as_str()).await;
        let page = browser.sign_in_at_provider(page, "1").await;
        assert_eq!((page.status, browser.seen.last().map(String::as_str)), (200, Some(PUBLIC_URL)), "{to}");
        assert!(browser.cookie("weir").is_some_and(|cookie| cookie != planted), "a planted session is none");
    }
}

#[tokio::test]
async fn rights_follow_the_provider_when_its_token_expires_and_whom_it_refuses_is_signed_out() {
    let Some((provider, w)) = world(&settings().with("access_token_s", json!(1))).await else { return };
    let (mut ada, _) = signed_in(&w, "1").await;
    assert_eq!(statuses(&mut ada).await, (200, 200));
    let mut accounts = people();
    accounts["1"]["realm_access"]["roles"] = json!(["lunch"]);
    provider.control(json!({"accounts": accounts})).await;
    until("a role ends with its claim", async || ada.open(CORE).await.status == 404).await;
    assert_eq!(statuses(&mut ada).await, (404, 200), "and nothing else does");

    provider.control(json!({"accounts": people()})).await;
    until("it comes back with its claim", async || ada.open(CORE).await.status == 200).await;

    // Each refresh token counts once: many pages at the same time must not spend it twice.
    let cookie = ada.cookie("weir").unwrap().to_owned();
    let before = provider.control(json!({})).await["asked"]["/token"].as_i64();
    let many = async || {
        let ask = |_| {
            let request =
                weir_tests::world::client().get(w.url("/team/core")).header("cookie", format!("weir={cookie}"));
            w.fetch(request)
        };
        let pages = futures::future::join_all((0..20).map(ask)).await;
        assert!(pages.iter().all(|page| page.status == 200), "nobody is signed out by many pages at once");
        provider.control(json!({})).await["asked"]["/token"].as_i64() > before
    };
    until("it was asked again by many at once", many).await;

    provider.control(json!({"accounts": {"2": {}}})).await;
    until("whom the provider does not know any more is signed out", async || ada.open(DOCS).await.status == 404).await;
}

#[tokio::test]
async fn while_the_provider_is_away_who_is_signed_in_stays_and_its_new_keys_are_learnt() {
    let Some((provider, w)) = world(&settings().with("access_token_s", json!(1))).await else { return };
    let (mut ada, _) = signed_in(&w, "1").await;
    let asked = provider.control(json!({"down": true})).await["asked"]["/token"].as_i64();
    let stays = async || {
        assert_eq!(statuses(&mut ada).await, (200, 200));
        provider.control(json!({})).await["asked"]["/token"].as_i64() > asked
    };
    until("it was asked in vain", stays).await;
    assert_eq!(statuses(&mut ada).await, (200, 200));
    let mut ben = Traveller::new(&w, PUBLIC_URL);
    assert_eq!(ben.open(&format!("{BEGIN}?to=/team/docs")).await.status, 303, "its document is known");

    provider.control(json!({"down": false, "rotate": true})).await;
    let (mut ben, page) = signed_in(&w, "2").await;
    assert_eq!((page.status, statuses(&mut ben).await), (200, (404, 200)), "{}", page.body);
}

#[tokio::test]
async fn what_does_not_work_is_said_in_plain_words() {
    let Some(provider) = Provider::start(&settings()) else { return };
    let elsewhere = "[auth.oidc.gone]\nissuer = \"http://127.0.0.1:9\"\nclient_id = \"weir\"\ntitle = \"Old ID\"\n\
                     [auth.oidc.liar]\nissuer = \"ISSUER/\"\nclient_id = \"weir\"\ntitle = \"Liar\"\n"
        .replace("ISSUER", &provider.issuer());
    let w = site(&provider, "").toml(&elsewhere).serve().await;
    let mut browser = Traveller::new(&w, PUBLIC_URL);
    for (name, title) in [("gone", "Old ID"), ("liar", "Liar"), ("gone", "Old ID")] {
        let page = browser.open(&format!("{PUBLIC_URL}auth/oidc/{name}")).await;
        assert_eq!(page.status, 502, "{}", page.body);
        assert!(page.text().contains(&format!("{title} cannot be asked who you are just now")), "{}", page.text());
    }
    for path in [
        "auth/oidc/nobody",
        "auth/oidc/nobody/callback?code=1&state=2",
        "auth/oidc/nobody/leave",
        "auth/oidc/gone/leave",
    ] {
        assert_eq!(browser.open(&format!("{PUBLIC_URL}{path}")).await.status, 404, "{path}");
    }
    // The person says no at the provider.
    browser.follow(BEGIN).await;
    let at_provider = browser.seen.last().unwrap().clone();
    let page = browser.follow(&format!("{at_provider}/abort")).await;
    assert_eq!(page.status, 403, "{}", page.body);
    assert!(page.text().contains("Example ID did not sign you in: End-User aborted interaction."), "{}", page.text());
    assert!(w.server().log().contains("provider of sign-in cannot be used"), "the operator learns why");
    let (_, page) = signed_in(&w, "2").await;
    assert_eq!(page.status, 200);
    let answer = browser.open(&format!("{PUBLIC_URL}auth/oidc/gone/callback?code=1&state=2")).await;
    assert_eq!(answer.status, 400);
    // All of it is in the audit; who was proved is there by what never changes.
    let json = w.get_as(&w.owner(), "/api/v2/audit?action=sign-in").await.json();
    let told = json["audit"].as_array().unwrap().iter().rev().map(|row| {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let reason = word(&row["reason"]).split(':').next().unwrap_or_default().to_owned();
        let object = if row["allowed"] == true { String::new() } else { word(&row["object"]) };
        assert!(row["allowed"] == true || row["details"]["address"] == "127.0.0.1", "{row}");
        [word(&row["subject"]), object, reason, word(&row["details"]["person"])].join(", ")
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "anonymous, provider gone, the provider cannot be used, ",
            "anonymous, provider liar, the provider cannot be used, ",
            "anonymous, provider gone, the provider cannot be used, ",
            "anonymous, provider main, the provider says no, ",
            "main:ben, , 127.0.0.1, issuer:main:2",
            "anonymous, provider gone, it was not begun in this browser, or too long ago, ",
        ]
    );
}

#[tokio::test]
async fn who_leaves_the_provider_too_must_sign_in_there_again() {
    let Some((provider, w)) = world(&settings()).await else { return };
    let (mut ada, _) = signed_in(&w, "1").await;
    // The provider knows her: it asks nothing.
    let again = ada.follow(BEGIN).await;
    assert_eq!((again.status, ada.seen.last().map(String::as_str)), (200, Some(PUBLIC_URL)));

    // Signed out here, the provider still knows her: the page says so and leads there.
    let page = ada.follow("http://localhost/logout").await;
    let page = ada.submit(&page, &[]).await;
    assert_eq!(ada.seen.last().map(String::as_str), Some("http://localhost/login?left=main"));
    assert!(
        page.text().contains("You are signed out here. Example ID may still know you in this browser"),
        "{}",
        page.text()
    );
    assert_eq!(statuses(&mut ada).await, (404, 404));
    assert!(page.links().contains(&"/auth/oidc/main/leave".to_owned()), "{:?}", page.links());
    let page = ada.follow(&format!("{BEGIN}/leave")).await;
    assert!(ada.seen.last().unwrap().starts_with(&format!("{}/session/end?", provider.issuer())), "{:?}", ada.seen);
    ada.submit(&page, &[("logout", "yes")]).await;
    assert_eq!(ada.seen.last().map(String::as_str), Some("http://localhost/login"));
    let page = ada.follow(BEGIN).await;
    assert!(page.body.contains("name=\"login\""), "{}", page.body);
}

#[tokio::test]
async fn a_real_browser_signs_in_and_out() {
    // The provider must know the address before anybody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap();
    let public_url = format!("http://{address}/");
    let Some(provider) = Provider::start(&Settings::new(&public_url, people())) else { return };
    let Some(browser) = Browser::start().await else { return };
    let site = site(&provider, "").env("WEIR_SERVER__PUBLIC_URL", &public_url);
    let w = site.env("WEIR_SERVER__LISTEN", &format!("[\"{address}\"]")).serve().await;
    browser.open(&w.url("/login?to=/team/core")).await;
    browser.run("document.querySelector('a[href*=\"/auth/oidc/main\"]').click()").await;
    browser.until("document.querySelector('input[name=login]')").await;
    let fill = "document.querySelector('[name=login]').value = '1'; document.querySelector('[name=password]').value = 'x'; \
                document.querySelector('form').submit()";
    browser.run(fill).await;
    browser.until("document.querySelector('input[value=consent]')").await;
    browser.run("document.querySelector('form').submit()").await;
    browser.until("document.body.innerText.includes('main:ada')").await;
    assert_eq!(browser.run("return location.href").await, w.url("/team/core"));
    assert_eq!(browser.run("return document.cookie").await, "", "no script reads the session");

    browser.open(&w.url("/logout")).await;
    browser.run("document.querySelector('form[action=\"/logout\"] button').click()").await;
    browser.until("document.body.innerText.includes('You are signed out here')").await;
    browser.run("document.querySelector('a[href$=\"/leave\"]').click()").await;
    browser.until("document.querySelector('button[value=yes]')").await;
    browser.run("document.querySelector('button[value=yes]').click()").await;
    browser.until("document.body.innerText.includes('Sign in with Example ID')").await;
}

/// Tries again and again until it holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let tried = tokio::time::timeout(std::time::Duration::from_secs(60), async { while !holds().await {} });
    tried.await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}
