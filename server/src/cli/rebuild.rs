//! `weir rebuild`: builds what an ended build built once more, the same revision with the same properties.

use super::client::{self, Connection, Failure};
use super::force::{self, parse_key};
use crate::model::name::BuilderKey;
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `weir rebuild`.
#[derive(Debug, clap::Args)]
pub struct Rebuild {
    /// The builder
    #[arg(value_name = "TEAM/BUILDER", value_parser = parse_key)]
    builder: BuilderKey,
    /// The number of the build that is to be built again
    #[arg(value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    number: i64,
    /// Why, for people
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Print the new build's log as it comes and exit with its result: 0 for success, warnings and skipped, else 1
    #[arg(long)]
    wait: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Rebuild {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the system gives no timers or sockets; all else is printed and told by the exit code.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        client::block_on(self.rebuild())
    }

    async fn rebuild(self) -> Result<ExitCode, Failure> {
        let Self { builder, number, reason, wait, json, connection } = self;
        let client = connection.client()?;
        let text = number.to_string();
        let path = ["api", "v2", "teams", &builder.team, "builders", &builder.name, "builds", &text, "rebuild"];
        let forced = client.post(client.url(path), &json!({ "reason": reason })).await?;
        force::accepted(&client, &builder, &forced, wait, json).await
    }
}
