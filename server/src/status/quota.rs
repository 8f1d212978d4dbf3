//! What teams may use, as far as it is a matter of how fast: forces, calls of the server, CPU time of plugins. And the refusals: each
//! says what was asked for, how much is allowed, and when to come again.

use super::commit::Tx;
use super::{Error, Result, Status};
use crate::config::quota::Quota;
use crate::model::bucket::{Bucket, Rate};
use crate::model::id::BuilderId;
use crate::model::scope::Scope;
use crate::model::size::Size;
use crate::model::time::{Span, Time};
use crate::model::whose::Whose;
use crate::store::usage::{self, Stored};
use crate::store::{DbConnection, build_requests};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Who is metered at once; of more, those that used nothing lately are forgotten, which changes nothing for them.
const METERED_MAX: usize = 100_000;
/// So many calls may come at once, in seconds of the rate: a page with what it fetches is one.
const BURST_S: f64 = 4.0;
/// Reloads that a team may ask for within a minute, all of which may come at once. Each of them loads the whole instance's files. Counted
/// in memory, by each process for itself; no configuration sets it, for a team writes its own quota.
const RELOADS_PER_MINUTE: u32 = 10;
/// When somebody whose requests wait may try again: nobody knows when one of them starts.
const QUEUE_AGAIN: Duration = Duration::from_secs(30);

/// Something that would go beyond what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverQuota {
    /// The key of the limit, as the configuration writes it; the name of one that is fixed.
    pub quota: &'static str,
    /// What is allowed, in words.
    pub limit: String,
    /// Who may use it, in words that begin a sentence.
    pub whose: String,
    /// What to do, where that is more than to wait.
    pub advice: &'static str,
    /// When to come again.
    pub again: Duration,
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quota, limit, whose, advice, .. } = self;
        write!(f, "{whose}: the limit is {limit} (`{quota}`); {advice}try again in {}", Span(self.again()))
    }
}

impl OverQuota {
    /// When to come again: whole seconds, and at least one.
    pub fn again(&self) -> Duration {
        Duration::from_secs((self.again.as_secs() + u64::from(self.again.subsec_nanos() > 0)).max(1))
    }
}

/// Whose use is metered, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Metered {
    Forces(String),
    Reloads(String),
    PluginCpu(String),
    Calls(Whose),
}

/// What is used now of what comes back with time. In memory: a restart forgives.
#[derive(Default)]
pub(super) struct Meters(Mutex<HashMap<Metered, (Bucket, Rate)>>);

impl Meters {
    fn table(&self) -> MutexGuard<'_, HashMap<Metered, (Bucket, Rate)>> {
        self.0.lock().expect("no holder of the meters panics")
    }

    fn on<T>(&self, what: Metered, rate: Rate, now: Time, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut table = self.table();
        if table.len() >= METERED_MAX && !table.contains_key(&what) {
            table.retain(|_, (bucket, rate)| !bucket.is_full(*rate, now));
            if table.len() >= METERED_MAX {
                // So many at once are an attack from everywhere: one place for all who come new bounds memory and lets nobody through
                // for nothing.
                let (bucket, _) = table
                    .entry(Metered::Calls(Whose::Subject(String::new())))
                    .or_insert((Bucket::full(rate, now), rate));
                return act(bucket);
            }
        }
        let (bucket, known) = table.entry(what).or_insert((Bucket::full(rate, now), rate));
        *known = rate;
        act(bucket)
    }
}

fn forces(quota: &Quota) -> Rate {
    Rate::within(quota.forces_per_minute.into(), Duration::from_secs(60))
}

fn calls(per_s: u32) -> Rate {
    Rate { burst: f64::from(per_s) * BURST_S, per_s: per_s.into() }
}

fn plugin_cpu(quota: &Quota) -> Rate {
    Rate::within(quota.plugin_cpu_per_hour.0.as_secs_f64(), Duration::from_secs(3_600))
}

/// How much of what comes back with time a team uses now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MeteredUse {
    /// Forces, of those within a minute.
    pub forces: u32,
    /// Calls of the server, of those that may come at once.
    pub calls: u32,
    /// Calls that may come at once.
    pub calls_max: u32,
    /// CPU time of plugins, of that within an hour.
    pub plugin_cpu: Duration,
}

impl Status {
    fn quota_of(&self, team: &str) -> Quota {
        self.config().teams.get(team).map(|team| team.quota).unwrap_or_default()
    }

