//! `can`: whether somebody may do something, and the rule that decides. The answer comes from the code that enforces it; what stands
//! beside it only says which rule that code went by.

use super::audit::administers_instance;
use super::get::Get;
use super::personal::{self, Ended};
use super::rights::{self, Denied, Ground, Identity};
use super::{Error, Result};
use crate::config::Config;
use crate::config::auth::{Auth, Reach};
use crate::model::glob::Glob;
use crate::model::name::{BuilderKey, check_plain};
use crate::model::right::{Right, Role, Visibility};
use crate::model::scope::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// Of whom it is asked, as they are written.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// `anonymous`.
    Anonymous,
    /// `user:NAME`: one of `[[auth.user]]`.
    User(String),
    /// `token:JTI`: one that was issued here.
    Token(String),
    /// `personal:ID`: one that somebody made on their account's page, by its whole id.
    Personal(String),
    /// `ISSUER:claim=value,claim=value`: whoever has these claims there.
    Claims(String, Value),
}

/// A subject, as far as it had to be looked up.
#[derive(Debug, Clone)]
pub enum Who {
    /// Without credentials.
    Anonymous,
    /// Somebody whom the configuration says everything about.
    Known(Identity),
    /// A token that was issued here.
    Token {
        /// What it proves as long as it is good; none is a token that is good for nothing.
        scope: Option<Box<Scope>>,
        /// `issued by ada on ...`.
        origin: String,
        /// Why it is good no more.
        ended: Option<String>,
        /// How many control actions it is still good for; none where they are not counted.
        n_left: Option<u32>,
    },
    /// A token that somebody made on their account's page.
    Personal {
        /// Whose it is, and what it was narrowed to.
        origin: String,
        /// What it proves and who made it, or why it is good no more.
        worth: std::result::Result<(Box<Scope>, Identity), Ended>,
    },
}

/// Of what it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// `TEAM/BUILDER`.
    Builder(BuilderKey),
    /// `TEAM`.
    Team(String),
    /// `view:NAME`.
    View(String),
    /// `instance`.
    Instance,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether they may.
    pub allowed: bool,
    /// The rules that it went by, the one that decides first.
    pub reasons: Vec<Reason>,
}

/// A rule in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// A sentence without its full stop.
    pub text: String,
    /// `FILE:LINE:COLUMN`, where it is written in a file.
    pub place: Option<String>,
}

impl Subject {
    /// Reads a subject; `auth` says which issuers there are.
    ///
    /// # Errors
    /// What is wrong, and how subjects are written.
    pub fn parse(text: &str, auth: &Auth) -> std::result::Result<Self, String> {
        let how = "write anonymous, user:NAME, token:JTI, personal:ID or ISSUER:claim=value,claim=value";
        match text.split_once(':') {
            None if text == "anonymous" => Ok(Self::Anonymous),
            None => Err(format!("`{text}` is no subject; {how}")),
            Some(("user", name)) if !name.is_empty() => Ok(Self::User(name.to_owned())),
            Some(("token", id)) if id.starts_with(personal::ID_PREFIX) => Ok(Self::Personal(id.to_owned())),
            Some(("personal", id)) if !id.is_empty() => {
                let id = id.strip_prefix(personal::ID_PREFIX).unwrap_or(id);
                Ok(Self::Personal(format!("{}{id}", personal::ID_PREFIX)))
            }
            Some(("token", jti)) if !jti.is_empty() => Ok(Self::Token(jti.to_owned())),
            Some((issuer, claims)) if auth.foreign.contains_key(issuer) || auth.oidc.contains_key(issuer) => {
                Ok(Self::Claims(issuer.to_owned(), claims_of(claims)?))
            }
            Some((issuer, _)) => {
                let known: Vec<_> = auth.foreign.keys().chain(auth.oidc.keys()).map(String::as_str).collect();
                let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
                Err(format!("`{issuer}` is no issuer under [auth.jwt] or [auth.oidc] ({known}); {how}"))
            }
        }
    }
}

/// `a=b,c.d=1` as claims: each under its name, and under the names between its dots. A value that is JSON is meant as JSON; one claim that
/// is given several times has several values.
fn claims_of(text: &str) -> std::result::Result<Value, String> {
    let mut claims = Map::new();
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(format!("`{pair}` is no claim; write claim=value"));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        put(&mut claims, name, &value);
        let names: Vec<&str> = name.split('.').collect();
        let inner = names[1..]
            .iter()
            .rev()
            .fold(value, |value, name| Value::Object(Map::from_iter([((*name).to_owned(), value)])));
        if names.len() > 1 {
            put(&mut claims, names[0], &inner);
        }
    }
    Ok(Value::Object(claims))
}

