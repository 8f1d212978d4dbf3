//! What no token is believed for any more, in memory: single tokens, everything of a subject, everything that a key signed. It is read
//! from the database at first use and then only what came new, so that a request costs no question of its own and what another
//! process revoked counts after [`COUNTS_AFTER`].

use super::rights::Identity;
use super::session::new_id;
use super::{Error, Result};
use crate::config::auth::Auth;
use crate::model::time::Time;
use crate::store::revocations::{self, NewRevocation, RevocationRow};
use crate::store::{DbConnection, Store, personal_tokens, sessions};
use chrono::TimeDelta;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

/// How long after it is stored a revocation counts in every process, at the latest: no look at the database for revocations or for a
/// session is used longer than this. Calls that come later are refused; answers that are under way end within a second more.
pub const COUNTS_AFTER: Duration = Duration::from_millis(500);
/// Every server has looked by then.
pub(super) const NOTED_FOR: TimeDelta = TimeDelta::hours(1);
/// Newer ids may become visible before older ones where several write at once; so far back is looked again.
const OVERLAP: i64 = 1_000;
/// Revocations that one look forgets at most: more than come between two.
const FORGOTTEN_MAX: usize = 10_000;

/// What a token can be revoked by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// The foreign issuer's name; empty for our own tokens.
    pub issuer: String,
    /// Its `sub`.
    pub subject: String,
    /// What a foreign issuer calls its person, where it does: people are known by that name.
    pub name: Option<String>,
    /// The key that signed it.
    pub kid: String,
    /// Its id, where it has one.
    pub jti: Option<String>,
    /// When it was made, in seconds since 1970, where it says so.
    pub issued_at: Option<i64>,
}

/// What is to be revoked. `issuer` is a foreign issuer's name, or empty for our own tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One token.
    Token {
        /// Whose.
        issuer: String,
        /// Its id.
        jti: String,
    },
    /// Every token that a subject was issued so far, and until every server knows it.
    Subject {
        /// Whose.
        issuer: String,
        /// Its `sub`.
        subject: String,
    },
    /// Every token that a key signed or will sign.
    Key {
        /// Whose.
        issuer: String,
        /// Its name.
        kid: String,
    },
}

/// Why a token counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// It was revoked itself.
    Token,
    /// Everything of its subject was.
    Subject,
    /// Everything of its key was.
    Key,
}

impl Target {
    /// The issuer of what is to be revoked: empty for our own tokens, by whichever of our keys.
    ///
    /// # Errors
    /// `Invalid` where the configuration has no issuer `name`.
    pub fn issuer(auth: &Auth, name: Option<&str>) -> Result<String> {
        match name.filter(|name| !name.is_empty() && !auth.local.contains_key(*name)) {
            None => Ok(String::new()),
            Some(name) if auth.foreign.contains_key(name) || auth.oidc.contains_key(name) => Ok(name.to_owned()),
            Some(name) => {
                let why = format!("there is no issuer `{name}` under [auth.jwt] or [auth.oidc]");
                Err(Error::invalid("issuer", why))
            }
        }
    }

    /// What is revoked: an id, a subject, or a key's name.
    pub fn value(&self) -> &str {
        self.parts().2
    }

    /// Kind, issuer and value, as they are stored.
    pub(super) fn parts(&self) -> (&'static str, &str, &str) {
        match self {
            Self::Token { issuer, jti } => ("token", issuer, jti),
            Self::Subject { issuer, subject } => ("subject", issuer, subject),
            Self::Key { issuer, kid } => ("key", issuer, kid),
        }
    }

    fn of(row: RevocationRow) -> Option<Self> {
        let (issuer, value) = (row.issuer, row.value);
        match row.kind.as_str() {
            "token" => Some(Self::Token { issuer, jti: value }),
            "subject" => Some(Self::Subject { issuer, subject: value }),
            "key" => Some(Self::Key { issuer, kid: value }),
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, issuer, value) = self.parts();
        let many = if kind == "token" { "" } else { "tokens of " };
        match issuer {
            "" => write!(f, "{many}{kind} {value}"),
            _ => write!(f, "{many}{kind} {value} of {issuer}"),
        }
    }
}

