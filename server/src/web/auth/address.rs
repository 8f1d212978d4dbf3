//! Where a request comes from, for throttling and for the list of sessions. It is no proof of anything.

use crate::config::server::Server;
use actix_web::HttpRequest;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The address of who asks: of the peer, unless that is a proxy on this machine or one of `server.trusted_proxies`. Each proxy adds to
/// `X-Forwarded-For` whom it heard; what stands before the first that is not ours may be anybody's invention and is not read.
pub fn of(request: &HttpRequest, server: &Server) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    let is_proxy = |address: &IpAddr| address.is_loopback() || server.trusted_proxies.contains(address);
    if !is_proxy(&peer) {
        return peer;
    }
    let values = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let first = hops.iter().rev().map(|hop| parse(hop)).find(|hop| hop.is_none_or(|address| !is_proxy(&address)));
    first.flatten().unwrap_or(peer)
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
    use actix_web::test::TestRequest;
    use std::path::PathBuf;

    fn ask(peer: &str, forwarded: &[&str]) -> String {
        let server = Server {
            title: String::new(),
            listen: Vec::new(),
            public_url: "http://localhost/".parse().unwrap(),
            state_dir: PathBuf::new(),
            database: String::new(),
            plugin_dir: None,
            requests_per_s: 1,
            trusted_proxies: vec!["10.0.0.1".parse().unwrap()],
        };
        let request = TestRequest::get().peer_addr(peer.parse().unwrap());
        let with = |request: TestRequest, value: &&str| request.append_header(("x-forwarded-for", *value));
        of(&forwarded.iter().fold(request, with).to_http_request(), &server).to_string()
    }

    #[test]
    fn only_a_proxy_on_this_machine_or_one_that_is_named_is_believed_and_only_what_it_added() {
        assert_eq!(ask("198.51.100.7:1", &[]), "198.51.100.7");
        assert_eq!(ask("198.51.100.7:1", &["203.0.113.1"]), "198.51.100.7");
        assert_eq!(ask("10.0.0.1:1", &["203.0.113.1"]), "203.0.113.1");
        assert_eq!(ask("127.0.0.1:1", &["10.0.0.2, 203.0.113.1"]), "203.0.113.1");
        assert_eq!(ask("127.0.0.1:1", &["10.0.0.2", "203.0.113.1, 10.0.0.1"]), "203.0.113.1");
        assert_eq!(ask("[::1]:1", &["[2001:db8::1]:99"]), "2001:db8::1");
        assert_eq!(ask("127.0.0.1:1", &["203.0.113.1, nonsense"]), "127.0.0.1");
        assert_eq!(ask("[::ffff:198.51.100.7]:1", &[]), "198.51.100.7");
    }
}
