//! What a team uses of its quota now, as its page shows it.

use super::get::Get;
use super::quota::MeteredUse;
use super::{Error, Result};
use crate::config::quota::Quota;
use crate::store::usage::{self, Stored};

/// A team's quota, and what is used of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct TeamUse {
    /// What it may use.
    pub quota: Quota,
    /// Builds that run.
    pub n_running: usize,
    /// Requests that wait.
    pub n_queued: usize,
    /// What comes back with time.
    pub metered: MeteredUse,
    /// What is stored.
    pub stored: Stored,
}

impl Get {
    /// What a team uses of its quota.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn team_use(&self, name: &str) -> Result<TeamUse> {
        let now = self.status.0.in_force();
        let team = now.config.teams.get(name).filter(|team| self.scope.may_read(name, team.visibility));
        let quota = team.ok_or_else(|| Error::not_found("team", name))?.quota;
        let (n_running, n_queued) = {
            let board = now.board.look();
            let own = board.entries.iter().zip(&now.registry.declared).filter(|(_, d)| d.builder.key.team == name);
            own.fold((0, 0), |(running, queued), (e, _)| (running + e.running.len(), queued + e.pending.len()))
        };
        let asked = name.to_owned();
        let stored = self.status.0.store.read(move |c| Ok::<_, Error>(usage::get(c, &asked)?)).await?;
        Ok(TeamUse { quota, n_running, n_queued, metered: self.status.metered_use(name), stored })
    }
}
