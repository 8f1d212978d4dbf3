//! One connection to either database, chosen by the URL's scheme.

#![expect(missing_docs, reason = "what the derive makes has none")]

use anyhow::{Context, bail};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::{Connection, PgConnection, QueryResult, SqliteConnection};
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A connection to SQLite or PostgreSQL.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    /// One file beside the server.
    Sqlite(SqliteConnection),
    /// A server, shared by replicas.
    Postgres(PgConnection),
}

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `postgres://...`, as libpq reads it.
    Postgres(String),
}

impl Address {
    /// Reads `sqlite:PATH` or `postgres://...`.
    ///
    /// # Errors
    /// Says which forms there are. The address itself is not repeated: it may hold a password.
    pub fn parse(database: &str) -> anyhow::Result<Self> {
        if let Some(path) = database.strip_prefix("sqlite:") {
            if path.is_empty() {
                bail!("`server.database` names no file; write `sqlite:/path/to/weir.db`");
            }
            Ok(Self::Sqlite(PathBuf::from(path)))
        } else if database.starts_with("postgres://") || database.starts_with("postgresql://") {
            Ok(Self::Postgres(database.to_owned()))
        } else {
            bail!("`server.database` is neither `sqlite:/path/to/weir.db` nor `postgres://user@host/name`")
        }
    }

    /// Makes what must be there before the first connection: for SQLite its folder (0700 where it is made here) and its file (0600).
    ///
    /// # Errors
    /// Where that cannot be made, with the path.
    pub fn prepare(&self) -> anyhow::Result<()> {
        let Self::Sqlite(path) = self else { return Ok(()) };
        let hint = || format!("the database `{}` cannot be made; does weir's user own that folder?", path.display());
        if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(hint)?;
        }
        // SQLite gives its `-wal` and `-shm` files the mode of this one.
        let file =
            OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(path).with_context(hint)?;
        file.set_permissions(Permissions::from_mode(0o600)).with_context(hint)
    }

    /// A connection that writes.
    ///
    /// # Errors
    /// Where it cannot be opened, saying what to look at.
    pub fn connect(&self) -> anyhow::Result<DbConnection> {
        match self {
            Self::Sqlite(path) => sqlite(
                path,
                "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; \
                 PRAGMA cache_size = -8000;",
            ),
            Self::Postgres(url) => postgres(url),
        }
    }

    /// A connection that only reads.
    ///
    /// # Errors
    /// Where it cannot be opened, saying what to look at.
    pub fn connect_reader(&self) -> anyhow::Result<DbConnection> {
        match self {
            Self::Sqlite(path) => {
                sqlite(path, "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON; PRAGMA cache_size = -2000;")
            }
            Self::Postgres(url) => postgres(url),
        }
    }
}

/// Makes a folder that nobody else may look into (0700); one that is there becomes so.
///
/// # Errors
/// Where that is not possible, with the path.
pub fn make_private(dir: &Path) -> anyhow::Result<()> {
    let hint = || format!("`{}` cannot be made a folder for weir alone; does weir's user own it?", dir.display());
    DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(hint)?;
    std::fs::set_permissions(dir, Permissions::from_mode(0o700)).with_context(hint)
}

fn sqlite(path: &Path, pragmas: &str) -> anyhow::Result<DbConnection> {
    let hint = || format!("the database `{}` cannot be opened", path.display());
    let mut c = SqliteConnection::establish(&path.to_string_lossy()).with_context(hint)?;
    c.batch_execute(pragmas).with_context(hint)?;
    Ok(DbConnection::Sqlite(c))
}

fn postgres(url: &str) -> anyhow::Result<DbConnection> {
    let mut c = PgConnection::establish(url)
        .context("the PostgreSQL database cannot be reached; is `server.database` right and the server up?")?;
    // A time without zone is UTC everywhere; a lost server is noticed.
    c.batch_execute("SET timezone = 'UTC'; SET statement_timeout = '60s';")?;
    Ok(DbConnection::Postgres(c))
}

impl DbConnection {
    /// Begins a transaction that will write: on SQLite it takes the write lock at once, so that it never fails half way.
    pub(super) fn begin_writing(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE"),
            Self::Postgres(c) => AnsiTransactionManager::begin_transaction(c),
        }
    }

    /// Whether what began with [`DbConnection::begin_writing`] is still open: SQLite rolls it back whole and by itself where the disk is
    /// full or fails, and every savepoint after that would be durable on its own. Where it is not, let go of the connection.
    pub(super) fn is_writing(&mut self) -> bool {
        match self {
            // Inside a transaction a second `BEGIN` is refused and changes nothing.
            Self::Sqlite(c) => c.batch_execute("BEGIN").is_err(),
            // PostgreSQL refuses everything until the end of a transaction that failed.
            Self::Postgres(_) => true,
        }
    }

    /// Makes what was written since [`DbConnection::begin_writing`] durable.
    pub(super) fn commit(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(c) => AnsiTransactionManager::commit_transaction(c),
            Self::Postgres(c) => AnsiTransactionManager::commit_transaction(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;
    use std::path::PathBuf;

    #[test]
    fn the_scheme_chooses_the_database() {
        assert_eq!(Address::parse("sqlite:/x/weir.db").unwrap(), Address::Sqlite(PathBuf::from("/x/weir.db")));
        assert!(matches!(Address::parse("postgres://weir@db/weir").unwrap(), Address::Postgres(_)));
    }

    #[test]
    fn a_wrong_address_is_not_repeated_because_it_may_hold_a_password() {
        let said = Address::parse("mysql://weir:hunter2@db/weir").unwrap_err().to_string();
        assert!(said.contains("sqlite:") && !said.contains("hunter2"), "{said}");
        assert!(Address::parse("sqlite:").is_err());
    }
}
