//! Which services may be called: hosts with their ports, and networks that are not public and may be reached all the same. Pure.

use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use url::{Host, Url};

/// One entry of a grant `http`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Calls to these hosts.
    Host(HostRule),
    /// Addresses that are not public, and that granted hosts may have.
    Network(IpNet),
}

/// A scheme, a host (or every host below a name) and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule {
    /// `http`; else `https`.
    is_plain: bool,
    host: HostPattern,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Exact(Host<String>),
    /// Every name that ends so, with a dot before it; never the name itself, never an address.
    Below(String),
}

/// Why a text is no entry, and what would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRule {
    /// A sentence.
    pub why: String,
    /// What to write; goes on after "expected".
    pub instead: String,
}

impl HostRule {
    /// Whether it grants calls to this URL. Whoever parsed the URL has made its host lower-case ASCII, however it was written.
    pub fn allows(&self, url: &Url) -> bool {
        let fits_host = match (&self.host, url.host()) {
            (HostPattern::Exact(host), Some(asked)) => *host == asked.to_owned(),
            (HostPattern::Below(name), Some(Host::Domain(asked))) => {
                asked.strip_suffix(name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            _ => false,
        };
        fits_host && url.scheme() == self.scheme() && url.port_or_known_default() == Some(self.port)
    }

    /// The address, where the host is written as one: to name it is to list it.
    pub fn address(&self) -> Option<IpAddr> {
        match &self.host {
            HostPattern::Exact(Host::Ipv4(address)) => Some((*address).into()),
            HostPattern::Exact(Host::Ipv6(address)) => Some((*address).into()),
            _ => None,
        }
    }

    fn scheme(&self) -> &'static str {
        if self.is_plain { "http" } else { "https" }
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = if self.is_plain { "http://" } else { "" };
        match &self.host {
            HostPattern::Exact(host) => write!(f, "{before}{host}:{}", self.port),
            HostPattern::Below(name) => write!(f, "{before}*.{name}:{}", self.port),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl FromStr for Rule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        if let Ok(network) = text.parse::<IpNet>() {
            let whole = network.trunc();
            return if whole == network {
                Ok(Self::Network(network))
            } else {
                Err(NoRule::new(format!("`{text}` is an address in a network"), format!("`{whole}`")))
            };
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            let network = IpNet::from(address);
            let host = match address {
                IpAddr::V4(address) => Host::<String>::Ipv4(address),
                IpAddr::V6(address) => Host::Ipv6(address),
            };
            return Err(NoRule::new(
                format!("`{text}` has no port"),
                format!("`{host}:PORT` to grant calls to it, or `{network}` to let granted names have this address"),
            ));
        }
        text.parse().map(Self::Host)
    }
}

impl FromStr for HostRule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let is_plain = match scheme {
            "https" => false,
            "http" => true,
            _ => return Err(NoRule::of(text, "its scheme is neither `https` nor `http`")),
        };
        if let Some(sign) = rest.chars().find(|c| matches!(c, '/' | '?' | '#' | '@' | '%' | '\\') || c.is_whitespace())
        {
            let why = match sign {
                '/' | '?' | '#' => "a grant is for a whole host, without a path",
                '@' => "a grant names no user",
                _ => "this is no host",
            };
            return Err(NoRule::of(text, why));
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => (host, port),
            _ => return Err(NoRule::of(text, "it has no port").with_port(text, is_plain)),
        };
        let Some(port) = port.parse::<u16>().ok().filter(|port| *port > 0) else {
            return Err(NoRule::of(text, "its port is none"));
        };
        let host = pattern(host).map_err(|why| NoRule::of(text, why))?;
        Ok(Self { is_plain, host, port })
    }
}

