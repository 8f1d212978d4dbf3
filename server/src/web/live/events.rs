//! What happens, to a page that shows it: `/sse` and the page's own path. Small events that tell what to fetch again; the
//! event's id is its place in the instance's one order, so a client that comes back misses nothing and hears nothing twice.
//!
//! Where that cannot be, because events so old are not kept, it is told `lost` and looks at everything again.
//!
//! `after=<event>` begins after the event up to which the page was true; `Last-Event-ID` wins over it. `generation=<n>` is the
//! configuration that a page with columns was drawn from: where another is in force when the stream opens, that is told first.

use super::columns::Columns;
use super::sse;
use super::standing::Standing;
use crate::model::id::{BuildId, EventId};
use crate::model::name::BuilderKey;
use crate::model::results::Results;
use crate::model::scope::Scope;
use crate::status::event::{Event, What};
use crate::status::query::Narrowing;
use crate::status::subscribe::Subscription;
use crate::status::{self, Status};
use crate::web::extract::{Asker, ViewQuery};
use crate::web::{AppState, Result};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// Running builds whose numbers a stream remembers at most; of others events tell the build's id only.
const NUMBERS_MAX: usize = 10_000;

/// After so many events of no interest a client is told where it stands, so that coming back costs no long search.
const SKIPPED_MAX: usize = 500;

/// Tells a client that the page has other columns, or the same under other words. It has no id: it is no event of the one order.
const CHANGED: &str = "event: configuration.changed\ndata: {}\n\n";

/// Tells a client that there is a gap: it must look at everything again, and hears what happens from now on.
const LOST: &str = "event: lost\ndata: {}\n\n";

/// `GET /sse/waterfall`: everything that may be seen.
pub async fn waterfall(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    request: HttpRequest,
    query: ViewQuery,
) -> Result<HttpResponse> {
    let mut columns = Columns::new(&state.status, None, narrowed(&query.narrowing));
    let wanted = columns.look(&state.status.get(&scope)).await?;
    open(&state, &scope, &request, wanted, Some(columns))
}

/// `GET /sse/view/<name>`: the view's builders.
pub async fn view(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    request: HttpRequest,
    name: web::Path<String>,
    query: ViewQuery,
) -> Result<HttpResponse> {
    let mut columns = Columns::new(&state.status, Some(name.into_inner()), narrowed(&query.narrowing));
    let wanted = columns.look(&state.status.get(&scope)).await?;
    open(&state, &scope, &request, wanted, Some(columns))
}

/// `GET /sse/team/<team>`: the team's builders.
pub async fn team(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    request: HttpRequest,
    team: web::Path<String>,
) -> Result<HttpResponse> {
    state.status.get(&scope).team(&team)?;
    open(&state, &scope, &request, Wanted::Team(team.into_inner()), None)
}

/// `GET /sse/team/<team>/builder/<builder>`.
pub async fn builder(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse> {
    let (team, builder) = path.into_inner();
    let status = state.status.get(&scope).builder(&team, &builder)?;
    let wanted = Wanted::Builders(HashSet::from([status.builder.key.clone()]));
    open(&state, &scope, &request, wanted, None)
}

/// `GET /sse/team/<team>/builder/<builder>/build/<n>`: one build, to its end.
pub async fn build(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    request: HttpRequest,
    path: web::Path<(String, String, i64)>,
) -> Result<HttpResponse> {
    let (team, builder, number) = path.into_inner();
    let page = state.status.get(&scope).build(&team, &builder, number).await?;
    let wanted = Wanted::Build(page.build.builder.clone(), page.build.id, number);
    open(&state, &scope, &request, wanted, None)
}

/// Which events a stream tells.
pub(super) enum Wanted {
    All,
    Team(String),
    Builders(HashSet<BuilderKey>),
    Build(BuilderKey, BuildId, i64),
}

impl Wanted {
    fn takes(&self, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::Team(team) => event.builder.team == *team,
            Self::Builders(keys) => keys.contains(&event.builder),
            Self::Build(key, id, _) => event.builder == *key && told(&event.what).build == Some(*id),
        }
    }
}

