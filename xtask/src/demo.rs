//! `cargo xtask demo`: the server with real builds of this repository.
//!
//! The server knows nothing of a demonstration: it serves `deploy/demo/weir.toml` with an empty database, and the first builds
//! are forced from here, through the public API with a token that `weir token issue` made.

use crate::build;
use crate::program::{output, root, run, say};
use crate::server::{Server, get};
use anyhow::{Context, Result, bail, ensure};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The site's configuration, in the repository.
const CONFIG: &str = "deploy/demo/weir.toml";
/// What the site's `state_dir` says.
const STATE: &str = "target/demo";

/// Arguments of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Where the site is served.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8010")]
    listen: SocketAddr,
    /// Optimised: takes minutes longer to build the first time, runs faster.
    #[arg(long)]
    release: bool,
    /// Goes on with the builds of the last demonstration instead of an empty database.
    #[arg(long)]
    keep: bool,
}

impl Demo {
    /// Builds, serves, forces the first builds, and ends everything at Ctrl-C.
    ///
    /// # Errors
    /// Where something does not build or the server does not start.
    pub fn run(self) -> Result<()> {
        has_a_commit()?;
        // Asked before minutes of building, and again before anything is removed.
        drop(take(&root().join(STATE))?);
        build::plugins()?;
        let weir = build::server(self.release)?;
        run(Command::new(&weir).current_dir(root()).args(["check", "--config", CONFIG]))?;
        self.prepare_state()?;
        let mut server = Server::start(self.serve(&weir), &root().join(STATE).join("server.json"))?;
        let site = Site { weir, url: self.url(), address: server.address() };
        match site.show() {
            Ok(()) => server.wait(),
            Err(error) => {
                server.end();
                Err(error)
            }
        }
    }

    /// Empties what an earlier demonstration left, and says so.
    fn prepare_state(&self) -> Result<()> {
        let state = root().join(STATE);
        if !state.exists() {
            return Ok(());
        }
        // Held until the folder is gone, so that no server begins in it meanwhile.
        let _lock = take(&state)?;
        if self.keep {
            say(&format!("going on with the builds in {STATE}"));
            return Ok(());
        }
        say(&format!("removing what the last demonstration left in {STATE} (--keep goes on with it)"));
        std::fs::remove_dir_all(&state).with_context(|| format!("cannot remove {}", state.display()))
    }

    /// `weir serve` on the site's configuration; where it listens comes from the command line.
    fn serve(&self, weir: &Path) -> Command {
        let mut serve = Command::new(weir);
        serve.current_dir(root()).args(["serve", "--config", CONFIG]);
        serve.env("WEIR_SERVER__LISTEN", format!("[\"{}\"]", self.listen)).env("WEIR_SERVER__PUBLIC_URL", self.url());
        serve
    }

    /// Where a browser on this machine finds it.
    fn url(&self) -> String {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        format!("http://{address}/")
    }
}

/// Takes the lock that a server holds on its state folder; none where no server was there yet.
///
/// # Errors
/// Where a demonstration still runs: what it serves is in use.
fn take(state: &Path) -> Result<Option<Flock<File>>> {
    let file = match File::open(state.join("lock")) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot open the lock of {}", state.display())),
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => {
            // Only for the message: while it starts or ends, it says nothing.
            let told = std::fs::read_to_string(state.join("server.json")).unwrap_or_default();
            let told: serde_json::Value = serde_json::from_str(&told).unwrap_or_default();
            let (url, pid) = (told["urls"][0].as_str().unwrap_or("an address of its own"), &told["pid"]);
            bail!(
                "a demonstration of this clone runs already, at {url} (process {pid}); nothing was touched. Look at that one, \
                 or end it with Ctrl-C first; another clone or worktree may run one of its own with --listen"
            )
        }
        Err((_, error)) => Err(error).with_context(|| format!("cannot lock {}", state.display())),
    }
}

