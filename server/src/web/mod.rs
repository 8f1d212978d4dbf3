//! Status to browsers and scripts; the only actix.

/// The JSON API: read and control.
pub mod api;
/// From a request's credentials to a scope.
pub mod auth;
/// Not-modified answers: entity tags and the headers that go with them.
pub mod conditional;
/// How many connections are open.
mod connections;
/// What stands around every handler: request id, credentials, headers, panics, the shape of errors.
mod edge;
/// The one place that knows status codes.
pub mod error;
/// Who asks and what for, as extractors.
pub mod extract;
/// Where a request ends.
mod framing;
/// For the operator: alive, ready.
mod health;
/// How many calls of one asker are answered at a time.
pub mod lane;
/// Live events and logs.
pub mod live;
/// One file a page.
pub mod pages;
/// Bodies of requests.
mod payload;
/// Which part of a file is asked for.
mod range;
/// Every route on one screen.
pub mod routes;

pub use error::{Error, Result};

use crate::clock::SharedClock;
use crate::open_files;
use crate::status::Status;
use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, Scope, web};
use anyhow::Context as _;
use connections::Connections;
use std::any::Any;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A request's line and headers must have come within this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// An idle connection is kept so long.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Answers that are under way at shutdown may take so long; live streams end at once.
const DRAIN_TIMEOUT_S: u64 = 10;
/// Threads that answer, for each processor. A connection stays with its thread, and what the thread makes for one of them the others wait
/// for: with some more threads the system shares out processors between them instead.
const THREADS_EACH: usize = 4;

/// What every handler may use. Clones share everything.
#[derive(Clone)]
pub struct AppState {
    /// The one status API.
    pub status: Status,
    /// Where people reach the server; what it started with.
    pub public_url: url::Url,
    /// The time.
    pub clock: SharedClock,
    /// Where people sign in.
    pub providers: Arc<auth::oidc::Providers>,
    /// Checks passwords.
    pub passwords: Arc<auth::password::Passwords>,
    /// Keys that tokens are checked with.
    pub keys: Arc<auth::Keys>,
    /// Calls that are being answered.
    pub lanes: lane::Lanes,
    /// Long answers that are open.
    pub open: live::open::Open,
    /// Cancelled when the server shall stop: live streams end then.
    pub shutdown: CancellationToken,
}

impl AppState {
    /// The path of `public_url`, always with `/` at both ends: every link starts with it.
    pub fn prefix(&self) -> &str {
        self.public_url.path()
    }
}

/// Does what takes long, as drawing a page of many builders does, beside the thread that answers: whoever else it serves is answered
/// meanwhile.
///
/// # Errors
/// Where `work` panics.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    web::block(work).await.map_err(|gone| Error::Status(crate::status::Error::Internal(gone.into())))
}

/// Serves on all `listeners` until `shutdown` is cancelled, then lets running answers end, within a deadline.
///
/// # Errors
/// Where the server cannot be started on a listener.
pub async fn serve(state: AppState, listeners: Vec<TcpListener>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let connections = Connections::of(open_files::max());
    let status = state.status.clone();
    let state = web::Data::new(state);
    let factory = move || App::new().service(scope(state.clone())).service(outside(state.clone()));
    let n_cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut server = HttpServer::new(factory)
        .disable_signals()
        .workers(THREADS_EACH * n_cores)
        .client_request_timeout(REQUEST_TIMEOUT)
        .client_disconnect_timeout(Duration::from_secs(5))
        .keep_alive(KEEP_ALIVE)
        .max_connections(connections.max_of_thread(THREADS_EACH * n_cores))
        .on_connect(move |stream, extensions| welcome(&status, &connections, stream, extensions))
        .shutdown_timeout(DRAIN_TIMEOUT_S);
    for listener in listeners {
        let address = listener.local_addr().context("a listener has no address")?;
        listener.set_nonblocking(true).context("a listener cannot be made non-blocking")?;
        server = server.listen(listener).with_context(|| format!("cannot serve on {address}"))?;
    }
    let server = server.run();
    let handle = server.handle();
    let stop = async move {
        shutdown.cancelled().await;
        handle.stop(true).await;
    };
    let (served, ()) = tokio::join!(server, stop);
    served.context("the web server ended")
}

/// Gives a new connection its place, or ends it: whoever has theirs hears no more than that.
fn welcome(status: &Status, connections: &Connections, stream: &dyn Any, extensions: &mut Extensions) {
    let Some(stream) = stream.downcast_ref::<actix_web::rt::net::TcpStream>() else { return };
    let Ok(peer) = stream.peer_addr() else { return };
    // Everybody comes through the operator's own proxies.
    if auth::address::is_proxy(peer.ip().to_canonical(), &status.config().server) {
        return;
    }
    match connections.take(peer.ip()) {
        Some(place) => drop(extensions.insert(place)),
        // It may have ended by itself.
        None => drop(rustix::net::shutdown(stream, rustix::net::Shutdown::Both)),
    }
}

/// Everything of Weir's under the path of `public_url`, for an actix application: ours, or somebody else's.
pub fn scope(
    state: web::Data<AppState>,
) -> Scope<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let prefix = state.prefix().trim_end_matches('/').to_owned();
    web::scope(&prefix)
        .app_data(state)
        .app_data(web::PayloadConfig::new(extract::BODY_BYTES_MAX))
        .app_data(extract::path_config())
        .configure(routes::routes)
        .default_service(web::to(error::unknown_page))
        .wrap(from_fn(edge::spare_small_bodies))
        .wrap(Compress::default())
        .wrap(from_fn(edge::around))
        .wrap(from_fn(framing::guard))
}

/// What is answered outside the prefix: the operator's probes, and a hint.
fn outside(
    state: web::Data<AppState>,
) -> Scope<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    web::scope("")
        .app_data(state)
        .configure(routes::probes)
        .default_service(web::to(error::outside_prefix))
        .wrap(from_fn(edge::around))
        .wrap(from_fn(framing::guard))
}
