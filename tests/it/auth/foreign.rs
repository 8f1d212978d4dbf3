//! Tokens of somebody else's issuer: which are believed, what they are worth, and everything that was ever tried against such.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use weir_tests::issuer::{Issuer, TestKey, signed};
use weir_tests::page::Page;
use weir_tests::site::Site;
use weir_tests::world::World;

const ALL: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
const GRANT: &str = "[[auth.grant]]\nissuer = \"forge\"\nclaim = \"groups\"\nvalue = \"python-core\"\nteam = \"core\"\nrole = \"operator\"\n";

fn keys() -> [Value; 4] {
    [TestKey::Rsa.jwk("r1"), TestKey::P256.jwk("p1"), TestKey::P384.jwk("p2"), TestKey::Ed25519.jwk("e1")]
}

async fn world(issuer: &Issuer, algorithms: &[&str]) -> World {
    Site::new()
        .toml(&issuer.table("forge", algorithms))
        .toml(GRANT)
        .team("core", "visibility = \"private\"")
        .builder("core/full", "true")
        .team("hall", "visibility = \"internal\"")
        .builder("hall/stone", "true")
        .view("all", "categories = [\"*\"]")
        .serve()
        .await
}

/// What the server says of the token at a public page.
async fn look(w: &World, token: &str) -> Page {
    w.get_as(token, "/view/all.json").await
}

async fn refused(w: &World, token: &str, reason: &str) {
    let page = look(w, token).await;
    assert_eq!(page.status, 401, "{reason}: {}", page.body);
    assert!(page.body.contains(reason), "`{}` should say `{reason}`", page.body);
}

#[tokio::test]
async fn every_allowed_signature_is_believed_and_worth_what_the_grants_say() {
    let issuer = Issuer::start(&keys()).await;
    let w = world(&issuer, &ALL).await;
    for name in ALL {
        let (key, kid) = match &name[..2] {
            "RS" | "PS" => (TestKey::Rsa, "r1"),
            "ES" if name == "ES256" => (TestKey::P256, "p1"),
            "ES" => (TestKey::P384, "p2"),
            _ => (TestKey::Ed25519, "e1"),
        };
        let token = issuer.token(key, name.parse().unwrap(), kid, &json!({}));
        let page = look(&w, &token).await;
        assert!(page.status == 200 && page.body.contains("core/full"), "{name}: {}", page.body);
    }
    assert!(issuer.n_asked() <= 2, "the keys are kept: asked {} times", issuer.n_asked());
    let member = issuer.token(TestKey::Ed25519, Algorithm::EdDSA, "e1", &json!({"aud": ["other", "weir"]}));
    assert_eq!(w.force_as(Some(&member), "core/full", json!({})).await.status, 202);
    w.settle().await;
    // A good token that no grant knows: signed in, and not one of those who may see what is for the house.
    let stranger = issuer.token(TestKey::Ed25519, Algorithm::EdDSA, "e1", &json!({"groups": ["other"]}));
    let seen = look(&w, &stranger).await;
    assert!(seen.status == 200 && !seen.body.contains("full") && !seen.body.contains("stone"), "{}", seen.body);
    assert_eq!(w.force_as(Some(&stranger), "core/full", json!({})).await.status, 404);
    // Both call themselves what they like; the audit knows who they are.
    let audit = w.get_as(&w.owner(), "/api/v2/audit?action=force").await.json();
    for row in audit["audit"].as_array().unwrap() {
        let person = row["details"]["person"].as_str().unwrap_or_default();
        assert!(person.starts_with("issuer:forge:"), "{row}");
    }
    assert_eq!(audit["audit"].as_array().unwrap().len(), 2);
    assert!(look(&w, &member).await.body.contains("stone"), "a member of any team is of the house");
}

#[tokio::test]
async fn each_wrong_claim_of_a_foreign_token_is_refused_with_its_reason() {
    let issuer = Issuer::start(&keys()).await;
    let w = world(&issuer, &["EdDSA"]).await;
    let now = || issuer.claims(&json!({}))["exp"].as_i64().unwrap() - 600;
    let began = now();
    for (change, reason) in [
        (json!({"exp": began - 6}), "expired"),
        (json!({"exp": null}), "`exp` is missing"),
        (json!({"exp": "soon"}), "`exp` is no number"),
        (json!({"nbf": began + 600}), "not valid yet"),
        (json!({"aud": "other"}), "audience is not `weir`"),
        (json!({"aud": null}), "audience is not `weir`"),
        (json!({"aud": ["weirs", {"a": "weir"}]}), "audience is not `weir`"),
        (json!({"iss": "https://elsewhere.example.org/"}), "issuer that this server does not know"),
        (json!({"iss": null}), "issuer that this server does not know"),
        (json!({"iss": [issuer.name()]}), "issuer that this server does not know"),
        (json!({"sub": null}), "`sub` is missing"),
        (json!({"sub": ""}), "`sub` is no text"),
        (json!({"sub": "a\nb"}), "`sub` is no text"),
        (json!({"jti": 7}), "`jti` is no text"),
        (json!({"iss": "local", "weir": {"owner": true}}), "does not know"),
    ] {
        refused(&w, &issuer.token(TestKey::Ed25519, Algorithm::EdDSA, "e1", &change), reason).await;
    }
    // Clocks may differ by five seconds; four of them are left for the way to the server.
    for change in [
        json!({"exp": now() - 1}),
        json!({"exp": now() as f64 + 60.5}),
        json!({"jti": null}),
        json!({"nbf": now() + 4}),
    ] {
        let token = issuer.token(TestKey::Ed25519, Algorithm::EdDSA, "e1", &change);
        assert_eq!(look(&w, &token).await.status, 200, "{change}");
    }
    // What is ours alone is worth nothing in a token of theirs.
    let claim = json!({"groups": [], "weir": {"owner": true, "team": "core", "role": "admin"}});
    let token = issuer.token(TestKey::Ed25519, Algorithm::EdDSA, "e1", &claim);
    assert!(!look(&w, &token).await.body.contains("full"));
}

