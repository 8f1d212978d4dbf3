//! Where a request comes from, for throttling and for the list of sessions. It is no proof of anything.

use actix_web::HttpRequest;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The address of who asks. Behind a proxy on this machine it is the last one of `X-Forwarded-For`, which that proxy added; what others
/// say about themselves is not read.
pub fn of(request: &HttpRequest) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    if !peer.is_loopback() {
        return peer;
    }
    let last = request.headers().get_all("x-forwarded-for").last().and_then(|value| value.to_str().ok());
    let last = last.and_then(|text| text.rsplit(',').next()).map(str::trim);
    last.and_then(parse).map_or(peer, |address| address.to_canonical())
}

/// An address, with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::of;
    use actix_web::test::TestRequest;

    #[test]
    fn only_a_proxy_on_this_machine_is_believed_and_only_what_it_added() {
        let ask = |peer: &str, forwarded: Option<&str>| {
            let mut request = TestRequest::get().peer_addr(peer.parse().unwrap());
            if let Some(forwarded) = forwarded {
                request = request.append_header(("x-forwarded-for", forwarded));
            }
            of(&request.to_http_request()).to_string()
        };
        assert_eq!(ask("198.51.100.7:1", None), "198.51.100.7");
        assert_eq!(ask("198.51.100.7:1", Some("203.0.113.1")), "198.51.100.7");
        assert_eq!(ask("127.0.0.1:1", Some("10.0.0.1, 203.0.113.1")), "203.0.113.1");
        assert_eq!(ask("[::1]:1", Some("[2001:db8::1]:99")), "2001:db8::1");
        assert_eq!(ask("127.0.0.1:1", Some("nonsense")), "127.0.0.1");
        assert_eq!(ask("[::ffff:198.51.100.7]:1", None), "198.51.100.7");
    }
}
