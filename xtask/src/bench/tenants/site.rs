//! The site that both teams share.

use super::super::http::Client;
use crate::program::output;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Builds that run at once on the worker.
pub const SLOTS: u32 = 4;
/// Builders of the hostile team.
pub const HOSTILE_BUILDERS: usize = 20;
/// Builders of the quiet team: a Waterfall as teams have it.
pub const QUIET_BUILDERS: usize = 25;
/// A build of the hostile team takes so long besides its flood.
const BUILD_S: f64 = 2.0;
/// Between two questions for what became of a build.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A site that is served.
pub struct Site {
    /// The binary.
    pub weir: PathBuf,
    /// Where its configuration is.
    pub dir: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Site {
    /// A token for `who`, as arguments of `weir token issue`.
    ///
    /// # Errors
    /// Where that fails.
    pub fn token(&self, who: &[&str]) -> Result<String> {
        let mut issue = Command::new(&self.weir);
        issue.current_dir(&self.dir).args(["token", "issue", "--expires", "2h"]).args(who);
        output(&mut issue).context("weir token issue failed: run it by hand to see why")
    }
}

/// The hostile team may queue as much as it wants and write logs as long as they may be; else it has what every team has. The quiet team
/// asks as often as the measuring needs.
pub fn configuration(queued: usize) -> String {
    let mut text = format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\nstate_dir = \"state\"\n\n[auth.jwt.local]\nkey_file = \"state/jwt.pem\"\n\n\
         [worker.local]\nslots = {SLOTS}\n\n[view.quiet]\nteams = [\"quiet\"]\n\n\
         [team.quiet]\nquota = {{ requests_per_s = 100000, forces_per_minute = 100000 }}\n\n\
         [team.hostile]\nquota = {{ queued = {}, forces_per_minute = 1000000, requests_per_s = 50 }}\n",
        queued.max(SLOTS as usize) + 1
    );
    let mut step = |team: &str, builder: &str, command: &str| {
        write!(
            text,
            "\n[team.{team}.builder.{builder}]\n[[team.{team}.builder.{builder}.step]]\nuse = \"shell\"\nwith = {{ command = \"{command}\" }}\n"
        )
        .expect("a String takes all");
    };
    for n in 0..QUIET_BUILDERS {
        step("quiet", &format!("ping-{n}"), "seq 100; sleep 0.1");
    }
    let flood = format!("yes 'a line of a flood that nobody reads' | head -c 20000000; sleep {BUILD_S}");
    for n in 0..HOSTILE_BUILDERS {
        step("hostile", &format!("flood-{n}"), &flood);
    }
    text
}

/// Forces a build; returns its request.
///
/// # Errors
/// Where it is refused.
pub fn force(client: &mut Client, team: &str, builder: &str) -> Result<u64> {
    let answer = client.post(&format!("/api/v2/teams/{team}/builders/{builder}/force"), "{}")?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    ensure!(answer.status == 202, "a force was answered with {}: {text}", answer.status);
    let json: Value = serde_json::from_str(&text)?;
    let requests = json["buildrequests"].as_object().context("a force's answer names its requests")?;
    requests.values().next().and_then(Value::as_u64).context("a force's answer names its request")
}

/// Looks at a request until its build has ended; returns when the build had begun and when it had ended.
///
/// # Errors
/// Where the request is not there.
pub fn watch(client: &mut Client, request: u64) -> Result<(Instant, Instant)> {
    let path = format!("/api/v2/buildrequests/{request}");
    let mut started = None;
    loop {
        let json: Value = serde_json::from_slice(&client.get(&path)?.body).context("a request's JSON")?;
        let json = &json["buildrequests"][0];
        ensure!(json.is_object(), "{path} holds no request");
        if json["claimed"] == true {
            started.get_or_insert_with(Instant::now);
        }
        if json["complete"] == true {
            let ended = Instant::now();
            return Ok((started.unwrap_or(ended), ended));
        }
        rest(LOOK_EVERY);
    }
}

/// A pace, which is what is wanted: nothing is waited for.
#[expect(clippy::disallowed_methods, reason = "a pace is what is wanted; nothing is waited for")]
pub fn rest(pause: Duration) {
    std::thread::sleep(pause);
}
