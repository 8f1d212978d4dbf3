//! CPU time that all plugins of a team may use together: asked before a call, counted after it. One call alone is bounded by its plugin's
//! own limit, so a team goes over its quota by no more than what runs at that moment.

use super::Plugins;
use super::error::{Error, Kind};
use crate::status;
use chrono::TimeDelta;

impl Plugins {
    /// Whether a plugin may be called for the team now.
    ///
    /// # Errors
    /// Where the team's plugins have used their time, until when. Not the plugin's fault.
    pub(super) fn check_cpu(&self, team: &str, plugin: &str) -> Result<(), Error> {
        let checked = self.status.as_ref().map_or(Ok(()), |status| status.check_plugin_cpu(team));
        checked.map_err(|error| {
            let mut refused = Error::new(plugin, Kind::Host, format!("was not called: {error}"));
            if let status::Error::OverQuota(over) = &error {
                refused.until = TimeDelta::from_std(over.again()).ok().map(|again| self.clock.now() + again);
            }
            refused
        })
    }

    /// Counts what calls of a plugin for the team have used since this was done before.
    pub(super) fn count_cpu(&self, team: &str, plugin: &str) {
        let used = self.tallies.of(team, plugin).take_cpu();
        if let Some(status) = &self.status {
            status.count_plugin_cpu(team, used);
        }
    }
}
