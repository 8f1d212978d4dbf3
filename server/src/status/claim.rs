//! A request becomes a build: claimed once, under one configuration.

use super::commit::Tx;
use super::event::What;
use super::registry::Registry;
use super::resource::{Build, BuildRequest};
use super::update::Update;
use super::{Error, Result, load};
use crate::config::Config;
use crate::model::id::{BuildId, BuildRequestId, BuilderId};
use crate::model::property::Properties;
use crate::store::{build_requests, builders, builds, properties};
use std::sync::Arc;

impl Update {
    /// Claims a request for a worker by compare-and-set and begins its build; none where somebody else was first. The build's
    /// properties are the builder's, then the request's, then `buildername`, `buildnumber`, `workername`, `branch`, `revision`.
    ///
    /// # Errors
    /// Where the database cannot be read or written.
    pub async fn claim(&self, request: BuildRequestId, worker: &str) -> Result<Option<(Arc<Build>, Properties)>> {
        let claimed = self.claim_under(request, worker).await?;
        Ok(claimed.map(|(build, properties, _)| (build, properties)))
    }

    /// As [`Update::claim`], with the configuration that was in force when it was claimed: what the build runs is of one piece. None also
    /// where under that configuration the worker runs no builds of the builder.
    ///
    /// # Errors
    /// As [`Update::claim`].
    pub async fn claim_under(
        &self,
        request: BuildRequestId,
        worker: &str,
    ) -> Result<Option<(Arc<Build>, Properties, Arc<Config>)>> {
        let (inner, worker) = (self.status.0.clone(), worker.to_owned());
        self.status
            .commit(move |tx| {
                let Some(row) = build_requests::get(tx.c, request)? else { return Ok(None) };
                let builder_id = BuilderId(row.builder_id);
                let now = inner.in_force();
                let live = now.registry.slot_of(builder_id).filter(|slot| *slot < now.registry.live().len());
                let Some(slot) = live.filter(|slot| now.registry.declared[*slot].workers.contains(&worker)) else {
                    return Ok(None);
                };
                if !build_requests::claim(tx.c, request)? {
                    return Ok(None);
                }
                let number = builders::count_build(tx.c, builder_id)?;
                let asked = load::request(tx.c, &now.registry, row)?;
                let id = builds::insert(
                    tx.c,
                    &builds::NewBuild {
                        builder: builder_id,
                        number,
                        request,
                        buildset: asked.buildset_id,
                        worker: &worker,
                        at: tx.at,
                        summary: "starting",
                        expected_s: now.board.entry(slot).expected_s(),
                    },
                )?;
                let carried = carried(&now.registry.declared[slot].config.properties, &asked, number, &worker);
                properties::insert_of_build(tx.c, id, &carried)?;
                let build = running_build(tx, &now.registry, id)?;
                tx.tell(builder_id, build.builder.clone(), What::BuildStarted { build: build.clone() })?;
                Ok(Some((Arc::new(build), carried, now.config.clone())))
            })
            .await
    }
}

/// The properties that a build begins with.
fn carried(declared: &Properties, asked: &BuildRequest, number: i64, worker: &str) -> Properties {
    const SOURCE: &str = "Build";
    let mut carried = declared.clone();
    carried.overlay(asked.properties.clone());
    carried.set("buildername", asked.builder.name.clone(), SOURCE);
    carried.set("buildnumber", number, SOURCE);
    carried.set("workername", worker, SOURCE);
    if let Some(branch) = &asked.source_stamp.branch {
        carried.set("branch", branch.clone(), SOURCE);
    }
    if let Some(revision) = &asked.source_stamp.revision {
        carried.set("revision", revision.clone(), SOURCE);
    }
    carried
}

/// A build that the engine says is there.
fn running_build(tx: &mut Tx<'_>, registry: &Registry, id: BuildId) -> Result<Build> {
    load::build_by_id(tx.c, registry, id)?.ok_or_else(|| Error::not_found("build", id.to_string()))
}
