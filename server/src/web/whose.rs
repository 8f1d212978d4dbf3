//! On whose account something goes that is bounded for each who asks.

use crate::model::scope::Scope;
use crate::status::quota::network;
use std::net::IpAddr;

/// Who asks, as far as bounds go: a team with its tokens, a person, or a stranger's address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Whose {
    /// All tokens of a team together.
    Team(String),
    /// Somebody who is signed in.
    Subject(String),
    /// Strangers by where they come from.
    Address(IpAddr),
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
