//! What each team has stored: kept by the writes that store and drop it, so that asking costs one row.

use super::schema::team_usage::dsl;
use super::{DbConnection, optional};
use diesel::prelude::*;

/// Bytes that a team has stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Queryable)]
pub struct Stored {
    /// Of logs, as they are read.
    pub log_bytes: i64,
    /// Of artifacts.
    pub artifact_bytes: i64,
}

impl Stored {
    /// All together.
    pub fn bytes(self) -> i64 {
        self.log_bytes + self.artifact_bytes
    }
}

/// What a team has stored.
pub fn get(c: &mut DbConnection, team: &str) -> QueryResult<Stored> {
    let found = dsl::team_usage.find(team).select((dsl::log_bytes, dsl::artifact_bytes)).first(c);
    Ok(optional(found)?.unwrap_or_default())
}

/// A team has stored so much more, or less.
pub fn add(c: &mut DbConnection, team: &str, more: Stored) -> QueryResult<()> {
    let (log_bytes, artifact_bytes) = (more.log_bytes, more.artifact_bytes);
    let n = diesel::update(dsl::team_usage.find(team))
        .set((
            dsl::log_bytes.eq(dsl::log_bytes + log_bytes),
            dsl::artifact_bytes.eq(dsl::artifact_bytes + artifact_bytes),
        ))
        .execute(c)?;
    if n > 0 {
        return Ok(());
    }
    let row = (dsl::team.eq(team), dsl::log_bytes.eq(log_bytes), dsl::artifact_bytes.eq(artifact_bytes));
    let insert = diesel::insert_into(dsl::team_usage).values(row);
    let n = match c {
        // It has one writer.
        DbConnection::Sqlite(c) => insert.execute(c)?,
        // Another may insert the row meanwhile.
        DbConnection::Postgres(c) => insert
            .on_conflict(dsl::team)
            .do_update()
            .set((
                dsl::log_bytes.eq(dsl::log_bytes + log_bytes),
                dsl::artifact_bytes.eq(dsl::artifact_bytes + artifact_bytes),
            ))
            .execute(c)?,
    };
    debug_assert_eq!(n, 1, "one row is inserted or updated");
    Ok(())
}
