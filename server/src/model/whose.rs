//! On whose account something goes that is bounded for each who asks.

use super::scope::Scope;
use std::net::IpAddr;

/// Who asks, as far as bounds go: a team with its tokens, a person, or a stranger's address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Whose {
    /// All tokens of a team together.
    Team(String),
    /// Somebody who is signed in.
    Subject(String),
    /// Strangers by where they come from, see [`network`].
    Address(IpAddr),
}

/// Who counts as one address: of IPv6 the network, of which one subscriber has all.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
    }
}

impl Whose {
    /// Whose a call by `scope` from `address` is.
    pub fn of(scope: &Scope, address: IpAddr) -> Self {
        let mut teams = scope.teams();
        match (teams.next(), teams.next()) {
            (Some(team), None) if !scope.is_session() => Self::Team(team.to_owned()),
            _ if scope.is_signed_in() => Self::Subject(scope.subject.clone()),
            _ => Self::Address(network(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn addresses_of_one_network_of_a_subscriber_count_together() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8::1:2:3:4"), network("2001:db8::4"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
    }
}
