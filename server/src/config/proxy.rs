//! `server.trusted_proxies`: who is believed about where a call comes from.

use super::path::KeyPath;
use super::read::{Node, Read, Reader};
use ipnet::{IpNet, Ipv4Net};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use url::Url;

/// The widest IPv4 network that is not warned of, as a prefix: `10.0.0.0/8` is somebody's own.
const NARROW_V4: u8 = 8;
/// The widest IPv6 network that is not warned of: registries give nobody more.
const NARROW_V6: u8 = 16;

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
            Some(network) if network.prefix_len() == 0 => (
                format!("`{text}` is every address: whoever visits could claim to come from anywhere"),
                "the addresses of the proxies alone, such as `127.0.0.1` or `10.1.0.0/16`; `[]` where there are none"
                    .to_owned(),
            ),
            Some(network) if network.trunc() == network => {
                warn_if_wide(network, &node.path, reader);
                return Some(Self(network));
            }
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

/// Warns of a network that nobody's proxies fill, so that strangers are in it.
fn warn_if_wide(network: IpNet, path: &KeyPath, reader: &Reader<'_>) {
    let is_wide = match network {
        IpNet::V4(network) => network.prefix_len() < NARROW_V4,
        // Those of one's own are never strangers': `fc00::/7`, and `fe80::/10` of one cable.
        IpNet::V6(network) => {
            let is_own = network.addr().is_unique_local() || network.addr().is_unicast_link_local();
            network.prefix_len() < NARROW_V6 && !is_own
        }
    };
    if is_wide {
        let message = format!(
            "`{network}` is a large part of the internet: each visitor in it could claim to come from anywhere"
        );
        let diagnostic = reader.wrong(path, "wide-network", message).warning();
        reader.note(diagnostic.expected("the addresses of the proxies alone, such as `127.0.0.1` or `10.1.0.0/16`"));
    }
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
