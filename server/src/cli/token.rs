//! `weir token`: issues, lists and revokes tokens and replaces keys, on the server's machine beside a running server; with `--server`
//! by asking that server, which lets one do no more than one's own token or login may.

use super::client::{self, Client, Connection, Failure};
use super::local;
use crate::clock::{Clock as _, SharedClock, SystemClock};
use crate::config::Config;
use crate::model::glob::Glob;
use crate::model::right::{Right, Role};
use crate::model::scope::Scope;
use crate::model::time::{Span, Time};
use crate::status::revocation::{COUNTS_AFTER, Target};
use crate::status::token::{LISTED, Token, Tokens};
use crate::store::Store;
use crate::web::auth::Keys;
use crate::web::auth::issue::{Issued, Wish, issue};
use crate::web::auth::ring::Ring;
use anyhow::{Context as _, bail};
use clap::{ArgGroup, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use url::Url;

/// Arguments of `weir token`.
#[derive(Debug, clap::Args)]
pub struct TokenCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a token and prints it, and nothing else, on standard output
    Issue(Issue),
    /// Shows the tokens that were issued
    List(List),
    /// Ends a token, or all of a subject or a key; a running server refuses them once this returns
    Revoke(Revoke),
    /// Puts a new key in the place of the one that signs tokens; old tokens stay good until they expire
    RotateKey(RotateKey),
}

