//! `weir token`: issues, lists and revokes tokens, on the server's machine, beside a running server.

use super::local;
use crate::clock::{Clock as _, SharedClock, SystemClock};
use crate::model::glob::Glob;
use crate::model::right::{Right, Role};
use crate::model::scope::Scope;
use crate::model::time::{Span, Time};
use crate::status::token::{NewToken, Token, Tokens};
use crate::store::Store;
use crate::web::auth::Keys;
use crate::web::auth::jwt::{AUDIENCE, Audience, Claims, Grant, sign};
use anyhow::{Context as _, bail};
use clap::{ArgGroup, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Tokens are good for so long at most: ten years.
const EXPIRES_S_MAX: u64 = 10 * 365 * 86_400;

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
    /// Ends a token; a running server refuses it within a second
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct OnThisMachine {
    /// The server's configuration
    #[arg(long, value_name = "FILE", default_value = "weir.toml")]
    config: PathBuf,
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
    /// Good for so many actions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,
    /// Good for so long, such as 30m, 24h or 90d
    #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = parse_expiry)]
    expires: Span,
    /// Whom it names in the audit [default: who runs this command]
    #[arg(long, value_name = "NAME", value_parser = parse_subject)]
    subject: Option<String>,
    #[command(flatten)]
    here: OnThisMachine,
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
    here: OnThisMachine,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The token's id, as `weir token list` shows it
    #[arg(value_name = "JTI")]
    jti: String,
    #[command(flatten)]
    here: OnThisMachine,
}

impl TokenCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Where configuration, key or database cannot be used, or what is asked for cannot be.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match self.what {
            What::Issue(issue) => runtime.block_on(issue.run()),
            What::List(list) => runtime.block_on(list.run()),
            What::Revoke(revoke) => runtime.block_on(revoke.run()),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Issue {
    async fn run(self) -> anyhow::Result<()> {
        let config = local::config(&self.here.config)?;
        if let Some(team) = &self.team
            && !config.teams.contains_key(team)
        {
            let names: Vec<_> = config.teams.keys().map(String::as_str).collect();
            bail!("there is no team `{team}`; the configuration has {}", names.join(", "));
        }
        let keys = Keys::open(&config)?;
        let Some((issuer, ring)) = keys.signing(&config.auth)? else {
            bail!(
                "the configuration has no key of its own to sign with; add for instance\n\n[auth.jwt.local]\nalgorithm = \"EdDSA\"\nkey_file = \"state/jwt.pem\""
            );
        };
        let now = SystemClock.now();
        let claims = self.claims(&issuer, now)?;
        let expires_at = Time::from_timestamp(claims.exp, 0).context("the token would expire after the end of time")?;
        let new = NewToken {
            jti: claims.jti.clone(),
            subject: claims.sub.clone(),
            team: self.team.clone(),
            details: serde_json::to_value(&claims.weir)?,
            expires_at,
        };
        tokens(&config.server.database)?.record(&Scope::system(), new).await.context("the token cannot be recorded")?;
        let token = sign(ring.signing(), &claims)?;
        if self.here.json {
            println!("{}", serde_json::json!({ "token": token, "jti": claims.jti, "expires_at": expires_at }));
        } else {
            println!("{token}");
        }
        let reach = match (&self.team, self.role) {
            (Some(team), Some(role)) => format!("{} of team {team}", word(role)),
            _ => "owner of the instance".to_owned(),
        };
        eprintln!(
            "weir: a token for {} as {reach}, good until {}. Put it into WEIR_TOKEN; end it with `weir token revoke {}`.",
            claims.sub,
            expires_at.format("%Y-%m-%d %H:%M:%S UTC"),
            claims.jti,
        );
        Ok(())
    }

    fn claims(&self, issuer: &str, now: Time) -> anyhow::Result<Claims> {
        let lifetime = i64::try_from(self.expires.0.as_secs()).context("the token would live too long")?;
        Ok(Claims {
            iss: issuer.to_owned(),
            sub: self.subject.clone().unwrap_or_else(login_name),
            aud: Audience::One(AUDIENCE.to_owned()),
            exp: now.timestamp() + lifetime,
            nbf: Some(now.timestamp()),
            iat: Some(now.timestamp()),
            jti: format!("{:032x}", rand::random::<u128>()),
            weir: Grant {
                team: self.team.clone(),
                role: self.role,
                builders: self.builders.clone(),
                actions: self.actions.clone(),
                uses: self.uses,
                owner: self.owner,
                ..Grant::default()
            },
        })
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let config = local::config(&self.here.config)?;
        let now = SystemClock.now();
        let mut list = tokens(&config.server.database)?.list(&Scope::system(), self.team.as_deref()).await?;
        list.retain(|token| self.all || (token.revoked_at.is_none() && token.expires_at > now));
        if self.here.json {
            println!("{}", serde_json::to_string(&list)?);
            return Ok(());
        }
        if list.is_empty() {
            eprintln!("weir: no tokens; `weir token issue` makes one, `weir token list --all` also shows ended ones");
            return Ok(());
        }
        println!("{:<32}  {:<16}  {:<20}  {:<24}  {:>4}  state", "id", "subject", "good until (UTC)", "for", "used");
        for token in &list {
            println!("{}", row(token, now));
        }
        Ok(())
    }
}

impl Revoke {
    async fn run(self) -> anyhow::Result<()> {
        let config = local::config(&self.here.config)?;
        tokens(&config.server.database)?.revoke(&Scope::system(), &self.jti).await?;
        if self.here.json {
            println!("{}", serde_json::json!({ "jti": self.jti, "revoked": true }));
        } else {
            eprintln!("weir: the token {} is revoked", self.jti);
        }
        Ok(())
    }
}

/// The table of issued tokens.
fn tokens(database: &str) -> anyhow::Result<Tokens> {
    let clock: SharedClock = Arc::new(SystemClock);
    Ok(Tokens::new(Store::open(database)?, clock))
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

fn parse_expiry(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error: crate::model::time::SpanError| error.to_string())?;
    match span.0.as_secs() {
        0 => Err("a token must be good for some time".to_owned()),
        1..=EXPIRES_S_MAX => Ok(span),
        _ => Err("a token is good for ten years at most".to_owned()),
    }
}

fn parse_subject(text: &str) -> Result<String, String> {
    let good = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if good { Ok(text.to_owned()) } else { Err("use 1 to 100 printable characters".to_owned()) }
}
