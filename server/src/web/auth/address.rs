//! Where a request comes from, for throttling and for the list of sessions. It is no proof of anything.

use crate::config::server::Server;
use crate::model::whose::network;
use actix_web::HttpRequest;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

/// Where a proxy says whom it serves.
const FORWARDED: &str = "x-forwarded-for";
/// Peers that are told of at most: strangers can send what they like, and the log is bounded.
const TOLD_MAX: usize = 100;

/// The address of who asks: of the peer, unless that is one of `server.trusted_proxies`. Each proxy adds to `X-Forwarded-For` whom it
/// heard, so the last that is none of ours counts; what stands before it may be anybody's invention and is not read. Where all are ours,
/// the first is who asks.
pub fn of(request: &HttpRequest, server: &Server) -> IpAddr {
    let peer = peer(request);
    if !is_proxy(peer, server) {
        return peer;
    }
    // Whoever stands before the proxies may have written bytes that are no text: those spoil their own hop alone.
    let values: Vec<_> =
        request.headers().get_all(FORWARDED).map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let hops: Vec<&str> = values.iter().flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut asker = peer;
    for hop in hops.into_iter().rev() {
        let Some(address) = parse(hop) else { break };
        asker = address;
        if !is_proxy(address, server) {
            break;
        }
    }
    asker
}

/// Says so in the log, once of each peer, where somebody says whom they serve and is not believed: it may be a proxy that nobody named, and
/// then all its visitors look like one.
pub fn tell_unbelieved(request: &HttpRequest, server: &Server) {
    static TOLD: Mutex<BTreeSet<IpAddr>> = Mutex::new(BTreeSet::new());
    if !request.headers().contains_key(FORWARDED) {
        return;
    }
    let peer = peer(request);
    if is_proxy(peer, server) {
        return;
    }
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.len() < TOLD_MAX && told.insert(network(peer)) {
        tracing::warn!(
            "{peer} says in X-Forwarded-For whom it serves and is not believed, so all it serves count as one address. Where it is your \
             proxy, set `trusted_proxies = [\"{peer}\"]` in [server]; else somebody makes that up, and nothing is to be done"
        );
    }
}

fn peer(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical())
}

/// Whether the operator named it as a proxy; addresses of IPv4 as such.
pub fn is_proxy(address: IpAddr, server: &Server) -> bool {
    server.trusted_proxies.iter().any(|network| network.contains(&address))
}

/// An address, with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::config::server::Server;
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;
    use std::path::PathBuf;

    fn ask(peer: &str, forwarded: &[&str]) -> String {
        let bytes: Vec<&[u8]> = forwarded.iter().map(|value| value.as_bytes()).collect();
        ask_bytes(peer, &bytes)
    }

    fn ask_bytes(peer: &str, forwarded: &[&[u8]]) -> String {
        let server = Server {
            title: String::new(),
            listen: Vec::new(),
            public_url: "http://localhost/".parse().unwrap(),
            state_dir: PathBuf::new(),
            database: String::new(),
            plugin_dir: None,
            requests_per_s: 1,
            quota: crate::config::quota::Quota::default(),
            trusted_proxies: ["10.0.0.1/32", "127.0.0.1/32", "10.9.0.0/16", "fd00::/8"]
                .map(|network| network.parse().unwrap())
                .into(),
        };
        let request = TestRequest::get().peer_addr(peer.parse().unwrap());
        let with = |request: TestRequest, value: &&[u8]| {
            request.append_header(("x-forwarded-for", HeaderValue::from_bytes(value).unwrap()))
        };
        of(&forwarded.iter().fold(request, with).to_http_request(), &server).to_string()
    }

    #[test]
    fn only_a_proxy_that_is_named_is_believed_and_only_what_it_added() {
        assert_eq!(ask("198.51.100.7:1", &[]), "198.51.100.7");
        assert_eq!(ask("198.51.100.7:1", &["203.0.113.1"]), "198.51.100.7");
        assert_eq!(ask("10.0.0.1:1", &["203.0.113.1"]), "203.0.113.1");
        assert_eq!(ask("127.0.0.1:1", &["10.0.0.2, 203.0.113.1"]), "203.0.113.1");
        assert_eq!(ask("127.0.0.1:1", &["10.0.0.2", "203.0.113.1, 10.0.0.1"]), "203.0.113.1");
        assert_eq!(ask("[fd00::1]:1", &["[2001:db8::1]:99"]), "2001:db8::1");
        assert_eq!(ask("10.9.8.7:1", &["203.0.113.1"]), "203.0.113.1");
        assert_eq!(ask("127.0.0.1:1", &["203.0.113.1, nonsense"]), "127.0.0.1");
        assert_eq!(ask("127.0.0.1:1", &["203.0.113.1, nonsense, 10.9.0.1"]), "10.9.0.1");
        assert_eq!(ask("127.0.0.1:1", &["10.9.0.2, 10.9.0.1"]), "10.9.0.2");
    }

    #[test]
    fn what_a_visitor_wrote_that_is_no_text_hides_no_visitor_behind_the_proxy() {
        assert_eq!(ask_bytes("127.0.0.1:1", &[b"\xff, 203.0.113.1"]), "203.0.113.1");
        assert_eq!(ask_bytes("127.0.0.1:1", &[b"\xff", b"203.0.113.1, 10.0.0.1"]), "203.0.113.1");
        assert_eq!(ask_bytes("127.0.0.1:1", &[b"203.0.113.1, \xff"]), "127.0.0.1");
    }

    #[test]
    fn whoever_is_on_this_machine_is_believed_no_more_than_others() {
        assert_eq!(ask("127.0.0.2:1", &["203.0.113.1"]), "127.0.0.2");
        assert_eq!(ask("[::1]:1", &["203.0.113.1"]), "::1");
        assert_eq!(ask("[::ffff:127.0.0.1]:1", &["203.0.113.1"]), "203.0.113.1");
        assert_eq!(ask("[::ffff:198.51.100.7]:1", &[]), "198.51.100.7");
    }
}
