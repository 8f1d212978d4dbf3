//! Files that outlive their build's work directory: their rows. Their content lies in `artifact_files`.

use super::schema::artifacts::dsl;
use super::schema::{artifacts, steps};
use super::{DbConnection, naive, optional};
use crate::model::id::{BuildId, StepId};
use crate::model::time::Time;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A stored artifact.
#[derive(Debug, Clone, Queryable)]
pub struct ArtifactRow {
    /// The number of the step that stored it.
    pub step: i32,
    /// Unique in its build.
    pub name: String,
    /// How large it is.
    pub size_bytes: i64,
    /// Of its content; lower-case hex.
    pub sha256: String,
    /// When it was stored.
    pub created_at: NaiveDateTime,
    /// Where its content lies.
    pub file: String,
}

type Columns = (steps::number, dsl::name, dsl::size_bytes, dsl::sha256, dsl::created_at, dsl::file);
const COLUMNS: Columns = (steps::number, dsl::name, dsl::size_bytes, dsl::sha256, dsl::created_at, dsl::file);

/// What a new artifact is.
#[derive(Debug, Clone)]
pub struct NewArtifact<'a> {
    /// Its build.
    pub build: BuildId,
    /// The step that stores it.
    pub step: StepId,
    /// Unique in its build.
    pub name: &'a str,
    /// How large it is.
    pub size_bytes: i64,
    /// Of its content; lower-case hex.
    pub sha256: &'a str,
    /// Where its content lies.
    pub file: &'a str,
    /// When.
    pub at: Time,
}

/// A new artifact.
pub fn insert(c: &mut DbConnection, new: &NewArtifact<'_>) -> QueryResult<()> {
    diesel::insert_into(dsl::artifacts)
        .values((
            dsl::build_id.eq(new.build.0),
            dsl::step_id.eq(new.step.0),
            dsl::name.eq(new.name),
            dsl::size_bytes.eq(new.size_bytes),
            dsl::sha256.eq(new.sha256),
            dsl::created_at.eq(naive(new.at)),
            dsl::file.eq(new.file),
        ))
        .execute(c)
        .map(|_| ())
}

/// A build's artifact by its name, or none.
pub fn get(c: &mut DbConnection, build: BuildId, name: &str) -> QueryResult<Option<ArtifactRow>> {
    let joined = artifacts::table.inner_join(steps::table);
    optional(joined.filter(dsl::build_id.eq(build.0)).filter(dsl::name.eq(name)).select(COLUMNS).first(c))
}

/// A build's artifacts whose name comes after `after`, by name.
pub fn list(c: &mut DbConnection, build: BuildId, after: &str, limit: i64) -> QueryResult<Vec<ArtifactRow>> {
    artifacts::table
        .inner_join(steps::table)
        .filter(dsl::build_id.eq(build.0))
        .filter(dsl::name.gt(after))
        .order(dsl::name)
        .limit(limit)
        .select(COLUMNS)
        .load(c)
}

/// Whether an artifact's content lies there.
pub fn has_file(c: &mut DbConnection, file: &str) -> QueryResult<bool> {
    let found: Option<i64> = optional(dsl::artifacts.filter(dsl::file.eq(file)).select(dsl::id).first(c))?;
    Ok(found.is_some())
}
