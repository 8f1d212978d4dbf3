//! Lines of a log as they come: `/sse/...` and the log page's own path. An event's id is the number of the first line that was
//! not yet sent, so that a client that comes back goes on where it was; `first=` begins somewhere else than at line 0.

use super::sse;
use super::standing::Standing;
use crate::model::id::LogId;
use crate::status::get::{Get, LogProgress};
use crate::status::resource::{LogChannel, LogLine};
use crate::web::extract::Asker;
use crate::web::{AppState, Result};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Lines in one event at most.
const LINES_MAX: usize = 500;
/// Bytes of lines in one event, where it has more than one line.
const EVENT_BYTES: usize = 256 << 10;

/// `GET /sse/team/<team>/builder/<builder>/build/<n>/step/<s>/log/<slug>`.
pub async fn follow(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    request: HttpRequest,
    path: web::Path<(String, String, i64, String, String)>,
) -> Result<HttpResponse> {
    let (team, builder, number, step, slug) = path.into_inner();
    let first = sse::resume_point(&request, "first")?.unwrap_or(0);
    let get = state.status.get(&scope);
    let page = get.log(&team, &builder, number, &step, &slug).await?;
    let progress = get.follow_log(page.log.id).await?;
    let source = Source { get, log: page.log.id, progress, next: first, is_ended: false };
    Ok(sse::answer(source, Standing::new(&state, &request, &scope)?, state.shutdown.clone()))
}

struct Source {
    get: Get,
    log: LogId,
    progress: watch::Receiver<LogProgress>,
    /// The first line that was not yet sent.
    next: i64,
    /// The end was told.
    is_ended: bool,
}

impl sse::Source for Source {
    async fn next(mut self) -> Option<(String, Self)> {
        if self.is_ended {
            return None;
        }
        loop {
            let seen = *self.progress.borrow_and_update();
            if self.next < seen.n_lines {
                let lines = match self.get.more_log_lines(self.log, self.next, LINES_MAX).await {
                    Ok(lines) => lines,
                    Err(error) => {
                        tracing::debug!("a log stream ends: {error}");
                        return None;
                    }
                };
                let lines = &lines[..n_fitting(&lines)];
                if let Some(last) = lines.last() {
                    self.next = last.number + 1;
                    let data = json!(lines.iter().map(line).collect::<Vec<_>>()).to_string();
                    return Some((sse::event(self.next, "lines", &data), self));
                }
            }
            // The sender goes away with the log's end; what it said last still holds.
            if seen.complete || self.progress.changed().await.is_err() {
                let last = *self.progress.borrow();
                if self.next < last.n_lines && !seen.complete {
                    continue;
                }
                self.is_ended = true;
                return Some((sse::event(self.next, "end", &json!({ "num_lines": last.n_lines }).to_string()), self));
            }
        }
    }
}

/// How many of the lines fit one event: at least one.
fn n_fitting(lines: &[LogLine]) -> usize {
    let mut n_bytes = 0;
    let fitting = lines.iter().take_while(|line| {
        let fits = n_bytes == 0 || n_bytes + line.bytes.len() < EVENT_BYTES;
        n_bytes += line.bytes.len() + 1;
        fits
    });
    fitting.count()
}

/// A line as a page's script takes it: text, never HTML. Bytes that are no UTF-8 become U+FFFD.
fn line(line: &LogLine) -> Value {
    let channel = match line.channel {
        LogChannel::Stdout => "o",
        LogChannel::Stderr => "e",
        LogChannel::Header => "h",
    };
    let mut value = json!({ "n": line.number, "c": channel, "t": String::from_utf8_lossy(&line.bytes) });
    if line.continues {
        value["more"] = json!(true);
    }
    value
}
