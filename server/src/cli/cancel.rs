//! `weir cancel`: drops a build request that waits. Where it does not wait any more nothing is changed and the exit code is 1.

use super::client::{self, Connection, Failure};
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `weir cancel`.
#[derive(Debug, clap::Args)]
pub struct Cancel {
    /// The request's number, as `weir force` and the builder's page tell it
    #[arg(value_name = "REQUEST", value_parser = clap::value_parser!(i64).range(1..))]
    request: i64,
    /// Why, for people
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Cancel {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the system gives no timers or sockets; all else is printed and told by the exit code.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        client::block_on(self.cancel())
    }

    async fn cancel(self) -> Result<ExitCode, Failure> {
        let Self { request, reason, json, connection } = self;
        let client = connection.client()?;
        let url = client.url(["api", "v2", "buildrequests", &request.to_string(), "cancel"]);
        let answer = client.post(url, &json!({ "reason": reason })).await?;
        match json {
            true => println!("{answer}"),
            false => println!("request {request} is cancelled"),
        }
        Ok(ExitCode::SUCCESS)
    }
}
