//! The document of the event `build.finished`; `docs/reporter-events.md` describes it and `docs/build.finished.schema.json` is its schema.

use crate::config::Config;
use crate::config::reporter::{Reporter, When};
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::results::Results;
use crate::model::time::Time;
use crate::render::links::Links;
use crate::status::document;
use crate::status::resource::Build;
use serde_json::{Value, json};

/// What the event is called.
pub const KIND: &str = "build.finished";

/// The build before, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Previous {
    /// Its number.
    pub number: i64,
    /// How it ended.
    pub results: Results,
}

/// The document that tells `reporter` of `build`, under the id of its event.
pub fn build_finished(
    config: &Config,
    reporter: &Reporter,
    (id, at): (&str, Time),
    build: &Build,
    properties: &Properties,
    previous: Option<Previous>,
    when: &[When],
) -> Value {
    let links = Links::new(&config.server.public_url);
    let key = &build.builder;
    let team = config.teams.get(&key.team);
    let builder = team.and_then(|team| team.builders.get(&key.name));
    json!({
        "id": id,
        "kind": KIND,
        "at": at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "for": { "team": reporter.team, "reporter": reporter.name },
        "when": when.iter().map(|when| when.word()).collect::<Vec<_>>(),
        "server": { "title": config.server.title, "url": links.whole(&links.front()) },
        "team": {
            "name": key.team,
            "title": team.map_or(&key.team, |team| &team.title),
            "url": links.whole(&links.team(&key.team)),
        },
        "builder": {
            "name": key.name,
            "description": builder.map_or("", |builder| &builder.description),
            "tags": builder.map_or(&[][..], |builder| &builder.categories),
            "url": links.whole(&links.builder(key)),
        },
        "build": build_document(build, properties, &links),
        "previous": previous.map(|previous| json!({
            "number": previous.number,
            "results": previous.results.number(),
            "results_word": previous.results.word(),
            "url": links.whole(&links.build(key, previous.number)),
        })),
    })
}

/// The build as the JSON API shows it, with words and links beside it.
fn build_document(build: &Build, properties: &Properties, links: &Links) -> Value {
    let key = &build.builder;
    let mut value = document::whole_build(build, properties);
    value["results_word"] = word(build.results);
    value["url"] = links.whole(&links.build(key, build.number)).into();
    let Some(steps) = value["steps"].as_array_mut() else { return value };
    for (shown, step) in steps.iter_mut().zip(&build.steps) {
        shown["results_word"] = word(step.results);
        shown["url"] = links.whole(&links.step(key, build.number, step.number)).into();
        let Some(logs) = shown["logs"].as_array_mut() else { continue };
        for (shown, log) in logs.iter_mut().zip(&step.logs) {
            let place = |f: fn(&Links, &BuilderKey, i64, i32, &str) -> String| {
                links.whole(&f(links, key, build.number, step.number, &log.slug))
            };
            shown["url"] = place(Links::log).into();
            shown["raw_url"] = place(Links::log_raw).into();
        }
    }
    value
}

fn word(results: Option<Results>) -> Value {
    json!(results.map(Results::word))
}