#[tokio::test]
async fn forged_headers_and_borrowed_keys_are_refused() {
    let issuer = Issuer::start(&keys()).await;
    // Where a token would like its keys to be fetched from; it knows the key that the token is signed with.
    let trap = Issuer::start(&[TestKey::Other.jwk("x1")]).await;
    let w = world(&issuer, &["RS256", "EdDSA"]).await;
    let claims = issuer.claims(&json!({}));
    let other = TestKey::Other.encoding();
    let ed = |head: Value| signed(&head, &claims, Algorithm::EdDSA, &other);
    let url = trap.url("/jwks.json");
    for (head, reason) in [
        (json!({"alg": "EdDSA", "kid": "e1"}), "signature does not fit"),
        (json!({"alg": "EdDSA", "kid": "e1", "jku": url}), "signature does not fit"),
        (json!({"alg": "EdDSA", "kid": "x1", "jku": url}), "does not know"),
        (json!({"alg": "EdDSA", "kid": "e1", "x5u": url}), "signature does not fit"),
        (json!({"alg": "EdDSA", "kid": "e1", "x5c": ["MIIB"]}), "signature does not fit"),
        (json!({"alg": "EdDSA", "kid": "e1", "jwk": TestKey::Other.jwk("e1")}), "signature does not fit"),
        (json!({"alg": "EdDSA"}), "does not know"),
        (json!({"alg": "EdDSA", "kid": ""}), "does not know"),
        (json!({"alg": "EdDSA", "kid": "../../etc/passwd"}), "does not know"),
        (json!({"alg": "EdDSA", "kid": "e1' OR '1'='1"}), "does not know"),
        (json!({"alg": "EdDSA", "kid": {"a": 1}}), "no token"),
        (json!({"alg": "EdDSA", "kid": "r1"}), "does not know"),
        (json!({"alg": "EdDSA", "kid": "e1", "typ": "logout+jwt"}), "kind"),
        (json!({"alg": "EdDSA", "kid": "e1", "crit": ["b64"], "b64": false}), "crit"),
    ] {
        refused(&w, &ed(head), reason).await;
    }
    assert_eq!(trap.n_asked(), 0, "no token says where keys are");
    // Not signed at all.
    let good = issuer.token(TestKey::Rsa, Algorithm::RS256, "r1", &json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    for alg in ["none", "None", "NONE", "nOnE"] {
        let head = signed(&json!({"alg": alg, "kid": "r1"}), &claims, Algorithm::EdDSA, &other);
        let head = head.split('.').next().unwrap();
        refused(&w, &format!("{head}.{}.", parts[1]), "not signed").await;
        refused(&w, &format!("{head}.{}.{}", parts[1], parts[2]), "not signed").await;
    }
    refused(&w, &format!("{}.{}.", parts[0], parts[1]), "not signed").await;
    // The public key, which everybody has, as the secret of an HMAC: in every form that a library might have taken it in.
    let jwk = TestKey::Rsa.jwk("r1");
    let modulus = jwk["n"].as_str().unwrap();
    for secret in [modulus.as_bytes().to_vec(), jwk.to_string().into_bytes(), b"AQAB".to_vec(), Vec::new()] {
        for (alg, algorithm) in [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)]
        {
            let head = json!({"alg": alg, "kid": "r1"});
            refused(&w, &signed(&head, &claims, algorithm, &EncodingKey::from_secret(&secret)), "another algorithm")
                .await;
            let head = json!({"alg": "RS256", "kid": "r1"});
            refused(
                &w,
                &signed(&head, &claims, algorithm, &EncodingKey::from_secret(&secret)),
                "signature does not fit",
            )
            .await;
        }
    }
    // An algorithm that the issuer may not use, with a key that would fit.
    refused(&w, &issuer.token(TestKey::Rsa, Algorithm::RS512, "r1", &json!({})), "another algorithm").await;
    refused(&w, &issuer.token(TestKey::P256, Algorithm::ES256, "p1", &json!({})), "another algorithm").await;
    // Changed after it was signed.
    let wider = signed(&json!({}), &issuer.claims(&json!({"sub": "eve"})), Algorithm::EdDSA, &other);
    let wider = wider.split('.').nth(1).unwrap();
    refused(&w, &format!("{}.{wider}.{}", parts[0], parts[2]), "signature does not fit").await;
    // Too much of it.
    let large = issuer.token(TestKey::Rsa, Algorithm::RS256, "r1", &json!({"groups": vec!["g"; 8_000]}));
    refused(&w, &large, "longer than").await;
}

