//! What people do: rights checked, audit written, the wish durable before it is answered.

use super::resource::Forced;
use super::{Result, Status};
use crate::model::id::BuildRequestId;
use crate::model::scope::Scope;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Actions of one asker.
pub struct Control {
    pub(super) status: Status,
    pub(super) scope: Scope,
}

/// What somebody asks for when forcing a build.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForceWish {
    /// Branch; wins over the builder's own.
    pub branch: Option<String>,
    /// Exact revision.
    pub revision: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// Free properties: only those that the builder names.
    pub properties: BTreeMap<String, Value>,
    /// Typed parameters of the builder.
    pub parameters: BTreeMap<String, Value>,
}

impl Control {
    /// Forces a build. The request is durable when this returns.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` naming each wrong parameter (as `parameters.<name>`), `Conflict` where the builder
    /// may not be forced at all.
    pub async fn force(&self, _team: &str, _builder: &str, _wish: ForceWish) -> Result<Forced> {
        todo!()
    }

    /// Ends a running build; the wish is durable and the command is interrupted soon after this returns.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` where it does not run.
    pub async fn stop(&self, _team: &str, _builder: &str, _number: i64, _reason: &str) -> Result<()> {
        todo!()
    }

    /// Drops a request that waits.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` where it does not wait any more.
    pub async fn cancel(&self, _request: BuildRequestId, _reason: &str) -> Result<()> {
        todo!()
    }
}
