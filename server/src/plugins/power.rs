//! What a plugin may do: what its manifest declares, and the operator grants or, where he says nothing, its content came with.

use super::descriptor::Descriptor;
use super::load::Loaded;
use crate::config::plugin::{CommandGrant, Grants, Plugin};
use crate::model::egress::Rule;

/// What one call of a guest may do beyond its own sandbox. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Powers {
    /// What it may run on the build's worker, whose files come with it; none is nothing.
    pub command: Option<CommandGrant>,
    /// Services that it may call, and networks that these may lie in.
    pub http: Vec<Rule>,
    /// A small state.
    pub state: bool,
    /// Builders of the own team.
    pub trigger: bool,
    /// Artifacts.
    pub artifacts: bool,
    /// Status in the team's scope.
    pub builds: bool,
    /// The plain text of secrets.
    pub reveal: bool,
}

impl Powers {
    /// The powers of a loaded plugin under its table.
    pub fn of(loaded: &Loaded, table: &Plugin) -> Self {
        Self::granted(&loaded.descriptor, loaded.bundled.as_ref(), table)
    }

    /// The powers of a plugin that says this of itself, under its table and with what came with its content.
    pub fn granted(descriptor: &Descriptor, came: Option<&Grants>, table: &Plugin) -> Self {
        let declares = |kind: &str| descriptor.capabilities.iter().any(|c| c.kind == kind);
        let said = &table.grants;
        let granted = |said: Option<bool>, came: Option<Option<bool>>| said.or(came.flatten()).unwrap_or(false);
        let command = said.command.clone().or_else(|| came?.command.clone());
        Self {
            command: command
                .filter(|grant| *grant != CommandGrant::Nothing)
                .filter(|_| declares("command") || declares("workspace")),
            http: if declares("http") { said.http.clone() } else { Vec::new() },
            state: declares("state") && granted(said.state, came.map(|c| c.state)),
            trigger: declares("trigger") && granted(said.trigger, came.map(|c| c.trigger)),
            artifacts: declares("artifacts") && granted(said.artifacts, came.map(|c| c.artifacts)),
            builds: declares("builds") && granted(said.builds, came.map(|c| c.builds)),
            reveal: declares("secret-reveal") && said.reveal,
        }
    }
}

/// Why a call is refused: names the key that would grant it.
pub fn denied(plugin: &str, what: &str, key: &str) -> String {
    format!("may not {what}: grant it with `{key}` in `[plugin.{plugin}]`")
}