fn pattern(host: &str) -> Result<HostPattern, &'static str> {
    let (name, is_below) = host.strip_prefix("*.").map_or((host, false), |name| (name, true));
    if name.contains('*') {
        return Err("`*` stands only before the first dot, as in `*.example.org`");
    }
    if name.ends_with('.') {
        return Err("its host ends in a dot");
    }
    match Host::parse(name).map_err(|_| "this is no host")? {
        Host::Domain(name) if is_below => Ok(HostPattern::Below(name)),
        _ if is_below => Err("there are no names below an address"),
        // `127.1` and `0x7f000001` are addresses, too; who reads the grant should see which.
        address @ (Host::Ipv4(_) | Host::Ipv6(_)) if address.to_string() != name.to_lowercase() => {
            Err("this address is not in its usual form")
        }
        host => Ok(HostPattern::Exact(host)),
    }
}

impl NoRule {
    fn new(why: String, instead: String) -> Self {
        Self { why, instead }
    }

    /// Says of an entry for a host what is wrong with it.
    fn of(text: &str, why: &str) -> Self {
        let instead = "`HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`, `http://HOST:PORT` for plain HTTP, or a \
                       network such as `10.0.0.0/8`";
        Self::new(format!("`{text}` is no host with a port: {why}"), instead.to_owned())
    }

    fn with_port(self, text: &str, is_plain: bool) -> Self {
        let port = if is_plain { 80 } else { 443 };
        let whole = format!("{text}:{port}");
        if whole.parse::<HostRule>().is_ok() {
            Self { instead: format!("a port, as in `{whole}`"), ..self }
        } else {
            self
        }
    }
}

/// Whether an address is one of the public internet: not this machine, not a private or link-local network, not one with another
/// meaning. By the special-purpose address registries of IANA; of IPv6 only what is handed out (`2000::/3`) counts, which leaves out
/// every form that holds an IPv4 address.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            !matches!(
                (a, b, c),
                (0 | 10 | 127 | 224.., ..)
                    | (100, 64..=127, _)
                    | (169, 254, _)
                    | (172, 16..=31, _)
                    | (192, 0, 0 | 2)
                    | (192, 88, 99)
                    | (192, 168, _)
                    | (198, 18 | 19, _)
                    | (198, 51, 100)
                    | (203, 0, 113)
            )
        }
        IpAddr::V6(address) => {
            let [a, b, ..] = address.segments();
            match a {
                // Protocol assignments (Teredo among them) and documentation.
                0x2001 => b >= 0x200 && b != 0xdb8,
                // 6to4 holds IPv4 addresses; 3fff:0::/20 is documentation.
                0x2002 => false,
                0x3fff => b >= 0x1000,
                _ => (0x2000..0x4000).contains(&a),
            }
        }
    }
}

/// Whether these rules let a plugin connect to an address that a granted name has: it is public, or one of their networks holds it.
pub fn may_connect(rules: &[Rule], address: IpAddr) -> bool {
    is_public(address)
        || rules.iter().any(|rule| match rule {
            Rule::Network(network) => network.contains(&address),
            Rule::Host(_) => false,
        })
}

#[cfg(test)]
mod tests {
    use super::{HostRule, Rule, is_public, may_connect};
    use expect_test::expect;
    use std::net::IpAddr;
    use url::Url;

