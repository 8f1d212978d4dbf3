//! The one status API. Four verbs: get (what is), subscribe (what happened since), control (people act), update (the engine
//! reports). Every question carries a scope and the answer holds only what that scope may read: rights are enforced here, once.
//!
//! The promise between get and subscribe: an answer of `get` names the event up to which it is true, and `subscribe` from that
//! event tells everything later, without gap or duplicate.

/// Asking the provider of a sign-in again.
mod again;
/// Who did what.
pub mod audit;
mod board;
/// Whether somebody may do something, and why.
pub mod can;
mod claim;
mod commit;
/// What people do.
pub mod control;
/// Resources as JSON documents.
pub mod document;
/// What can go wrong.
pub mod error;
/// Everything that can be heard.
pub mod event;
mod fill;
/// What steps found: test results, numbers, artifacts.
pub mod findings;
mod finish;
mod force;
/// What is.
pub mod get;
mod in_force;
mod live;
mod load;
/// Tokens that people make for their own scripts.
pub mod personal;
/// Plugins, as they may be seen.
pub mod plugin;
/// What plugins keep from one call to the next.
pub mod plugin_state;
/// What a page asks for: filter, window, limit.
pub mod query;
/// What teams may use, and the refusals.
pub mod quota;
mod rebuild;
mod refused;
mod registry;
/// The configuration loaded anew.
pub mod reload;
/// Where each reporter goes on, and how it fares.
pub mod reporters;
/// The serialisable types.
pub mod resource;
/// What is kept no longer.
pub mod retain;
/// What no token is believed for any more.
pub mod revocation;
/// What somebody may do.
pub mod rights;
mod select;
/// Sign-ins of people, each in one browser.
pub mod session;
/// What happened since.
pub mod subscribe;
/// What teams fall back to.
pub mod team_texts;
/// Tokens that were issued.
pub mod token;
/// Builds that other builds ask for.
pub mod trigger;
/// What the engine reports.
pub mod update;
/// What a team uses of its quota.
pub mod usage;
/// A view resolved: its builders in order with all that a Waterfall says of them.
pub mod view;
/// Builds and steps to cells on a squeezed time axis; pure.
pub mod waterfall;
mod window;

pub use error::{Error, Result};

use crate::clock::SharedClock;
use crate::config::Config;
use crate::model::id::{BuildRequestId, EventId};
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::store::artifact_files::ArtifactFiles;
use crate::store::{self, Store};
use arc_swap::ArcSwap;
use chrono::SubsecRound;
use in_force::InForce;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

/// Events that wait for a listener; one who falls further behind reads them from the database.
const LISTENER_BEHIND: usize = 4096;
/// Requests that moved and that a build which waits for some has not looked at; one that falls further behind looks at all of its own.
const MOVING_BEHIND: usize = 1024;

/// The one status API; cheap to clone.
#[derive(Clone)]
pub struct Status(Arc<Inner>);

/// What stands behind every clone.
struct Inner {
    in_force: ArcSwap<InForce>,
    /// One replacement at a time.
    replacing: tokio::sync::Mutex<()>,
    /// Held while a worker's standing is put on the board, and while the board is replaced: all else that changes it is the writer's.
    connecting: Mutex<()>,
    store: Store,
    artifacts: ArtifactFiles,
    clock: SharedClock,
    live: live::LiveLogs,
    events: broadcast::Sender<Arc<event::Event>>,
    wake: Arc<Notify>,
    moving: broadcast::Sender<BuildRequestId>,
    closed: CancellationToken,
    tokens: token::Tokens,
    sessions: session::Believed,
    refused: Arc<refused::Refused>,
    plugins: plugin::Source,
    meters: quota::Meters,
    /// The builder up to which old builds were dropped last.
    retained_to: AtomicI64,
    reload: reload::Source,
    /// Counts the times that rights may have been taken away.
    rights: watch::Sender<u64>,
}

impl Status {
    /// Registers the configuration's teams and builders and fills the read model from the database. `state_dir` is made, mode 0700.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn open(config: Arc<Config>, store: Store, clock: SharedClock) -> anyhow::Result<Self> {
        store::make_private(&config.server.state_dir)?;
        let now = clock.now().trunc_subsecs(6);
        let in_force = InForce::open(config.clone(), &store, now).await?;
        let rights = watch::Sender::new(0);
        let refused = Arc::<refused::Refused>::default();
        let tokens = token::Tokens::new(store.clone(), clock.clone()).telling(rights.clone(), refused.clone());
        Ok(Self(Arc::new(Inner {
            in_force: ArcSwap::from_pointee(in_force),
            replacing: tokio::sync::Mutex::default(),
            connecting: Mutex::default(),
            artifacts: ArtifactFiles::open(&config.server.state_dir)?,
            store,
            clock,
            live: live::LiveLogs::default(),
            events: broadcast::Sender::new(LISTENER_BEHIND),
            wake: Arc::default(),
            moving: broadcast::Sender::new(MOVING_BEHIND),
            closed: CancellationToken::new(),
            tokens,
            sessions: session::Believed::default(),
            refused,
            plugins: plugin::Source::default(),
            meters: quota::Meters::default(),
            retained_to: AtomicI64::default(),
            reload: reload::Source::default(),
            rights,
        })))
    }

    /// What is, as far as `scope` may see.
    pub fn get(&self, scope: &Scope) -> get::Get {
        get::Get { status: self.clone(), scope: scope.clone() }
    }

    /// What happens after the event `after`, as far as `scope` may see; from now on where none is given.
    pub fn subscribe(&self, scope: &Scope, after: Option<EventId>) -> subscribe::Subscription {
        subscribe::Subscription::new(self.clone(), scope.clone(), after)
    }

    /// What people do; rights are checked here and each attempt becomes a row of `audit`.
    pub fn control(&self, scope: &Scope) -> control::Control {
        control::Control { status: self.clone(), scope: scope.clone() }
    }

    /// What the engine reports; only the engine and `app` call it.
    pub fn update(&self) -> update::Update {
        update::Update { status: self.clone() }
    }

    /// Where reporters go on; only delivery calls it.
    pub fn reporters(&self) -> reporters::Reporters {
        reporters::Reporters { status: self.clone() }
    }

    /// Tokens that were issued.
    pub fn tokens(&self) -> token::Tokens {
        self.0.tokens.clone()
    }

    /// Sign-ins of people.
    pub fn sessions(&self) -> session::Sessions {
        session::Sessions { status: self.clone() }
    }

    /// A number of the configuration that is in force. It changes with each one, also where no event tells of it: a title, a category; and
    /// most likely with each start of the server. [`Self::watch_rights`] tells when.
    pub fn generation(&self) -> u64 {
        self.0.in_force().generation
    }

    /// The newest event: what is said now is true up to it.
    pub fn as_of(&self) -> EventId {
        self.0.in_force().board.look().as_of
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.0.in_force().config.clone()
    }

    /// The server ends: every subscription answers `Unavailable` and followers of logs are let go. Reports are still taken.
    pub fn close(&self) {
        self.0.closed.cancel();
        self.0.live.clear();
        self.0.wake();
    }

    /// Now, as exact as the database holds it.
    fn now(&self) -> Time {
        self.0.clock.now().trunc_subsecs(6)
    }
}

impl Inner {
    /// Tells the engine that there may be something to do.
    fn wake(&self) {
        // The first wakes whoever made the future before looking, the second whoever comes to wait later.
        self.wake.notify_waiters();
        self.wake.notify_one();
    }
}
