//! `GET` of what steps found: test results and artifacts, a page at a time.

use crate::model::test_outcome::TestOutcome;
use crate::render::links::Links;
use crate::status::document;
use crate::status::resource::Artifact;
use crate::web::extract::{Asker, Query};
use crate::web::{AppState, Error, Result};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Items of one answer, where nobody says.
const LIMIT: usize = 100;

/// Which test results.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    /// Only those of this outcome.
    pub outcome: Option<String>,
    /// How many to pass over.
    pub offset: Option<u32>,
    /// How many at most.
    pub limit: Option<u32>,
}

impl Wanted {
    /// The outcome.
    ///
    /// # Errors
    /// `BadArguments`, where there is no such outcome.
    pub fn outcome(&self) -> Result<Option<TestOutcome>> {
        let Some(word) = &self.outcome else { return Ok(None) };
        let found = TestOutcome::ALL.into_iter().find(|outcome| outcome.word() == word);
        let words = TestOutcome::ALL.map(TestOutcome::word).join(", ");
        let why = || BTreeMap::from([("outcome".to_owned(), format!("`{word}` is none of {words}"))]);
        found.map(Some).ok_or_else(|| Error::BadArguments { fields: why() })
    }

    /// How many results to pass over.
    pub fn offset(&self) -> i32 {
        self.offset.map_or(0, |offset| i32::try_from(offset).unwrap_or(i32::MAX))
    }
}

/// Which artifacts.
#[derive(Debug, Deserialize)]
pub struct WantedArtifacts {
    after: Option<String>,
    limit: Option<u32>,
}

/// `GET .../builds/<n>/steps/<step>/test_results`: failed, errored, skipped, passed; the step is named by its number or its name.
pub async fn test_results(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    path: web::Path<(String, String, i64, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<HttpResponse> {
    let (team, builder, number, step) = path.into_inner();
    let outcome = wanted.outcome()?;
    let limit = wanted.limit.map_or(LIMIT, |limit| limit as usize);
    let get = state.status.get(&scope);
    let page = get.test_results((&team, &builder, number), &step, outcome, wanted.offset(), limit).await?;
    let cases: Vec<_> = page.cases.iter().map(document::test_case).collect();
    Ok(answer(json!({
        "test_results": cases,
        "meta": { "total": page.total(), "offset": page.offset, "totals": page.step.tests },
    })))
}

/// `GET .../builds/<n>/artifacts`: by name; `after` goes on behind a name.
pub async fn artifacts(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    path: web::Path<(String, String, i64)>,
    Query(wanted): Query<WantedArtifacts>,
) -> Result<HttpResponse> {
    let (team, builder, number) = path.into_inner();
    let after = wanted.after.unwrap_or_default();
    let limit = wanted.limit.map_or(LIMIT, |limit| limit as usize);
    let (build, listed) = state.status.get(&scope).artifacts((&team, &builder, number), &after, limit).await?;
    let links = Links::new(&state.public_url);
    let document = |artifact: &Artifact| {
        let mut value = document::artifact(artifact);
        value["url"] = json!(links.whole(&links.artifact(&build.builder, number, &artifact.name)));
        value
    };
    let artifacts = listed.iter().map(document);
    Ok(answer(document::collection("artifacts", artifacts.collect())))
}

fn answer(value: Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "private, no-cache")).json(value)
}
