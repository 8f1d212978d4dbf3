//! The one writer: each write is a savepoint; what has gathered is committed together, and only then is each answered.

use super::connection::{Address, DbConnection};
use diesel::Connection;
use diesel::result::Error as QueryError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::sync::{mpsc, oneshot};

/// Writes that may wait for the writer; who comes later waits for room.
const QUEUE: usize = 1024;
/// Writes that are committed together at most: bounds how long the first of them waits.
const GATHERED_MAX: usize = 256;

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A query failed.
    #[error("the database refused a query: {0}")]
    Query(#[from] QueryError),
    /// What was gathered could not be made durable.
    #[error("the database could not commit (is the disk full?): {0}")]
    Commit(String),
    /// The work panicked; what it wrote was rolled back.
    #[error("work on the database panicked: {0}")]
    Panicked(String),
    /// No connection could be had.
    #[error("the database cannot be reached: {0:#}")]
    Connect(anyhow::Error),
    /// The store is closed.
    #[error("the database is closed")]
    Closed,
}

/// Tells one caller what became of its write.
type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;
/// Does one write in its own savepoint; says besides whether it failed.
type Job = Box<dyn FnOnce(&mut DbConnection) -> (Answer, bool) + Send>;

/// The way to the writer; the writer ends when the last of them is dropped.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    /// Starts the writer on its own thread.
    pub fn start(address: Address, connection: DbConnection) -> anyhow::Result<Self> {
        let (sender, jobs) = mpsc::channel(QUEUE);
        std::thread::Builder::new().name("weir-writer".to_owned()).spawn(move || run(&address, connection, jobs))?;
        Ok(Self(sender))
    }

    /// Does `work` in a savepoint. Once it is durable `then` runs on the writer's thread, in the order of commits, and its value is
    /// the answer. An error or a panic of `work` rolls back its savepoint only.
    pub async fn write<T, R, E>(
        &self,
        work: impl FnOnce(&mut DbConnection) -> Result<T, E> + Send + 'static,
        then: impl FnOnce(T) -> R + Send + 'static,
    ) -> Result<R, E>
    where
        T: Send + 'static,
        R: Send + 'static,
        E: From<Error> + From<QueryError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel::<Result<R, E>>();
        let job: Job = Box::new(move |c| {
            // Caught inside, so that the savepoint of work that panics is rolled back like any other.
            let done = c.transaction(|c| guarded(|| work(c)));
            let has_failed = done.is_err();
            let answer: Answer = Box::new(move |committed| {
                let answered = match (done, committed) {
                    (Ok(value), Ok(())) => guarded(|| Ok(then(value))),
                    (Err(e), _) => Err(e),
                    (Ok(_), Err(e)) => Err(E::from(e)),
                };
                // A caller that has gone away wants no answer.
                drop(answer.send(answered));
            });
            (answer, has_failed)
        });
        self.0.send(job).await.map_err(|_| E::from(Error::Closed))?;
        answered.await.unwrap_or_else(|_| Err(E::from(Error::Closed)))
    }
}

/// Runs `work`; a panic becomes an error.
pub(super) fn guarded<T, E: From<Error>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said =
            panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
        Err(E::from(Error::Panicked(said.unwrap_or_else(|| "without a message".to_owned()))))
    })
}

/// The writer's loop.
fn run(address: &Address, connection: DbConnection, mut jobs: mpsc::Receiver<Job>) {
    let mut connection = Some(connection);
    let mut gathered = Vec::with_capacity(GATHERED_MAX);
    while jobs.blocking_recv_many(&mut gathered, GATHERED_MAX) > 0 {
        let mut c = match connection.take().map_or_else(|| address.connect(), Ok) {
            Ok(c) => c,
            Err(e) => {
                tracing::error!(error = format!("{e:#}"), "the database cannot be reached");
                // Dropping the jobs answers their callers with `Closed`; the next write tries again.
                gathered.clear();
                continue;
            }
        };
        if commit_together(&mut c, &mut gathered) {
            connection = Some(c);
        }
    }
}

