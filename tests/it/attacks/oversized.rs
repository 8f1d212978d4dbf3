//! More than anybody needs to send: long addresses and heads, large bodies by length and by chunks, bodies that grow when they are
//! unpacked, deep JSON. Each is refused in words, and nothing is as it was not before.

use super::quiet_site;
use serde_json::json;
use weir_tests::site::Site;
use weir_tests::wire::{Wire, answers};
use weir_tests::world::{World, client};

const FORCE: &str = "/api/v2/teams/core/builders/full/force";

/// Nothing was requested, and pages are there.
async fn is_unharmed(world: &World) {
    let page = world.get("/waterfall.json").await;
    assert_eq!(page.status, 200);
    let builder = &page.json()["builders"][0];
    assert!(
        builder["last"].is_null() && builder["running"] == json!([]) && builder["pending"] == json!([]),
        "{builder}"
    );
}

#[tokio::test]
async fn heads_larger_than_any_browser_s_are_refused_and_the_connection_ends() {
    let world = quiet_site().serve().await;
    let long = "a".repeat(300 << 10);
    let many: String = (0..500).map(|n| format!("X-{n}: y\r\n")).collect();
    let heads = [
        ("address", format!("GET /?{long} HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        ("header", format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n")),
        ("cookie", format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a={long}\r\n\r\n")),
        ("many headers", format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")),
        ("name of a header", format!("GET / HTTP/1.1\r\nHost: localhost\r\n{long}: y\r\n\r\n")),
        ("method", format!("{long} / HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        ("no end at all", "\0\r\r\n".repeat(80 << 10)),
    ];
    for (what, head) in heads {
        let mut wire = Wire::to(world.server().address()).await;
        wire.send(&head).await;
        let heard = wire.rest().await;
        let codes = answers(&heard);
        assert!(codes.is_empty() || (codes.len() == 1 && (400..500).contains(&codes[0])), "{what}: {codes:?}");
        is_unharmed(&world).await;
    }
}

#[tokio::test]
async fn bodies_larger_than_is_read_are_413_by_length_and_by_chunks() {
    let world = quiet_site().serve().await;
    let owner = world.owner();
    let head = format!(
        "POST {FORCE} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {owner}\r\nContent-Type: application/json\r\n"
    );
    let reason = "a".repeat(1 << 20);
    let body = json!({ "reason": reason }).to_string();
    let chunk = format!("{:x}\r\n{reason}\r\n", reason.len());
    for (what, request) in [
        ("length", format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())),
        ("a lie", format!("{head}Content-Length: {}\r\n\r\n{body}", u64::MAX)),
        ("chunks", format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(8))),
    ] {
        let mut wire = Wire::to(world.server().address()).await;
        wire.send(&request).await;
        let heard = wire.rest().await;
        assert_eq!(answers(&heard), [413], "{what}: {heard}");
        assert!(heard.contains("\"code\":\"too_large\""), "{what}: {heard}");
        is_unharmed(&world).await;
    }
}

#[tokio::test]
async fn a_body_that_would_grow_when_unpacked_is_not_unpacked() {
    let world = quiet_site().serve().await;
    let owner = world.owner();
    // 100 MiB of blanks and an object, by gzip: it is well under what is read.
    let script = "import gzip,sys; sys.stdout.buffer.write(gzip.compress(b' ' * (100 << 20) + b'{}'))";
    let packed = tokio::process::Command::new("python3").args(["-c", script]).output().await.unwrap().stdout;
    assert!((1_000..200_000).contains(&packed.len()), "{}", packed.len());
    for coding in ["gzip", "br", "zstd", "deflate", "gzip, gzip", "unheard-of"] {
        let request = client().post(world.url(FORCE)).bearer_auth(&owner).header("content-encoding", coding);
        let page = world.fetch(request.header("content-type", "application/json").body(packed.clone())).await;
        assert_eq!((page.status, page.json()["code"].as_str().unwrap()), (415, "wrong_coding"), "{}", page.body);
        is_unharmed(&world).await;
    }
}

#[tokio::test]
async fn json_that_is_deeper_than_any_wish_is_refused_in_words() {
    let world = quiet_site().serve().await;
    let owner = world.owner();
    let deep =
        |open: &str, close: &str| format!("{{\"parameters\": {}1{}}}", open.repeat(20_000), close.repeat(20_000));
    let wide = format!("{{{}\"z\": 1}}", (0..20_000).map(|n| format!("\"k{n}\":1,")).collect::<String>());
    for body in [deep("[", "]"), deep("{\"a\":", "}"), wide] {
        let request = client().post(world.url(FORCE)).bearer_auth(&owner).header("content-type", "application/json");
        let page = world.fetch(request.body(body)).await;
        assert!(matches!(page.status, 400 | 422), "{}", page.status);
        assert!(page.body.len() < 32 << 10, "{} bytes of answer", page.body.len());
        is_unharmed(&world).await;
    }
}

#[tokio::test]
async fn one_address_does_not_take_every_connection_and_builds_may_have_as_many_files_open_as_ever() {
    use nix::sys::resource::{Resource, setrlimit};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    // The server inherits it.
    setrlimit(Resource::RLIMIT_NOFILE, 512, 1_024).unwrap();
    let world = Site::new().builder("core/full", "ulimit -Sn").serve().await;
    setrlimit(Resource::RLIMIT_NOFILE, 1_024, 1_024).unwrap();
    let ask = async |from: [u8; 4]| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut stream = socket.connect(world.server().address().parse().unwrap()).await.unwrap();
        // Where it is ended at once this says so, or the next does.
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let mut answer = [0; 12];
        let is_answered = stream.read_exact(&mut answer).await.is_ok() && answer.ends_with(b"200");
        is_answered.then_some(stream)
    };
    let mut held = Vec::new();
    for _ in 0..300 {
        held.extend(ask([127, 0, 0, 2]).await);
    }
    assert!((100..=128).contains(&held.len()), "{}", held.len());
    assert!(ask([127, 0, 0, 3]).await.is_some(), "others are answered");
    held.pop();
    world.force("core/full").await;
    world.settle().await;
    assert_eq!(
        world.log("core/full", 1, 0, "stdio").await.lines().find(|line| line.parse::<u32>().is_ok()),
        Some("512")
    );
}
