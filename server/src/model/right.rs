//! Roles in a team and what each may do.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A named bundle of rights in one team, each including the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Forces, rebuilds, stops, cancels.
    Operator,
    /// Also reloads the team's configuration, issues its tokens, pauses its workers.
    Admin,
    /// May do everything on the instance.
    Owner,
}

/// One thing that somebody may want to do to a team's builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// See it.
    Read,
    /// Start a build by hand.
    Force,
    /// Start one again with the same source stamp.
    Rebuild,
    /// End a running build.
    Stop,
    /// Drop a request that waits.
    Cancel,
    /// Administer the team.
    Administer,
}

impl Right {
    /// The least role that has this right.
    pub fn least_role(self) -> Role {
        match self {
            Self::Read => Role::Viewer,
            Self::Force | Self::Rebuild | Self::Stop | Self::Cancel => Role::Operator,
            Self::Administer => Role::Admin,
        }
    }

    /// The right's word, as in a token's `actions`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Force => "force",
            Self::Rebuild => "rebuild",
            Self::Stop => "stop",
            Self::Cancel => "cancel",
            Self::Administer => "administer",
        }
    }
}

impl Role {
    /// The role's word, as configurations write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Who may read a team or a view without belonging to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Its members only.
    Private,
    /// Everybody signed in.
    Internal,
    /// Everybody.
    #[default]
    Public,
}
