//! A third party's step plugin that does what its settings say, one thing after the other, and writes each answer as a line of the
//! log `answers`: for tests of what the host answers.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use weir_plugin_sdk::state::Expect;
use weir_plugin_sdk::trigger::Order;
use weir_plugin_sdk::{Capability, Context, Error, HostError, Outcome, Step};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// What to do, in order.
    ask: Vec<Question>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Question {
    /// What stands under a key.
    Get(String),
    /// Puts a value under a key, whatever is there.
    Put(String, String),
    /// Puts a value of so many bytes under a key.
    PutBytes(String, usize),
    /// Puts a value under a key where there is none.
    PutAbsent(String, String),
    /// Puts a value under a key with the version that is there, twice with the same.
    PutTwice(String, String),
    /// Takes a key away.
    Delete(String),
    /// Keys that begin so.
    Keys(String),
    /// A builder.
    Builder(String),
    /// A build.
    Build(String, u32),
    /// Newest builds of a builder, at most so many.
    Recent(String, u32),
    /// A view.
    View(String),
    /// Requests a build.
    Trigger(String),
    /// Requests so many builds of a builder; says how many were granted and why no more.
    TriggerMany(String, u32),
    /// Waits for a request by its name, at most so many milliseconds.
    Wait(String, u64),
}

/// What the host answered, in a line.
fn answer(cx: &mut Context, question: Question) -> Result<String, HostError> {
    Ok(match question {
        Question::Get(key) => match cx.state().get(&key)? {
            Some(found) => String::from_utf8_lossy(&found.value).into_owned(),
            None => "nothing".to_owned(),
        },
        Question::Put(key, value) => put(cx, &key, value.as_bytes(), &Expect::Anything)?,
        Question::PutBytes(key, n) => put(cx, &key, &vec![b'x'; n], &Expect::Anything)?,
        Question::PutAbsent(key, value) => put(cx, &key, value.as_bytes(), &Expect::Absent)?,
        Question::PutTwice(key, value) => {
            let version = cx.state().get(&key)?.map(|found| found.version).unwrap_or_default();
            put(cx, &key, value.as_bytes(), &Expect::Version(version.clone()))?;
            put(cx, &key, value.as_bytes(), &Expect::Version(version))?
        }
        Question::Delete(key) => cx.state().delete(&key).map(|()| "deleted".to_owned())?,
        Question::Keys(prefix) => cx.state().keys(&prefix, 1_000)?.join(" "),
        Question::Builder(name) => text(&cx.builds().builder(&name)?["name"]),
        Question::Build(builder, number) => {
            let build = cx.builds().build(&builder, number)?;
            format!("{} #{}: {} steps", text(&build["builder"]), build["number"], list(&build["steps"]).len())
        }
        Question::Recent(builder, max) => {
            let builds = cx.builds().recent(&builder, max)?;
            builds.iter().map(|build| format!("#{}", build["number"])).collect::<Vec<_>>().join(" ")
        }
        Question::View(name) => {
            let view = cx.builds().view(&name)?;
            list(&view["builders"]).iter().map(|builder| text(&builder["name"])).collect::<Vec<_>>().join(" ")
        }
        Question::Trigger(builder) => cx.trigger(&Order::new(builder, "")).map(|_| "requested".to_owned())?,
        Question::TriggerMany(builder, n) => {
            let order = Order::new(builder, "one of many");
            for done in 0..n {
                if let Err(why) = cx.trigger(&order) {
                    return Ok(format!("{done}, then {why}"));
                }
            }
            n.to_string()
        }
        Question::Wait(request, ms) => {
            let ended = cx.wait_for(&[request], Some(Duration::from_millis(ms)))?;
            ended.iter().map(|build| build.results.to_string()).collect::<Vec<_>>().join(" ")
        }
    })
}

fn put(cx: &mut Context, key: &str, value: &[u8], expected: &Expect) -> Result<String, HostError> {
    cx.state().put(key, value, expected).map(|_| "put".to_owned())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

struct Ask;

impl Step for Ask {
    type Settings = Settings;
    const NAME: &'static str = "ask";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Asks the host what its settings say";
    const CAPABILITIES: &'static [Capability] = &[
        Capability::state("keeps what the step says"),
        Capability::builds("reads what the step says"),
        Capability::trigger("requests what the step says"),
    ];

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        for question in settings.ask {
            let line = answer(cx, question).unwrap_or_else(|error| format!("{:?}: {error}", error.kind));
            cx.append("answers", &format!("{line}\n"))?;
        }
        Ok(Outcome::success("asked"))
    }
}

weir_plugin_sdk::export_step!(Ask);
