//! A step plugin that tries whatever its settings say, what is forbidden as well, and tells in the log `probe` how that went.

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use weir_plugin_sdk::http::Request;
use weir_plugin_sdk::trigger::Order;
use weir_plugin_sdk::{Capability, Command, Context, Error, HostError, Level, Outcome, Secret, Step, Text};

/// What to try, in this order.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    tries: Vec<Try>,
    /// Handed over and not used.
    #[serde(default)]
    handed: Vec<Secret>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Try {
    /// Calls a service.
    Send(Send),
    /// The same call so often, and only the last is told.
    Flood(u32, Send),
    /// Runs a line with these variables.
    Run { line: String, env: BTreeMap<String, Text> },
    /// Starts a line, requests a build and waits for that while the line still runs.
    Overlap { line: String, builder: String },
    /// Reads a secret by its name, handed over or not, and shows it in this way.
    Show { secret: String, how: How },
    /// Sets a link of the step.
    Link { name: String, url: String },
    /// Sets a property of the build.
    Property { name: String, value: String },
    /// Writes into a log.
    Write { log: String, text: String },
    /// Reckons so many million rounds, which takes CPU time and nothing else.
    Spin(u32),
}

#[derive(Deserialize, JsonSchema)]
struct Send {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    fields: Vec<(String, Text)>,
    body: Option<String>,
    /// The name of a secret, handed over or not.
    bearer: Option<String>,
    timeout_ms: Option<u32>,
    max_body: Option<u32>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum How {
    Log,
    SplitOverWrites,
    Json,
    Percent,
    Summary,
    Link,
    Property,
    PropertyName,
    LogName,
    End,
    Failed,
    Panic,
}

fn get() -> String {
    "GET".to_owned()
}

struct Probe;

impl Step for Probe {
    type Settings = Settings;
    const NAME: &'static str = "probe";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Tries what its settings say";
    const CAPABILITIES: &'static [Capability] = &[
        Capability::http("tries to call services"),
        Capability::command("tries to run commands"),
        Capability::trigger("tries to build others"),
        Capability::secret_reveal("tries to read secrets"),
    ];

    fn run(cx: &mut Context, settings: Settings) -> Result<Outcome, Error> {
        for one in settings.tries {
            let told = match one {
                Try::Send(send) => tell(call(cx, &send)),
                Try::Flood(n, send) => {
                    (1..n).for_each(|_| drop(call(cx, &send)));
                    tell(call(cx, &send))
                }
                Try::Run { line, env } => {
                    let mut command = Command::shell(line);
                    for (name, value) in env {
                        command = command.env(name, value);
                    }
                    tell(cx.run(&command).map(|exit| exit.to_string()))
                }
                Try::Overlap { line, builder } => {
                    let _running = cx.start(&Command::shell(line))?;
                    let request = cx.trigger(&Order { builder, ..Order::default() })?;
                    tell(cx.wait_for(&[request], None).map(|ended| format!("{} ended", ended.len())))
                }
                Try::Show { secret, how } => match cx.reveal(&Secret::named(secret)) {
                    Ok(value) => {
                        if let Some(end) = show(cx, &value, how)? {
                            return end;
                        }
                        "shown".to_owned()
                    }
                    Err(error) => tell(Err(error)),
                },
                Try::Link { name, url } => done(cx.link(&name, &url)),
                Try::Property { name, value } => done(cx.set_property(&name, value)),
                Try::Write { log, text } => done(cx.append(&log, &text)),
                Try::Spin(millions) => format!("reckoned {}", spin(millions)),
            };
            cx.append("probe", &format!("{told}\n"))?;
        }
        Ok(Outcome::success("tried"))
    }
}

fn tell(end: Result<String, HostError>) -> String {
    end.unwrap_or_else(|error| format!("{:?}: {}", error.kind, error.message))
}

fn done(end: Result<(), HostError>) -> String {
    tell(end.map(|()| "done".to_owned()))
}

/// A chain in which each round needs the one before, so that no compiler makes it shorter.
fn spin(millions: u32) -> u64 {
    (0..u64::from(millions) * 1_000_000).fold(88_172_645_463_325_252, |x: u64, n| {
        let x = x ^ (x << 13);
        let x = x ^ (x >> 7);
        (x ^ (x << 17)).wrapping_add(n)
    })
}

fn call(cx: &mut Context, send: &Send) -> Result<String, HostError> {
    let mut request = Request::new(&send.method, &send.url);
    request.timeout = send.timeout_ms.map(|ms| Duration::from_millis(ms.into()));
    request.max_body_bytes = send.max_body;
    request.body = send.body.clone().map(String::into_bytes);
    for (name, value) in &send.fields {
        request = request.field(name, value.clone());
    }
    if let Some(name) = &send.bearer {
        request = request.bearer(&Secret::named(name));
    }
    let answer = cx.send(&request)?;
    let text = answer.text();
    let shown = if text.len() > 200 { format!("{} bytes", text.len()) } else { text };
    Ok(format!("{} {shown}", answer.status))
}

type End = Option<Result<Outcome, Error>>;

fn show(cx: &mut Context, value: &str, how: How) -> Result<End, Error> {
    match how {
        How::Log => cx.log(Level::Info, &format!("it is {value}!")),
        How::SplitOverWrites => {
            let (first, second) = value.split_at(value.len() / 2);
            cx.append("split", first)?;
            cx.append("split", second)?;
            cx.append("split", "\n")?;
        }
        How::Json => cx.append("encoded", &format!("{}\n", serde_json::Value::from(value)))?,
        How::Percent => {
            let encoded: String = value
                .bytes()
                .map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02X}") })
                .collect();
            cx.append("encoded", &format!("{encoded}\n"))?;
        }
        How::Summary => cx.summary(&format!("now {value}"))?,
        How::Link => cx.link("a link", &format!("https://example.org/?key={value}"))?,
        How::Property => cx.set_property("shown", format!("it is {value}"))?,
        How::PropertyName => cx.set_property(value, 1)?,
        How::LogName => cx.append(value, "x")?,
        How::End => return Ok(Some(Ok(Outcome::success(format!("it is {value}"))))),
        How::Failed => return Ok(Some(Err(Error::failed(format!("it is {value}"))))),
        How::Panic => panic!("it is {value}"),
    }
    Ok(None)
}

weir_plugin_sdk::export_step!(Probe);