/// The people whom a revoked subject may mean: a user by name, or one of an issuer by `sub` or by the name that the issuer gives. A
/// person who has neither a session nor a token is among them only where the subject says all of the name.
///
/// # Errors
/// Where the database cannot be asked.
pub(super) fn people(c: &mut DbConnection, target: &Target) -> Result<BTreeSet<String>> {
    let Target::Subject { issuer, subject } = target else { return Ok(BTreeSet::new()) };
    if issuer.is_empty() {
        let person = if subject.starts_with("user:") { subject.clone() } else { format!("user:{subject}") };
        return Ok(BTreeSet::from([person]));
    }
    let prefix = format!("issuer:{issuer}:");
    let mut known = sessions::people(c, &prefix)?;
    known.extend(personal_tokens::people(c, &prefix)?);
    let is_meant = |identity: &str| {
        serde_json::from_str(identity).is_ok_and(|identity: Identity| match identity {
            Identity::Foreign { issuer: own, name, .. } => own == *issuer && name == *subject,
            Identity::User { .. } => false,
        })
    };
    let named = known.into_iter().filter(|(_, identity)| is_meant(identity)).map(|(person, _)| person);
    Ok(named.chain([format!("{prefix}{subject}")]).collect())
}

/// Has servers beside this process look at their open answers again, as they do at any revocation: what `id` names has just ended, a
/// session or a personal token, or `id` is a [`new_change`]. Who looks finds what is so now; this tells those that they are to look.
///
/// # Errors
/// Where the database cannot be written.
pub(super) fn note_end(c: &mut DbConnection, id: &str, by: &str, at: Time) -> Result<()> {
    let revoked = NewRevocation {
        kind: "token",
        issuer: String::new(),
        value: id.to_owned(),
        revoked_by: by.to_owned(),
        at,
        expires_at: Some(at + NOTED_FOR),
    };
    Ok(revocations::insert(c, &revoked)?)
}

/// Names that what somebody is worth has changed: an id that nobody has.
pub(super) fn new_change() -> String {
    new_id("change")
}

/// Everything that was revoked, as far as this process knows.
#[derive(Default)]
pub(super) struct Known {
    list: Mutex<List>,
    /// One looks at a time; the others wait for what that one finds.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct List {
    looked_at: Option<Time>,
    newest: i64,
    tokens: HashSet<(String, String)>,
    /// Which of `tokens` are forgotten when, the next first: they have expired then, and are refused for that.
    forgotten: BinaryHeap<Reverse<(Time, (String, String))>>,
    /// Tokens issued up to the end of this second, since 1970, count no more.
    subjects: HashMap<(String, String), i64>,
    keys: HashSet<(String, String)>,
}

impl Known {
    /// Looks for what came new, where the last look is old; whether there was anything.
    pub async fn look(&self, store: &Store, now: Time) -> Result<bool> {
        if self.is_fresh(now) {
            return Ok(false);
        }
        let _turn = self.turn.lock().await;
        if self.is_fresh(now) {
            return Ok(false);
        }
        let after = self.lock().newest - OVERLAP;
        let rows = store.read(move |c| Ok::<_, Error>(revocations::list_after(c, after)?)).await?;
        let mut list = self.lock();
        let mut is_new = false;
        for row in rows {
            list.newest = list.newest.max(row.id);
            let (at, forgotten) = (row.at.and_utc(), row.expires_at.map(|at| at.and_utc()));
            if forgotten.is_none_or(|forgotten| forgotten > now)
                && let Some(target) = Target::of(row)
            {
                is_new |= list.add(target, at, forgotten);
            }
        }
        list.forget(now);
        list.looked_at = Some(now);
        Ok(is_new)
    }

    /// Remembers what this process revoked itself, until `forgotten`; for ever without.
    pub fn add(&self, target: Target, at: Time, forgotten: Option<Time>) {
        self.lock().add(target, at, forgotten);
    }

    /// Why a token counts no more, if so.
    pub fn says(&self, carried: &Carried) -> Option<Revoked> {
        let of = |value: &str| (carried.issuer.clone(), value.to_owned());
        let list = self.lock();
        if carried.jti.as_deref().is_some_and(|jti| list.tokens.contains(&of(jti))) {
            return Some(Revoked::Token);
        }
        if list.keys.contains(&of(&carried.kid)) {
            return Some(Revoked::Key);
        }
        // As the people whose sessions end: by `sub`, or by the name that they are shown with.
        let names = [Some(&carried.subject), carried.name.as_ref()];
        let mut ended = names.into_iter().flatten().filter_map(|name| list.subjects.get(&of(name)));
        // Who does not say when it was made may have made it before.
        ended.any(|until| carried.issued_at.is_none_or(|at| at <= *until)).then_some(Revoked::Subject)
    }