    /// Counts one call of the server: of the team whose token it is, else of the person, so that a team's scripts keep none of its members
    /// from its pages; of strangers by where they come from, this machine among it: commands of builds run there. An owner is not held
    /// back. Counted in memory, by each process for itself.
    ///
    /// # Errors
    /// `OverQuota` where these are too many.
    pub fn count_call(&self, scope: &Scope, address: IpAddr) -> Result<()> {
        let config = self.config();
        let of_team = |team: &str| config.teams.get(team).map_or(Quota::default(), |team| team.quota).requests_per_s;
        if scope.is_owner() {
            return Ok(());
        }
        let caller = Whose::of(scope, address);
        let (per_s, whose) = match &caller {
            Whose::Team(team) => (of_team(team), format!("the calls by tokens of team {team} are too many at once")),
            Whose::Subject(_) => {
                let per_s = scope.teams().map(of_team).max();
                (per_s.unwrap_or(config.server.requests_per_s), "your calls are too many at once".to_owned())
            }
            Whose::Address(_) => {
                (config.server.requests_per_s, "the calls from your address are too many at once".to_owned())
            }
        };
        let (rate, now) = (calls(per_s), self.now());
        let taken = self.0.meters.on(Metered::Calls(caller), rate, now, |bucket| bucket.take(1.0, rate, now));
        let refused =
            |again| OverQuota { quota: "requests_per_s", limit: format!("{per_s} a second"), whose, advice: "", again };
        taken.map_err(|again| refused(again).into())
    }

    /// Counts one more reload that somebody asks for as an admin of a team.
    ///
    /// # Errors
    /// `OverQuota`.
    pub(super) fn count_reload(&self, team: &str) -> Result<()> {
        let (rate, now) = (Rate::within(RELOADS_PER_MINUTE.into(), Duration::from_secs(60)), self.now());
        let taken =
            self.0.meters.on(Metered::Reloads(team.to_owned()), rate, now, |bucket| bucket.take(1.0, rate, now));
        taken.map_err(|again| {
            let limit = format!("{RELOADS_PER_MINUTE} in a minute");
            let whose = format!("the reloads that are asked for team {team} are too many at once");
            let advice = "a file that is saved needs none; ";
            OverQuota { quota: "reloads_per_minute", limit, whose, advice, again }.into()
        })
    }

    /// Whether a plugin may be called for a team now.
    ///
    /// # Errors
    /// `OverQuota` where its plugins have used their time.
    pub fn check_plugin_cpu(&self, team: &str) -> Result<()> {
        let (quota, now) = (self.quota_of(team), self.now());
        let rate = plugin_cpu(&quota);
        let checked = self.0.meters.on(Metered::PluginCpu(team.to_owned()), rate, now, |b| b.check(rate, now));
        checked.map_err(|again| {
            let limit = format!("{} of CPU time in an hour", quota.plugin_cpu_per_hour);
            let whose = format!("the plugins of team {team} have used up their time");
            OverQuota { quota: "plugin_cpu_per_hour", limit, whose, advice: "", again }.into()
        })
    }

    /// A plugin has used so much CPU time for a team.
    pub fn count_plugin_cpu(&self, team: &str, used: Duration) {
        let (rate, now) = (plugin_cpu(&self.quota_of(team)), self.now());
        let charge = |bucket: &mut Bucket| bucket.charge(used.as_secs_f64(), rate, now);
        self.0.meters.on(Metered::PluginCpu(team.to_owned()), rate, now, charge);
    }

    /// What a team uses now of what comes back with time.
    pub(super) fn metered_use(&self, team: &str) -> MeteredUse {
        let (quota, now) = (self.quota_of(team), self.now());
        let used = |what: Metered, rate: Rate| {
            let mut table = self.0.meters.table();
            table.get_mut(&what).map_or(0.0, |(bucket, _)| bucket.used(rate, now)).max(0.0)
        };
        MeteredUse {
            forces: used(Metered::Forces(team.to_owned()), forces(&quota)).ceil() as u32,
            calls: used(Metered::Calls(Whose::Team(team.to_owned())), calls(quota.requests_per_s)).ceil() as u32,
            calls_max: calls(quota.requests_per_s).burst as u32,
            plugin_cpu: Duration::try_from_secs_f64(used(Metered::PluginCpu(team.to_owned()), plugin_cpu(&quota)))
                .unwrap_or_default(),
        }
    }
}

/// Whether one more request of a team may wait. Counted in the transaction: the board does not know yet of those that are committed
/// together with this one.
pub(super) fn check_queued(tx: &mut Tx<'_>, team: &str) -> Result<()> {
    let max = tx.config().teams.get(team).map_or(Quota::default(), |team| team.quota).queued;
    if build_requests::count_pending(tx.c, team)? < i64::from(max) {
        return Ok(());
    }
    let limit = format!("{max} waiting at once");
    let whose = format!("team {team} has no room for one more request that waits");
    let advice = "cancel some or wait until some are built; ";
    Err(OverQuota { quota: "queued", limit, whose, advice, again: QUEUE_AGAIN }.into())
}

/// Counts one more build that somebody starts by hand. In the transaction and after all else was looked at: what is refused for another
/// reason costs nothing.
pub(super) fn count_force(tx: &Tx<'_>, team: &str) -> Result<()> {
    let quota = tx.config().teams.get(team).map(|team| team.quota).unwrap_or_default();
    let (rate, now) = (forces(&quota), tx.at);
    let taken = tx.meters().on(Metered::Forces(team.to_owned()), rate, now, |bucket| bucket.take(1.0, rate, now));
    taken.map_err(|again| {
        let limit = format!("{} in a minute", quota.forces_per_minute);
        let whose = format!("the builds that team {team} starts by hand are too many at once");
        OverQuota { quota: "forces_per_minute", limit, whose, advice: "", again }.into()
    })
}

