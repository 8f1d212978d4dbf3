//! Requests that two readers may read differently: directly, and through real proxies. What somebody hides behind the end of a
//! request that they are allowed to make is never answered as a request of its own.

use super::quiet_site;
use weir_tests::proxy::{Kind, Proxy};
use weir_tests::wire::{Wire, answers};
use weir_tests::world::World;

/// What is smuggled; the server tells in its log which requests it answered.
const HIDDEN: &str = "GET /asset/smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Requests of which a reader who counts and a reader of chunks see different ends.
fn ambiguous(token: &str) -> Vec<(&'static str, String)> {
    let chunked = format!("0\r\n\r\n{HIDDEN}");
    let length = chunked.len();
    // Of a door that reads the body, and somebody who may pass it.
    let line = "POST /api/v2/buildrequests/1/cancel HTTP/1.1\r\nHost: localhost\r\n";
    let post = |headers: &str, body: &str| format!("{line}Authorization: Bearer {token}\r\n{headers}\r\n{body}");
    vec![
        ("length and chunks", post(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &chunked)),
        ("chunks and length", post(&format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), &chunked)),
        ("two lengths", post(&format!("Content-Length: 0\r\nContent-Length: {}\r\n", HIDDEN.len()), HIDDEN)),
        ("a list of lengths", post(&format!("Content-Length: 0, {}\r\n", HIDDEN.len()), HIDDEN)),
        ("a length with a sign", post(&format!("Content-Length: +{}\r\n", HIDDEN.len()), HIDDEN)),
        ("a length in hex", post("Content-Length: 0x0\r\n", HIDDEN)),
        ("a negative length", post("Content-Length: -1\r\n", HIDDEN)),
        ("unknown coding", post("Transfer-Encoding: xchunked\r\n", &chunked)),
        ("coding twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", &chunked)),
        ("coding in a list", post("Transfer-Encoding: identity, chunked\r\n", &chunked)),
        (
            "a blank before the colon",
            post(&format!("Content-Length: {length}\r\nTransfer-Encoding : chunked\r\n"), &chunked),
        ),
        (
            "a tab before the value",
            post(&format!("Content-Length: {length}\r\nTransfer-Encoding:\tchunked\r\n"), &chunked),
        ),
        (
            "a folded header",
            post(&format!("Content-Length: {length}\r\nX: y\r\n Transfer-Encoding: chunked\r\n"), &chunked),
        ),
        (
            "an end of line in a header",
            post(&format!("Content-Length: {length}\r\nX: y\rTransfer-Encoding: chunked\r\n"), &chunked),
        ),
        (
            "chunks in HTTP/1.0",
            post(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &chunked)
                .replacen("HTTP/1.1", "HTTP/1.0", 1),
        ),
        ("a chunk size too large", post("Transfer-Encoding: chunked\r\n", &format!("ffffffffffffffff0\r\n{HIDDEN}"))),
        ("a chunk size with a sign", post("Transfer-Encoding: chunked\r\n", &format!("+0\r\n\r\n{HIDDEN}"))),
        ("a bare line feed after the size", post("Transfer-Encoding: chunked\r\n", &format!("0\n\r\n{HIDDEN}"))),
        (
            "a zero byte in a header",
            post(&format!("Content-Length: {length}\r\nX: a\0b\r\nTransfer-Encoding: chunked\r\n"), &chunked),
        ),
    ]
}

/// Waits until a request made now was answered and logged: everything sent before has been read by then.
async fn logged(world: &World) -> String {
    let page = world.get("/asset/witness").await;
    assert_eq!(page.status, 404);
    let id = page.header("x-request-id").expect("every answer has one").to_owned();
    world.server().wait_for_log(&id);
    world.server().log()
}

#[tokio::test]
async fn what_hides_behind_an_ambiguous_end_is_never_a_request_of_its_own() {
    let world = quiet_site().serve().await;
    for (what, request) in ambiguous(&world.owner()) {
        let mut wire = Wire::to(world.server().address()).await;
        wire.send(&request).await;
        let heard = wire.end().await;
        let codes = answers(&heard);
        assert!(codes.len() <= 1, "{what}: {heard}");
        assert!(codes.iter().all(|code| (400..500).contains(code)), "{what}: {heard}");
        let log = logged(&world).await;
        assert!(!log.contains("/asset/smuggled"), "{what}: it was answered:\n{log}");
    }
}

#[tokio::test]
async fn no_proxy_can_be_used_to_smuggle() {
    let world = quiet_site().serve().await;
    let owner = world.owner();
    for kind in [Kind::Nginx, Kind::HaProxy] {
        let Some(proxy) = Proxy::start(kind, world.server().address()) else { continue };
        let mut n_answered = logged(&world).await.matches("/asset/smuggled").count();
        for (what, request) in ambiguous(&owner) {
            let mut wire = Wire::to(&proxy.address()).await;
            wire.send(&request).await;
            let mut next = Wire::to(&proxy.address()).await;
            next.send("GET /about HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
            let theirs = next.rest().await;
            assert_eq!(answers(&theirs), [200], "{kind:?}, {what}: somebody else got\n{theirs}");
            let heard = wire.rest().await;
            assert!(answers(&heard).len() <= 2, "{kind:?}, {what}: {heard}");
            // A proxy that reads both alike passes it on as what it then is, a second request of the same client, and gives that client
            // its answer.
            let n_now = logged(&world).await.matches("/asset/smuggled").count();
            let n_theirs = answers(&heard).len().saturating_sub(1);
            assert!(n_now - n_answered <= n_theirs, "{kind:?}, {what}: it was answered:\n{heard}");
            n_answered = n_now;
        }
    }
}
