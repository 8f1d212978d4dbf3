//! What somebody who was proved may do: the configuration in force says it, at each request anew.

use super::Status;
use crate::config::auth::{Auth, Reach};
use crate::model::right::Role;
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

/// The scope of `identity` under `auth`.
fn scope(auth: &Auth, identity: &Identity, by: Option<String>) -> Option<Scope> {
    let mut roles: BTreeMap<String, Role> = BTreeMap::new();
    let mut owner = false;
    match identity {
        Identity::User { name } => {
            let user = auth.users.get(name)?;
            owner = user.owner;
            roles = user.teams.iter().map(|(team, (role, _))| (team.clone(), *role)).collect();
        }
        Identity::Foreign { issuer, claims, .. } => {
            if !auth.foreign.contains_key(issuer) && !auth.oidc.contains_key(issuer) {
                return None;
            }
            let grants = auth.grants.iter().filter(|grant| grant.issuer == *issuer);
            for grant in grants.filter(|grant| grant.claim.holds(claims, &grant.value)) {
                match &grant.reach {
                    Reach::Owner => owner = true,
                    Reach::Team(team, role) => {
                        let held = roles.entry(team.clone()).or_insert(*role);
                        *held = (*held).max(*role);
                    }
                }
            }
            if auth.foreign.contains_key(issuer) && !owner && roles.is_empty() {
                // Many an issuer of tokens makes one for everybody who asks.
                let scope = Scope::proved(identity.subject(), by, owner, roles, Narrowed::default());
                return Some(scope.outside());
            }
        }
    }
    Some(Scope::proved(identity.subject(), by, owner, roles, Narrowed::default()))
}