/// One more value of a claim.
fn put(claims: &mut Map<String, Value>, name: &str, value: &Value) {
    match claims.get_mut(name) {
        None => drop(claims.insert(name.to_owned(), value.clone())),
        Some(Value::Object(held)) if value.is_object() => {
            value.as_object().into_iter().flatten().for_each(|(name, value)| put(held, name, value));
        }
        Some(Value::Array(held)) => held.push(value.clone()),
        Some(held) => *held = Value::Array(vec![held.take(), value.clone()]),
    }
}

impl Object {
    /// Reads an object.
    ///
    /// # Errors
    /// What is wrong, and how objects are written.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let how = "write TEAM/BUILDER, TEAM, view:NAME or instance";
        let named = |name: &str| check_plain(name).map_err(|error| format!("`{name}`: {error}; {how}"));
        if text == "instance" {
            return Ok(Self::Instance);
        }
        if let Some(name) = text.strip_prefix("view:") {
            return named(name).map(|()| Self::View(name.to_owned()));
        }
        match text.split_once('/') {
            Some((team, builder)) if !builder.is_empty() => {
                named(team).map(|()| Self::Builder(BuilderKey::new(team, builder)))
            }
            Some(_) => Err(format!("`{text}` is no object; {how}")),
            None => named(text).map(|()| Self::Team(text.to_owned())),
        }
    }
}

/// Reads an action.
///
/// # Errors
/// Which there are.
pub fn parse_action(text: &str) -> std::result::Result<Right, String> {
    let all = [Right::Read, Right::Force, Right::Rebuild, Right::Stop, Right::Cancel, Right::Administer];
    let found = all.into_iter().find(|right| right.word() == text);
    found.ok_or_else(|| format!("`{text}` is no action; write read, force, rebuild, stop, cancel or administer"))
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builder(key) => write!(f, "{key}"),
            Self::Team(team) => f.write_str(team),
            Self::View(name) => write!(f, "view:{name}"),
            Self::Instance => f.write_str("instance"),
        }
    }
}

impl Get {
    /// Whether `who` may use `right` on `object`, and by which rule: for a team's admins about things of their team, for owners about
    /// everything.
    ///
    /// # Errors
    /// `NotFound` where there is no such thing that the asker may ask about, `Invalid` where the action is none of the object's.
    pub fn can(&self, who: &Who, right: Right, object: &Object) -> Result<Verdict> {
        let now = self.status.0.in_force();
        let team = match object {
            Object::Builder(key) => Some(key.team.clone()),
            Object::Team(team) => Some(team.clone()),
            Object::View(name) => now.config.views.get(name).and_then(|view| view.team.clone()),
            Object::Instance => None,
        };
        let is_theirs = team.is_some_and(|team| self.administers(&team));
        if !is_theirs && !administers_instance(&self.scope) {
            return Err(Error::not_found("object that you may ask about", object.to_string()));
        }
        decide(&now.config, who, right, object)
    }

    /// Whether the asker may ask what a token of `team` is good for, and so read whose it is. One of no team is for owners to ask about.
    pub fn may_ask_about_token_of(&self, team: Option<&str>) -> bool {
        administers_instance(&self.scope) || team.is_some_and(|team| self.administers(team))
    }

    /// The same of a token that a person made, which may reach all their teams: one of them is enough.
    pub(super) fn may_ask_about_personal(&self, team: Option<&str>, worth: Option<&Scope>) -> bool {
        let now = self.status.0.in_force();
        let mut teams = now.config.teams.keys();
        let is_member = |scope: &Scope| teams.any(|team| self.administers(team) && scope.role_in(team).is_some());
        self.may_ask_about_token_of(team) || (team.is_none() && worth.is_some_and(is_member))
    }

    /// Whether the asker may ask about anything at all.
    pub fn may_ask_who_can(&self) -> bool {
        let now = self.status.0.in_force();
        administers_instance(&self.scope) || now.config.teams.keys().any(|team| self.administers(team))
    }
}

