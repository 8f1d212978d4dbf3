//! Why a step could not do its work, and why the host refused it something.

use std::fmt;
use std::time::Duration;

/// The plugin could not do its work: the step ends as an exception. A red build is no error but [`crate::Outcome::failure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The settings fit the schema and still make no sense: JSON pointer and sentence for each.
    InvalidSettings(Vec<(String, String)>),
    /// It may work later.
    Retryable(String),
    /// It may work after so long.
    RetryableAfter(String, Duration),
    /// It will not work.
    Failed(String),
}

impl Error {
    /// One setting that makes no sense: its JSON pointer (`/branch`) and a sentence.
    pub fn setting(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidSettings(vec![(pointer.into(), message.into())])
    }

    /// It will not work; says why.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidSettings(issues) => {
                for (n, (pointer, message)) in issues.iter().enumerate() {
                    if n > 0 {
                        f.write_str("; ")?;
                    }
                    write!(f, "{pointer}: {message}")?;
                }
                Ok(())
            }
            Self::Retryable(message) | Self::RetryableAfter(message, _) | Self::Failed(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

/// What kind of refusal a [`HostError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not granted.
    Denied,
    /// There is no such program, file, builder or build.
    NotFound,
    /// The request makes no sense.
    Invalid,
    /// More than allowed.
    Limit,
    /// Something else is there than was expected.
    Conflict,
    /// The service cannot be reached.
    Unreachable,
    /// There was no answer in time.
    Timeout,
    /// Too many calls; it may be tried again after so long.
    RateLimited(Duration),
    /// Somebody stopped the build.
    Cancelled,
    /// It went wrong.
    Failed,
}

/// The host did not do what it was asked; the message is for people. `?` turns it into [`Error::Failed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError {
    /// What kind of refusal.
    pub kind: Refusal,
    /// A sentence.
    pub message: String,
}

impl HostError {
    /// A refusal with its sentence.
    pub fn new(kind: Refusal, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The same may work later: a service that cannot be reached or does not answer.
    pub fn is_temporary(&self) -> bool {
        matches!(self.kind, Refusal::Unreachable | Refusal::Timeout | Refusal::RateLimited(_))
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HostError {}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        Self::Failed(error.message)
    }
}
