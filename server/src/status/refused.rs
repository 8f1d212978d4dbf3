//! Sign-ins and actions that were refused, for the audit: each is an entry while there are few, and beyond that many are one. So nobody
//! can fill the database by trying, and that somebody tried is there.

use super::audit::of_person;
use super::session::Sessions;
use super::{Error, Result, control};
use crate::model::scope::Scope;
use crate::model::time::Time;
use crate::store::Store;
use crate::store::audit::{self, NewAudit};
use chrono::{SecondsFormat, TimeDelta};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// For so long tries of one kind are told together, counted from the first.
const WINDOW: TimeDelta = TimeDelta::minutes(10);
/// Addresses, or things, that one entry names; of the others it says that there were more.
const PLACES_MAX: usize = 20;
/// Characters of each that are kept.
const PLACE_MAX: usize = 100;
/// What is not counted for lack of room is written as it comes: more kinds than any configuration has people and providers.
const KINDS_MAX: usize = 10_000;

/// What was refused, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// The name or the password was wrong.
    Wrong,
    /// It was not looked at: there were too many before it.
    Waits,
    /// A provider did not prove anybody.
    Provider,
    /// Something else than a sign-in, for any reason.
    Action,
}

impl Why {
    /// Entries of their own within a window: what has a slow pace anyway is told one by one.
    fn n_single(self) -> u32 {
        match self {
            Self::Wrong | Self::Action => 50,
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
            Self::Action => "refused",
        }
    }

    /// What its places are called, and that there were more.
    fn places(self) -> (&'static str, &'static str) {
        match self {
            Self::Action => ("objects", "more_objects"),
            Self::Wrong | Self::Waits | Self::Provider => ("addresses", "more_addresses"),
        }
    }
}

/// What was refused and no entry tells of yet.
#[derive(Default)]
pub(super) struct Refused(Mutex<BTreeMap<(Why, String), Window>>);

/// One that was refused.
struct Attempt<'a> {
    why: Why,
    /// What is counted together: tries at one name or provider, or actions of one asker.
    key: String,
    /// Where it came from, or to what it was meant.
    place: &'a str,
    /// Who acted, in a form that stays the same for ever.
    person: Option<&'a str>,
}

/// Attempts of one kind.
struct Window {
    began: Time,
    n_single: u32,
    /// Those that have no entry of their own, by the team that is told of them. The bound above holds for all teams together: else the
    /// time that a refusal takes would tell whose a thing is.
    more: BTreeMap<Option<String>, More>,
}

/// Attempts that one entry tells of.
struct More {
    n: u64,
    first: Time,
    last: Time,
    places: BTreeSet<String>,
    has_more_places: bool,
    /// What the first of them would have said.
    like: NewAudit,
    person: Option<String>,
}

impl Refused {
    /// Writes down an action that `scope` was refused, or counts it. What `new` says may be invented by who asks: a hidden thing, and one
    /// that never was, take the same way.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn note_action(&self, store: &Store, scope: &Scope, new: NewAudit) -> Result<()> {
        let asker = match (scope.person(), &scope.token_id) {
            // Whom nothing was given is one of many: somebody else's issuer may let in as many as there are names.
            _ if scope.is_outsider() => "people from elsewhere".to_owned(),
            (Some(person), _) => format!("person {person}"),
            (None, Some(token)) => format!("token {token}"),
            (None, None) => scope.subject.clone(),
        };
        let (key, place) = (format!("{} by {asker}", new.action), new.object.clone());
        let due = self.count(&Attempt { why: Why::Action, key, place: &place, person: scope.person() }, new);
        write_all(store, due).await
    }

    /// Counts an attempt that `new` tells of; what is to be written now.
    fn count(&self, attempt: &Attempt<'_>, new: NewAudit) -> Vec<NewAudit> {
        let now = new.at;
        let mut windows = self.lock();
        let mut due = take_ended(&mut windows, now);
        let key = (attempt.why, attempt.key.clone());
        if !windows.contains_key(&key) && windows.len() >= KINDS_MAX {
            due.push(new);
            return due;
        }
        let window = windows.entry(key).or_insert_with(|| Window { began: now, n_single: 0, more: BTreeMap::new() });
        if window.n_single < attempt.why.n_single() {
            window.n_single += 1;
            due.push(new);
        } else {
            let more = window.more.entry(new.team.clone()).or_insert_with(|| More::new(attempt, &new));
            more.add(attempt, &new);
        }
        due
    }

    /// What is to be told of windows that have ended, or of all.
    fn due(&self, now: Time, all: bool) -> Vec<NewAudit> {
        let mut windows = self.lock();
        match all {
            true => std::mem::take(&mut *windows).into_iter().flat_map(|((why, _), w)| w.entries(why, now)).collect(),
            false => take_ended(&mut windows, now),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Why, String), Window>> {
        self.0.lock().expect("no holder of what was refused panics")
    }
}

