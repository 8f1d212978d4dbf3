//! Sign-ins that were refused, for the audit: each is an entry while there are few, and beyond that many are one. So nobody can fill the
//! database by trying, and that somebody tried is there.

use super::session::Sessions;
use super::{Error, Result, control};
use crate::model::time::Time;
use crate::store::audit::{self, NewAudit};
use chrono::{SecondsFormat, TimeDelta};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// For so long tries of one kind are told together, counted from the first.
const WINDOW: TimeDelta = TimeDelta::minutes(10);
/// Addresses that one entry names; of the others it says that there were more.
const ADDRESSES_MAX: usize = 20;
/// What is not counted for lack of room is written as it comes: more kinds than any configuration has people and providers.
const KINDS_MAX: usize = 10_000;

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// The name or the password was wrong.
    Wrong,
    /// It was not looked at: there were too many before it.
    Waits,
    /// A provider did not prove anybody.
    Provider,
}

impl Why {
    /// Entries of their own within a window: what has a slow pace anyway is told one by one.
    fn n_single(self) -> u32 {
        match self {
            Self::Wrong => 50,
            Self::Waits => 1,
            Self::Provider => 10,
        }
    }

    /// What many of them are called.
    fn many(self) -> &'static str {
        match self {
            Self::Wrong => "with a wrong name or password",
            Self::Waits => "not looked at: too many tries",
            Self::Provider => "of which the provider proved nobody",
        }
    }
}

/// Refused sign-ins that no entry tells of yet.
#[derive(Default)]
pub(super) struct Refused(Mutex<BTreeMap<(Why, String), Window>>);

/// Tries of one kind at one object.
struct Window {
    began: Time,
    n_single: u32,
    /// Those that have no entry of their own.
    n_more: u64,
    first: Time,
    last: Time,
    addresses: BTreeSet<String>,
    has_more_addresses: bool,
    /// What the last try would have said.
    subject: String,
}

impl Refused {
    /// Counts a try that `new` tells of; what is to be written now.
    fn count(&self, why: Why, new: NewAudit, address: &str) -> Vec<NewAudit> {
        let now = new.at;
        let mut windows = self.lock();
        let mut due = take_ended(&mut windows, now);
        let key = (why, new.object.clone());
        if !windows.contains_key(&key) && windows.len() >= KINDS_MAX {
            due.push(new);
            return due;
        }
        let window = windows.entry(key).or_insert_with(|| Window::new(&new));
        if window.n_single < why.n_single() {
            window.n_single += 1;
            due.push(new);
        } else {
            window.add(address, now);
        }
        due
    }

    /// What is to be told of windows that have ended, or of all.
    fn due(&self, now: Time, all: bool) -> Vec<NewAudit> {
        let mut windows = self.lock();
        match all {
            true => std::mem::take(&mut *windows).into_iter().filter_map(|(key, w)| w.entry(key, now)).collect(),
            false => take_ended(&mut windows, now),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Why, String), Window>> {
        self.0.lock().expect("no holder of the refused sign-ins panics")
    }
}

/// Takes away the windows that have ended, and says what is to be told of them.
fn take_ended(windows: &mut BTreeMap<(Why, String), Window>, now: Time) -> Vec<NewAudit> {
    // A clock that was set back ends them too: nothing shall wait for its old time to come.
    let ended = windows.extract_if(.., |_, window| now - window.began >= WINDOW || now < window.began);
    ended.filter_map(|(key, window)| window.entry(key, now)).collect()
}

impl Window {
    fn new(first: &NewAudit) -> Self {
        Self {
            began: first.at,
            n_single: 0,
            n_more: 0,
            first: first.at,
            last: first.at,
            addresses: BTreeSet::new(),
            has_more_addresses: false,
            subject: first.subject.clone(),
        }
    }

    fn add(&mut self, address: &str, at: Time) {
        if self.n_more == 0 {
            self.first = at;
        }
        self.last = at;
        self.n_more += 1;
        if self.addresses.len() < ADDRESSES_MAX {
            self.addresses.insert(address.to_owned());
        } else if !self.addresses.contains(address) {
            self.has_more_addresses = true;
        }
    }

    /// What is told of all that has no entry of its own; none where there is nothing.
    fn entry(self, (why, object): (Why, String), now: Time) -> Option<NewAudit> {
        let time = |at: Time| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let many = if self.n_more == 1 { "more try" } else { "more tries" };
        (self.n_more > 0).then(|| NewAudit {
            at: now,
            subject: self.subject,
            token_id: None,
            action: SIGN_IN.to_owned(),
            object,
            allowed: false,
            reason: format!("{} {many} {}", self.n_more, why.many()),
            details: json!({
                "tries": self.n_more,
                "first": time(self.first),
                "last": time(self.last),
                "addresses": self.addresses,
                "more_addresses": self.has_more_addresses.then_some(true),
            })
            .to_string(),
            team: None,
        })
    }
}

/// The action of these entries.
const SIGN_IN: &str = "sign-in";

impl Sessions {
    /// Somebody at `address` tried to sign in as `name` with a wrong password. A name that nobody here has is not written down: people
    /// type their password there.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn failed(&self, name: &str, address: &str) -> Result<()> {
        let new = self.try_as(name, address, "wrong name or password");
        self.note(Why::Wrong, new, address).await
    }

