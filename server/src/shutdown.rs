//! One signal to end, graceful then hard; every loop listens.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How a process says that it was ended by SIGINT or SIGTERM before it was done.
const EXIT_HARD: i32 = 130;

/// Returns the token that every loop listens to. It is cancelled by the first SIGTERM or SIGINT; the second ends the process at once.
///
/// # Errors
/// Where signals cannot be listened to.
pub fn listen() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!(
            "shutting down; running builds are interrupted and requested again (a second signal ends at once)"
        );
        cancelled.cancel();
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("ended at once by a second signal");
        std::process::exit(EXIT_HARD);
    });
    Ok(token)
}

async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}
