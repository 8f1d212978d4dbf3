//! `weir reload`: puts the configuration's files in force in a running server, and says what follows from it. With a token it asks the
//! server; without one, on the server's machine, it sends a signal and reads in the audit what came of it.

use super::client::{self, Connection, FAILED, Failure, NOT_ALLOWED, USAGE};
use super::local;
use crate::config::diff::Consequence;
use crate::model::name::check_plain;
use crate::status::Error;
use crate::store::Store;
use crate::store::audit::{self, AuditRow};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The server has so long to load what a signal asked for: new plugins are compiled meanwhile.
const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks into the audit.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Rows of the audit that are looked through for the one of this reload.
const ROWS: i64 = 50;

/// Arguments of `weir reload`.
#[derive(Debug, clap::Args)]
pub struct Reload {
    /// As an admin of this team, and for its part
    #[arg(long, value_name = "TEAM", value_parser = parse_team)]
    team: Option<String>,
    /// The server's configuration, for a reload by its own machine without a token
    #[arg(long, value_name = "FILE", default_value = "weir.toml")]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

fn parse_team(text: &str) -> Result<String, String> {
    check_plain(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

impl Reload {
    /// Runs the command.
    ///
    /// # Errors
    /// Where the system gives no timers or sockets; all else is printed and told by the exit code.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        client::block_on(self.reload())
    }

    async fn reload(self) -> Result<ExitCode, Failure> {
        let Self { team, config, json, connection } = self;
        if !connection.has_token() && team.is_none() && local::is_there(&config) {
            return by_signal(&config, json).await;
        }
        let client = connection.client()?;
        let url = match &team {
            Some(team) => client.url(["api", "v2", "teams", team, "reload"]),
            None => client.url(["api", "v2", "reload"]),
        };
        // What the files say is wrong is no wrong use of this command.
        let code = |code: u8| if code == USAGE { FAILED } else { code };
        let answer = client.post(url, &json!({})).await.map_err(|e| Failure { code: code(e.code), ..e })?;
        let broken = texts(&answer["broken"]);
        if json {
            println!("{answer}");
            return Ok(code_of(&broken));
        }
        for wrong in answer["wrong"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            eprint!("{wrong}");
        }
        tell_broken(&broken);
        let told = answer["consequences"].as_array().cloned().unwrap_or_default();
        let told = told.into_iter().filter_map(|told| serde_json::from_value::<Consequence>(told).ok());
        tell(&told.map(|told| told.to_string()).collect::<Vec<_>>());
        Ok(code_of(&broken))
    }
}

/// Says which teams are what they were, and fails where some are.
fn tell_broken(broken: &[String]) {
    for team in broken {
        eprintln!("weir: team {team} stays what it was: its own files are wrong");
    }
}

fn code_of(broken: &[String]) -> ExitCode {
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

/// The texts of a JSON list.
fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn tell(consequences: &[String]) {
    match consequences {
        [] => println!("reloaded; nothing follows from it"),
        _ => println!("reloaded; what follows:"),
    }
    consequences.iter().for_each(|consequence| println!("{consequence}"));
}

/// Asks the server of this configuration, which runs on this machine.
async fn by_signal(file: &Path, json: bool) -> Result<ExitCode, Failure> {
    let failed = |message: String| Failure { message, code: NOT_ALLOWED, is_passing: false, again: None };
    // A main file that is broken says nothing of where the server is, and would not be put in force either.
    let config = local::config(file).map_err(|e| Failure { code: FAILED, ..failed(format!("{e:#}")) })?;
    let pid = running(&config.server.state_dir).ok_or_else(|| {
        let dir = config.server.state_dir.display();
        failed(format!("no server runs with the state_dir {dir}; --server with WEIR_TOKEN asks one elsewhere"))
    })?;
    let store = Store::open(&config.server.database).map_err(|e| failed(format!("{e:#}")))?;
    let before = newest(&store).await?.map_or(0, |row| row.id);
    kill(pid, Signal::SIGHUP)
        .map_err(|e| failed(format!("the server (process {pid}) takes no signal from you: {e}")))?;
    let since = Instant::now();
    let row = loop {
        match newest(&store).await?.filter(|row| row.id > before) {
            Some(row) => break row,
            None if since.elapsed() > TOLD_WITHIN => {
                return Err(failed("the server did not say in time what came of it; its log does".to_owned()));
            }
            None => tokio::time::sleep(LOOK_AGAIN).await,
        }
    };
    let details: Value = serde_json::from_str(&row.details).unwrap_or_default();
    let broken = texts(&details["broken"]);
    if !json {
        texts(&details["errors"]).iter().for_each(|error| eprintln!("{error}"));
    }
    if json {
        println!("{}", json!({ "in_force": row.allowed, "said": row.reason, "details": details }));
    } else if row.allowed {
        tell_broken(&broken);
        tell(&texts(&details["consequences"]).iter().map(|line| format!("  {line}")).collect::<Vec<_>>());
    } else {
        eprintln!("weir: not reloaded: {}; `weir check --config {}` says more", row.reason, file.display());
    }
    Ok(if row.allowed { code_of(&broken) } else { ExitCode::from(FAILED) })
}

/// The newest reload in the audit that tells of the whole instance: a team's admin may ask for one at the same time.
async fn newest(store: &Store) -> Result<Option<AuditRow>, Failure> {
    let rows = store.read(|c| Ok::<_, Error>(audit::recent(c, None, ROWS)?)).await;
    let rows = rows.map_err(|error| Failure::passing(format!("the audit cannot be read: {error}")))?;
    Ok(rows.into_iter().find(|row| row.action == crate::status::reload::ACTION && row.team.is_none()))
}

/// The process that holds this `state_dir`, where one does.
fn running(state_dir: &Path) -> Option<Pid> {
    let lock = File::open(state_dir.join("lock")).ok()?;
    match Flock::lock(lock, FlockArg::LockSharedNonblock) {
        // Nobody holds it; let go of again when it is dropped.
        Ok(_) => None,
        Err(_) => Some(Pid::from_raw(std::fs::read_to_string(state_dir.join("lock")).ok()?.trim().parse().ok()?)),
    }
}