/// Takes away the windows that have ended, and says what is to be told of them.
fn take_ended(windows: &mut BTreeMap<(Why, String), Window>, now: Time) -> Vec<NewAudit> {
    // A clock that was set back ends them too: nothing shall wait for its old time to come.
    let ended = windows.extract_if(.., |_, window| now - window.began >= WINDOW || now < window.began);
    ended.flat_map(|((why, _), window)| window.entries(why, now)).collect()
}

impl Window {
    /// What is told of all that has no entry of its own.
    fn entries(self, why: Why, now: Time) -> impl Iterator<Item = NewAudit> {
        self.more.into_values().map(move |more| more.entry(why, now))
    }
}

impl More {
    fn new(attempt: &Attempt<'_>, first: &NewAudit) -> Self {
        Self {
            n: 0,
            first: first.at,
            last: first.at,
            places: BTreeSet::new(),
            has_more_places: false,
            like: first.clone(),
            person: attempt.person.map(str::to_owned),
        }
    }

    fn add(&mut self, attempt: &Attempt<'_>, new: &NewAudit) {
        self.n += 1;
        self.last = new.at;
        if self.like.token_id != new.token_id {
            self.like.token_id = None;
        }
        if self.like.subject != new.subject {
            "several".clone_into(&mut self.like.subject);
            self.person = None;
        }
        let place: String = attempt.place.chars().take(PLACE_MAX).collect();
        if self.places.len() < PLACES_MAX {
            self.places.insert(place);
        } else if !self.places.contains(&place) {
            self.has_more_places = true;
        }
    }

    fn entry(self, why: Why, now: Time) -> NewAudit {
        let time = |at: Time| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let many = if self.n == 1 { "more try" } else { "more tries" };
        let is_of_several = why == Why::Action && (self.places.len() > 1 || self.has_more_places);
        let (places, more_places) = why.places();
        let details = json!({
            "tries": self.n,
            "first": time(self.first),
            "last": time(self.last),
            places: self.places,
            more_places: self.has_more_places.then_some(true),
        });
        NewAudit {
            at: now,
            object: if is_of_several { "several".to_owned() } else { self.like.object },
            allowed: false,
            reason: format!("{} {many} {}", self.n, why.many()),
            details: of_person(self.person.as_deref(), details),
            ..self.like
        }
    }
}

/// Writes what is due.
async fn write_all(store: &Store, due: Vec<NewAudit>) -> Result<()> {
    if due.is_empty() {
        return Ok(());
    }
    let n = due.len();
    let write = move |c: &mut _| Ok::<_, Error>(due.iter().try_for_each(|entry| audit::insert(c, entry))?);
    let written = store.write(write).await;
    written.inspect_err(|_| tracing::error!(entries = n, "what was refused could not be written into the audit"))
}