    fn allows(rule: &str, url: &str) -> bool {
        rule.parse::<HostRule>().unwrap().allows(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_rule_is_for_a_scheme_a_host_and_a_port() {
        let rule = "hooks.example.org:443";
        for url in ["https://hooks.example.org/x", "https://HOOKS.example.org:443", "https://hooks%2Eexample.org"] {
            assert!(allows(rule, url), "{url}");
        }
        for url in [
            "http://hooks.example.org",
            "http://hooks.example.org:443",
            "https://hooks.example.org:8443",
            "https://hooks.example.org.",
            "https://hooks.example.org.evil.net",
            "https://hooks.example.org@evil.net",
            "https://evilhooks.example.org",
            "https://hооks.example.org",
            "https://example.org",
        ] {
            assert!(!allows(rule, url), "{url}");
        }
        assert!(allows("http://build.lan:8080", "http://build.lan:8080/x"));
        assert!(!allows("http://build.lan:8080", "https://build.lan:8080/x"));
        assert!(allows("http://127.0.0.1:80", "http://127.1/") && allows("[::1]:443", "https://[0::1]/"));
        assert!(!allows("http://127.0.0.1:80", "http://[::ffff:127.0.0.1]/"));
    }

    #[test]
    fn a_star_takes_every_name_below_and_nothing_else() {
        let rule = "*.example.org:443";
        for url in ["https://a.example.org", "https://a.b.Example.org"] {
            assert!(allows(rule, url), "{url}");
        }
        for url in
            ["https://example.org", "https://aexample.org", "https://.example.org", "https://a.example.org.evil.net"]
        {
            assert!(!Url::parse(url).is_ok_and(|url| rule.parse::<HostRule>().unwrap().allows(&url)), "{url}");
        }
        assert!(!allows("*.example:443", "https://127.0.0.1"));
    }

    #[test]
    fn a_wrong_entry_says_what_to_write() {
        let said = |text: &str| match text.parse::<Rule>() {
            Ok(rule) => format!("{text}: {rule}\n"),
            Err(error) => format!("{}; {}\n", error.why, error.instead.split(", `http://").next().unwrap()),
        };
        let all = [
            "hooks.example.org:443",
            "https://Bücher.example:443",
            "http://10.0.0.5:8080",
            "[fd00::1]:443",
            "10.0.0.0/8",
            "fd00::/8",
            "hooks.example.org",
            "http://hooks.example.org",
            "https://x/path:1",
            "ftp://x:21",
            "u@x:1",
            "x:0",
            "*:443",
            "*foo.org:443",
            "*.10.0.0.1:443",
            "x.:443",
            "127.1:80",
            "10.1.2.3/8",
            "10.1.2.3",
            "::1",
        ];
        expect![[r#"
            hooks.example.org:443: hooks.example.org:443
            https://Bücher.example:443: xn--bcher-kva.example:443
            http://10.0.0.5:8080: http://10.0.0.5:8080
            [fd00::1]:443: [fd00::1]:443
            10.0.0.0/8: 10.0.0.0/8
            fd00::/8: fd00::/8
            `hooks.example.org` is no host with a port: it has no port; a port, as in `hooks.example.org:443`
            `http://hooks.example.org` is no host with a port: it has no port; a port, as in `http://hooks.example.org:80`
            `https://x/path:1` is no host with a port: a grant is for a whole host, without a path; `HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`
            `ftp://x:21` is no host with a port: its scheme is neither `https` nor `http`; `HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`
            `u@x:1` is no host with a port: a grant names no user; `HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`
            `x:0` is no host with a port: its port is none; `HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`
            `*:443` is no host with a port: `*` stands only before the first dot, as in `*.example.org`; `HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`
            `*foo.org:443` is no host with a port: `*` stands only before the first dot, as in `*.example.org`; `HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`
            `*.10.0.0.1:443` is no host with a port: there are no names below an address; `HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`
            `x.:443` is no host with a port: its host ends in a dot; `HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`
            `127.1:80` is no host with a port: this address is not in its usual form; `HOST:PORT` such as `hooks.example.org:443` or `*.example.org:443`
            `10.1.2.3/8` is an address in a network; `10.0.0.0/8`
            `10.1.2.3` has no port; `10.1.2.3:PORT` to grant calls to it, or `10.1.2.3/32` to let granted names have this address
            `::1` has no port; `[::1]:PORT` to grant calls to it, or `::1/128` to let granted names have this address
        "#]]
        .assert_eq(&all.into_iter().map(said).collect::<String>());
    }

    #[test]
    fn only_public_addresses_are_public() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "223.255.255.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00::1",
            "3fff:1000::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_network_lets_through_what_lies_in_it() {
        let rules: Vec<Rule> = ["hooks.lan:443", "10.1.0.0/16"].map(|rule| rule.parse().unwrap()).into();
        let may = |address: &str| may_connect(&rules, address.parse::<IpAddr>().unwrap());
        assert!(may("10.1.2.3") && may("8.8.8.8"));
        assert!(!may("10.2.0.1") && !may("127.0.0.1") && !may("::ffff:10.1.2.3"));
    }
}
