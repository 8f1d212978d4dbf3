//! Fetches what is newest in the repositories of teams, each as often as its `every` says. What came is put in force by
//! a reload that begins as soon as it is there.

use super::reload::reload;
use crate::config::repository::Repository;
use crate::config::{Config, fetched};
use crate::status::Status;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often to look which are due: a new configuration may name others.
const LOOK: Duration = Duration::from_secs(2);
/// Fetched at the same time.
const FETCHERS: usize = 4;

/// What is fetched, and when each was.
#[derive(Default)]
struct Fetches {
    /// When each was last begun, by team, and from where.
    last: HashMap<String, (Repository, Instant)>,
    /// At most [`FETCHERS`] at a time, each for its team, so that one that is slow delays no other. Git ends by its own deadline.
    going: JoinSet<bool>,
    /// The teams for which one goes.
    teams: HashMap<Id, String>,
}

/// Fetches until shutdown.
pub async fn run(status: Status, shutdown: CancellationToken) {
    let mut fetches = Fetches::default();
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_new = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
            said = fetches.ended() => is_new |= said,
        }
        fetches.begin_due(&status.config(), Instant::now());
        // One that failed is tried again with the next tick.
        if is_new {
            is_new = !reload(&status, "the repository of a team's configuration says something new", false).await;
        }
    }
}

impl Fetches {
    /// Begins what is due at `now`, what has waited longest first.
    fn begin_due(&mut self, config: &Config, now: Instant) {
        self.last.retain(|team, (repository, _)| config.repositories.get(team) == Some(repository));
        let begun = |team: &String| self.last.get(team).map(|(_, at)| *at);
        let is_due = |team: &String, every| begun(team).is_none_or(|at| now.duration_since(at) >= every);
        let mut due: Vec<(&String, &Repository)> = config
            .repositories
            .iter()
            .filter(|(team, repository)| {
                is_due(team, repository.every) && !self.teams.values().any(|going| going == *team)
            })
            .collect();
        due.sort_by_key(|(team, _)| begun(team));
        due.truncate(FETCHERS.saturating_sub(self.going.len()));
        for (team, repository) in due {
            self.last.insert(team.clone(), (repository.clone(), now));
            let (state_dir, named, from) = (config.server.state_dir.clone(), team.clone(), repository.clone());
            let task = self.going.spawn_blocking(move || fetch(&state_dir, &named, &from));
            self.teams.insert(task.id(), team.clone());
        }
    }

    /// Waits until one has ended; says whether a reload finds something new. Never resolves where none goes.
    async fn ended(&mut self) -> bool {
        let Some(ended) = self.going.join_next_with_id().await else { return std::future::pending().await };
        let (id, said) = match ended {
            Ok((id, said)) => (id, Ok(said)),
            Err(error) => (error.id(), Err(error)),
        };
        let team = self.teams.remove(&id);
        said.unwrap_or_else(|panic| {
            tracing::error!(team, %panic, "fetching the team's configuration broke");
            false
        })
    }
}

/// Fetches for one team; says whether a reload finds something new.
fn fetch(state_dir: &Path, team: &str, repository: &Repository) -> bool {
    match fetched::fetch(state_dir, team, repository) {
        Ok(is_new) => is_new,
        Err(error) => {
            tracing::error!(team, %error, "what was fetched of the team's configuration cannot be kept");
            false
        }
    }
}
