//! What somebody who was proved may do: the configuration in force says it, at each request anew.

use super::Status;
use crate::config::auth::{Auth, Grant, Reach};
use crate::config::diagnostic::Place;
use crate::model::right::{Right, Role, Visibility};
use crate::model::scope::{Narrowed, Scope};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::sync::watch;

/// Who was proved, and nothing of what that is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Identity {
    /// One of `[[auth.user]]`, by a password.
    User {
        /// What they sign in as.
        name: String,
    },
    /// Somebody else's issuer said it, by a token or at sign-in.
    Foreign {
        /// The issuer's name under `[auth.jwt]` or `[auth.oidc]`.
        issuer: String,
        /// Its `sub`: stays the same for ever.
        subject: String,
        /// For people; may change.
        name: String,
        /// What grants look at.
        claims: Value,
    },
}

impl Identity {
    /// As the audit and pages name them: a user by name, others by issuer and name.
    pub fn subject(&self) -> String {
        match self {
            Self::User { name } => name.clone(),
            Self::Foreign { issuer, name, .. } => format!("{issuer}:{name}"),
        }
    }
}

impl Status {
    /// The scope of who was proved to be `identity`; none where the configuration in force does not know them any more. `by` is the id
    /// of the token or the session.
    pub fn scope_of(&self, identity: &Identity, by: Option<String>) -> Option<Scope> {
        scope(&self.config().auth, identity, by)
    }

    /// Tells everybody who goes on answering one request, such as a stream, to look again whether its asker may still have it.
    pub fn rights_changed(&self) {
        self.0.rights.send_modify(|n| *n += 1);
    }

    /// Changes whenever rights may have been taken away: a token revoked, a session ended, a configuration loaded.
    pub fn watch_rights(&self) -> watch::Receiver<u64> {
        self.0.rights.subscribe()
    }
}

/// A rule that was gone by, and what it gives.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    /// What it gives; none is nothing.
    pub reach: Option<Reach>,
    /// The rule in words.
    pub rule: String,
    /// Where it is written.
    pub place: Option<String>,
}

impl Ground {
    /// The role that it gives in `team`.
    pub fn role_in(&self, team: &str) -> Option<Role> {
        match &self.reach {
            Some(Reach::Owner) => Some(Role::Owner),
            Some(Reach::Team(own, role)) if own == team => Some(*role),
            _ => None,
        }
    }
}

/// Why something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// They may not know that it exists.
    Hidden,
    /// They may read it, and not do this to it.
    Forbidden,
}

/// The one decision: whether `scope` may use `right` on `team`'s builder `builder` (empty is the team itself), where the team is
/// `visibility`.
///
/// # Errors
/// Why not.
pub(super) fn check(
    scope: &Scope,
    right: Right,
    team: &str,
    visibility: Visibility,
    builder: &str,
) -> Result<(), Denied> {
    if !scope.may_read(team, visibility) {
        Err(Denied::Hidden)
    } else if right == Right::Read || scope.may(right, team, builder) {
        Ok(())
    } else {
        Err(Denied::Forbidden)
    }
}

/// The scope of `identity` under `auth`.
fn scope(auth: &Auth, identity: &Identity, by: Option<String>) -> Option<Scope> {
    known(auth, identity, by).map(|(scope, _)| scope)
}

/// The scope of `identity` under `auth`, and the rules that it comes from; none where `auth` does not know them.
pub(super) fn known(auth: &Auth, identity: &Identity, by: Option<String>) -> Option<(Scope, Vec<Ground>)> {
    let grounds = grounds(auth, identity)?;
    let mut roles: BTreeMap<String, Role> = BTreeMap::new();
    let mut owner = false;
    for ground in &grounds {
        match &ground.reach {
            Some(Reach::Owner) => owner = true,
            Some(Reach::Team(team, role)) => {
                let held = roles.entry(team.clone()).or_insert(*role);
                *held = (*held).max(*role);
            }
            None => {}
        }
    }
    let is_token = matches!(identity, Identity::Foreign { issuer, .. } if auth.foreign.contains_key(issuer));
    let is_given_nothing = !owner && roles.is_empty();
    let scope = Scope::proved(identity.subject(), by, owner, roles, Narrowed::default()).of_person(identity.person());
    // Many an issuer of tokens makes one for everybody who asks.
    let scope = if is_token && is_given_nothing { scope.outside() } else { scope };
    Some((scope, grounds))
}

/// The rules of `auth` that give something to `identity`.
fn grounds(auth: &Auth, identity: &Identity) -> Option<Vec<Ground>> {
    match identity {
        Identity::User { name } => {
            let user = auth.users.get(name)?;
            let ground = |reach, place: &Place| Ground {
                reach: Some(reach),
                rule: format!("[[auth.user]] {name}"),
                place: Some(place.to_string()),
            };
            let owner = user.owner.then(|| ground(Reach::Owner, &user.place));
            let teams = user.teams.iter().map(|(team, (role, place))| ground(Reach::Team(team.clone(), *role), place));
            Some(owner.into_iter().chain(teams).collect())
        }
        Identity::Foreign { issuer, claims, .. } => {
            if !auth.foreign.contains_key(issuer) && !auth.oidc.contains_key(issuer) {
                return None;
            }
            let grants = auth.grants.iter().filter(|grant| grant.issuer == *issuer);
            let grants = grants.filter(|grant| grant.claim.holds(claims, &grant.value));
            let ground = |grant: &Grant| Ground {
                reach: Some(grant.reach.clone()),
                rule: format!("[[auth.grant]] of {issuer}: {} holds {}", grant.claim, grant.value),
                place: Some(grant.place.to_string()),
            };
            Some(grants.map(ground).collect())
        }
    }
}