/// The builders check out what is committed.
fn has_a_commit() -> Result<()> {
    let git = |arguments: &[&str]| {
        // The clone may belong to somebody else; asking for its newest commit runs nothing of theirs.
        let safe = format!("safe.directory={}", root().display());
        output(Command::new("git").current_dir(root()).args(["-c", &safe]).args(arguments))
    };
    ensure!(git(&["--version"]).is_some(), "the demonstration builds this repository and needs `git` on the PATH");
    let Some(head) = git(&["rev-parse", "--short", "HEAD"]) else {
        bail!(
            "{} has no commit to build: clone the repository with git, or make one here by \
             `git init && git add --all && git commit --message first`",
            root().display()
        );
    };
    say(&format!("the builders build commit {head}; what is not committed is not built"));
    Ok(())
}

/// The served site, as a person with a shell meets it.
struct Site {
    weir: PathBuf,
    url: String,
    address: SocketAddr,
}

impl Site {
    /// Forces the first builds and prints what to look at and what to try.
    fn show(&self) -> Result<()> {
        let token = self.issue_token()?;
        let builders = self.builders()?;
        for builder in &builders {
            self.force(&token, builder)?;
        }
        self.print(&builders);
        Ok(())
    }

    /// A token by which every builder of the site may be forced.
    fn issue_token(&self) -> Result<String> {
        let mut issue = Command::new(&self.weir);
        issue.current_dir(root()).args(["token", "issue", "--config", CONFIG, "--owner", "--expires", "10m"]);
        output(&mut issue).context("weir token issue failed: run it by hand to see why")
    }

    /// Every builder of the view that spans both teams.
    fn builders(&self) -> Result<Vec<String>> {
        let body = get(self.address, "/view/all.json")?;
        let view: serde_json::Value = serde_json::from_str(&body).context("the view's JSON cannot be read")?;
        let builders = view["builders"].as_array().context("the view's JSON has no builders")?;
        Ok(builders.iter().filter_map(|builder| builder["name"].as_str()).map(str::to_owned).collect())
    }

    fn force(&self, token: &str, builder: &str) -> Result<()> {
        let mut force = Command::new(&self.weir);
        force.current_dir(root()).args(["force", builder, "--reason", "the first build of the demonstration"]);
        force.env("WEIR_TOKEN", token).env("WEIR_SERVER_URL", &self.url);
        run(&mut force)
    }

    fn print(&self, builders: &[String]) {
        let Self { url, .. } = self;
        let weir = self.weir.strip_prefix(root()).unwrap_or(&self.weir).display();
        println!(
            "
Weir serves {n} builders of this repository; their first builds are forced.

  {url}view/all         every builder of both teams
  {url}view/checks      quick checks of both teams
  {url}view/machines    one primary builder an architecture
  {url}view/desk        private to the team docs: 404 without a token
  {url}waterfall?show=core/format&show=docs/links

A token that may force builds of the team core for an hour, and a build forced with it:

  TOKEN=$({weir} token issue --config {CONFIG} --team core --role operator)
  curl -X POST -H \"Authorization: Bearer $TOKEN\" {url}api/v2/teams/core/builders/format/force
  WEIR_SERVER_URL={url} WEIR_TOKEN=$TOKEN {weir} force core/format --wait

The private view, as a member of its team:

  curl -H \"Authorization: Bearer $({weir} token issue --config {CONFIG} --team docs --role viewer)\" {url}view/desk

Ctrl-C ends it.
",
            n = builders.len()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_demonstration_that_runs_is_not_taken() {
        let state = std::env::temp_dir().join(format!("weir-xtask-demo-{}", std::process::id()));
        std::fs::create_dir_all(&state).unwrap();
        assert!(take(&state).unwrap().is_none());
        let file = File::create(state.join("lock")).unwrap();
        std::fs::write(state.join("server.json"), r#"{"pid": 7, "urls": ["http://127.0.0.1:8010/"]}"#).unwrap();
        let running = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap();
        let refused = take(&state).unwrap_err().to_string();
        assert!(refused.contains("http://127.0.0.1:8010/ (process 7)") && refused.contains("Ctrl-C"), "{refused}");
        drop(running);
        assert!(take(&state).unwrap().is_some());
        std::fs::remove_dir_all(&state).unwrap();
    }

    #[test]
    fn a_site_on_every_address_is_shown_on_this_machine() {
        let demo = Demo { listen: "0.0.0.0:8010".parse().unwrap(), release: false, keep: false };
        assert_eq!(demo.url(), "http://127.0.0.1:8010/");
    }
}
