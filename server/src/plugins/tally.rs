//! How often plugins did what needs a grant, and how often they were denied it: by team, since the server started.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What needs a grant, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gated {
    /// Commands on the build's worker.
    Command,
    /// Files of the work directory.
    Workspace,
    /// Files that outlive it.
    Artifacts,
    /// Status.
    Builds,
    /// Other builders.
    Trigger,
    /// Services.
    Http,
    /// A small state.
    State,
    /// The plain text of secrets.
    SecretReveal,
}

impl Gated {
    /// Each of them, in the order of their cells.
    pub const ALL: [Self; 8] = [
        Self::Command,
        Self::Workspace,
        Self::Artifacts,
        Self::Builds,
        Self::Trigger,
        Self::Http,
        Self::State,
        Self::SecretReveal,
    ];

    /// The interface's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Workspace => "workspace",
            Self::Artifacts => "artifacts",
            Self::Builds => "builds",
            Self::Trigger => "trigger",
            Self::Http => "http",
            Self::State => "state",
            Self::SecretReveal => "secret-reveal",
        }
    }
}

/// Calls of one plugin for one team.
#[derive(Debug, Default)]
pub struct Tally {
    cells: [Cell; Gated::ALL.len()],
    cpu_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct Cell {
    n_used: AtomicU64,
    n_denied: AtomicU64,
}

impl Tally {
    /// A call has used so much CPU time, which somebody is going to take.
    pub fn count_cpu(&self, used: Duration) {
        self.cpu_ns.fetch_add(u64::try_from(used.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The CPU time that calls have used since this was asked before.
    pub fn take_cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_ns.swap(0, Ordering::Relaxed))
    }

    /// Counts a call. What came of it beyond not being denied is not asked.
    pub fn count(&self, what: Gated, is_denied: bool) {
        let cell = &self.cells[what as usize];
        let counter = if is_denied { &cell.n_denied } else { &cell.n_used };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls that were let through, and those that were denied.
    pub fn read(&self, what: Gated) -> (u64, u64) {
        let cell = &self.cells[what as usize];
        (cell.n_used.load(Ordering::Relaxed), cell.n_denied.load(Ordering::Relaxed))
    }
}

/// Those of all teams and plugins: at most as many as pairs in the configuration.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<HashMap<(String, String), Arc<Tally>>>);

impl Tallies {
    /// Where calls of a plugin for a team are counted.
    pub fn of(&self, team: &str, plugin: &str) -> Arc<Tally> {
        let mut pairs = self.0.lock().expect("no holder of the tallies panics");
        Arc::clone(pairs.entry((team.to_owned(), plugin.to_owned())).or_default())
    }

    /// A plugin's, by team.
    pub fn of_plugin(&self, name: &str) -> Vec<(String, Arc<Tally>)> {
        let pairs = self.0.lock().expect("no holder of the tallies panics");
        let own = pairs.iter().filter(|((_, plugin), _)| plugin == name);
        own.map(|((team, _), tally)| (team.clone(), Arc::clone(tally))).collect()
    }

    /// Forgets those of teams that are not there any more.
    pub fn keep(&self, is_there: impl Fn(&str) -> bool) {
        self.0.lock().expect("no holder of the tallies panics").retain(|(team, _), _| is_there(team));
    }
}

#[cfg(test)]
mod tests {
    use super::{Gated, Tallies};

    #[test]
    fn each_capability_of_each_team_and_plugin_is_counted_by_itself() {
        let tallies = Tallies::default();
        for (index, what) in Gated::ALL.into_iter().enumerate() {
            (0..=index).for_each(|_| tallies.of("core", "x").count(what, false));
            tallies.of("core", "x").count(what, true);
        }
        tallies.of("other", "x").count(Gated::Http, true);
        tallies.of("core", "y").count(Gated::Http, true);
        for (index, what) in Gated::ALL.into_iter().enumerate() {
            assert_eq!(tallies.of("core", "x").read(what), (index as u64 + 1, 1), "{}", what.name());
        }
        assert_eq!(tallies.of_plugin("x").len(), 2);
        tallies.keep(|team| team == "other");
        assert_eq!(tallies.of("core", "x").read(Gated::Http), (0, 0), "of a team that is gone nothing is kept");
        assert_eq!(tallies.of("other", "x").read(Gated::Http), (0, 1));
    }
}
