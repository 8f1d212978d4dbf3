//! Why a sign-in at a provider does not succeed: a word for the person who waits, and the cause for the log.

use crate::config::issuer::Provider;
use std::fmt::Write as _;

/// Why a sign-in, or another look at one, does not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The provider cannot be reached, or says what cannot be understood: it may be well again later.
    #[error("{title} cannot be asked who you are just now; try again in a moment")]
    Unreachable {
        /// The provider, for people.
        title: String,
        /// For the log.
        why: String,
    },
    /// The provider says no to this person.
    #[error("{title} did not sign you in{}", if said.is_empty() { String::new() } else { format!(": {said}") })]
    Refused {
        /// The provider, for people.
        title: String,
        /// Its words.
        said: String,
    },
    /// The answer belongs to no sign-in that this browser has begun.
    #[error("this sign-in was not begun in this browser, or too long ago; begin again")]
    NotBegun,
    /// What the provider's answer says of somebody does not hold.
    #[error(
        "what {title} says of you could not be checked, so you are not signed in; whoever runs this site finds the reason in its log"
    )]
    Untrusted {
        /// The provider, for people.
        title: String,
        /// For the log.
        why: String,
    },
}

impl Trouble {
    /// For those who run the site: the whole reason.
    pub fn reason(&self) -> String {
        match self {
            Self::Unreachable { why, .. } => format!("the provider cannot be used: {why}"),
            Self::Refused { said, .. } => format!("the provider says no: {said}"),
            Self::NotBegun => "it was not begun in this browser, or too long ago".to_owned(),
            Self::Untrusted { why, .. } => format!("what the provider says does not hold: {why}"),
        }
    }

    /// The provider cannot be reached, because of `error` and what lies behind it.
    pub fn unreachable(provider: &Provider, error: &(dyn std::error::Error + 'static)) -> Self {
        let why = chain(error);
        tracing::warn!(provider = provider.name, why, "a provider of sign-in cannot be used");
        Self::Unreachable { title: provider.title.clone(), why }
    }

    /// What the provider says does not hold, because of `error` and what lies behind it.
    pub fn untrusted(provider: &Provider, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::doubtful(provider, chain(error))
    }

    /// What the provider says does not hold, because of `why`.
    pub fn doubtful(provider: &Provider, why: String) -> Self {
        tracing::warn!(provider = provider.name, why, "a provider of sign-in says what does not hold");
        Self::Untrusted { title: provider.title.clone(), why }
    }

    /// The provider says no, in these words.
    pub fn refused(provider: &Provider, said: &str) -> Self {
        tracing::info!(provider = provider.name, said, "a provider of sign-in refused somebody");
        // For a page, which escapes it; a provider's essay is cut.
        let said = said.chars().filter(|c| !c.is_control()).take(200).collect();
        Self::Refused { title: provider.title.clone(), said }
    }
}

/// An error and what lies behind it. Errors of the library hold no tokens in what they print.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        // Writing to a `String` cannot fail.
        let _ = write!(text, ": {inner}");
        source = inner.source();
    }
    text
}
