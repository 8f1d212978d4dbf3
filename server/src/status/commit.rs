//! One write: rows and the events that tell of them in one transaction; once it is durable, and in the order of commits, the board
//! and everybody who listens hear of it; then the caller is answered.

use super::event::{Event, What};
use super::get::LogProgress;
use super::quota::Meters;
use super::registry::Declared;
use super::{Inner, Result, Status};
use crate::config::Config;
use crate::model::id::{BuildId, BuilderId, LogId};
use crate::model::name::BuilderKey;
use crate::model::time::Time;
use crate::store::{DbConnection, events};
use std::sync::Arc;

/// A write under way.
pub(super) struct Tx<'c> {
    /// The database.
    pub c: &'c mut DbConnection,
    /// Now.
    pub at: Time,
    inner: &'c Inner,
    effects: Vec<Effect>,
}

/// What follows once a write is durable.
pub(super) enum Effect {
    /// Something happened.
    Event(Arc<Event>),
    /// Somebody wants a running build stopped.
    StopWanted(BuildId, String),
    /// A build is kept no longer: its builder and its number.
    BuildDropped(BuilderId, i64),
    /// A log was opened, grew or ended.
    Log {
        /// Which.
        log: LogId,
        /// Of which build.
        build: BuildId,
        /// Of which step.
        step: i32,
        /// How far it is.
        progress: LogProgress,
        /// Bytes stored.
        size_bytes: i64,
    },
}

impl Tx<'_> {
    /// Records that `what` happened to a builder; told when this write is durable.
    pub fn tell(&mut self, builder_id: BuilderId, builder: BuilderKey, what: What) -> Result<()> {
        let json = serde_json::to_string(&what).map_err(|e| super::Error::Internal(e.into()))?;
        let id = events::insert(self.c, builder_id, self.at, &json)?;
        self.effects.push(Effect::Event(Arc::new(Event { id, at: self.at, builder, what })));
        Ok(())
    }

    /// Refuses what would start a build of a builder that left since it was looked up: nothing would ever take it up.
    ///
    /// # Errors
    /// `Conflict`.
    pub fn check_live(&self, builder: BuilderId) -> Result<()> {
        self.inner.in_force().registry.declared_of(builder).map_or(Ok(()), Declared::check_live)
    }

    /// The name of the builder with that row.
    pub fn builder(&self, builder: BuilderId) -> BuilderKey {
        self.inner.in_force().registry.key(builder)
    }

    /// What is in force.
    pub fn config(&self) -> Arc<Config> {
        self.inner.in_force().config.clone()
    }

    /// What is used now of what comes back with time.
    pub fn meters(&self) -> &Meters {
        &self.inner.meters
    }

    /// Lets `effect` follow when this write is durable.
    pub fn then(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}

impl Status {
    /// Does `work` in one transaction and lets what follows from it follow.
    pub(super) async fn commit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.commit_then(work, |value| value).await
    }

    /// The same; once it is durable `then` runs on the writer's thread before anybody hears of it, and its value is the answer.
    pub(super) async fn commit_then<T: Send + 'static, R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
        then: impl FnOnce(T) -> R + Send + 'static,
    ) -> Result<R> {
        let at = self.now();
        let (inner, working) = (self.0.clone(), self.0.clone());
        let write = move |c: &mut DbConnection| {
            let mut tx = Tx { c, at, inner: &working, effects: Vec::new() };
            let value = work(&mut tx)?;
            Ok((value, tx.effects))
        };
        self.0
            .store
            .write_then(write, move |(value, effects)| {
                let value = then(value);
                effects.into_iter().for_each(|effect| inner.follow(effect));
                value
            })
            .await
    }
}

impl Inner {
    fn follow(&self, effect: Effect) {
        match effect {
            Effect::Event(event) => {
                self.in_force().board.apply(&event);
                let wakes = matches!(
                    event.what,
                    What::RequestAdded { .. } | What::RequestCancelled { .. } | What::BuildFinished { .. }
                );
                let moved = match &event.what {
                    What::RequestCancelled { request_id } => Some(*request_id),
                    What::BuildStarted { build } | What::BuildFinished { build } => Some(build.request_id),
                    _ => None,
                };
                // Nobody listening is no error.
                let _listeners = self.events.send(event);
                let _waiting = moved.map(|request| self.moving.send(request));
                if wakes {
                    self.wake();
                }
            }
            Effect::StopWanted(build, reason) => {
                self.in_force().board.want_stop(build, reason);
                self.wake();
            }
            Effect::BuildDropped(builder, number) => self.in_force().board.forget(builder, number),
            Effect::Log { log, build, step, progress, size_bytes } => {
                self.in_force().board.grow_log(build, step, log, progress.n_lines, size_bytes);
                self.live.set(log, progress);
            }
        }
    }
}