#[derive(Debug, clap::Args)]
struct At {
    /// The server's configuration
    #[arg(long, value_name = "FILE", default_value = "weir.toml")]
    config: PathBuf,
    /// Ask this running server, as the bearer of WEIR_TOKEN or of the saved login, instead of acting on its machine
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    server: Option<Url>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("reach").required(true).args(["team", "owner"]))]
struct Issue {
    /// The team that the token reaches
    #[arg(long, value_name = "TEAM", requires = "role")]
    team: Option<String>,
    /// Its role there: viewer, operator or admin
    #[arg(long, value_name = "ROLE", requires = "team", value_parser = parse_role)]
    role: Option<Role>,
    /// The token may do everything on the instance
    #[arg(long)]
    owner: bool,
    /// Control only builders that fit (may be given several times)
    #[arg(long = "builder", value_name = "GLOB", value_parser = parse_glob)]
    builders: Vec<Glob>,
    /// Control only by this action: force, rebuild, stop or cancel (may be given several times)
    #[arg(long = "action", value_name = "ACTION", value_parser = parse_action)]
    actions: Vec<Right>,
    /// Force with this value only: a parameter, `branch` or `revision` (may be given several times)
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    parameters: Vec<(String, Value)>,
    /// Good for so many actions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,
    /// Reads only what is made for machines, such as /view/NAME.json; everywhere else it is as good as none
    #[arg(long, conflicts_with_all = ["builders", "actions", "parameters", "uses", "owner"])]
    feed_only: bool,
    /// Good for so long, such as 30m, 24h or 90d [default: 1h]
    #[arg(long, value_name = "SPAN")]
    expires: Option<Span>,
    /// Whom it names in the audit [default: who runs this command]
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only this team's
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Also those that have expired or were revoked
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("target").required(true).args(["jti", "subject", "key"]))]
struct Revoke {
    /// The token's id, as `weir token list` shows it
    #[arg(value_name = "JTI")]
    jti: Option<String>,
    /// Every token that was issued so far to this subject (`sub`), and all sessions and personal tokens of the person of this name
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Every token that this key (`kid`) signed or will sign
    #[arg(long, value_name = "KID")]
    key: Option<String>,
    /// The issuer in [auth.jwt] or [auth.oidc] that the token or the person comes from, where that is not this server
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
struct RotateKey {
    /// The local issuer in [auth.jwt] [default: the one that signs]
    #[arg(value_name = "ISSUER")]
    issuer: Option<String>,
    /// The server's configuration
    #[arg(long, value_name = "FILE", default_value = "weir.toml")]
    config: PathBuf,
}

impl At {
    /// The server to ask; none where it is done here.
    fn client(&self) -> Result<Option<Client>, Failure> {
        self.server.clone().map(|server| Connection::to(server).client()).transpose()
    }
}

impl TokenCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Where configuration, key or database cannot be used, or what is asked for cannot be.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let at = match &self.what {
            What::Issue(issue) => Some(&issue.at),
            What::List(list) => Some(&list.at),
            What::Revoke(revoke) => Some(&revoke.at),
            What::RotateKey(_) => None,
        };
        let client = match at.map(At::client).transpose() {
            Ok(client) => client.flatten(),
            Err(failure) => return Ok(failure.report()),
        };
        if let Some(client) = client {
            return client::block_on(async {
                match self.what {
                    What::Issue(issue) => issue.ask(&client).await,
                    What::List(list) => list.ask(&client).await,
                    What::Revoke(revoke) => revoke.ask(&client).await,
                    What::RotateKey(_) => unreachable!("keys are replaced on their machine"),
                }?;
                Ok(ExitCode::SUCCESS)
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match self.what {
            What::Issue(issue) => runtime.block_on(issue.run()),
            What::List(list) => runtime.block_on(list.run()),
            What::Revoke(revoke) => runtime.block_on(revoke.run()),
            What::RotateKey(rotate) => runtime.block_on(rotate.run()),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Issue {
    async fn run(self) -> anyhow::Result<()> {
        let config = local::config(&self.at.config)?;
        let mut wish = self.wish();
        wish.subject.get_or_insert_with(login_name);
        let keys = Keys::open(&config)?;
        let tokens = tokens(&config)?;
        let issued = issue(&Scope::system(), wish, &keys, &config, &tokens).await?;
        self.tell(&issued);
        Ok(())
    }

    async fn ask(self, client: &Client) -> Result<(), Failure> {
        let wish = serde_json::to_value(self.wish()).expect("a wish is JSON");
        let answer = client.post(client.url(["api", "v2", "tokens"]), &wish).await?;
        let issued: Issued = serde_json::from_value(answer).map_err(|_| strange())?;
        self.tell(&issued);
        Ok(())
    }

    fn wish(&self) -> Wish {
        Wish {
            team: self.team.clone(),
            role: self.role,
            owner: self.owner,
            builders: self.builders.clone(),
            actions: self.actions.clone(),
            parameters: self.parameters.iter().cloned().collect(),
            uses: self.uses,
            feed_only: self.feed_only,
            subject: self.subject.clone(),
            expires: self.expires,
        }
    }

    fn tell(&self, issued: &Issued) {
        if self.at.json {
            println!("{}", json!(issued));
        } else {
            println!("{}", issued.token);
        }
        let reach = match (&self.team, self.role) {
            (Some(team), Some(_)) if self.feed_only => format!("reader of feeds of team {team}"),
            (Some(team), Some(role)) => format!("{} of team {team}", word(role)),
            _ => "owner of the instance".to_owned(),
        };
        eprintln!(
            "weir: a token for {} as {reach}, good until {}. Put it into WEIR_TOKEN; end it with `weir token revoke {}`.",
            issued.subject,
            issued.expires_at.format("%Y-%m-%d %H:%M:%S UTC"),
            issued.jti,
        );
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let config = local::config(&self.at.config)?;
        let list = tokens(&config)?.list(&Scope::system(), self.team.as_deref(), !self.all).await?;
        self.tell(list);
        Ok(())
    }

    async fn ask(self, client: &Client) -> Result<(), Failure> {
        let mut url = client.url(["api", "v2", "tokens"]);
        if let Some(team) = &self.team {
            url.query_pairs_mut().append_pair("team", team);
        }
        if !self.all {
            url.query_pairs_mut().append_pair("live", "true");
        }
        let mut answer = client.get(url).await?;
        let list: Vec<Token> = serde_json::from_value(answer["tokens"].take()).map_err(|_| strange())?;
        self.tell(list);
        Ok(())
    }

    fn tell(&self, mut list: Vec<Token>) {
        let now = SystemClock.now();
        if list.len() >= LISTED {
            eprintln!("weir: these are the newest {LISTED}; there are more: `--team` shows those of one team");
        }
        list.retain(|token| self.all || (token.revoked_at.is_none() && token.expires_at > now));
        if self.at.json {
            println!("{}", json!(list));
            return;
        }
        if list.is_empty() {
            eprintln!("weir: no tokens; `weir token issue` makes one, `weir token list --all` also shows ended ones");
            return;
        }
        println!("{:<32}  {:<16}  {:<20}  {:<24}  {:>4}  state", "id", "subject", "good until (UTC)", "for", "used");
        for token in &list {
            println!("{}", row(token, now));
        }
    }
}

impl Revoke {
    async fn run(self) -> anyhow::Result<()> {
        let config = local::config(&self.at.config)?;
        let tokens = tokens(&config)?;
        match self.target(&config)? {
            Target::Token { issuer, jti } if issuer.is_empty() => tokens.revoke(&Scope::system(), &jti).await?,
            target => tokens.revoke_all(&Scope::system(), target).await?,
        }
        self.tell().await;
        Ok(())
    }

    fn target(&self, config: &Config) -> anyhow::Result<Target> {
        let issuer = Target::issuer(&config.auth, self.issuer.as_deref())?;
        Ok(match (self.jti.clone(), self.subject.clone(), self.key.clone()) {
            (Some(jti), ..) => Target::Token { issuer, jti },
            (_, Some(subject), _) => Target::Subject { issuer, subject },
            (_, _, Some(kid)) => Target::Key { issuer, kid },
            _ => bail!("say which: JTI, --subject or --key"),
        })
    }

    async fn ask(self, client: &Client) -> Result<(), Failure> {
        match (&self.jti, &self.issuer) {
            (Some(jti), None) => {
                client.post(client.url(["api", "v2", "tokens", jti, "revoke"]), &json!({})).await?;
            }
            _ => {
                let given =
                    [("jti", &self.jti), ("subject", &self.subject), ("key", &self.key), ("issuer", &self.issuer)];
                let given =
                    given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))));
                let wanted = Value::Object(given.collect());
                client.post(client.url(["api", "v2", "revocations"]), &wanted).await?;
            }
        }
        self.tell().await;
        Ok(())
    }

    /// Says it once it is so: once every server refuses what was revoked, and not the one alone that was asked.
    async fn tell(&self) {
        tokio::time::sleep(COUNTS_AFTER).await;
        if self.at.json {
            println!("{}", json!({ "jti": self.jti, "subject": self.subject, "key": self.key, "revoked": true }));
        } else if let Some(jti) = &self.jti {
            eprintln!("weir: the token {jti} is revoked");
        } else if let Some(subject) = &self.subject {
            eprintln!(
                "weir: every token that {subject} was issued so far is revoked, and this person's sessions and personal tokens have ended"
            );
        } else if let Some(key) = &self.key {
            eprintln!("weir: every token that the key {key} signed is revoked, and so is every one that it will sign");
        }
    }
}

impl RotateKey {
    async fn run(self) -> anyhow::Result<()> {
        let config = local::config(&self.config)?;
        let local = &config.auth.local;
        let name = self.issuer.as_ref().or_else(|| local.keys().next());
        let name =
            name.context("the configuration has no key of its own; [auth.jwt.NAME] with `algorithm` adds one")?;
        let Some(key) = local.get(name) else {
            let names: Vec<_> = local.keys().map(String::as_str).collect();
            bail!("[auth.jwt.{name}] is no local key; the configuration has {}", names.join(", "));
        };
        let old = Ring::open(name, key)?.signing().id.clone();
        let new = Ring::rotate(name, key)?.signing().id.clone();
        tokens(&config)?.note_new_key(&Scope::system(), name, &new).await?;
        eprintln!(
            "weir: {name} signs with the key {new} from now on. Tokens that the key {old} signed stay good until they expire; \
             `weir token revoke --key {old}` ends them now."
        );
        Ok(())
    }
}

/// What a server answers that is not ours.
fn strange() -> Failure {
    Failure::usage("the server's answer is not as expected; is it an older weir?")
}

/// The table of issued tokens.
fn tokens(config: &Config) -> anyhow::Result<Tokens> {
    let clock: SharedClock = Arc::new(SystemClock);
    Ok(Tokens::new(Store::open(&config.server.database)?, clock))
}

/// One token as a line of the list.
fn row(token: &Token, now: Time) -> String {
    let reach = match (&token.team, token.details["role"].as_str()) {
        (Some(team), role) => format!("{team}: {}", role.unwrap_or("?")),
        (None, _) => "owner".to_owned(),
    };
    let state = match token.revoked_at {
        Some(_) => "revoked",
        None if token.expires_at <= now => "expired",
        None => "good",
    };
    let until = token.expires_at.format("%Y-%m-%d %H:%M:%S");
    format!("{:<32}  {:<16}  {until:<20}  {reach:<24}  {:>4}  {state}", token.jti, token.subject, token.n_used)
}

/// The name of who runs this command.
fn login_name() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten();
    user.map_or_else(|| "unknown".to_owned(), |user| user.name)
}

/// A role's word.
fn word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Admin => "admin",
        Role::Owner => "owner",
    }
}

fn parse_role(text: &str) -> Result<Role, String> {
    match text {
        "viewer" => Ok(Role::Viewer),
        "operator" => Ok(Role::Operator),
        "admin" => Ok(Role::Admin),
        "owner" => Err("an owner's token belongs to no team: say --owner instead of --team and --role".to_owned()),
        _ => Err("roles are viewer, operator and admin".to_owned()),
    }
}

fn parse_action(text: &str) -> Result<Right, String> {
    let rights = [Right::Force, Right::Rebuild, Right::Stop, Right::Cancel];
    let found = rights.into_iter().find(|right| right.word() == text);
    found.ok_or_else(|| "actions are force, rebuild, stop and cancel".to_owned())
}

fn parse_glob(text: &str) -> Result<Glob, String> {
    Glob::new(text).map_err(|error| error.to_string())
}

/// Reads `NAME=VALUE`; a value is text, and the server takes it as its parameter's type.
fn parse_parameter(text: &str) -> Result<(String, Value), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), Value::from(value))).ok_or_else(|| "write NAME=VALUE".to_owned())
}
