//! Clients that take their time, many of them: they are let go after a while, and nobody else waits for them.

use super::quiet_site;
use weir_tests::site::Site;
use weir_tests::wire::{Wire, answers};

/// Slow clients at a time.
const MANY: usize = 200;

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up_and_nobody_waits_for_it() {
    let world = quiet_site().serve().await;
    let mut slow = Vec::new();
    for _ in 0..MANY {
        let mut wire = Wire::to(world.server().address()).await;
        wire.send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await;
        slow.push(wire);
    }
    assert_eq!(world.get("/view/all").await.status, 200);
    for wire in slow {
        let codes = answers(&wire.rest().await);
        assert!(codes.is_empty() || codes == [408], "{codes:?}");
    }
    assert_eq!(world.get("/view/all").await.status, 200);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_and_nothing_is_done() {
    let world = quiet_site().serve().await;
    let owner = world.owner();
    let head = format!(
        "POST /api/v2/teams/core/builders/full/force HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {owner}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"reason\": "
    );
    let mut slow = Vec::new();
    for _ in 0..MANY {
        let mut wire = Wire::to(world.server().address()).await;
        wire.send(&head).await;
        slow.push(wire);
    }
    assert_eq!(world.get("/view/all").await.status, 200);
    for wire in slow {
        let heard = wire.rest().await;
        assert_eq!(answers(&heard), [408], "{heard}");
        assert!(heard.contains("\"code\":\"too_slow\""), "{heard}");
    }
    world.settle().await;
    let builders = world.get("/waterfall.json").await.json();
    assert!(builders["builders"][0]["last"].is_null(), "{builders}");
}

#[tokio::test]
async fn a_body_that_nobody_wants_is_not_waited_for() {
    let world = quiet_site().serve().await;
    let mut wire = Wire::to(world.server().address()).await;
    let head =
        "POST /api/v2/teams/core/builders/full/force HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{";
    wire.send(head).await;
    let heard = wire.until("unauthenticated").await;
    assert_eq!(answers(&heard), [401]);
    // And the connection does not stay for it.
    assert_eq!(answers(&wire.rest().await), [401]);
}

#[tokio::test]
async fn readers_who_do_not_read_cost_no_memory_and_nobody_waits_for_them() {
    let line = "yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -n 200000";
    let world = Site::new().builder("core/loud", line).serve().await;
    world.force("core/loud").await;
    world.settle().await;
    let before = resident_kib(world.server().pid());
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut wire = Wire::to(world.server().address()).await;
        let path = "/team/core/builder/loud/build/1/step/0/log/stdio/raw";
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        wire.until("HTTP/1.1 200").await;
        slow.push(wire);
    }
    assert_eq!(world.get("/waterfall").await.status, 200);
    let grown = resident_kib(world.server().pid()).saturating_sub(before);
    // The log alone is 14 MiB for each of them.
    assert!(grown < 128 << 10, "grown by {grown} KiB");
}

/// KiB of memory that a process holds.
fn resident_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
