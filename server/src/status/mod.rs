//! The one status API. Four verbs: get (what is), subscribe (what happened since), control (people act), update (the engine
//! reports). Every question carries a scope and the answer holds only what that scope may read: rights are enforced here, once.
//!
//! The promise between get and subscribe: an answer of `get` names the event up to which it is true, and `subscribe` from that
//! event tells everything later, without gap or duplicate.

/// What people do.
pub mod control;
/// What can go wrong.
pub mod error;
/// Everything that can be heard.
pub mod event;
/// What is.
pub mod get;
/// What a page asks for: filter, window, limit.
pub mod query;
/// The serialisable types.
pub mod resource;
/// What happened since.
pub mod subscribe;
/// Tokens that this instance issued.
pub mod token;
/// What the engine reports.
pub mod update;
/// A view resolved: its builders in order with all that a Waterfall says of them.
pub mod view;
/// Builds and steps to cells on a squeezed time axis; pure.
pub mod waterfall;

pub use error::{Error, Result};

use crate::clock::SharedClock;
use crate::config::Config;
use crate::model::id::EventId;
use crate::model::scope::Scope;
use crate::store::Store;
use std::sync::Arc;

/// The one status API; cheap to clone.
#[derive(Clone)]
pub struct Status(Arc<Inner>);

/// What stands behind every clone.
struct Inner {}

impl Status {
    /// Registers the configuration's teams and builders and fills the read model from the database.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn open(_config: Arc<Config>, _store: Store, _clock: SharedClock) -> anyhow::Result<Self> {
        todo!()
    }

    /// What is, as far as `scope` may see.
    pub fn get(&self, scope: &Scope) -> get::Get {
        get::Get { status: self.clone(), scope: scope.clone() }
    }

    /// What happens after the event `after`, as far as `scope` may see; from now on where none is given.
    pub fn subscribe(&self, _scope: &Scope, _after: Option<EventId>) -> subscribe::Subscription {
        todo!()
    }

    /// What people do; rights are checked here and each attempt becomes a row of `audit`.
    pub fn control(&self, scope: &Scope) -> control::Control {
        control::Control { status: self.clone(), scope: scope.clone() }
    }

    /// Tokens that this instance issued.
    pub fn tokens(&self) -> token::Tokens {
        todo!()
    }

    /// What the engine reports; only the engine and `app` call it.
    pub fn update(&self) -> update::Update {
        update::Update { status: self.clone() }
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        todo!()
    }
}