/// The action of a sign-in's entries.
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
        write_all(&self.status.0.store, due).await
    }

    async fn note(&self, why: Why, new: NewAudit, address: &str) -> Result<()> {
        let attempt = Attempt { why, key: new.object.clone(), place: address, person: None };
        let due = self.status.0.refused.count(&attempt, new);
        write_all(&self.status.0.store, due).await
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
    use super::{Attempt, NewAudit, Refused, Time, Why};

    fn at(s: i64) -> Time {
        Time::from_timestamp(1_000_000 + s, 0).unwrap()
    }

    fn attempt_at(s: i64) -> NewAudit {
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

    fn count(refused: &Refused, why: Why, new: NewAudit, place: &str) -> Vec<NewAudit> {
        refused.count(&Attempt { why, key: "user ada".to_owned(), place, person: None }, new)
    }

    #[test]
    fn a_flood_of_tries_is_one_entry_at_its_beginning_and_one_that_counts_it() {
        let refused = Refused::default();
        assert_eq!(count(&refused, Why::Waits, attempt_at(0), "10.0.0.1").len(), 1);
        for n in 0..100_000 {
            let due =
                count(&refused, Why::Waits, attempt_at(1 + n % 500), &format!("10.0.{}.{}", n / 250 % 4, n % 250));
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
        assert_eq!(count(&refused, Why::Waits, attempt_at(700), "10.0.0.1").len(), 1);
        assert!(count(&refused, Why::Waits, attempt_at(701), "10.0.0.1").is_empty());
        let due = count(&refused, Why::Waits, attempt_at(1_300), "10.0.0.1");
        assert_eq!(
            due.iter().map(|row| row.reason.as_str()).collect::<Vec<_>>(),
            ["1 more try not looked at: too many tries", "single"]
        );
    }

    #[test]
    fn each_kind_is_counted_by_itself_and_nothing_is_lost_as_the_server_ends_or_the_clock_is_set_back() {
        let refused = Refused::default();
        let n_single = (0..60).map(|s| count(&refused, Why::Wrong, attempt_at(s), "::1").len()).sum::<usize>();
        assert_eq!(n_single, 50);
        assert_eq!(count(&refused, Why::Provider, attempt_at(60), "::1").len(), 1);
        assert_eq!(refused.due(at(61), true).len(), 1);
        count(&refused, Why::Waits, attempt_at(100), "::1");
        count(&refused, Why::Waits, attempt_at(100), "::1");
        assert_eq!(count(&refused, Why::Waits, attempt_at(0), "::1").len(), 2);
    }

    #[test]
    fn a_flood_of_refused_actions_is_bounded_whatever_it_is_meant_for_and_each_team_hears_of_its_own() {
        let refused = Refused::default();
        let act = |who: &str, s: i64, object: &str, team: Option<&str>| {
            let key = format!("stop by {who}");
            let attempt = Attempt { why: Why::Action, key, place: object, person: Some(who) };
            let token_id = Some("session-1".to_owned());
            let (object, team) = (object.to_owned(), team.map(str::to_owned));
            refused
                .count(&attempt, NewAudit { action: "stop".to_owned(), object, team, token_id, ..attempt_at(s) })
                .len()
        };
        let invented = |s| act("user:eve", s, &format!("token {s}"), None);
        assert_eq!((0..50).map(invented).sum::<usize>(), 50, "few are told one by one");
        assert_eq!((50..450).map(invented).sum::<usize>(), 0);
        let n_real = act("user:eve", 450, "core/full", Some("core")) + act("user:eve", 451, "core/full", Some("core"));
        assert_eq!(n_real, 0, "what is there takes as long as what is not");
        assert_eq!(act("user:ada", 452, "core/full", Some("core")), 1, "nobody uses up another's");
        let due = refused.due(at(600), false);
        let told = due.iter().map(|row| (row.team.as_deref(), row.object.as_str(), row.reason.as_str()));
        let expected =
            [(None, "several", "400 more tries refused"), (Some("core"), "core/full", "2 more tries refused")];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        assert!(due.iter().all(|row| row.action == "stop" && row.token_id.as_deref() == Some("session-1")));
        let details = &due[0].details;
        assert!(details.contains("\"person\":\"user:eve\"") && details.contains("\"more_objects\":true"), "{details}");
        assert!(details.contains("\"token 50\"") && !details.contains("\"token 70\""), "{details}");
    }
}
