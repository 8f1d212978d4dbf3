//! Drops what teams keep no longer, now and then.

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
        let pause = match status.update().retain_once().await {
            Ok(done) => {
                if done.n_builds + done.n_requests > 0 {
                    tracing::info!(
                        builds = done.n_builds,
                        requests = done.n_requests,
                        "dropped what is kept no longer"
                    );
                }
                if done.has_more { GO_ON_AFTER } else { EVERY }
            }
            Err(error) => {
                tracing::error!(error = format!("{:#}", anyhow::Error::new(error)), "old builds could not be dropped");
                EVERY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => {}
        }
    }
}
