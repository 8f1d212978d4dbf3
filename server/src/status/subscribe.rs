//! What happened since: the ordered stream of events, resumable by id without a gap.

use super::Result;
use super::event::Event;
use std::sync::Arc;

/// A stream of events in order, holding only what its scope may see.
pub struct Subscription {}

impl Subscription {
    /// Waits for the next event. A reader that falls behind is fed from the database, never skipped.
    ///
    /// # Errors
    /// Where the database cannot be read, or the server shuts down (`Unavailable`).
    pub async fn next(&mut self) -> Result<Arc<Event>> {
        todo!()
    }
}
