//! What people do: rights checked, audit written, the wish durable before it is answered.

use super::audit::of_person;
use super::commit::{Effect, Tx};
use super::event::What;
use super::force::Asked;
use super::in_force::InForce;
use super::registry::Slot;
use super::resource::{BuildRequest, Builder, Forced};
use super::rights::{self, Denied};
use super::{Error, Result, Status, force, quota, rebuild, token};
use crate::model::id::{BuildId, BuildRequestId, BuilderId};
use crate::model::right::Right;
use crate::model::scope::Scope;
use crate::store::audit::{self, NewAudit};
use crate::store::{build_requests, builds, buildsets, properties, source_stamps};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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
    /// What was found wrong where it was read: field to reason. It is said together with what is wrong in the rest.
    #[serde(skip)]
    pub wrong: BTreeMap<String, String>,
}

/// What somebody may do to one builder, for who offers it to them. Each is looked at again when it is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Offers {
    /// Start a build.
    pub force: bool,
    /// Build an ended build once more.
    pub rebuild: bool,
    /// End a build that runs.
    pub stop: bool,
    /// Drop a request that waits.
    pub cancel: bool,
}

impl Control {
    /// What the asker may do to a builder as things stand.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn offers(&self, team: &str, builder: &str) -> Result<Offers> {
        let now = self.status.0.in_force();
        let may = |right| match self.allowed(&now, right, team, builder) {
            Ok(slot) => Ok(Some(slot)),
            Err(Error::Forbidden(_)) => Ok(None),
            Err(e) => Err(e),
        };
        let by_hand = |slot: Option<Slot>| slot.is_some_and(|slot| now.registry.declared[slot].config.force.enabled);
        Ok(Offers {
            force: by_hand(may(Right::Force)?),
            rebuild: by_hand(may(Right::Rebuild)?),
            stop: may(Right::Stop)?.is_some(),
            cancel: may(Right::Cancel)?.is_some(),
        })
    }

    /// Forces a build. The request is durable when this returns.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` naming each wrong parameter (as `parameters.<name>`), `Conflict` where the builder
    /// may not be forced at all, `OverQuota` where the team's quota is used up, `UsedUp` where the token is.
    pub async fn force(&self, team: &str, builder: &str, wish: ForceWish) -> Result<Forced> {
        let names = |values: &BTreeMap<String, Value>| values.keys().take(50).cloned().collect::<Vec<_>>();
        let details = json!({
            "branch": wish.branch.as_deref().map(short),
            "revision": wish.revision.as_deref().map(short),
            "parameters": names(&wish.parameters),
            "properties": names(&wish.properties),
        });
        let said = wish.reason.as_deref().map(short).unwrap_or_default();
        let attempt = self.attempt(Right::Force, Some(team), format!("{team}/{builder}"), said, details);
        let now = self.status.0.in_force();
        let outcome = match self.allowed(&now, Right::Force, team, builder) {
            Ok(slot) => self.force_allowed(&now, slot, wish, attempt.clone()).await,
            Err(e) => Err(e),
        };
        self.refused(attempt, outcome).await
    }

    async fn force_allowed(&self, now: &InForce, slot: Slot, wish: ForceWish, attempt: NewAudit) -> Result<Forced> {
        let registry = now.registry.clone();
        let config = &registry.declared[slot].config;
        registry.declared[slot].check_live()?;
        if !config.force.enabled {
            return Err(Error::Conflict(format!("{} may not be forced: its configuration says so", config.key)));
        }
        let asked = force::check(config, self.scope.narrowed(), wish)?;
        let scope = self.scope.clone();
        self.status.commit(move |tx| submit(tx, &registry.declared[slot].builder, &scope, asked, &attempt)).await
    }

    /// Builds what an ended build built once more: its source stamp at the revision that it found, with the properties that were asked
    /// for. The request is durable when this returns.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` where it does not fit what the token fixes, `Conflict` where the build still runs or nobody
    /// may start this builder's builds by hand, `OverQuota` where the team's quota is used up, `UsedUp`.
    pub async fn rebuild(&self, team: &str, builder: &str, number: i64, reason: &str) -> Result<Forced> {
        let reason = short(reason.trim());
        let attempt = self.attempt(
            Right::Rebuild,
            Some(team),
            format!("{team}/{builder} build {number}"),
            reason.clone(),
            json!({}),
        );
        let now = self.status.0.in_force();
        let outcome = match self.allowed(&now, Right::Rebuild, team, builder) {
            Ok(slot) => self.rebuild_allowed(&now, slot, number, reason, attempt.clone()).await,
            Err(e) => Err(e),
        };
        self.refused(attempt, outcome).await
    }

    async fn rebuild_allowed(
        &self,
        now: &InForce,
        slot: Slot,
        number: i64,
        reason: String,
        attempt: NewAudit,
    ) -> Result<Forced> {
        let (scope, registry) = (self.scope.clone(), now.registry.clone());
        let config = &registry.declared[slot].config;
        registry.declared[slot].check_live()?;
        if !config.force.enabled {
            let why = format!("{} may not be started by hand: its configuration says so", config.key);
            return Err(Error::Conflict(why));
        }
        self.status
            .commit(move |tx| {
                let builder = &registry.declared[slot].builder;
                let asked = rebuild::of(tx.c, builder, number, &scope, reason)?;
                submit(tx, builder, &scope, asked, &attempt)
            })
            .await
    }

    /// Ends a running build; the wish is durable and the command is interrupted soon after this returns.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` where it does not run, `UsedUp`.
    pub async fn stop(&self, team: &str, builder: &str, number: i64, reason: &str) -> Result<()> {
        let reason = short(reason.trim());
        let attempt = self.attempt(
            Right::Stop,
            Some(team),
            format!("{team}/{builder} build {number}"),
            reason.clone(),
            json!({}),
        );
        let now = self.status.0.in_force();
        let outcome = match self.allowed(&now, Right::Stop, team, builder) {
            Ok(slot) => self.stop_allowed(&now, slot, number, reason, attempt.clone()).await,
            Err(e) => Err(e),
        };
        self.refused(attempt, outcome).await
    }

    async fn stop_allowed(
        &self,
        now: &InForce,
        slot: Slot,
        number: i64,
        reason: String,
        attempt: NewAudit,
    ) -> Result<()> {
        let (scope, registry) = (self.scope.clone(), now.registry.clone());
        // The end of a sentence that begins with `stopped`, for the build and for its step.
        let separator = if reason.is_empty() { "" } else { ": " };
        let words = format!("by {}{separator}{reason}", scope.subject);
        self.status
            .commit(move |tx| {
                let builder = &registry.declared[slot].builder;
                let row = builds::get_by_number(tx.c, builder.id, number)?
                    .ok_or_else(|| Error::not_found("build", format!("{}/{number}", builder.key)))?;
                let id = BuildId(row.id);
                let has_ended = || Error::Conflict(format!("build {number} of {} has ended", builder.key));
                let summary = format!("stopping, asked {words}");
                if !builds::want_stop(tx.c, id, &words, &summary)? {
                    return Err(has_ended());
                }
                token::count_use(tx.c, &scope, tx.at)?;
                let changed = What::BuildChanged {
                    build_id: id,
                    number,
                    request_id: BuildRequestId(row.request_id),
                    summary: Some(summary),
                    got_revision: None,
                };
                tx.tell(builder.id, builder.key.clone(), changed)?;
                tx.then(Effect::StopWanted(id, words));
                Ok(audit::insert(tx.c, &attempt)?)
            })
            .await
    }

    /// Drops a request that waits.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` where it does not wait any more, `UsedUp`.
    pub async fn cancel(&self, request: BuildRequestId, reason: &str) -> Result<()> {
        let reason = short(reason.trim());
        let mut attempt = self.attempt(Right::Cancel, None, format!("build request {request}"), reason, json!({}));
        let outcome = self.cancel_checked(request, &mut attempt).await;
        self.refused(attempt, outcome).await
    }

    async fn cancel_checked(&self, request: BuildRequestId, attempt: &mut NewAudit) -> Result<()> {
        let missing = || Error::not_found("build request", request.to_string());
        let row = self.status.0.store.read(move |c| Ok::<_, Error>(build_requests::get(c, request)?)).await?;
        let builder_id = row.map(|row| BuilderId(row.builder_id)).ok_or_else(missing)?;
        let now = self.status.0.in_force();
        let declared = now.registry.declared_of(builder_id).ok_or_else(missing)?;
        let key = declared.builder.key.clone();
        attempt.team = Some(key.team.clone());
        attempt.details = of_person(self.scope.person(), json!({ "builder": key.to_string() }));
        self.allowed(&now, Right::Cancel, &key.team, &key.name).map_err(|e| match e {
            Error::NotFound { .. } => missing(),
            e => e,
        })?;
        let (scope, attempt) = (self.scope.clone(), attempt.clone());
        self.status
            .commit(move |tx| {
                if !build_requests::cancel(tx.c, request, tx.at)? {
                    return Err(Error::Conflict(format!("build request {request} does not wait any more")));
                }
                token::count_use(tx.c, &scope, tx.at)?;
                tx.tell(builder_id, key, What::RequestCancelled { request_id: request })?;
                Ok(audit::insert(tx.c, &attempt)?)
            })
            .await
    }

    /// The one place that decides who may do what: the builder's place, where it may be read and the right is there. It only looks: pages
    /// ask it for what they offer.
    fn allowed(&self, now: &InForce, right: Right, team: &str, builder: &str) -> Result<Slot> {
        let registry = &now.registry;
        let missing = || Error::not_found("builder", format!("{team}/{builder}"));
        let slot = registry.slot(team, builder).ok_or_else(missing)?;
        match rights::check(&self.scope, right, team, registry.declared[slot].visibility, builder) {
            Ok(()) => Ok(slot),
            Err(Denied::Hidden) => Err(missing()),
            Err(Denied::Forbidden) => Err(Error::Forbidden(right)),
        }
    }

    /// What the audit will say of an action that is done. A team that there is not is nobody's to hear of but the owner's.
    fn attempt(&self, right: Right, team: Option<&str>, object: String, reason: String, details: Value) -> NewAudit {
        let now = self.status.0.in_force();
        NewAudit {
            team: team.filter(|team| now.config.teams.contains_key(*team)).map(str::to_owned),
            at: self.status.now(),
            subject: self.scope.subject.clone(),
            token_id: self.scope.token_id.clone(),
            action: right.word().to_owned(),
            object: short(&object),
            allowed: true,
            reason,
            details: of_person(self.scope.person(), details),
        }
    }

    /// Records an action that was refused, or counts it, and hands its outcome on.
    async fn refused<T>(&self, attempt: NewAudit, outcome: Result<T>) -> Result<T> {
        let Err(e) = &outcome else { return outcome };
        if matches!(e, Error::Unavailable | Error::Internal(_)) {
            return outcome;
        }
        let row = NewAudit { allowed: false, reason: short(&e.to_string()), ..attempt };
        self.status.0.refused.note_action(&self.status.0.store, &self.scope, row).await?;
        outcome
    }
}