/// The narrowing that decides which builders are heard: what changes with time (now failing, window) does not.
fn narrowed(narrowing: &Narrowing) -> Option<Narrowing> {
    let is_all = narrowing.builders.is_empty() && narrowing.categories.is_empty();
    (!is_all).then(|| Narrowing {
        builders: narrowing.builders.clone(),
        categories: narrowing.categories.clone(),
        num_events: Some(1),
        ..Narrowing::default()
    })
}

/// Begins to listen before it answers: what happens from now on is heard.
fn open(
    state: &AppState,
    scope: &Scope,
    request: &HttpRequest,
    wanted: Wanted,
    columns: Option<Columns>,
) -> Result<HttpResponse> {
    let after = sse::resume_point(request, "after")?.map(EventId);
    // An event that has not happened yet was seen on a database that is no more.
    let is_lost = after.is_some_and(|after| after > state.status.as_of());
    let drawn_from = sse::drawn_from(request)?;
    let is_changed = columns.as_ref().zip(drawn_from).is_some_and(|(columns, drawn)| columns.generation != drawn);
    let subscription = state.status.subscribe(scope, after.filter(|_| !is_lost));
    let numbers = match &wanted {
        Wanted::Build(_, id, number) => HashMap::from([(*id, *number)]),
        _ => HashMap::new(),
    };
    let status = state.status.clone();
    let source = Source { status, scope: scope.clone(), subscription, wanted, columns, is_changed, is_lost, numbers };
    Ok(sse::answer(source, Standing::new(state, request, scope)?, state.shutdown.clone()))
}

struct Source {
    status: Status,
    scope: Scope,
    subscription: Subscription,
    wanted: Wanted,
    /// What the page's columns are, where it has columns.
    columns: Option<Columns>,
    /// The page was drawn from another configuration than the stream began with: it must look at everything again.
    is_changed: bool,
    /// What the client saw last is not known here: it must look at everything again.
    is_lost: bool,
    /// Numbers of builds that were heard to run.
    numbers: HashMap<BuildId, i64>,
}

impl sse::Source for Source {
    async fn next(mut self) -> Option<(String, Self)> {
        let mut n_skipped = 0;
        loop {
            if std::mem::take(&mut self.is_changed) {
                return Some((CHANGED.to_owned(), self));
            }
            if std::mem::take(&mut self.is_lost) {
                return Some((LOST.to_owned(), self));
            }
            let heard = tokio::select! {
                heard = self.subscription.next() => heard,
                is_there = replaced(&mut self.columns) => {
                    if !is_there {
                        return None;
                    }
                    match self.look_again().await {
                        // The client comes back and finds what there is, or nothing.
                        Err(error) => {
                            tracing::debug!("an event stream ends: {error}");
                            return None;
                        }
                        Ok(true) => return Some((CHANGED.to_owned(), self)),
                        Ok(false) => continue,
                    }
                }
            };
            let event = match heard {
                Ok(event) => event,
                Err(status::Error::Limit { .. }) => {
                    self.subscription = self.status.subscribe(&self.scope, None);
                    self.is_lost = true;
                    continue;
                }
                Err(error) => {
                    // The client comes back with the last id it saw and misses nothing.
                    tracing::debug!("an event stream ends: {error}");
                    return None;
                }
            };
            if self.wanted.takes(&event) {
                let data = self.tell(&event).to_string();
                return Some((sse::event(event.id.0, event.what.name(), &data), self));
            }
            n_skipped += 1;
            if n_skipped == SKIPPED_MAX {
                return Some((sse::position(event.id.0), self));
            }
        }
    }
}

/// Waits for another configuration; for ever where the page has no columns. False where the server ends.
async fn replaced(columns: &mut Option<Columns>) -> bool {
    match columns {
        Some(columns) => columns.replaced().await,
        None => std::future::pending().await,
    }
}