    fn is_fresh(&self, now: Time) -> bool {
        self.lock().looked_at.is_some_and(|at| (now - at).abs().to_std().is_ok_and(|age| age < COUNTS_AFTER))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, List> {
        self.list.lock().expect("no holder of the revocations panics")
    }
}

impl List {
    /// Whether it was not known before.
    fn add(&mut self, target: Target, at: Time, forgotten: Option<Time>) -> bool {
        match target {
            Target::Token { issuer, jti } => {
                let token = (issuer, jti);
                let is_new = self.tokens.insert(token.clone());
                // Of a token that is looked up again the end is known.
                self.forgotten.extend(forgotten.filter(|_| is_new).map(|at| Reverse((at, token))));
                is_new
            }
            Target::Key { issuer, kid } => self.keys.insert((issuer, kid)),
            Target::Subject { issuer, subject } => {
                // What was issued while some server still believed what is ended here ends with it.
                let at = (at + COUNTS_AFTER).timestamp();
                let held = self.subjects.entry((issuer, subject)).or_insert(i64::MIN);
                let is_new = *held < at;
                *held = (*held).max(at);
                is_new
            }
        }
    }

    /// Forgets tokens that have expired. Subjects and keys stay: nobody knows how long what they were given is good.
    fn forget(&mut self, now: Time) {
        for _ in 0..FORGOTTEN_MAX {
            match self.forgotten.peek() {
                Some(Reverse((at, _))) if *at <= now => {}
                _ => return,
            }
            if let Some(Reverse((_, token))) = self.forgotten.pop() {
                self.tokens.remove(&token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Carried, Known, Revoked, Target};
    use crate::model::time::Time;

    #[test]
    fn a_revocation_reaches_its_token_its_subject_or_its_key_and_nothing_else() {
        let known = Known::default();
        let at = Time::from_timestamp(1_000, 0).unwrap();
        let text = |text: &str| text.to_owned();
        known.add(Target::Token { issuer: text("forge"), jti: text("j1") }, at, None);
        known.add(Target::Subject { issuer: text("forge"), subject: text("ada") }, at, None);
        known.add(Target::Key { issuer: text("forge"), kid: text("k1") }, at, None);
        let says = |issuer: &str, subject: &str, kid: &str, jti: Option<&str>, issued_at: Option<i64>| {
            let jti = jti.map(str::to_owned);
            let (issuer, subject, kid) = (text(issuer), text(subject), text(kid));
            known.says(&Carried { issuer, subject, kid, jti, issued_at, ..Carried::default() })
        };
        assert_eq!(says("forge", "eve", "k2", Some("j1"), Some(2_000)), Some(Revoked::Token));
        assert_eq!(says("", "eve", "k2", Some("j1"), Some(2_000)), None);
        assert_eq!(says("forge", "ada", "k2", None, Some(1_000)), Some(Revoked::Subject));
        assert_eq!(says("forge", "ada", "k2", None, None), Some(Revoked::Subject));
        assert_eq!(says("forge", "ada", "k2", Some("j2"), Some(1_001)), None);
        assert_eq!(says("forge", "eve", "k1", None, Some(2_000)), Some(Revoked::Key));
        assert_eq!(says("other", "ada", "k1", Some("j1"), None), None);
    }

    #[test]
    fn a_token_is_forgotten_once_it_has_expired_and_subjects_and_keys_never() {
        let known = Known::default();
        let at = |s: i64| Time::from_timestamp(s, 0).unwrap();
        let token = |n: i64| Target::Token { issuer: String::new(), jti: n.to_string() };
        for n in 0..1_000 {
            // A look that reads it once more adds nothing.
            known.add(token(n), at(0), Some(at(n)));
            known.add(token(n), at(0), Some(at(n)));
        }
        known.add(token(-1), at(0), None);
        known.add(Target::Subject { issuer: String::new(), subject: "ada".to_owned() }, at(0), None);
        known.add(Target::Key { issuer: String::new(), kid: "k".to_owned() }, at(0), None);
        let says = |n: i64| known.says(&Carried { jti: Some(n.to_string()), ..Carried::default() });
        known.lock().forget(at(499));
        assert_eq!((says(499), says(500), says(-1)), (None, Some(Revoked::Token), Some(Revoked::Token)));
        let sizes = |known: &Known| {
            let list = known.lock();
            (list.tokens.len(), list.forgotten.len(), list.subjects.len(), list.keys.len())
        };
        assert_eq!(sizes(&known), (501, 500, 1, 1));
        known.lock().forget(at(1_000));
        assert_eq!(sizes(&known), (1, 0, 1, 1));
    }
}
