//! Rows and queries; the only diesel. Reads on a pool, writes through one SQLite writer that commits what has gathered.

use std::sync::Arc;

/// The database; cheap to clone.
#[derive(Clone)]
pub struct Store(#[expect(dead_code, reason = "the store is being built")] Arc<()>);

impl Store {
    /// Opens `sqlite:PATH` or `postgres://...` and migrates it.
    ///
    /// # Errors
    /// Where it cannot be opened or migrated, saying what to do.
    pub fn open(_database: &str) -> anyhow::Result<Self> {
        todo!()
    }
}