#[tokio::test]
async fn keys_roll_over_at_once_outlive_an_outage_and_are_not_fetched_without_end() {
    let issuer = Issuer::start(&[TestKey::Ed25519.jwk("old")]).await;
    let w = world(&issuer, &["EdDSA"]).await;
    let token = |key: TestKey, kid: &str| issuer.token(key, Algorithm::EdDSA, kid, &json!({}));
    let old = token(TestKey::Ed25519, "old");
    assert_eq!(look(&w, &old).await.status, 200);
    issuer.publish(&[TestKey::Ed25519.jwk("old"), TestKey::Other.jwk("new")]);
    assert_eq!(look(&w, &token(TestKey::Other, "new")).await.status, 200);
    // Down, broken, leading elsewhere, or speaking without end: what is known goes on.
    let elsewhere = Issuer::start(&[TestKey::Other.jwk("newer")]).await;
    let location = format!("location: {}\r\n", elsewhere.url("/jwks.json"));
    for (status, head, body) in [
        ("302 Found", location.as_str(), String::new()),
        ("200 OK", "", format!("{{\"keys\": [{}]}}", " ".repeat(300 << 10))),
        ("503 Service Unavailable", "", String::new()),
        ("200 OK", "", "<html>maintenance</html>".to_owned()),
    ] {
        issuer.answer(status, head, &body);
        let unknown = look(&w, &token(TestKey::Other, "newer")).await;
        assert!([401, 503].contains(&unknown.status), "{}", unknown.body);
        assert_eq!(look(&w, &old).await.status, 200, "{status}");
    }
    assert_eq!(elsewhere.n_asked(), 0, "no redirect is followed");
    // Whoever invents names of keys does not make the server ask for each.
    issuer.publish(&[TestKey::Ed25519.jwk("old")]);
    let n_before = issuer.n_asked();
    let tokens: Vec<String> = (0..200).map(|n| token(TestKey::Other, &format!("k{n}"))).collect();
    let looks = futures::future::join_all(tokens.iter().map(|token| look(&w, token))).await;
    assert!(looks.iter().all(|page| [401, 503].contains(&page.status)));
    let n_more = issuer.n_asked() - n_before;
    assert!(n_more <= 4, "200 unknown keys were looked for {n_more} times");
}

#[tokio::test]
async fn without_any_key_the_server_says_so_and_starts_all_the_same() {
    let issuer = Issuer::start(&[]).await;
    issuer.answer("500 Internal Server Error", "", "");
    let w = world(&issuer, &["EdDSA"]).await;
    let token = issuer.token(TestKey::Ed25519, Algorithm::EdDSA, "e1", &json!({}));
    let page = look(&w, &token).await;
    assert_eq!(page.status, 503, "{}", page.body);
    assert!(page.body.contains("forge") && page.header("retry-after").is_some(), "{}", page.body);
    assert_eq!(w.get("/view/all.json").await.status, 200);
}

#[tokio::test]
async fn a_key_set_may_lie_in_a_file_and_one_issuer_may_serve_two_audiences() {
    let issuer = Issuer::start(&[]).await;
    let table = |name: &str, audience: &str| {
        format!(
            "[auth.jwt.{name}]\nissuer = \"{}\"\njwks_file = \"keys.json\"\naudience = \"{audience}\"\nalgorithms = [\"ES256\"]\n",
            issuer.name()
        )
    };
    let w = Site::new()
        .toml(&table("forge", "weir"))
        .toml(&table("second", "weir-too"))
        .toml(GRANT)
        .file("keys.json", json!({"keys": [TestKey::P256.jwk("p1")]}).to_string())
        .team("core", "visibility = \"private\"")
        .builder("core/full", "true")
        .view("all", "categories = [\"*\"]")
        .serve()
        .await;
    let token = |aud: &str| issuer.token(TestKey::P256, Algorithm::ES256, "p1", &json!({ "aud": aud }));
    assert!(look(&w, &token("weir")).await.body.contains("core/full"));
    let second = look(&w, &token("weir-too")).await;
    assert!(
        second.status == 200 && !second.body.contains("core/full"),
        "its claims are worth nothing: {}",
        second.body
    );
    refused(&w, &token("third"), "audience").await;
    assert_eq!(issuer.n_asked(), 0);
}
