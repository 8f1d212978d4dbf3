//! Rows and queries; the only diesel. Reads on a pool, writes through one writer that commits what has gathered.

/// Files that outlive their build's work directory: content.
pub mod artifact_files;
/// Files that outlive their build's work directory: rows.
pub mod artifacts;
/// Every control action, allowed or refused.
pub mod audit;
/// Requests for builds.
pub mod build_requests;
/// Builders and how many builds each has had.
pub mod builders;
/// Builds.
pub mod builds;
/// Submissions.
pub mod buildsets;
/// One connection to either database.
pub mod connection;
/// What happened, in order.
pub mod events;
/// Pieces of logs.
pub mod log_chunks;
/// Logs, without their lines.
pub mod logs;
mod migrate;
/// Tokens that people make for their own scripts.
pub mod personal_tokens;
/// What plugins keep from one call to the next.
pub mod plugin_state;
/// Properties of buildsets and builds.
pub mod properties;
/// Where each reporter goes on.
pub mod reporters;
/// What is kept no longer.
pub mod retention;
/// What no token is believed for any more.
pub mod revocations;
mod schema;
/// Sign-ins.
pub mod sessions;
/// What is built.
pub mod source_stamps;
/// Numbers that steps measured.
pub mod statistics;
/// Steps.
pub mod steps;
/// What teams' files said when they were last good.
pub mod team_texts;
/// What tests said.
pub mod test_results;
/// Tokens that were issued.
pub mod tokens;
/// What each team has stored.
pub mod usage;
mod writer;

pub use connection::{DbConnection, make_private};
pub use writer::Error;
/// What a query fails with.
pub type QueryError = diesel::result::Error;

use crate::model::time::Time;
use connection::Address;
use diesel::{Connection, QueryResult};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use writer::Writer;

/// Reads at the same time; more wait.
const READERS: usize = 4;
/// Of these, what goes into answers that read on and on: whoever has many of those open holds up each other, and no page.
const READERS_ASIDE: usize = READERS / 2;

/// The database; cheap to clone. The writer ends when the last clone is dropped.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: Writer,
    address: Address,
    idle: Mutex<Vec<DbConnection>>,
    slots: Arc<Semaphore>,
    slots_aside: Semaphore,
}

impl Store {
    /// Opens `sqlite:PATH` or `postgres://...` and migrates it.
    ///
    /// # Errors
    /// Where it cannot be opened or migrated, saying what to do.
    pub fn open(database: &str) -> anyhow::Result<Self> {
        let address = Address::parse(database)?;
        address.prepare()?;
        let mut connection = address.connect()?;
        migrate::migrate(&mut connection)?;
        let writer = Writer::start(address.clone(), connection)?;
        let slots = Arc::new(Semaphore::new(READERS));
        let slots_aside = Semaphore::new(READERS_ASIDE);
        Ok(Self(Arc::new(Inner { writer, address, idle: Mutex::new(Vec::new()), slots, slots_aside })))
    }

    /// Does `work` in one transaction; durable when this returns.
    ///
    /// # Errors
    /// What `work` says, or where it cannot be made durable; then nothing of it is stored.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + From<QueryError> + Send + 'static,
    {
        self.write_then(work, |value| value).await
    }

    /// As [`Store::write`]; once it is durable and before the caller is answered, `then` runs in the order of commits. It holds up
    /// every later write, so it must be quick and must not wait.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write_then<T, R, E>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        then: impl FnOnce(T) -> R + Send + 'static,
    ) -> Result<R, E>
    where
        T: Send + 'static,
        R: Send + 'static,
        E: From<Error> + From<QueryError> + Send + 'static,
    {
        self.0.writer.write(work, then).await
    }

    /// Does `work` on one snapshot of the database, beside the writer.
    ///
    /// # Errors
    /// What `work` says, or where the database cannot be reached.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + From<QueryError> + Send + 'static,
    {
        let slot = self.0.slots.clone().acquire_owned().await.map_err(|_| E::from(Error::Closed))?;
        let inner = self.0.clone();
        let done = tokio::task::spawn_blocking(move || {
            let answer = inner.read(work);
            drop(slot);
            answer
        });
        done.await.unwrap_or_else(|e| Err(E::from(Error::Panicked(e.to_string()))))
    }
}

impl Store {
    /// As [`Store::read`], for one of many pieces of an answer: such reads never take every reader.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_aside<T, E>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + From<QueryError> + Send + 'static,
    {
        let _slot = self.0.slots_aside.acquire().await.map_err(|_| E::from(Error::Closed))?;
        self.read(work).await
    }
}

impl Inner {
    fn read<T, E>(&self, work: impl FnOnce(&mut DbConnection) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error> + From<QueryError>,
    {
        let idle = self.idle.lock().expect("no holder of the idle readers panics").pop();
        let mut c = match idle {
            Some(c) => c,
            None => self.address.connect_reader().map_err(|e| E::from(Error::Connect(e)))?,
        };
        let answer = c.transaction(|c| writer::guarded(|| work(c)));
        // A connection that was lost is not used again.
        if !is_broken(&mut c) {
            self.idle.lock().expect("no holder of the idle readers panics").push(c);
        }
        answer
    }
}

/// Whether the connection's transaction state is lost.
fn is_broken(c: &mut DbConnection) -> bool {
    use diesel::connection::TransactionManager;
    <DbConnection as Connection>::TransactionManager::is_broken_transaction_manager(c)
}

/// A moment as the tables hold it: UTC, to the microsecond.
fn naive(at: Time) -> chrono::NaiveDateTime {
    at.naive_utc()
}

/// One row, or none.
fn optional<T>(found: QueryResult<T>) -> QueryResult<Option<T>> {
    use diesel::OptionalExtension;
    found.optional()
}
