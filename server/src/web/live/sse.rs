//! Server-sent events: the form of a stream (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). Nothing is made
//! before the client has taken what came before, so a slow client costs no memory.

use super::standing::Standing;
use crate::web::{Error, Result};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ContentEncoding, HeaderName, VARY};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt as _};
use std::fmt::Write as _;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

/// A line is sent at least this often: proxies close what is silent, and a client that is gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client waits before it comes back, in milliseconds.
const RETRY_MS: u32 = 1_000;

/// Where events come from. Each call waits for the next text to send; none is the end of the stream.
pub trait Source: Send + 'static {
    /// Waits for the next text to send, already in the form that [`event`] makes.
    fn next(self) -> impl Future<Output = Option<(String, Self)>> + Send
    where
        Self: Sized;
}

/// One event. `data` must be one line, as JSON is; `id` is what the client says as `Last-Event-ID` when it comes back.
pub fn event(id: i64, name: &str, data: &str) -> String {
    format!("id: {id}\nevent: {name}\ndata: {data}\n\n")
}

/// Tells the client where it stands without telling it anything.
pub fn position(id: i64) -> String {
    format!("id: {id}\n\n")
}

/// Where a client wants to go on: `Last-Event-ID` when it comes back, else the argument `after`.
///
/// # Errors
/// Names what is no number.
pub fn resume_point(request: &HttpRequest, argument: &str) -> Result<Option<i64>> {
    let header = request.headers().get("last-event-id").map(|v| v.to_str().unwrap_or_default().to_owned());
    let text = header.filter(|text| !text.is_empty()).or_else(|| from_query(request, argument));
    let Some(text) = text else { return Ok(None) };
    match text.parse() {
        Ok(number) if number >= 0 => Ok(Some(number)),
        _ => Err(Error::BadRequest(format!("`{text}` is no place to go on from; give the id of an event"))),
    }
}

/// The configuration that the asker's page was drawn from, as `generation` of the query says where it is there.
///
/// # Errors
/// `BadRequest` where it is no number.
pub fn drawn_from(request: &HttpRequest) -> Result<Option<u64>> {
    let Some(text) = from_query(request, "generation") else { return Ok(None) };
    let number = text.parse();
    let wrong = |_| Error::BadRequest(format!("`{text}` is no `generation` of a page; leave it out, or give a number"));
    number.map(Some).map_err(wrong)
}

fn from_query(request: &HttpRequest, argument: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    pairs.find(|(name, _)| name == argument).map(|(_, value)| value.into_owned())
}

/// The answer that streams `source`, with heartbeats, until its end, the client's, or the server's, or the asker lost `standing`:
/// then the client comes back by itself and its rights are looked at anew.
pub fn answer(source: impl Source, standing: Standing, shutdown: CancellationToken) -> HttpResponse {
    let mut opening = String::new();
    write!(opening, "retry: {RETRY_MS}\n\n").expect("a string takes all");
    let opening = futures::stream::once(async move { Ok::<_, Error>(Bytes::from(opening)) });
    HttpResponse::Ok()
        .content_type("text/event-stream; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((VARY, "Authorization, Cookie"))
        // Compression would hold events back.
        .insert_header((CONTENT_ENCODING, ContentEncoding::Identity.as_str()))
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
        .streaming(opening.chain(stream(source, standing, shutdown)))
}

/// What a stream waits for.
struct Waiting<S> {
    next: BoxFuture<'static, Option<(String, S)>>,
    heartbeat: Interval,
    lost: BoxFuture<'static, ()>,
    shutdown: CancellationToken,
}

fn stream<S: Source>(
    source: S,
    mut standing: Standing,
    shutdown: CancellationToken,
) -> impl Stream<Item = Result<Bytes>> {
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let lost = Box::pin(async move { standing.lost().await });
    let waiting = Waiting { next: Box::pin(source.next()), heartbeat, lost, shutdown };
    futures::stream::unfold(Some(waiting), |waiting| async {
        let mut w = waiting?;
        // The wait for the source is kept over a heartbeat, so nothing that it already took is lost; and what looks at rights is kept over
        // what the source says, since something that comes all the time would end each look before it is done.
        tokio::select! {
            biased;
            () = w.shutdown.cancelled() => None,
            () = &mut w.lost => None,
            next = &mut w.next => {
                let (text, source) = next?;
                w.next = Box::pin(source.next());
                Some((Ok(Bytes::from(text)), Some(w)))
            }
            _ = w.heartbeat.tick() => Some((Ok(Bytes::from_static(b":\n\n")), Some(w))),
        }
    })
}
