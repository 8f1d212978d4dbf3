//! Status, as the plugin's team may see it: the documents of the JSON API.

use crate::model::name::BuilderKey;
use crate::model::scope::Scope;
use crate::plugins::bindings::builds::{BuildsError, Host};
use crate::plugins::instance::Guest;
use crate::plugins::power;
use crate::plugins::tally::Gated;
use crate::status::get::Get;
use crate::status::query::Narrowing;
use crate::status::{self, document};
use serde_json::Value;

/// Builds that one answer holds at most.
const RECENT_MAX: u32 = 100;
/// What one answer may hold: no more passes at once, see `CROSSING_BYTES_MAX`.
const ANSWER_BYTES_MAX: usize = 4 << 20;

type Answer<T> = Result<T, BuildsError>;

impl Guest {
    /// Questions in the scope of the team, where the plugin may ask, and the team.
    fn ask(&mut self) -> wasmtime::Result<Answer<(Get, String)>> {
        let team = self.used()?.team.clone();
        self.tally(Gated::Builds, !self.powers.builds);
        if !self.powers.builds {
            return Ok(Err(BuildsError::Denied(power::denied(&self.name, "ask for status", "builds = true"))));
        }
        let Some(status) = &self.status else {
            return Ok(Err(BuildsError::Failed("there is no server here that could be asked".to_owned())));
        };
        Ok(Ok((status.get(&Scope::team(&team)), team)))
    }
}

/// `name` of the own team, or `team/name`; a builder's name holds no slash.
fn key(team: &str, name: &str) -> BuilderKey {
    BuilderKey::parse(name).unwrap_or_else(|| BuilderKey::new(team, name))
}

fn not_answered(error: &status::Error) -> BuildsError {
    match error {
        status::Error::NotFound { .. } => BuildsError::NotFound,
        status::Error::Invalid { .. } => BuildsError::Invalid(error.to_string()),
        status::Error::Internal(source) => {
            tracing::error!(error = format!("{source:#}"), "a plugin's question could not be answered");
            BuildsError::Failed(error.to_string())
        }
        _ => BuildsError::Failed(error.to_string()),
    }
}

/// Documents as text, where they are not too large in all.
fn text(documents: &[Value]) -> Answer<Vec<String>> {
    let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
    let n_bytes: usize = texts.iter().map(String::len).sum();
    if n_bytes > ANSWER_BYTES_MAX {
        let message = format!("the answer has {n_bytes} bytes, and a plugin gets at most {ANSWER_BYTES_MAX} at once");
        return Err(BuildsError::Failed(message));
    }
    Ok(texts)
}

fn one(document: Value) -> Answer<String> {
    text(&[document]).map(|mut texts| texts.swap_remove(0))
}

impl Host for Guest {
    async fn builder(&mut self, name: String) -> wasmtime::Result<Answer<String>> {
        let (get, team) = match self.ask()? {
            Ok(asked) => asked,
            Err(error) => return Ok(Err(error)),
        };
        let key = key(&team, &name);
        let found = get.builder(&key.team, &key.name).map_err(|error| not_answered(&error));
        Ok(found.and_then(|status| one(document::builder(&status))))
    }

    async fn build(&mut self, builder: String, number: u32) -> wasmtime::Result<Answer<String>> {
        let (get, team) = match self.ask()? {
            Ok(asked) => asked,
            Err(error) => return Ok(Err(error)),
        };
        let key = key(&team, &builder);
        let found = get.build(&key.team, &key.name, number.into()).await.map_err(|error| not_answered(&error));
        Ok(found.and_then(|page| one(document::build_page(&page))))
    }

    async fn recent(&mut self, builder: String, limit: u32) -> wasmtime::Result<Answer<Vec<String>>> {
        let (get, team) = match self.ask()? {
            Ok(asked) => asked,
            Err(error) => return Ok(Err(error)),
        };
        let key = key(&team, &builder);
        let found = get.builds(&key.team, &key.name, None, limit.min(RECENT_MAX) as usize).await;
        let found = found.map_err(|error| not_answered(&error));
        Ok(found.and_then(|builds| text(&builds.iter().map(|build| document::build(build)).collect::<Vec<_>>())))
    }

    async fn view(&mut self, name: String) -> wasmtime::Result<Answer<String>> {
        let (get, _) = match self.ask()? {
            Ok(asked) => asked,
            Err(error) => return Ok(Err(error)),
        };
        let found = get.view(&name, &Narrowing::default()).await.map_err(|error| not_answered(&error));
        Ok(found.and_then(|page| one(document::view(&page))))
    }
}
