//! What a guest works for: a step of a builder, or a reporter of a team. Its rights, its state and its words belong there.

use super::error::{Breach, Kind};
use super::instance::Guest;
use crate::config::vault::Vault;
use crate::model::mask::Mask;
use crate::model::name::BuilderKey;
use crate::outbound::gate::Gates;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What one call of a guest works for. A guest that describes itself works for nobody and has none.
#[derive(Debug, Clone)]
pub struct Use {
    /// The team: a plugin sees what the team may see, and its state is the team's.
    pub team: String,
    /// The plugin's name.
    pub plugin: String,
    /// What of the team's.
    pub by: User,
    /// The settings as the guest gets them: a secret that they hand over is `{"$secret": NAME}`.
    pub settings: Arc<Value>,
    /// The team's secrets, of which it gets those that the settings hand over, and what hides them.
    pub vault: Arc<Vault>,
    /// The way to services.
    pub gates: Arc<Gates>,
    /// Cancelled when the build is stopped, or the server ends.
    pub stop: CancellationToken,
    /// For what is not done among the guests: connections, commands.
    pub main: tokio::runtime::Handle,
}

/// What uses a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// A step.
    Step {
        /// Whose build.
        builder: BuilderKey,
        /// The build's number.
        number: i64,
        /// The step's name in its builder: the same in every build.
        step: String,
    },
    /// A reporter.
    Reporter {
        /// Its name in its team.
        name: String,
    },
}

impl User {
    /// The same for every call of one use, and unique in the team: where its state is kept. Names hold no control characters, so no two
    /// uses meet.
    pub fn key(&self) -> String {
        match self {
            Self::Step { builder, step, .. } => format!("step\n{}\n{step}", builder.name),
            Self::Reporter { name } => format!("reporter\n{name}"),
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { builder, number, step } => write!(f, "step {step} of {builder} #{number}"),
            Self::Reporter { name } => write!(f, "reporter {name}"),
        }
    }
}

impl Guest {
    /// Hides the secrets of the team it works for.
    pub fn mask(&self) -> Arc<Mask> {
        self.usage.as_ref().map(|used| used.vault.mask()).unwrap_or_default()
    }

    /// Counts a call of a host function that works for somebody: a step or a reporter.
    ///
    /// # Errors
    /// Over the limit, and while the plugin describes itself.
    pub fn used(&mut self) -> Result<&Use, Breach> {
        self.used_for("things of a team")
    }

    /// The same, for a function that gives `what`.
    ///
    /// # Errors
    /// Over the limit, and while the plugin describes itself: what it says is kept, so it may hang on nothing but the content.
    pub fn used_for(&mut self, what: &str) -> Result<&Use, Breach> {
        self.enter()?;
        let why = || Breach::new(Kind::Load, format!("asked for {what} while it described itself"));
        self.usage.as_ref().ok_or_else(why)
    }
}

#[cfg(test)]
mod tests {
    use super::{BuilderKey, User};

    #[test]
    fn a_use_is_the_same_in_every_build_and_no_two_meet() {
        let step = |number| User::Step { builder: BuilderKey::new("core", "linux"), number, step: "hook".to_owned() };
        assert_eq!(step(1).key(), step(2).key());
        assert_ne!(step(1).key(), User::Reporter { name: "hook".to_owned() }.key());
    }
}
