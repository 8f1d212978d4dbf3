//! What can go wrong when status is asked, without a word of HTTP.

use super::quota::OverQuota;
use crate::model::right::Right;
use std::collections::BTreeMap;

/// Why a question was not answered or an action not taken. State is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or may not be seen, which is the same.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// The kind of thing, in the field's word.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// It may be read but this may not be done to it.
    #[error("you may not {0} here")]
    Forbidden(Right),
    /// Something given is wrong.
    #[error("{}", fields.iter().map(|(f, why)| format!("`{f}`: {why}")).collect::<Vec<_>>().join("; "))]
    Invalid {
        /// Each wrong field and why.
        fields: BTreeMap<String, String>,
    },
    /// It cannot be done as things stand.
    #[error("{0}")]
    Conflict(String),
    /// A limit was reached.
    #[error("{what} is limited to {max}")]
    Limit {
        /// What is limited.
        what: String,
        /// The limit in force.
        max: String,
    },
    /// What a team or a stranger may use is used up for now.
    #[error("{0}")]
    OverQuota(Box<OverQuota>),
    /// The server's disk is almost full.
    #[error("the server's disk is almost full: {0}; ask the operator to make room")]
    NoRoom(String),
    /// The token was good for a number of actions, and they are done.
    #[error("this token was good for {max} use(s), and they are used up; ask for a new one")]
    UsedUp {
        /// That number.
        max: u32,
    },
    /// Not now; try again.
    #[error("the server is shutting down; try again in a moment")]
    Unavailable,
    /// Our own fault. The chain goes to the log, never to the client.
    #[error("an internal error")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// One wrong field.
    pub fn invalid(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Invalid { fields: BTreeMap::from([(field.into(), why.into())]) }
    }

    /// `what` called `name` is not there.
    pub fn not_found(what: &'static str, name: impl Into<String>) -> Self {
        Self::NotFound { what, name: name.into() }
    }
}

/// An answer of `status`.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<crate::store::Error> for Error {
    fn from(e: crate::store::Error) -> Self {
        match e {
            crate::store::Error::Closed => Self::Unavailable,
            e => Self::Internal(e.into()),
        }
    }
}

impl From<crate::store::QueryError> for Error {
    fn from(e: crate::store::QueryError) -> Self {
        Self::Internal(crate::store::Error::from(e).into())
    }
}

impl From<crate::store::log_chunks::Damaged> for Error {
    fn from(e: crate::store::log_chunks::Damaged) -> Self {
        Self::Internal(e.into())
    }
}