/// Stores what somebody asks for, tells it and writes the audit, in one transaction.
fn submit(tx: &mut Tx<'_>, builder: &Builder, scope: &Scope, asked: Asked, attempt: &NewAudit) -> Result<Forced> {
    tx.check_live(builder.id)?;
    quota::check_queued(tx, &builder.key.team)?;
    token::count_use(tx.c, scope, tx.at)?;
    quota::count_force(tx, &builder.key.team)?;
    let reason = asked.reason.unwrap_or_else(|| format!("forced by {}", scope.subject));
    let stamp = source_stamps::insert(tx.c, &asked.source_stamp)?;
    let buildset = buildsets::insert(tx.c, stamp, &reason, Some(&scope.subject), tx.at)?;
    properties::insert_of_buildset(tx.c, buildset, &asked.properties)?;
    let id = build_requests::insert(tx.c, buildset, builder.id, 0, tx.at)?;
    let request = BuildRequest {
        id,
        buildset_id: buildset,
        builder_id: builder.id,
        builder: builder.key.clone(),
        priority: 0,
        submitted_at: tx.at,
        reason,
        owner: Some(scope.subject.clone()),
        source_stamp: asked.source_stamp,
        properties: asked.properties,
        n_retries: 0,
    };
    tx.tell(builder.id, builder.key.clone(), What::RequestAdded { request })?;
    audit::insert(tx.c, attempt)?;
    Ok(Forced { bsid: buildset, buildrequests: BTreeMap::from([(builder.id.to_string(), id)]) })
}

/// At most so much of what somebody wrote, on one line.
pub(super) fn short(text: &str) -> String {
    text.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
