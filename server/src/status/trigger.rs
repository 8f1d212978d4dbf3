//! Builds that a step of another build asks for: requested, and what became of the requests. Only the engine calls these, for a build
//! that runs; a chain of builds that trigger each other has an end.

use super::event::What;
use super::force::{REASON_MAX, given, wrong_ref};
use super::registry::{Registry, Slot};
use super::resource::{Build, BuildRequest};
use super::update::Update;
use super::{Error, Result, control, quota};
use crate::model::id::{BuildRequestId, BuilderId};
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::results::Results;
use crate::model::source_stamp::SourceStamp;
use crate::store::audit::{self, NewAudit};
use crate::store::buildsets::Parent;
use crate::store::{DbConnection, build_requests, builds, buildsets, properties, source_stamps};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Builds that stand above one another where each was triggered by the one before, at most: a builder that triggers itself ends here.
pub const DEPTH_MAX: i32 = 10;
/// Properties of one request, and their bytes: it is held in memory while it waits, and told to everybody who listens.
const PROPERTIES_MAX: usize = 200;
const PROPERTY_BYTES_MAX: usize = 64 << 10;
/// Bytes of a property's name.
const NAME_BYTES_MAX: usize = 100;

/// What a step asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TriggerWish {
    /// A builder of the build's own team: its name, or `team/name`.
    pub builder: String,
    /// Branch; none is what the properties or the builder say, else the repository's default branch.
    pub branch: Option<String>,
    /// Exact revision.
    pub revision: Option<String>,
    /// Why, for people; may be empty.
    pub reason: String,
    /// Over the builder's own.
    pub properties: BTreeMap<String, Value>,
}

/// What became of a request so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Became {
    /// The request.
    pub request: BuildRequestId,
    /// Its builder.
    pub builder: BuilderKey,
    /// Its newest build, where one was begun.
    pub number: Option<i64>,
    /// How it ended; none while it waits or a build of it runs. `Cancelled` also where it was dropped before it was built.
    pub results: Option<Results>,
    /// A few words of its newest build.
    pub summary: String,
}