impl Source {
    /// Hears the builders that the page has under the configuration now in force; whether the page looks otherwise than it did.
    async fn look_again(&mut self) -> status::Result<bool> {
        let Some(columns) = &mut self.columns else { return Ok(false) };
        let before = columns.drawn;
        self.wanted = columns.look(&self.status.get(&self.scope)).await?;
        Ok(columns.drawn.is_none() || columns.drawn != before)
    }

    /// A build's number: heard with its begin, else looked up among what its builder runs and ran last. An old build's step heard
    /// long after has none.
    fn number(&self, key: &BuilderKey, id: BuildId) -> Option<i64> {
        self.numbers.get(&id).copied().or_else(|| {
            let status = self.status.get(&self.scope).builder(&key.team, &key.name).ok()?;
            let mut builds = status.running.iter().chain(&status.last);
            builds.find(|build| build.id == id).map(|build| build.number)
        })
    }

    /// The event in few words.
    fn tell(&mut self, event: &Event) -> Value {
        let told = told(&event.what);
        if let (Some(id), Some(number)) = (told.build, told.number)
            && (self.numbers.len() < NUMBERS_MAX || self.numbers.contains_key(&id))
        {
            self.numbers.insert(id, number);
        }
        let number = told.number.or_else(|| self.number(&event.builder, told.build?));
        if let (What::BuildFinished { .. }, Some(id), false) =
            (&event.what, told.build, matches!(self.wanted, Wanted::Build(..)))
        {
            self.numbers.remove(&id);
        }
        let mut value = Map::new();
        value.insert("event".to_owned(), json!(event.what.name()));
        value.insert("at".to_owned(), json!(event.at.timestamp()));
        value.insert("team".to_owned(), json!(event.builder.team));
        value.insert("builder".to_owned(), json!(event.builder.name));
        let mut put = |key: &str, given: Option<Value>| {
            if let Some(given) = given {
                value.insert(key.to_owned(), given);
            }
        };
        put("buildid", told.build.map(|id| json!(id)));
        put("number", number.map(|n| json!(n)));
        put("step", told.step.map(|n| json!(n)));
        put("log", told.log.map(|slug| json!(slug)));
        put("buildrequestid", told.request.map(|id| json!(id)));
        put("results", told.results.map(|results| json!(results.word())));
        Value::Object(value)
    }
}

/// What an event tells of.
#[derive(Default)]
struct Told<'a> {
    build: Option<BuildId>,
    number: Option<i64>,
    step: Option<i32>,
    log: Option<&'a str>,
    request: Option<i64>,
    results: Option<Results>,
}

fn told(what: &What) -> Told<'_> {
    match what {
        What::RequestAdded { request } => Told { request: Some(request.id.0), ..Told::default() },
        What::RequestCancelled { request_id } => Told { request: Some(request_id.0), ..Told::default() },
        What::BuildStarted { build } | What::BuildFinished { build } => Told {
            build: Some(build.id),
            number: Some(build.number),
            request: Some(build.request_id.0),
            results: build.results,
            ..Told::default()
        },
        What::BuildChanged { build_id, number, request_id, .. } => {
            Told { build: Some(*build_id), number: Some(*number), request: Some(request_id.0), ..Told::default() }
        }
        What::StepChanged { build_id, step, .. } => {
            Told { build: Some(*build_id), step: Some(*step), ..Told::default() }
        }
        What::StepStarted { build_id, step } | What::StepFinished { build_id, step } => {
            Told { build: Some(*build_id), step: Some(step.number), results: step.results, ..Told::default() }
        }
        What::LogChanged { build_id, step, log } => {
            Told { build: Some(*build_id), step: Some(*step), log: Some(&log.slug), ..Told::default() }
        }
        What::ArtifactAdded { build_id, artifact } => {
            Told { build: Some(*build_id), step: Some(artifact.step), ..Told::default() }
        }
        What::BuilderChanged { .. } => Told::default(),
    }
}
