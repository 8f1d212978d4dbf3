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
    /// Strangers by where they come from, see [`network`], and so whom nothing was given: names at somebody else's issuer are free.
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
            _ if scope.is_signed_in() && !scope.is_outsider() => Self::Subject(scope.subject.clone()),
            _ => Self::Address(network(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Whose, network};
    use crate::model::right::Role;
    use crate::model::scope::{Narrowed, Scope};
    use std::collections::BTreeMap;

    #[test]
    fn a_teams_tokens_are_the_teams_and_else_it_is_the_person_or_the_address() {
        let address = "192.0.2.7".parse().unwrap();
        let ada = |teams: &[&str]| {
            let roles: BTreeMap<_, _> = teams.iter().map(|team| ((*team).to_owned(), Role::Viewer)).collect();
            Scope::proved("ada".to_owned(), None, false, roles, Narrowed::default())
        };
        let (team, person) = (Whose::Team("core".to_owned()), Whose::Subject("ada".to_owned()));
        assert_eq!(Whose::of(&ada(&["core"]), address), team);
        assert_eq!(Whose::of(&ada(&["core"]).in_session(), address), person, "a browser is a person's");
        assert_eq!(Whose::of(&ada(&["core", "docs"]), address), person);
        assert_eq!(Whose::of(&ada(&[]), address), person);
        assert_eq!(Whose::of(&ada(&[]).outside(), address), Whose::Address(address));
        assert_eq!(Whose::of(&Scope::anonymous(), address), Whose::Address(address));
    }

    #[test]
    fn addresses_of_one_network_of_a_subscriber_count_together() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8::1:2:3:4"), network("2001:db8::4"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
    }
}
