//! `weir login`: saves a token for a server, after asking that server whether it is good.

use super::ask::Wanted;
use super::client::{self, Connection, Failure};
use super::saved::Saved;
use serde_json::Value;
use std::process::ExitCode;

/// What is asked for: a token is no longer than what a server reads.
const TOKEN: Wanted = Wanted { what: "token", bytes_max: 16 << 10 };

/// Arguments of `weir login`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A personal token is made on the page Account of the server, others by `weir token issue`. The token is asked for \
    without showing it, or read as one line from standard input:\n\n  weir login --server https://ci.example.org/ < FILE"
)]
pub struct Login {
    /// Forget the login instead of saving one
    #[arg(long)]
    forget: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Login {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the system gives no timers or sockets; all else is printed and told by the exit code.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.forget {
            return self.forget();
        }
        client::block_on(self.login())
    }

    async fn login(self) -> Result<ExitCode, Failure> {
        let given = self.connection.given_token();
        let client = self.connection.client()?;
        let token = match given {
            Some(token) => token,
            None => {
                let asked = TOKEN.ask(&format!("Token for {} (it is not shown): ", client.base()));
                asked
                    .map_err(|error| Failure::usage(format!("{error:#}; nothing is saved")))?
                    .expose()
                    .trim()
                    .to_owned()
            }
        };
        if token.is_empty() {
            return Err(Failure::usage("no token was given; nothing is saved"));
        }
        let client = client.with_token(token.clone());
        let answer = client.get(client.url(["api", "v2", "me"])).await?;
        let me = &answer["me"][0];
        if me["signed_in"] != true {
            return Err(Failure::usage("the server takes this token for nobody's; nothing is saved"));
        }
        let failed = |error: anyhow::Error| Failure::usage(format!("{error:#}"));
        let mut saved = Saved::read().map_err(failed)?;
        saved.tokens.insert(client.base().clone(), token);
        saved.current = Some(client.base().clone());
        let file = saved.write().map_err(failed)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let until = text(&me["until"]);
        let until = if until.is_empty() { String::new() } else { format!(", until {until}") };
        eprintln!("weir: {} at {}{until}; saved in {}", text(&me["subject"]), client.base(), file.display());
        Ok(ExitCode::SUCCESS)
    }

    fn forget(self) -> anyhow::Result<ExitCode> {
        let mut saved = Saved::read()?;
        let base = match self.connection.client() {
            Ok(client) => client.base().clone(),
            Err(failure) => return Ok(failure.report()),
        };
        let was_there = saved.tokens.remove(&base).is_some();
        saved.current = saved.current.filter(|current| *current != base);
        if was_there {
            saved.write()?;
            eprintln!(
                "weir: the login at {base} is forgotten; the token itself is good until it expires or is revoked"
            );
        } else {
            eprintln!("weir: there is no saved login at {base}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
