//! Now and then drops what is kept no longer, and writes down what was only counted so far.

use crate::status::Status;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two passes.
const EVERY: Duration = Duration::from_secs(300);
/// Where a pass left something: others go first for so long.
const GO_ON_AFTER: Duration = Duration::from_secs(1);

/// Runs until shutdown.
pub async fn run(status: Status, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        write_refused(&status, false).await;
        let pause = match status.update().retain_once().await {
            Ok(done) => {
                if done.n_builds + done.n_requests + done.n_entries > 0 {
                    tracing::info!(
                        builds = done.n_builds,
                        requests = done.n_requests,
                        audit = done.n_entries,
                        "dropped what is kept no longer"
                    );
                }
                if done.has_more { GO_ON_AFTER } else { EVERY }
            }
            Err(error) => {
                tracing::error!(
                    error = format!("{:#}", anyhow::Error::new(error)),
                    "what is kept no longer could not be dropped"
                );
                EVERY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => {}
        }
    }
    write_refused(&status, true).await;
}

async fn write_refused(status: &Status, all: bool) {
    if let Err(error) = status.sessions().write_refused_once(all).await {
        tracing::error!(error = format!("{:#}", anyhow::Error::new(error)), "the audit could not be written");
    }
}
