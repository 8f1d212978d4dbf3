//! `server.trusted_proxies`: who is believed about where a call comes from.

use super::path::KeyPath;
use super::read::{Node, Read, Reader};
use ipnet::{IpNet, Ipv4Net};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use url::Url;

/// A machine, or all of a network.
#[derive(Debug, Clone, Copy)]
pub struct Network(pub IpNet);

impl Read for Network {
    fn expected() -> Cow<'static, str> {
        "an IP address such as `127.0.0.1` or `::1`, or a network such as `10.1.0.0/16`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let text = String::read(node, reader)?;
        let (message, expected) = match parse(&text) {
            Some(network) if network.trunc() == network => return Some(Self(network)),
            Some(network) => (
                format!("`{text}` is an address in a network"),
                format!("`{}`, or `{}`", network.trunc(), network.addr()),
            ),
            None => (format!("`{text}` is neither an IP address nor a network"), Self::expected().into_owned()),
        };
        reader.note(reader.wrong(&node.path, "bad-address", message).expected(expected));
        None
    }
}

/// An address or a network. What is IPv4 inside of IPv6 is IPv4, as it is where calls come from.
fn parse(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    let of_v4 = |network: IpNet| match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(address), Some(n_bits)) if network.addr().is_ipv6() => Ipv4Net::new(address, n_bits).ok(),
        _ => None,
    };
    Some(of_v4(network).map_or(network, IpNet::V4))
}

/// Warns where all visitors would look like one: https that only something else on this machine can speak, and nothing is said of it.
pub fn warn_if_all_look_alike(public_url: &Url, path: &KeyPath, listen: &[SocketAddr], reader: &Reader<'_>) {
    // Without `listen` it is this machine alone, too.
    let is_here = listen.iter().all(|address| address.ip().is_loopback());
    if public_url.scheme() != "https" || !is_here {
        return;
    }
    let mut proxies: Vec<_> =
        listen.iter().map(|address| if address.is_ipv4() { "\"127.0.0.1\"" } else { "\"::1\"" }).collect();
    proxies.sort_unstable();
    proxies.dedup();
    if proxies.is_empty() {
        proxies.push("\"127.0.0.1\"");
    }
    let message = "a proxy on this machine speaks https for the server and is not named: all visitors look like one address, and \
                   together they may ask as often as one";
    let expected = format!(
        "`trusted_proxies = [{}]` in [server], and a proxy that adds `X-Forwarded-For`; or `trusted_proxies = []` where there is none \
         that could",
        proxies.join(", ")
    );
    reader.note(reader.wrong(path, "unnamed-proxy", message).expected(expected).warning());
}
