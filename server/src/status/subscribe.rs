//! What happened since: the ordered stream of events, resumable by id without a gap.

use super::event::{Event, What};
use super::{Error, Result, Status};
use crate::model::id::{BuilderId, EventId};
use crate::model::scope::Scope;
use crate::store::events;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};

/// Events read from the database at once.
const BATCH: i64 = 256;

/// A stream of events in order, holding only what its scope may see.
pub struct Subscription {
    status: Status,
    scope: Scope,
    live: broadcast::Receiver<Arc<Event>>,
    /// The newest event that was told or passed over.
    after: EventId,
    /// Events may be missing from `live` and are read from the database first.
    is_behind: bool,
    backlog: VecDeque<Arc<Event>>,
}

impl Subscription {
    pub(super) fn new(status: Status, scope: Scope, after: Option<EventId>) -> Self {
        // Listening begins before looking, so that nothing falls between.
        let live = status.0.events.subscribe();
        let now = status.as_of();
        let after = after.unwrap_or(now);
        Self { is_behind: after < now, status, scope, live, after, backlog: VecDeque::new() }
    }

    /// Waits for the next event. A reader that falls behind is fed from the database, never skipped.
    ///
    /// # Errors
    /// Where the database cannot be read, the server shuts down (`Unavailable`), or the event to go on from is so old that what
    /// came after it is not kept (`Limit`): look at what is, and listen from there.
    pub async fn next(&mut self) -> Result<Arc<Event>> {
        loop {
            if let Some(event) = self.backlog.pop_front() {
                self.after = event.id;
                if self.may_hear(&event) {
                    return Ok(event);
                }
                continue;
            }
            if self.status.0.closed.is_cancelled() {
                return Err(Error::Unavailable);
            }
            if self.is_behind {
                self.catch_up().await?;
                continue;
            }
            let heard = tokio::select! {
                heard = self.live.recv() => heard,
                () = self.status.0.closed.cancelled() => return Err(Error::Unavailable),
            };
            match heard {
                Ok(event) if event.id > self.after => self.backlog.push_back(event),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.is_behind = true,
                Err(RecvError::Closed) => return Err(Error::Unavailable),
            }
        }
    }

    /// The newest event that was told or passed over.
    pub fn position(&self) -> EventId {
        self.after
    }

    fn may_hear(&self, event: &Event) -> bool {
        let registry = &self.status.0.in_force().registry;
        let slot = registry.slot(&event.builder.team, &event.builder.name);
        slot.is_some_and(|slot| registry.declared[slot].is_readable(&self.scope))
    }

    /// Reads the next events from the database; none means that it has caught up.
    async fn catch_up(&mut self) -> Result<()> {
        let after = self.after;
        let (rows, oldest) = self
            .status
            .0
            .store
            .read(move |c| Ok::<_, Error>((events::list_after(c, after, BATCH)?, events::oldest(c)?)))
            .await?;
        if oldest.is_some_and(|oldest| after.0 + 1 < oldest.0) {
            return Err(Error::Limit { what: "resuming".to_owned(), max: format!("the last {} events", events::KEPT) });
        }
        self.is_behind = !rows.is_empty();
        let registry = self.status.0.in_force().registry.clone();
        for row in rows {
            let builder = registry.key(BuilderId(row.builder_id));
            let what: What = serde_json::from_str(&row.what).map_err(|e| Error::Internal(e.into()))?;
            self.backlog.push_back(Arc::new(Event { id: EventId(row.id), at: row.at.and_utc(), builder, what }));
        }
        Ok(())
    }
}