/// Whether `who` may use `right` on `object` under `config`, and by which rule.
///
/// # Errors
/// `NotFound` where there is no such thing, `Invalid` where the action is none of the object's.
pub fn decide(config: &Config, who: &Who, right: Right, object: &Object) -> Result<Verdict> {
    let thing = Thing::find(config, object)?;
    thing.check_action(right, object)?;
    let (scope, grounds) = match who {
        Who::Anonymous => (Scope::anonymous(), Vec::new()),
        Who::Known(identity) => match rights::known(&config.auth, identity, None) {
            Some(known) => known,
            None => return Ok(Verdict::no(format!("nobody here is {}", identity.subject()))),
        },
        Who::Token { ended: Some(why), .. } => return Ok(Verdict::no(why.clone())),
        Who::Token { scope: None, .. } => return Ok(Verdict::no("the token is good for nothing here".to_owned())),
        Who::Token { scope: Some(scope), origin, .. } => (scope.as_ref().clone(), vec![issued(scope, &thing, origin)]),
        Who::Personal { origin, worth: Err(ended) } => return Ok(Verdict::no(format!("{ended}; {origin}"))),
        Who::Personal { origin, worth: Ok((scope, identity)) } => {
            let grounds = rights::known(&config.auth, identity, None).map(|(_, grounds)| grounds).unwrap_or_default();
            (scope.as_ref().clone(), grounds.iter().map(|ground| lent(ground, scope, &thing, origin)).collect())
        }
    };
    let n_left = if let Who::Token { n_left, .. } = who { *n_left } else { None };
    let decided = thing.decide(&scope, right);
    let mut reasons = Vec::new();
    if let (Ok(()), Some(builder)) = (&decided, thing.builder)
        && matches!(right, Right::Force | Right::Rebuild)
        && !builder.force.enabled
    {
        reasons.push(Reason::of("the builder's configuration says `force = false`: nobody starts its builds by hand"));
        return Ok(Verdict { allowed: false, reasons });
    }
    if let (Ok(()), Some(0), Some(uses)) = (&decided, n_left, scope.narrowed().uses)
        && right != Right::Read
    {
        return Ok(Verdict::no(format!("the token is used up: it was good for {}", actions(uses))));
    }
    reasons.extend(thing.reasons(&scope, &grounds, right, decided.as_ref().err()));
    if let (Ok(()), Some(n_left), Some(uses)) = (&decided, n_left, scope.narrowed().uses)
        && right != Right::Read
    {
        reasons.push(Reason::of(format!("the token is good for {} in all, {n_left} left", actions(uses))));
    }
    Ok(Verdict { allowed: decided.is_ok(), reasons })
}

/// What a token's own claims give.
fn issued(scope: &Scope, thing: &Thing<'_>, origin: &str) -> Ground {
    let reach = match scope.role_in(thing.team.unwrap_or_default()) {
        Some(Role::Owner) => Some(Reach::Owner),
        Some(role) => thing.team.map(|team| Reach::Team(team.to_owned(), role)),
        None => None,
    };
    Ground { reach, rule: format!("its own claims, {origin}"), place: None }
}

/// What a person's rule gives to their token.
fn lent(ground: &Ground, scope: &Scope, thing: &Thing<'_>, origin: &str) -> Ground {
    let team = thing.team.unwrap_or_default();
    let role = ground.role_in(team).zip(scope.role_in(team)).map(|(own, lent)| own.min(lent));
    let reach = match role {
        Some(Role::Owner) => Some(Reach::Owner),
        Some(role) => Some(Reach::Team(team.to_owned(), role)),
        None => None,
    };
    Ground { reach, rule: format!("{} ({origin})", ground.rule), place: ground.place.clone() }
}

fn actions(n: u32) -> String {
    if n == 1 { "1 action".to_owned() } else { format!("{n} actions") }
}

/// What is asked about, as the configuration has it.
struct Thing<'c> {
    team: Option<&'c str>,
    builder: Option<&'c crate::config::builder::Builder>,
    visibility: Visibility,
    /// What is visible so, for people.
    named: String,
    /// Where its visibility is written.
    place: Option<String>,
}

impl<'c> Thing<'c> {
    fn find(config: &'c Config, object: &'c Object) -> Result<Self> {
        let team = |name: &str| config.teams.get(name).ok_or_else(|| Error::not_found("team", name));
        Ok(match object {
            Object::Team(name) => Self::of_team(team(name)?, None),
            Object::Builder(key) => {
                let team = config.teams.get(&key.team);
                let found = team.and_then(|team| Some((team, team.builders.get(&key.name)?)));
                let (team, builder) = found.ok_or_else(|| Error::not_found("builder", key.to_string()))?;
                Self::of_team(team, Some(builder))
            }
            Object::View(name) => {
                let view = config.views.get(name).ok_or_else(|| Error::not_found("view", name.clone()))?;
                let named = format!("the view {name}");
                Self { team: view.team.as_deref(), builder: None, visibility: view.visibility, named, place: None }
            }
            Object::Instance => Self {
                team: None,
                builder: None,
                visibility: Visibility::Private,
                named: "the instance".to_owned(),
                place: None,
            },
        })
    }

    fn of_team(team: &'c crate::config::team::Team, builder: Option<&'c crate::config::builder::Builder>) -> Self {
        Self {
            team: Some(&team.name),
            builder,
            visibility: team.visibility,
            named: format!("team {}", team.name),
            place: team.visibility_at.as_ref().map(ToString::to_string),
        }
    }