/// When somebody who has no room may try again: retention looks for what is old every few minutes.
const ROOM_AGAIN: Duration = Duration::from_secs(600);

fn no_room(quota: &'static str, team: &str, max: Size) -> Error {
    let whose = format!("team {team} has no room for more");
    let advice = "keep less history, or ask the operator for more; ";
    OverQuota { quota, limit: format!("{max} in all"), whose, advice, again: ROOM_AGAIN }.into()
}

/// A log of the builder with that row grows by `n_bytes`: counted, and refused where the team has no room for it.
pub(super) fn store_log(tx: &mut Tx<'_>, builder: BuilderId, n_bytes: i64, is_bounded: bool) -> Result<()> {
    let team = tx.builder(builder).team;
    let max = tx.config().teams.get(&team).and_then(|team| team.quota.stored_bytes).filter(|_| is_bounded);
    if let Some(max) = max
        && is_over(usage::get(tx.c, &team)?.bytes().saturating_add(n_bytes), max)
    {
        return Err(no_room("stored_bytes", &team, max));
    }
    Ok(usage::add(tx.c, &team, Stored { log_bytes: n_bytes, artifact_bytes: 0 })?)
}

/// How much more a team may store as artifacts, and what is said where that is not enough.
pub(super) struct ArtifactRoom {
    team: String,
    /// Each limit with what is left of it.
    left: Vec<(&'static str, Size, u64)>,
}

impl ArtifactRoom {
    /// Whether a file of so many bytes has room.
    ///
    /// # Errors
    /// `OverQuota`.
    pub fn check(&self, n_bytes: u64) -> Result<()> {
        match self.left.iter().find(|(_, _, left)| n_bytes > *left) {
            Some((quota, max, _)) => Err(no_room(quota, &self.team, *max)),
            None => Ok(()),
        }
    }
}

/// What a team has left for artifacts.
pub(super) fn artifact_room(c: &mut DbConnection, team: &str, quota: &Quota) -> Result<ArtifactRoom> {
    let stored = usage::get(c, team)?;
    let left = |name, max: Option<Size>, used: i64| {
        max.map(|max| (name, max, max.0.saturating_sub(u64::try_from(used).unwrap_or(0))))
    };
    let left = [
        left("artifact_bytes", quota.artifact_bytes, stored.artifact_bytes),
        left("stored_bytes", quota.stored_bytes, stored.bytes()),
    ];
    Ok(ArtifactRoom { team: team.to_owned(), left: left.into_iter().flatten().collect() })
}

/// A team stores an artifact: counted, and refused where it has no room for it.
pub(super) fn store_artifact(tx: &mut Tx<'_>, team: &str, n_bytes: i64) -> Result<()> {
    let quota = tx.config().teams.get(team).map(|team| team.quota).unwrap_or_default();
    artifact_room(tx.c, team, &quota)?.check(u64::try_from(n_bytes).unwrap_or(0))?;
    Ok(usage::add(tx.c, team, Stored { log_bytes: 0, artifact_bytes: n_bytes })?)
}

fn is_over(n_bytes: i64, max: Size) -> bool {
    u64::try_from(n_bytes).is_ok_and(|n| n > max.0)
}

impl From<OverQuota> for Error {
    fn from(over: OverQuota) -> Self {
        Self::OverQuota(Box::new(over))
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, METERED_MAX, Metered, Meters, OverQuota, Rate, Time, Whose};
    use std::time::Duration;

    #[test]
    fn a_refusal_says_what_how_much_and_when_again() {
        let over = OverQuota {
            quota: "forces_per_minute",
            limit: "3 in a minute".to_owned(),
            whose: "the builds that team core starts by hand are too many at once".to_owned(),
            advice: "",
            again: Duration::from_millis(1_200),
        };
        expect_test::expect!["the builds that team core starts by hand are too many at once: the limit is 3 in a minute (`forces_per_minute`); try again in 2s"]
            .assert_eq(&over.to_string());
        assert_eq!(OverQuota { again: Duration::ZERO, ..over }.again(), Duration::from_secs(1));
    }

    #[test]
    fn however_many_addresses_call_memory_is_bounded_and_nobody_gets_through_for_nothing() {
        let (meters, rate, now) = (Meters::default(), Rate { burst: 1.0, per_s: 1.0 }, Time::UNIX_EPOCH);
        let take = |n: u32| {
            let address = Metered::Calls(Whose::Address(std::net::Ipv4Addr::from(n).into()));
            meters.on(address, rate, now, |bucket: &mut Bucket| bucket.take(1.0, rate, now))
        };
        let n_let = (0..u32::try_from(METERED_MAX).unwrap() + 1_000).filter(|n| take(*n).is_ok()).count();
        assert_eq!(n_let, METERED_MAX + 1);
        assert_eq!(meters.table().len(), METERED_MAX + 1);
    }
}
