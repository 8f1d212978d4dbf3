//! A log as plain bytes, as they were printed: `.../log/<slug>/raw`. What a command printed to stdout and stderr, in the order
//! in which it came; `headers=1` adds what Weir itself said. A log that still runs is followed to its end, unless `follow=0`.
//! `first=` and `max=` choose lines (from 0). Nothing is read before the client has taken what came before.

use super::standing::Standing;
use crate::model::id::LogId;
use crate::status::get::{Get, LogProgress};
use crate::status::resource::{LogChannel, LogLine};
use crate::web::extract::{Asker, Query};
use crate::web::{AppState, Error, Result};
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ContentEncoding, HeaderName, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures::Stream;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Lines read at a time: some hundred kilobytes of usual lines.
const LINES_MAX: usize = 4_000;

/// The arguments.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    first: i64,
    max: Option<i64>,
    headers: Option<String>,
    follow: Option<String>,
}

/// `GET .../log/<slug>/raw`.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    request: HttpRequest,
    path: web::Path<(String, String, i64, String, String)>,
) -> Result<HttpResponse> {
    let (team, builder, number, step, slug) = path.into_inner();
    let Query(wanted) = Query::<Wanted>::parse(request.query_string())?;
    if wanted.first < 0 || wanted.max.is_some_and(|max| max < 0) {
        return Err(Error::BadRequest("`first` and `max` count lines from 0".to_owned()));
    }
    let get = state.status.get(&scope);
    let page = get.log(&team, &builder, number, &step, &slug).await?;
    let is_running = !page.log.complete;
    let mut answer = HttpResponse::Ok();
    answer
        .content_type("text/plain; charset=utf-8")
        .insert_header((CACHE_CONTROL, if is_running { "no-store" } else { "private, no-cache" }))
        .insert_header((VARY, "Authorization, Cookie"))
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let progress = get.follow_log(page.log.id).await?;
    let follow = is_on(wanted.follow.as_deref(), true);
    if is_running && follow {
        // Compression would hold lines back.
        answer.insert_header((CONTENT_ENCODING, ContentEncoding::Identity.as_str()));
    }
    let reader = Reader {
        get,
        log: page.log.id,
        progress,
        next: wanted.first,
        end: wanted.max.map(|max| wanted.first.saturating_add(max)),
        headers: is_on(wanted.headers.as_deref(), false),
        follow,
        standing: Standing::new(&state, &request, &scope)?,
        shutdown: state.shutdown.clone(),
    };
    Ok(answer.streaming(reader.stream()))
}

/// `1`, `true` and the bare name are yes, `0` and `false` are no.
fn is_on(given: Option<&str>, default: bool) -> bool {
    given.map_or(default, |text| !matches!(text, "0" | "false" | "no" | "off"))
}

struct Reader {
    get: Get,
    log: LogId,
    progress: watch::Receiver<LogProgress>,
    next: i64,
    /// The line before which it ends, where one was given.
    end: Option<i64>,
    headers: bool,
    follow: bool,
    standing: Standing,
    shutdown: CancellationToken,
}

impl Reader {
    fn stream(self) -> impl Stream<Item = Result<Bytes>> {
        futures::stream::try_unfold(self, |mut reader| async { Ok(reader.read().await?.map(|bytes| (bytes, reader))) })
    }

    /// The next bytes; none is the end.
    async fn read(&mut self) -> Result<Option<Bytes>> {
        self.standing.check().await?;
        loop {
            let seen = *self.progress.borrow_and_update();
            let end = self.end.map_or(seen.n_lines, |end| end.min(seen.n_lines));
            if self.next < end {
                let max = usize::try_from(end - self.next).unwrap_or(LINES_MAX).min(LINES_MAX);
                let lines = self.get.more_log_lines(self.log, self.next, max).await?;
                if let Some(last) = lines.last() {
                    self.next = last.number + 1;
                    let bytes = self.join(&lines);
                    if bytes.is_empty() {
                        continue;
                    }
                    return Ok(Some(bytes));
                }
            }
            if seen.complete || !self.follow || self.end.is_some_and(|end| self.next >= end) {
                return Ok(None);
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(None),
                () = self.standing.lost() => return Err(Standing::broken_off()),
                changed = self.progress.changed() => if changed.is_err() && *self.progress.borrow() == seen {
                    return Ok(None);
                },
            }
        }
    }

    /// The lines as they were printed.
    fn join(&self, lines: &[LogLine]) -> Bytes {
        let wanted = |line: &&LogLine| self.headers || line.channel != LogChannel::Header;
        let n_bytes = lines.iter().filter(wanted).map(|line| line.bytes.len() + 1).sum();
        let mut bytes = BytesMut::with_capacity(n_bytes);
        for line in lines.iter().filter(wanted) {
            bytes.extend_from_slice(&line.bytes);
            if !line.continues {
                bytes.extend_from_slice(b"\n");
            }
        }
        bytes.freeze()
    }
}
