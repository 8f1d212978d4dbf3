//! `weir stop`: ends a running build. Where it has ended already nothing is changed and the exit code is 1.

use super::client::{self, Connection, Failure};
use super::force::parse_key;
use crate::model::name::BuilderKey;
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `weir stop`.
#[derive(Debug, clap::Args)]
pub struct Stop {
    /// The builder
    #[arg(value_name = "TEAM/BUILDER", value_parser = parse_key)]
    builder: BuilderKey,
    /// The build's number
    #[arg(value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    number: i64,
    /// Why, for people
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Stop {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the system gives no timers or sockets; all else is printed and told by the exit code.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        client::block_on(self.stop())
    }

    async fn stop(self) -> Result<ExitCode, Failure> {
        let Self { builder, number, reason, json, connection } = self;
        let client = connection.client()?;
        let text = number.to_string();
        let url = client.url(["api", "v2", "teams", &builder.team, "builders", &builder.name, "builds", &text, "stop"]);
        let answer = client.post(url, &json!({ "reason": reason })).await?;
        match json {
            true => println!("{answer}"),
            false => println!("{builder}: build {number} is being stopped"),
        }
        Ok(ExitCode::SUCCESS)
    }
}
