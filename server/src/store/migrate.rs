//! Brings the database to the tables that this binary knows.

use super::connection::DbConnection;
use anyhow::anyhow;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// Runs every migration that has not run yet, each in one transaction.
///
/// # Errors
/// Where one fails; the database then stands before it.
pub fn migrate(c: &mut DbConnection) -> anyhow::Result<()> {
    let ran = match c {
        DbConnection::Sqlite(c) => c.run_pending_migrations(SQLITE),
        DbConnection::Postgres(c) => c.run_pending_migrations(POSTGRES),
    };
    for version in ran.map_err(|e| {
        anyhow!("the database cannot be migrated ({e}); it stands as it was before that migration. Was it written by a newer weir?")
    })? {
        tracing::info!(%version, "database migrated");
    }
    Ok(())
}
