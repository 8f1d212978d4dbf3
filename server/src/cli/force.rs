//! `weir force`: forces a build, and follows it where that is wanted.

use super::client::{self, Client, Connection, Failure};
use super::follow;
use crate::model::name::BuilderKey;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// Arguments of `weir force`.
#[derive(Debug, clap::Args)]
pub struct Force {
    /// The builder
    #[arg(value_name = "TEAM/BUILDER", value_parser = parse_key)]
    builder: BuilderKey,
    /// Branch or tag; without it the builder's own, else the repository's default
    #[arg(long)]
    branch: Option<String>,
    /// Exact revision
    #[arg(long)]
    revision: Option<String>,
    /// A parameter of the builder, or a property that it lets be set (may be given several times)
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE", value_parser = parse_pair)]
    parameters: Vec<(String, String)>,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print the build's log as it comes and exit with its result: 0 for success, warnings and skipped, else 1
    #[arg(long)]
    wait: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Reads `TEAM/BUILDER`.
///
/// # Errors
/// Says what it looks like.
pub fn parse_key(text: &str) -> Result<BuilderKey, String> {
    let key = BuilderKey::parse(text).filter(|key| !key.team.is_empty() && !key.name.is_empty());
    key.ok_or_else(|| "write the team, a slash, and the builder: core/full-2.4".to_owned())
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "write NAME=VALUE".to_owned())
}

impl Force {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the system gives no timers or sockets; all else is printed and told by the exit code.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        client::block_on(self.force())
    }

    async fn force(self) -> Result<ExitCode, Failure> {
        let Self { builder, branch, revision, parameters, reason, wait, json, connection } = self;
        let client = connection.client()?;
        let url = client.url(["api", "v2", "teams", &builder.team, "builders", &builder.name, "force"]);
        let mut wish = Map::new();
        for (key, given) in [("branch", branch), ("revision", revision), ("reason", reason)] {
            wish.extend(given.map(|given| (key.to_owned(), Value::from(given))));
        }
        if !parameters.is_empty() {
            let form = client.get(url.clone()).await?;
            let (parameters, properties) = sort(parameters, &form["parameters"]);
            wish.insert("parameters".to_owned(), Value::Object(parameters));
            wish.insert("properties".to_owned(), Value::Object(properties));
        }
        let forced = client.post(url, &Value::Object(wish)).await?;
        accepted(&client, &builder, &forced, wait, json).await
    }
}

/// Says that a build is requested; with `wait`, follows it to its end and exits as it ended.
///
/// # Errors
/// Where the server's answer is of no use, or the server stays away.
pub async fn accepted(
    client: &Client,
    builder: &BuilderKey,
    forced: &Value,
    wait: bool,
    json: bool,
) -> Result<ExitCode, Failure> {
    let request = forced["buildrequests"].as_object().and_then(|o| o.values().next()).and_then(Value::as_i64);
    let Some(request) = request else {
        return Err(Failure::usage("the server accepted this without naming a request"));
    };
    if !wait {
        match json {
            true => println!("{forced}"),
            false => println!("{builder}: request {request} is accepted; see {}", page(client, builder, None)),
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !json {
        eprintln!("weir: {builder}: request {request} is accepted");
    }
    let ended = follow::Follow::new(client, builder, request, json).run().await?;
    if json {
        println!(
            "{}",
            json!({
                "bsid": forced["bsid"], "buildrequests": forced["buildrequests"], "team": builder.team,
                "builder": builder.name, "number": ended.number, "results": ended.results.map(|r| r.word()),
                "url": page(client, builder, ended.number),
            })
        );
    }
    Ok(ended.exit_code())
}

/// What a builder calls a parameter goes there, with its type; everything else is a property.
fn sort(given: Vec<(String, String)>, form: &Value) -> (Map<String, Value>, Map<String, Value>) {
    let (mut parameters, mut properties) = (Map::new(), Map::new());
    for (name, text) in given {
        let known = form.as_array().into_iter().flatten().find(|parameter| parameter["name"] == name.as_str());
        match known {
            Some(parameter) => parameters.insert(name, typed(&text, parameter["type"].as_str())),
            None => properties.insert(name, Value::from(text)),
        };
    }
    (parameters, properties)
}

/// A value as its parameter's type; what does not fit stays text, and the server says why it is wrong.
fn typed(text: &str, kind: Option<&str>) -> Value {
    let value = match kind {
        Some("int") => text.parse::<i64>().ok().map(Value::from),
        Some("bool") => match text {
            "true" | "yes" | "on" | "1" => Some(Value::Bool(true)),
            "false" | "no" | "off" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    };
    value.unwrap_or_else(|| Value::from(text))
}

/// Where people see it: the build, or its builder.
pub fn page(client: &Client, builder: &BuilderKey, number: Option<i64>) -> String {
    let number = number.map(|number| number.to_string());
    let path = ["team", &builder.team, "builder", &builder.name].into_iter();
    client.url(path.chain(number.iter().flat_map(|number| ["build", number.as_str()]))).to_string()
}

#[cfg(test)]
mod tests {
    use super::{parse_key, parse_pair, sort};
    use serde_json::json;

    #[test]
    fn parameters_take_their_type_and_all_else_is_a_property() {
        let form = json!([{"name": "n", "type": "int"}, {"name": "quick", "type": "bool"}, {"name": "note", "type": "string"}]);
        let given = ["n=7", "quick=yes", "note=7=8", "other=true", "n2="].map(|text| parse_pair(text).unwrap());
        let (parameters, properties) = sort(given.to_vec(), &form);
        assert_eq!(json!(parameters), json!({"n": 7, "quick": true, "note": "7=8"}));
        assert_eq!(json!(properties), json!({"other": "true", "n2": ""}));
        let (parameters, _) = sort(vec![("n".to_owned(), "seven".to_owned())], &form);
        assert_eq!(json!(parameters), json!({"n": "seven"}));
    }

    #[test]
    fn builders_are_named_with_their_team() {
        assert_eq!(parse_key("core/AMD64 LTO + PGO").unwrap().name, "AMD64 LTO + PGO");
        for text in ["core", "/x", "core/", ""] {
            assert!(parse_key(text).is_err(), "{text}");
        }
        assert!(parse_pair("=x").is_err() && parse_pair("x").is_err());
    }
}
