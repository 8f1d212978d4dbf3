//! `GET .../log/<slug>`: a window of lines. The end of a log that is still written goes on as lines come: the answer stays open and
//! the browser draws what has arrived, with script or without.

use super::{Maker, html, team_title};
use crate::model::id::LogId;
use crate::render::context::log::{LINES_MARK, LogContext, LogWindow};
use crate::render::log_line;
use crate::status;
use crate::status::get::{Get, LogProgress};
use crate::web::extract::{Asker, Query as Arguments};
use crate::web::live::standing::Standing;
use crate::web::{AppState, Result};
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ContentEncoding, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Lines of one window.
const PAGE: i64 = 1_000;
/// Lines read at once.
const BATCH: usize = 500;
/// Lines that one page follows at most, so that no browser ever holds a whole large log.
const FOLLOWED_MAX: i64 = 10_000;
/// A page follows no longer than this.
const FOLLOW_TIME_MAX: Duration = Duration::from_secs(6 * 3_600);
/// A write at least so often, so that a broken connection is noticed and a proxy keeps a quiet one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// Which lines.
#[derive(Debug, Deserialize)]
pub struct Query {
    /// The first line, from 1.
    from: Option<i64>,
}

/// The page.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String, i64, String, String)>,
    Arguments(query): Arguments<Query>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let (team, builder, number, step, slug) = path.into_inner();
    let get = state.status.get(&scope);
    let page = get.log(&team, &builder, number, &step, &slug).await?;
    let is_good = page.step.results.is_none_or(|r| r.is_good());
    let mut window = LogWindow::choose(query.from, page.log.n_lines, PAGE, !page.log.complete, is_good);
    let lines = get.log_lines(page.log.id, window.first, PAGE as usize).await?;
    if !window.is_following && !lines.is_empty() {
        // Fewer than wanted where lines are long: the next window begins after what is shown.
        window.max = window.max.min(lines.len() as i64);
    }
    let whole =
        html(&LogContext::page(maker.site, &page, window, &team_title(&state, &team), &maker.links, maker.now))?;
    let (before, after) = whole
        .split_once(LINES_MARK)
        .ok_or_else(|| status::Error::Internal(anyhow::anyhow!("the log page's template has no place for lines")))?;
    let mut head = before.to_owned();
    lines.iter().for_each(|line| log_line::write(&mut head, line));
    let mut answer = HttpResponse::Ok();
    answer.content_type("text/html; charset=utf-8");
    answer.insert_header((CACHE_CONTROL, HeaderValue::from_static("private, no-cache")));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    if !window.is_following {
        head.push_str(after);
        return Ok(answer.body(head));
    }
    let next = lines.last().map_or(window.first, |line| line.number + 1);
    let follower = Follower {
        progress: get.follow_log(page.log.id).await?,
        get,
        log: page.log.id,
        next,
        until: next + FOLLOWED_MAX,
        here: maker.links.log(&page.build.builder, number, page.step.number, &page.log.slug),
        deadline: tokio::time::Instant::now() + FOLLOW_TIME_MAX,
        standing: Standing::new(&state, &request, &scope)?,
        shutdown: state.shutdown.clone(),
        stage: Stage::Head(head, after.to_owned()),
    };
    // Compression would hold lines back.
    answer.insert_header((CONTENT_ENCODING, ContentEncoding::Identity.as_str()));
    answer.insert_header(("x-accel-buffering", "no"));
    let parts = futures::stream::unfold(follower, async |follower| {
        let (text, rest) = follower.part().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), rest))
    });
    Ok(answer.streaming(parts))
}

/// Sends a log's lines as they are stored.
struct Follower {
    get: Get,
    log: LogId,
    progress: watch::Receiver<LogProgress>,
    /// The first line that was not yet sent.
    next: i64,
    /// The line at which this page is full.
    until: i64,
    here: String,
    deadline: tokio::time::Instant,
    standing: Standing,
    shutdown: CancellationToken,
    stage: Stage,
}

/// How far an answer has come.
enum Stage {
    /// Nothing was sent; the page's beginning and its end.
    Head(String, String),
    /// Lines are sent; the page's end.
    Lines(String),
    /// All was sent.
    Done,
}

impl Follower {
    /// The next piece of the page; none after its end.
    async fn part(mut self) -> Option<(String, Self)> {
        let after = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Head(head, after) => {
                self.stage = Stage::Lines(after);
                return Some((head, self));
            }
            Stage::Lines(after) => after,
            Stage::Done => return None,
        };
        let (mut text, is_end) = self.lines().await;
        if is_end {
            text.push_str(&after);
        } else {
            self.stage = Stage::Lines(after);
        }
        Some((text, self))
    }

    /// New lines as HTML, waiting for some; true with the last.
    async fn lines(&mut self) -> (String, bool) {
        let mut text = String::new();
        if self.standing.check().await.is_err() {
            return (text, true);
        }
        loop {
            let seen = *self.progress.borrow_and_update();
            if self.next >= self.until {
                log_line::full(&mut text, &self.here);
                return (text, true);
            }
            if self.next < seen.n_lines {
                let Ok(lines) = self.get.more_log_lines(self.log, self.next, BATCH).await else { return (text, true) };
                if let Some(last) = lines.last() {
                    self.next = last.number + 1;
                    lines.iter().for_each(|line| log_line::write(&mut text, line));
                    return (text, false);
                }
            }
            if seen.complete {
                log_line::end(&mut text);
                return (text, true);
            }
            tokio::select! {
                changed = self.progress.changed() => if changed.is_err() && self.next >= self.progress.borrow().n_lines {
                    log_line::end(&mut text);
                    return (text, true);
                },
                () = tokio::time::sleep(SIGN_OF_LIFE) => return ("\n".to_owned(), false),
                () = tokio::time::sleep_until(self.deadline) => return (text, true),
                () = self.standing.lost() => return (text, true),
                () = self.shutdown.cancelled() => return (text, true),
            }
        }
    }
}