/// Does the gathered writes in one transaction and answers each. False where the connection is not to be used again.
fn commit_together(c: &mut DbConnection, gathered: &mut Vec<Job>) -> bool {
    if let Err(e) = c.begin_writing() {
        tracing::error!(error = %e, "the database begins no transaction");
        gathered.clear();
        return false;
    }
    let mut answers: Vec<Answer> = Vec::with_capacity(gathered.len());
    let mut is_lost = false;
    for job in gathered.drain(..) {
        let (answer, has_failed) = job(c);
        answers.push(answer);
        is_lost = has_failed && !c.is_writing();
        if is_lost {
            // Those after it are dropped, which answers their callers with `Closed`.
            break;
        }
    }
    let committed = if is_lost {
        Err("it rolled back by itself what was gathered".to_owned())
    } else {
        c.commit().map_err(|e| e.to_string())
    };
    if let Err(e) = &committed {
        tracing::error!(error = %e, "the database could not commit");
    }
    for answer in answers {
        answer(committed.clone().map_err(Error::Commit));
    }
    committed.is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Store, builders};
    use super::{DbConnection, Error};
    use crate::model::name::BuilderKey;
    use crate::model::time::Time;
    use diesel::connection::SimpleConnection;
    use std::sync::{Arc, Mutex};

    fn store() -> (Store, String, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("made/weir.db").display());
        (Store::open(&url).unwrap(), url, dir)
    }

    #[tokio::test]
    async fn what_follows_a_write_runs_in_the_order_of_commits_and_only_when_it_is_durable() {
        let (store, url, _dir) = store();
        let beside = Arc::new(Mutex::new(super::Address::parse(&url).unwrap().connect_reader().unwrap()));
        let order = Arc::new(Mutex::new(Vec::new()));
        let writes = (0..50).map(|i| {
            let (beside, order) = (beside.clone(), order.clone());
            let key = BuilderKey::new("t", format!("b{i}"));
            let work = move |c: &mut _| Ok::<_, Error>(builders::insert(c, &key, Time::UNIX_EPOCH)?);
            store.write_then(work, move |id| {
                order.lock().unwrap().push(id.0);
                // Another connection sees what is committed and nothing else.
                builders::list(&mut beside.lock().unwrap()).unwrap().iter().any(|(there, ..)| *there == id)
            })
        });
        for is_there in futures::future::join_all(writes).await {
            assert!(is_there.unwrap());
        }
        assert_eq!(*order.lock().unwrap(), (1..=50).collect::<Vec<i64>>());
    }

    #[tokio::test]
    async fn a_write_that_fails_or_panics_takes_only_its_own_rows_with_it() {
        let (store, _, _dir) = store();
        let insert = |name: &'static str, end: fn() -> Result<(), Error>| {
            store.write(move |c| {
                builders::insert(c, &BuilderKey::new("t", name), Time::UNIX_EPOCH)?;
                end()
            })
        };
        let (a, b, c, d) = futures::join!(
            insert("a", || Ok(())),
            insert("b", || panic!("no such luck")),
            insert("c", || Err(Error::Closed)),
            insert("d", || Ok(()))
        );
        assert!(a.is_ok() && d.is_ok() && matches!(c, Err(Error::Closed)));
        assert_eq!(b.unwrap_err().to_string(), "work on the database panicked: no such luck");
        let read = store.read(|c| Ok::<_, Error>(builders::list(c)?)).await.unwrap();
        assert_eq!(read.iter().map(|(_, key, _)| key.name.as_str()).collect::<Vec<_>>(), ["a", "d"]);
        let panicked: Result<(), Error> = store.read(|_| panic!("nor here")).await;
        assert!(matches!(panicked, Err(Error::Panicked(_))));
    }

    #[tokio::test]
    async fn where_the_database_rolls_back_by_itself_nothing_of_what_was_gathered_is_there() {
        let (store, _, _dir) = store();
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let insert = |name: &'static str| {
            store.write(move |c| Ok::<_, Error>(builders::insert(c, &BuilderKey::new("t", name), Time::UNIX_EPOCH)?))
        };
        // The first holds the writer until the others are gathered behind it.
        let hold = store.write(move |_| gone.recv().map_err(|_| Error::Closed));
        let breaks = store.write(|c| match c {
            DbConnection::Sqlite(c) => Ok::<_, Error>(c.batch_execute("ROLLBACK")?),
            DbConnection::Postgres(_) => Err(Error::Closed),
        });
        let (held, a, broken, b, ()) =
            futures::join!(hold, insert("a"), breaks, insert("b"), async { go.send(()).unwrap() });
        // The first may have been gathered with the others, or alone.
        assert!(matches!(held, Ok(()) | Err(Error::Commit(_))), "{held:?}");
        assert!(a.is_err() && broken.is_err() && b.is_err(), "{a:?} {broken:?} {b:?}");
        insert("c").await.unwrap();
        let read = store.read(|c| Ok::<_, Error>(builders::list(c)?)).await.unwrap();
        assert_eq!(read.iter().map(|(_, key, _)| key.name.as_str()).collect::<Vec<_>>(), ["c"]);
    }

    #[tokio::test]
    async fn the_database_is_for_weir_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (_store, _, dir) = store();
        let mode = |path: &str| std::fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("made"), mode("made/weir.db"), mode("made/weir.db-wal")), (0o700, 0o600, 0o600));
    }
}
