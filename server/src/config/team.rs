//! `[team.*]` and `teams/*.toml`: a tenant.

use super::builder::Builder;
use crate::model::right::Visibility;
use crate::model::size::Size;
use crate::model::time::Span;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A tenant: owns builders, secrets, views, quotas.
#[derive(Debug, Clone)]
pub struct Team {
    /// Named by the table or by the file.
    pub name: String,
    /// For people; defaults to the name.
    pub title: String,
    /// Who sees it.
    pub visibility: Visibility,
    /// What it may use.
    pub quota: Quota,
    /// Its share of free slots against other teams; at least 1.
    pub weight: u32,
    /// Its secrets by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Its builders by name, matrices expanded.
    pub builders: BTreeMap<String, Arc<Builder>>,
    /// The file that declares it.
    pub file: PathBuf,
}

/// What a team may use; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Builds at the same time.
    pub builds: Option<u32>,
    /// Bytes of one log, uncompressed; over it the middle is cut.
    pub log_bytes: Option<Size>,
    /// How long finished builds are kept.
    pub history: Option<Span>,
}

/// Where a secret's value comes from; the value itself is read when it is used and never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// A variable of the server's environment.
    Env(String),
    /// A file, absolute.
    File(PathBuf),
}