    /// The same, where it was not looked at because there were too many tries before it.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn held_back(&self, name: &str, address: &str) -> Result<()> {
        let new = self.try_as(name, address, "not looked at: too many tries");
        self.note(Why::Waits, new, address).await
    }

    /// Somebody at `address` tried to sign in at the provider `provider`, which did not prove who they are, because of `why`.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn unproved(&self, provider: &str, address: &str, why: &str) -> Result<()> {
        let new = self.refusal("anonymous", format!("provider {provider}"), address, &control::short(why));
        self.note(Why::Provider, new, address).await
    }

    /// Writes what was counted of tries whose time is over; of all where `all`, as the server ends.
    ///
    /// # Errors
    /// Where the database cannot be written; then it is told how many entries are lost.
    pub async fn write_refused_once(&self, all: bool) -> Result<()> {
        let due = self.status.0.refused.due(self.status.now(), all);
        self.write_all(due).await
    }

    async fn note(&self, why: Why, new: NewAudit, address: &str) -> Result<()> {
        let due = self.status.0.refused.count(why, new, address);
        self.write_all(due).await
    }

    async fn write_all(&self, due: Vec<NewAudit>) -> Result<()> {
        if due.is_empty() {
            return Ok(());
        }
        let n = due.len();
        let write = move |c: &mut _| Ok::<_, Error>(due.iter().try_for_each(|entry| audit::insert(c, entry))?);
        let written = self.status.0.store.write(write).await;
        written.inspect_err(|_| tracing::error!(entries = n, "refused sign-ins could not be written into the audit"))
    }

    fn try_as(&self, name: &str, address: &str, reason: &str) -> NewAudit {
        match self.status.config().auth.users.contains_key(name) {
            true => self.refusal(name, format!("user {name}"), address, reason),
            false => self.refusal("anonymous", "an unknown user".to_owned(), address, reason),
        }
    }

    fn refusal(&self, subject: &str, object: String, address: &str, reason: &str) -> NewAudit {
        NewAudit {
            at: self.status.now(),
            subject: subject.to_owned(),
            token_id: None,
            action: SIGN_IN.to_owned(),
            object,
            allowed: false,
            reason: reason.to_owned(),
            details: json!({ "address": address }).to_string(),
            team: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NewAudit, Refused, Time, Why};

    fn at(s: i64) -> Time {
        Time::from_timestamp(1_000_000 + s, 0).unwrap()
    }

    fn attempt(s: i64) -> NewAudit {
        NewAudit {
            at: at(s),
            subject: "ada".to_owned(),
            token_id: None,
            action: "sign-in".to_owned(),
            object: "user ada".to_owned(),
            allowed: false,
            reason: "single".to_owned(),
            details: "{}".to_owned(),
            team: None,
        }
    }

    #[test]
    fn a_flood_of_tries_is_one_entry_at_its_beginning_and_one_that_counts_it() {
        let refused = Refused::default();
        assert_eq!(refused.count(Why::Waits, attempt(0), "10.0.0.1").len(), 1);
        for n in 0..100_000 {
            let due = refused.count(Why::Waits, attempt(1 + n % 500), &format!("10.0.{}.{}", n / 250 % 4, n % 250));
            assert!(due.is_empty(), "{n}");
        }
        assert!(refused.due(at(599), false).is_empty());
        let due = refused.due(at(600), false);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].reason, "100000 more tries not looked at: too many tries");
        assert!(due[0].details.contains("\"tries\":100000") && due[0].details.contains("10.0.0.1\""));
        assert!(due[0].details.contains("\"more_addresses\":true") && due[0].details.len() < 1_000);
        assert!(refused.due(at(100_000), true).is_empty(), "it is told once");
        // The next one begins anew, and what came before a window is told with its first.
        assert_eq!(refused.count(Why::Waits, attempt(700), "10.0.0.1").len(), 1);
        assert!(refused.count(Why::Waits, attempt(701), "10.0.0.1").is_empty());
        let due = refused.count(Why::Waits, attempt(1_300), "10.0.0.1");
        assert_eq!(
            due.iter().map(|row| row.reason.as_str()).collect::<Vec<_>>(),
            ["1 more try not looked at: too many tries", "single"]
        );
    }

    #[test]
    fn each_kind_is_counted_by_itself_and_nothing_is_lost_as_the_server_ends_or_the_clock_is_set_back() {
        let refused = Refused::default();
        let n_single = (0..60).map(|s| refused.count(Why::Wrong, attempt(s), "::1").len()).sum::<usize>();
        assert_eq!(n_single, 50);
        assert_eq!(refused.count(Why::Provider, attempt(60), "::1").len(), 1);
        assert_eq!(refused.due(at(61), true).len(), 1);
        refused.count(Why::Waits, attempt(100), "::1");
        refused.count(Why::Waits, attempt(100), "::1");
        assert_eq!(refused.count(Why::Waits, attempt(0), "::1").len(), 2);
    }
}