    /// Refuses what cannot be done to `object` by anybody.
    fn check_action(&self, right: Right, object: &Object) -> Result<()> {
        let fits = match object {
            Object::Builder(_) => true,
            Object::Team(_) | Object::Instance => matches!(right, Right::Read | Right::Administer),
            Object::View(_) => right == Right::Read,
        };
        let why = || match object {
            Object::View(_) => "a view can only be read",
            _ => "it is done to a builder: write TEAM/BUILDER as the object",
        };
        if fits { Ok(()) } else { Err(Error::invalid("action", format!("{right}: {}", why()))) }
    }

    /// The decision that every door goes by.
    fn decide(&self, scope: &Scope, right: Right) -> std::result::Result<(), Denied> {
        match self.team {
            Some(team) => {
                let builder = self.builder.map_or("", |builder| builder.key.name.as_str());
                rights::check(scope, right, team, self.visibility, builder)
            }
            None if !scope.may_read_instance(self.visibility) => Err(Denied::Hidden),
            None if right == Right::Read || administers_instance(scope) => Ok(()),
            None => Err(Denied::Forbidden),
        }
    }

    /// Why it was decided so.
    fn reasons(&self, scope: &Scope, grounds: &[Ground], right: Right, denied: Option<&Denied>) -> Vec<Reason> {
        let team = self.team.unwrap_or_default();
        let best =
            grounds.iter().filter(|ground| ground.role_in(team).is_some()).max_by_key(|ground| ground.role_in(team));
        let place = if self.team.is_none() { String::new() } else { format!(" in team {team}") };
        let role = match best.and_then(|ground| Some((ground, ground.role_in(team)?))) {
            Some((_, Role::Owner)) => "owner of the instance".to_owned(),
            Some((_, role)) => format!("{role}{place}"),
            None => format!("no role{place}"),
        };
        let by = best.map_or_else(String::new, |ground| format!(", by {}", ground.rule));
        let role = Reason { text: format!("{role}{by}"), place: best.and_then(|ground| ground.place.clone()) };
        let visible = Reason { text: self.visible(), place: self.place.clone() };
        match denied {
            // Whoever reads it because everybody does has that from the visibility.
            None if right == Right::Read && (best.is_none() || self.visibility == Visibility::Public) => vec![visible],
            None => self.narrowings(scope, right).into_iter().fold(vec![role], |mut all, narrowing| {
                all.push(narrowing);
                all
            }),
            Some(Denied::Hidden) => vec![visible, role],
            Some(Denied::Forbidden) => {
                let needed = Reason::of(format!("{right} needs the role {}{place}", right.least_role()));
                let narrowed = self.narrowings(scope, right);
                if narrowed.is_empty() { vec![role, needed] } else { narrowed.into_iter().chain([role]).collect() }
            }
        }
    }

    fn visible(&self) -> String {
        let who = match self.visibility {
            Visibility::Public => "is public: everybody reads it",
            Visibility::Internal => "is internal: everybody signed in reads it",
            Visibility::Private if self.team.is_some() => "is private: only its members and owners know that it exists",
            Visibility::Private => "is its owners' to read",
        };
        format!("{} {who}", self.named)
    }

    /// What a token is narrowed to, where that matters to `right`.
    fn narrowings(&self, scope: &Scope, right: Right) -> Vec<Reason> {
        let narrowed = scope.narrowed();
        let mut all = Vec::new();
        if narrowed.feed_only {
            all.push(Reason::of("the token reads feeds only, and is a stranger's at every other door"));
        }
        if right != Right::Read && !narrowed.actions.is_empty() {
            let words: Vec<_> = narrowed.actions.iter().map(|right| right.word()).collect();
            all.push(Reason::of(format!("the token is good for {} only", words.join(", "))));
        }
        if right != Right::Read && !narrowed.builders.is_empty() {
            let globs: Vec<_> = narrowed.builders.iter().map(Glob::as_str).collect();
            all.push(Reason::of(format!("the token is good for builders {} only", globs.join(", "))));
        }
        all
    }
}

impl Verdict {
    fn no(text: String) -> Self {
        Self { allowed: false, reasons: vec![Reason::of(text)] }
    }
}

impl Reason {
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), place: None }
    }
}

#[cfg(test)]
mod tests {
    use super::claims_of;
    use serde_json::json;

    #[test]
    fn claims_are_read_under_their_name_and_under_the_names_between_its_dots() {
        let claims = claims_of("groups=a,groups=b,realm.roles=x,admin=true,sub=ada").unwrap();
        let expected = json!({
            "groups": ["a", "b"], "realm.roles": "x", "realm": {"roles": "x"}, "admin": true, "sub": "ada",
        });
        assert_eq!(claims, expected);
        assert!(claims_of("groups").is_err() && claims_of("=a").is_err());
        assert_eq!(claims_of("").unwrap(), json!({}));
    }
}
