//! What is built.

use super::DbConnection;
use super::schema::source_stamps::dsl;
use crate::model::source_stamp::SourceStamp;
use diesel::prelude::*;

/// The columns of a source stamp, in the order of [`SourceStampRow`].
pub(super) type Columns = (dsl::branch, dsl::revision, dsl::repository, dsl::project, dsl::codebase);
pub(super) const COLUMNS: Columns = (dsl::branch, dsl::revision, dsl::repository, dsl::project, dsl::codebase);

/// A stored source stamp.
#[derive(Debug, Clone, Queryable)]
pub struct SourceStampRow {
    branch: Option<String>,
    revision: Option<String>,
    repository: String,
    project: String,
    codebase: String,
}

impl From<SourceStampRow> for SourceStamp {
    fn from(row: SourceStampRow) -> Self {
        let SourceStampRow { branch, revision, repository, project, codebase } = row;
        Self { branch, revision, repository, project, codebase }
    }
}

/// A new source stamp; returns its row's id.
pub fn insert(c: &mut DbConnection, stamp: &SourceStamp) -> QueryResult<i64> {
    diesel::insert_into(dsl::source_stamps)
        .values((
            dsl::branch.eq(&stamp.branch),
            dsl::revision.eq(&stamp.revision),
            dsl::repository.eq(&stamp.repository),
            dsl::project.eq(&stamp.project),
            dsl::codebase.eq(&stamp.codebase),
        ))
        .returning(dsl::id)
        .get_result(c)
}
