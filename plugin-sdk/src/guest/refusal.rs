//! The host's refusals in Rust clothes: what kind, and the sentence for people.

use super::imports::{
    artifacts, builds, command, http, log, progress, properties, secret_reveal, secrets, state, test_results, trigger,
    workspace,
};
use crate::error::{HostError, Refusal};
use std::time::Duration;

/// A plain conversion: each case holds its sentence.
macro_rules! refusals {
    ($error:ty: $($case:ident => $kind:ident),+) => {
        impl From<$error> for HostError {
            fn from(error: $error) -> Self {
                type E = $error;
                match error {
                    $(E::$case(message) => Self { kind: Refusal::$kind, message },)+
                }
            }
        }
    };
}

refusals!(log::LogError: Denied => Denied, Invalid => Invalid, Failed => Failed);
refusals!(progress::ProgressError: Invalid => Invalid, Limit => Limit, Failed => Failed);
refusals!(properties::PropertyError: Denied => Denied, Invalid => Invalid, Limit => Limit, Failed => Failed);
refusals!(secret_reveal::RevealError: Denied => Denied, Unavailable => Failed);
refusals!(command::CommandError:
    Denied => Denied, NoSuchProgram => NotFound, Invalid => Invalid, Limit => Limit, Failed => Failed);
refusals!(test_results::ResultsError: Invalid => Invalid, Limit => Limit, Failed => Failed);
refusals!(artifacts::ArtifactError:
    Denied => Denied, NotFound => NotFound, Invalid => Invalid, TooLarge => Limit, Limit => Limit, Failed => Failed);

/// The refusal of a secret by its name.
pub fn of_secret(name: &str, error: secrets::SecretError) -> HostError {
    match error {
        secrets::SecretError::NotGranted => {
            HostError::new(Refusal::Denied, ["the settings do not hand over the secret `", name, "`"].concat())
        }
        secrets::SecretError::Unavailable(message) => HostError::new(Refusal::Failed, message),
    }
}

/// The refusal of a path.
pub fn of_file(path: &str, error: workspace::FileError) -> HostError {
    use workspace::FileError as E;
    let (kind, message) = match error {
        E::Denied(m) => (Refusal::Denied, m),
        E::Outside(m) => (Refusal::Invalid, m),
        E::NotFound => (Refusal::NotFound, ["there is no file `", path, "`"].concat()),
        E::TooLarge(max) => (Refusal::Limit, format!("`{path}` has more than {max} bytes")),
        E::Failed(m) => (Refusal::Failed, m),
    };
    HostError { kind, message }
}

/// The refusal of a builder or a view.
pub fn of_builds(name: &str, error: builds::BuildsError) -> HostError {
    use builds::BuildsError as E;
    let (kind, message) = match error {
        E::Denied(m) => (Refusal::Denied, m),
        E::NotFound => (Refusal::NotFound, ["there is no `", name, "` that this team may see"].concat()),
        E::Invalid(m) => (Refusal::Invalid, m),
        E::Failed(m) => (Refusal::Failed, m),
    };
    HostError { kind, message }
}

impl From<trigger::TriggerError> for HostError {
    fn from(error: trigger::TriggerError) -> Self {
        use trigger::TriggerError as E;
        let (kind, message) = match error {
            E::Denied(m) => (Refusal::Denied, m),
            E::NotFound(m) => (Refusal::NotFound, m),
            E::Invalid(m) => (Refusal::Invalid, m),
            E::Limit(m) => (Refusal::Limit, m),
            E::Failed(m) => (Refusal::Failed, m),
            E::Cancelled => (Refusal::Cancelled, "the build was stopped".to_owned()),
        };
        Self { kind, message }
    }
}

impl From<http::HttpError> for HostError {
    fn from(error: http::HttpError) -> Self {
        use http::HttpError as E;
        let (kind, message) = match error {
            E::Denied(m) => (Refusal::Denied, m),
            E::Invalid(m) => (Refusal::Invalid, m),
            E::Resolve(m) | E::Connect(m) | E::Tls(m) => (Refusal::Unreachable, m),
            E::Timeout => (Refusal::Timeout, "there was no answer in time".to_owned()),
            E::TooLarge(max) => (Refusal::Limit, format!("the answer has more than {max} bytes")),
            E::RateLimited(ms) => {
                (Refusal::RateLimited(Duration::from_millis(ms.into())), format!("too many calls: wait {ms} ms"))
            }
            E::Cancelled => (Refusal::Cancelled, "the build was stopped".to_owned()),
        };
        Self { kind, message }
    }
}

impl From<state::StateError> for HostError {
    fn from(error: state::StateError) -> Self {
        use state::StateError as E;
        let (kind, message) = match error {
            E::Denied(m) => (Refusal::Denied, m),
            E::Invalid(m) => (Refusal::Invalid, m),
            E::Quota(m) => (Refusal::Limit, m),
            E::Conflict => (Refusal::Conflict, "something else is there than was expected".to_owned()),
            E::Failed(m) => (Refusal::Failed, m),
        };
        Self { kind, message }
    }
}