impl Update {
    /// Requests a build for the step `step` of the running build `of`; durable when this returns, and in the audit whether it was
    /// granted or not. Whether people may force the builder does not matter: the team's own configuration asks.
    ///
    /// # Errors
    /// `NotFound` where the team has no such builder (which it also is where another team has), `Invalid` naming each wrong field,
    /// `Limit` where the chain of triggered builds is [`DEPTH_MAX`] deep, `OverQuota` where too many requests of the team wait.
    pub async fn trigger(&self, of: &Build, step: &str, wish: TriggerWish) -> Result<BuildRequestId> {
        let attempt = NewAudit {
            at: self.status.now(),
            subject: format!("{} #{}, step {step}", of.builder, of.number),
            token_id: None,
            team: Some(of.builder.team.clone()),
            action: "trigger build".to_owned(),
            object: control::short(&wish.builder),
            allowed: true,
            reason: control::short(&wish.reason),
            details: json!({
                "branch": wish.branch.as_deref().map(control::short),
                "revision": wish.revision.as_deref().map(control::short),
                "properties": wish.properties.keys().take(50).map(|name| control::short(name)).collect::<Vec<_>>(),
            })
            .to_string(),
        };
        let registry = self.status.0.in_force().registry.clone();
        let outcome = match check(&registry, of, wish) {
            Ok(asked) => self.request(registry, of, asked, attempt.clone()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome
            && !matches!(error, Error::Unavailable | Error::Internal(_))
        {
            let row = NewAudit { allowed: false, reason: control::short(&error.to_string()), ..attempt };
            self.status.0.store.write(move |c| Ok::<_, Error>(audit::insert(c, &row)?)).await?;
        }
        outcome
    }

    async fn request(
        &self,
        registry: Arc<Registry>,
        of: &Build,
        asked: Asked,
        attempt: NewAudit,
    ) -> Result<BuildRequestId> {
        let (parent, owner) = (of.id, of.owner.clone());
        self.status
            .commit(move |tx| {
                let builder = &registry.declared[asked.slot].builder;
                let depth = buildsets::depth_of_build(tx.c, parent)?
                    .ok_or_else(|| Error::not_found("build", parent.to_string()))?;
                if depth >= DEPTH_MAX {
                    let what = "a chain of builds of which each was triggered by the one before".to_owned();
                    return Err(Error::Limit { what, max: format!("{DEPTH_MAX}; does a builder trigger itself?") });
                }
                tx.check_live(builder.id)?;
                quota::check_queued(tx, &builder.key.team)?;
                let stamp = source_stamps::insert(tx.c, &asked.source_stamp)?;
                let buildset = buildsets::insert(tx.c, stamp, &asked.reason, owner.as_deref(), tx.at)?;
                buildsets::set_parent(tx.c, buildset, Parent { build: parent, depth: depth + 1 })?;
                properties::insert_of_buildset(tx.c, buildset, &asked.properties)?;
                let id = build_requests::insert(tx.c, buildset, builder.id, 0, tx.at)?;
                let request = BuildRequest {
                    id,
                    buildset_id: buildset,
                    builder_id: builder.id,
                    builder: builder.key.clone(),
                    priority: 0,
                    submitted_at: tx.at,
                    reason: asked.reason,
                    owner,
                    source_stamp: asked.source_stamp,
                    properties: asked.properties,
                    n_retries: 0,
                };
                tx.tell(builder.id, builder.key.clone(), What::RequestAdded { request })?;
                audit::insert(tx.c, &attempt)?;
                Ok(id)
            })
            .await
    }

    /// What became of these requests of `team`, in their order.
    ///
    /// # Errors
    /// `NotFound` for the first that is none of the team's.
    pub async fn became(&self, team: &str, requests: Vec<BuildRequestId>) -> Result<Vec<Became>> {
        let (registry, team) = (self.status.0.in_force().registry.clone(), team.to_owned());
        let read = move |c: &mut DbConnection| {
            requests.into_iter().map(|request| became(c, &registry, &team, request)).collect::<Result<_>>()
        };
        self.status.0.store.read(read).await
    }

    /// Requests of which something became just now: a build began or ended, or they were dropped. Who falls behind is told so, and
    /// looks at what is.
    pub fn moving(&self) -> broadcast::Receiver<BuildRequestId> {
        self.status.0.moving.subscribe()
    }

    /// How many workers that are ready may run a builder's builds.
    pub fn n_workers(&self, builder: &BuilderKey) -> usize {
        let now = self.status.0.in_force();
        let Some(slot) = now.registry.slot(&builder.team, &builder.name) else { return 0 };
        let board = now.board.look();
        now.registry.declared[slot].workers.iter().filter(|worker| board.connected.contains(*worker)).count()
    }
}

/// A wish that may be stored.
struct Asked {
    slot: Slot,
    source_stamp: SourceStamp,
    properties: Properties,
    reason: String,
}

fn check(registry: &Registry, of: &Build, wish: TriggerWish) -> Result<Asked> {
    let team = &of.builder.team;
    let name = wish.builder.strip_prefix(&format!("{team}/")).unwrap_or(&wish.builder);
    let live = registry.slot(team, name).filter(|slot| *slot < registry.live().len());
    let slot = live.ok_or_else(|| Error::not_found("builder", control::short(&wish.builder)))?;
    let config = &registry.declared[slot].config;
    let mut wrong = BTreeMap::new();
    let mut properties = Properties::default();
    let n_bytes: usize = wish.properties.iter().map(|(name, value)| name.len() + value.to_string().len()).sum();
    if wish.properties.len() > PROPERTIES_MAX || n_bytes > PROPERTY_BYTES_MAX {
        let why = format!("must be at most {PROPERTIES_MAX}, and with their names at most {PROPERTY_BYTES_MAX} bytes");
        wrong.insert("properties".to_owned(), why);
    } else {
        let source = format!("Trigger: {} #{}", of.builder, of.number);
        for (name, value) in wish.properties {
            let is_braced = name.contains(['{', '}']) || name.chars().any(char::is_control);
            if name.is_empty() || name.len() > NAME_BYTES_MAX || is_braced {
                let why = format!("a name has 1 to {NAME_BYTES_MAX} bytes without braces and control characters");
                wrong.insert("properties".to_owned(), why);
            }
            properties.set(name, value, source.clone());
        }
    }
    let own = |name: &str| properties.text(name).or_else(|| config.properties.text(name)).map(str::to_owned);
    let branch = given(wish.branch).or_else(|| given(own("branch")));
    let revision = given(wish.revision).or_else(|| given(own("revision")));
    for (field, value) in [("branch", &branch), ("revision", &revision)] {
        if let Some(why) = value.as_deref().and_then(wrong_ref) {
            wrong.insert(field.to_owned(), why);
        }
    }
    let reason = given(Some(wish.reason.trim().to_owned()))
        .unwrap_or_else(|| format!("triggered by {} #{}", of.builder, of.number));
    if reason.chars().count() > REASON_MAX || reason.chars().any(char::is_control) {
        wrong.insert("reason".to_owned(), format!("must be one line of at most {REASON_MAX} characters"));
    }
    if !wrong.is_empty() {
        return Err(Error::Invalid { fields: wrong });
    }
    Ok(Asked { slot, source_stamp: SourceStamp { branch, revision, ..SourceStamp::default() }, properties, reason })
}

fn became(c: &mut DbConnection, registry: &Registry, team: &str, request: BuildRequestId) -> Result<Became> {
    let missing = || Error::not_found("build request", request.to_string());
    let row = build_requests::get(c, request)?.ok_or_else(missing)?;
    let builder = registry.key(BuilderId(row.builder_id));
    if builder.team != team {
        return Err(missing());
    }
    let last = builds::list_of_request(c, request)?.pop();
    let ended = last.as_ref().and_then(|build| build.results).and_then(Results::from_number);
    // A request that is complete without a build that ended for good was dropped.
    let results = row.is_complete().then(|| ended.filter(|r| *r != Results::Retry).unwrap_or(Results::Cancelled));
    Ok(Became {
        request,
        builder,
        number: last.as_ref().map(|build| build.number),
        results,
        summary: last.map(|build| build.summary).unwrap_or_default(),
    })
}
