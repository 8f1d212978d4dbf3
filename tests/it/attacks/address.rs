//! Where a call comes from: who is on the server's machine is held back like all others, and nobody but a trusted proxy says for whom
//! a call is.

use std::net::{IpAddr, Ipv4Addr};
use weir_tests::page::Page;
use weir_tests::proxy::{Kind, Proxy};
use weir_tests::site::Site;
use weir_tests::world::World;

/// Calls that may come at once where one a second may come.
const BURST: usize = 4;

/// A site whose strangers may ask once a second.
fn slow_site() -> Site {
    Site::new().server("requests_per_s = 1").team("core", "").builder("core/full", "true")
}

/// Somebody at an address of this machine.
fn at(address: [u8; 4]) -> reqwest::Client {
    let client = reqwest::Client::builder().local_address(IpAddr::from(address)).pool_max_idle_per_host(0);
    client.build().expect("a client can be made")
}

/// One call that says that it is made for somebody else.
async fn ask(world: &World, client: &reqwest::Client, to: &str, forwarded: Option<&str>) -> Page {
    let request = client.get(format!("http://{to}/about"));
    world.fetch(forwarded.iter().fold(request, |request, address| request.header("x-forwarded-for", *address))).await
}

/// Whether somebody who asks again and again, each time in another's name, is held back: who is counted alone soon is, unless each call
/// took a second.
async fn is_held_back(world: &World, from: [u8; 4], to: &str) -> bool {
    let client = at(from);
    for n in 0..50 * BURST {
        let page = ask(world, &client, to, Some(&format!("203.0.113.{}", n % 256))).await;
        if page.status == 429 {
            assert!(page.text().contains("he calls from your address are too many"), "{}", page.text());
            return true;
        }
        assert_eq!(page.status, 200, "{}", page.text());
    }
    false
}

const HERE: [u8; 4] = [127, 0, 0, 1];
const ANOTHER: [u8; 4] = [127, 0, 0, 2];

#[tokio::test]
async fn strangers_on_this_machine_are_held_back_and_believed_no_more_than_others() {
    let world = slow_site().serve().await;
    assert!(is_held_back(&world, HERE, world.server().address()).await);
    assert_eq!(
        ask(&world, &at(ANOTHER), world.server().address(), None).await.status,
        200,
        "another address counts alone"
    );
    let said = "trusted_proxies = [\"127.0.0.1\"]";
    world.server().wait_for_log(said);
    assert_eq!(world.server().log().matches(said).count(), 1, "it is told once:\n{}", world.server().log());
}

#[tokio::test]
async fn a_trusted_proxy_says_for_whom_a_call_is_and_a_network_may_be_trusted() {
    let world = slow_site().server("trusted_proxies = [\"127.0.0.0/30\"]").serve().await;
    let to = world.server().address();
    assert!(!is_held_back(&world, ANOTHER, to).await, "each call is for another");
    assert!(is_held_back(&world, [127, 0, 0, 9], to).await, "not of the network");
    let (mut statuses, proxy) = (Vec::new(), at(HERE));
    for n in 0..10 * BURST {
        let forwarded = format!("198.51.100.{n}, 192.0.2.7, 127.0.0.3");
        statuses.push(ask(&world, &proxy, to, Some(&forwarded)).await.status);
    }
    assert!(statuses.contains(&429), "the last that is no proxy counts: {statuses:?}");
}

#[tokio::test]
async fn behind_a_real_proxy_each_visitor_counts_alone_and_cannot_be_another() {
    let world = slow_site().behind_proxy().serve().await;
    for (kind, visitor) in [(Kind::Nginx, [127, 0, 0, 2]), (Kind::HaProxy, [127, 0, 0, 3])] {
        let Some(proxy) = Proxy::start(kind, world.server().address()) else { continue };
        assert!(is_held_back(&world, visitor, &proxy.address()).await, "{kind:?}");
        let neighbour = Ipv4Addr::from([127, 0, 1, visitor[3]]).octets();
        assert_eq!(ask(&world, &at(neighbour), &proxy.address(), None).await.status, 200, "{kind:?}");
    }
}
