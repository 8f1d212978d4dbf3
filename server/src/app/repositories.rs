//! Fetches what is newest in the repositories of teams, each as often as its `every` says. What came is read at the next reload, which the
//! changed file starts.

use crate::config::fetched;
use crate::config::repository::Repository;
use crate::status::Status;
use futures::StreamExt as _;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often to look which are due: a new configuration may name others.
const LOOK: Duration = Duration::from_secs(2);
/// Fetched at the same time.
const FETCHERS: usize = 4;

/// When each was last fetched, by team, and from where.
type Last = HashMap<String, (Repository, Instant)>;

/// Fetches until shutdown.
pub async fn run(status: Status, shutdown: CancellationToken) {
    let mut last = Last::new();
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        tokio::select! {
            // Git ends by its own deadline.
            () = shutdown.cancelled() => return,
            () = fetch_once(&status, &mut last, Instant::now()) => {}
        }
    }
}

/// Fetches what is due at `now`.
async fn fetch_once(status: &Status, last: &mut Last, now: Instant) {
    let config = status.config();
    last.retain(|team, (repository, _)| config.repositories.get(team) == Some(repository));
    let is_due = |team: &String, every: Duration| last.get(team).is_none_or(|(_, at)| now.duration_since(*at) >= every);
    let due = config.repositories.iter().filter(|(team, repository)| is_due(team, repository.every));
    let due: Vec<_> = due.map(|(team, repository)| (team.clone(), repository.clone())).collect();
    last.extend(due.iter().map(|(team, repository)| (team.clone(), (repository.clone(), now))));
    let state_dir = &config.server.state_dir;
    futures::stream::iter(due)
        .for_each_concurrent(FETCHERS, |(team, repository)| fetch(state_dir.clone(), team, repository))
        .await;
}

async fn fetch(state_dir: std::path::PathBuf, team: String, repository: Repository) {
    let named = team.clone();
    let fetched = tokio::task::spawn_blocking(move || fetched::fetch(&state_dir, &named, &repository));
    match fetched.await {
        Ok(Ok(true)) => tracing::info!(team, "the repository of the team's configuration says something new"),
        Ok(Ok(false)) => {}
        Ok(Err(error)) => tracing::error!(team, %error, "what was fetched of the team's configuration cannot be kept"),
        Err(panic) => tracing::error!(team, %panic, "fetching the team's configuration broke"),
    }
}
