//! For the operator: `/healthz` (the process answers) and `/readyz` (it may be sent visitors).

use super::AppState;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::{HttpResponse, web};
use std::future::Future;
use std::time::Duration;

/// A database that does not answer a small question within this time does not answer pages.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);

/// `GET /healthz`.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type("text/plain").body("ok\n")
}

/// `GET /readyz`: 503 once the server shuts down, and while the database does not answer.
pub async fn readyz(state: web::Data<AppState>) -> HttpResponse {
    if state.shutdown.is_cancelled() {
        return unready("shutting down\n");
    }
    // The smallest question that there is; its answer is kept for a second, so that asking often costs nothing.
    let tokens = state.status.tokens();
    if !answers_in_time(tokens.is_revoked("readyz")).await {
        return unready("the database does not answer\n");
    }
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type("text/plain").body("ready\n")
}

/// Whether the database answers well, within the deadline.
async fn answers_in_time<T, E: std::fmt::Display>(question: impl Future<Output = Result<T, E>>) -> bool {
    match tokio::time::timeout(DATABASE_TIMEOUT, question).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "not ready: the database does not answer");
            false
        }
        Err(_) => {
            tracing::error!(timeout = ?DATABASE_TIMEOUT, "not ready: the database does not answer in time");
            false
        }
    }
}

fn unready(why: &'static str) -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((RETRY_AFTER, "5"))
        .content_type("text/plain")
        .body(why)
}

#[cfg(test)]
mod tests {
    use super::answers_in_time;

    #[tokio::test]
    async fn a_database_that_fails_or_hangs_is_not_ready() {
        assert!(answers_in_time(async { Ok::<_, String>(()) }).await);
        assert!(!answers_in_time(async { Err::<(), _>("broken") }).await);
        assert!(!answers_in_time(std::future::pending::<Result<(), String>>()).await);
    }
}
