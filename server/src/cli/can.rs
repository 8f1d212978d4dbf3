//! `weir can`: whether somebody may do something, and the rule that decides. On the server's machine it reads the configuration; with
//! `--server` it asks a running server.

use super::client::{self, Connection, Failure, USAGE};
use super::local;
use crate::clock::{Clock as _, SystemClock};
use crate::config::issuer::LocalKey;
use crate::status;
use crate::status::can::{Object, Subject, Verdict, decide, parse_action};
use crate::status::token::Tokens;
use crate::store::Store;
use crate::web;
use crate::web::auth::Keys;
use crate::web::auth::subject::{self, Known};
use anyhow::Context as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `weir can`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Subjects:
  anonymous                    somebody without credentials
  user:anna                    one of [[auth.user]]
  token:JTI                    a token that was issued here; `weir token list` shows their ids
  personal:ID                  a token that somebody made on their account's page; the audit has its id (personal-...)
  forge:groups=python-core     whoever has these claims at the issuer [auth.jwt.forge] or [auth.oidc.forge];
                               several with commas between, names inside of a claim with dots: a.b=c
Actions:
  read, force, rebuild, stop, cancel, administer
Objects:
  core/full                    a builder
  core                         a team: read, administer
  view:release                 a view: read
  instance                     all of it: read, administer

Exits 0 where it is allowed, 1 where it is not, 2 where it cannot be asked, 3 where the server cannot be
reached or does not let you ask.

Example: weir can user:anna force core/full-2.4")]
pub struct Can {
    /// Who
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// Does what
    #[arg(value_name = "ACTION")]
    action: String,
    /// To what
    #[arg(value_name = "OBJECT")]
    object: String,
    /// The server's configuration, on the server's machine; without it a server is asked where --server or WEIR_SERVER_URL names one
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Can {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the system gives no timers or sockets, or the configuration cannot be used.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let asks_server = self.config.is_none() && self.connection.names_a_server();
        if asks_server {
            return client::block_on(self.ask());
        }
        let file = self.config.clone().unwrap_or_else(|| PathBuf::from("weir.toml"));
        let config = local::config(&file)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let verdict = runtime.block_on(self.here(&config));
        Ok(match verdict {
            Ok(verdict) => self.tell(&verdict),
            Err(error) => Failure { message: plain(&error), code: USAGE, is_passing: false, again: None }.report(),
        })
    }

    async fn here(&self, config: &crate::config::Config) -> status::Result<Verdict> {
        let action = parse_action(&self.action).map_err(|why| status::Error::invalid("action", why))?;
        let object = Object::parse(&self.object).map_err(|why| status::Error::invalid("object", why))?;
        // Everything else stands in the configuration, and a database may not be there yet.
        let subject = Subject::parse(self.subject.trim(), &config.auth);
        let is_issued = matches!(subject, Ok(Subject::Token(_)));
        if !is_issued && !matches!(subject, Ok(Subject::Personal(_))) {
            let who = subject::read(&self.subject, config, None, SystemClock.now()).await.map_err(plainly)?;
            return decide(config, &who, action, &object);
        }
        let store = Store::open(&config.server.database).map_err(status::Error::Internal)?;
        let tokens = Tokens::new(store, Arc::new(SystemClock));
        let mut with_keys = config.clone();
        with_keys.auth.local = if is_issued { made(&config.auth.local)? } else { BTreeMap::new() };
        let keys = Keys::open(&with_keys).map_err(status::Error::Internal)?;
        let known = Known { tokens: &tokens, keys: &keys, asker: None };
        let who = subject::read(&self.subject, &with_keys, Some(known), SystemClock.now()).await.map_err(plainly)?;
        decide(config, &who, action, &object)
    }

    async fn ask(self) -> Result<ExitCode, Failure> {
        let client = self.connection.clone().client()?;
        let mut url = client.url(["api", "v2", "can"]);
        url.query_pairs_mut()
            .append_pair("subject", &self.subject)
            .append_pair("action", &self.action)
            .append_pair("object", &self.object);
        let answer = client.get(url).await?;
        let reasons = serde_json::from_value(answer["reasons"].clone()).unwrap_or_default();
        let verdict = Verdict { allowed: answer["allowed"] == Value::Bool(true), reasons };
        Ok(self.tell(&verdict))
    }

    /// Prints the answer.
    fn tell(&self, verdict: &Verdict) -> ExitCode {
        if self.json {
            println!("{}", json!({ "allowed": verdict.allowed, "reasons": verdict.reasons }));
        } else {
            let (word, may) = if verdict.allowed { ("allowed", "may") } else { ("not allowed", "may not") };
            println!("{word}: {} {may} {} {}", self.subject, self.action, self.object);
            for reason in &verdict.reasons {
                println!("  {}", reason.text);
                if let Some(place) = &reason.place {
                    println!("    {place}");
                }
            }
        }
        ExitCode::from(if verdict.allowed { 0 } else { client::FAILED })
    }
}

/// Issuers whose key is there: asking makes none.
fn made(local: &BTreeMap<String, LocalKey>) -> status::Result<BTreeMap<String, LocalKey>> {
    let mut made = BTreeMap::new();
    for (name, key) in local {
        let file = key.key_file.display();
        let is_there = key.key_file.try_exists().with_context(|| {
            format!("cannot look for the key {file} of [auth.jwt.{name}]; run it as a user who may read it, such as the server's")
        });
        if is_there.map_err(status::Error::Internal)? {
            made.insert(name.clone(), key.clone());
        }
    }
    Ok(made)
}

/// What reading a subject may say.
fn plainly(error: web::Error) -> status::Error {
    match error {
        web::Error::Status(error) => error,
        error => status::Error::Internal(anyhow::Error::new(error)),
    }
}

/// What is wrong, without the name of the field that has it: here it is an argument.
fn plain(error: &status::Error) -> String {
    match error {
        status::Error::Invalid { fields } => fields.values().cloned().collect::<Vec<_>>().join("; "),
        // Who runs this reads the server's files: nothing of it is to be kept from them.
        status::Error::Internal(error) => format!("{error:#}"),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, made, plain};
    use crate::config::issuer::{LocalAlgorithm, LocalKey};

    #[test]
    fn a_key_that_cannot_be_looked_for_is_an_error_and_none_that_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let of = |file: &str| {
            let key = LocalKey { algorithm: LocalAlgorithm::EdDsa, key_file: dir.path().join(file) };
            made(&BTreeMap::from([("main".to_owned(), key)]))
        };
        assert_eq!((of("file").unwrap().len(), of("missing").unwrap().len()), (1, 0));
        // Of what cannot be looked at, the way through a file is the one that also root meets.
        let said = plain(&of(&"x".repeat(300)).unwrap_err());
        assert!(said.contains("[auth.jwt.main]") && said.contains("name too long"), "{said}");
    }
}
