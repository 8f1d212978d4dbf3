//! `[auth.*]`: who may be believed, and what their claims are worth.

use super::diagnostic::Place;
use super::issuer::{ForeignIssuer, Issuer, LocalAlgorithm, LocalKey, Provider, RawJwt, RawOidc};
use super::path::KeyPath;
use super::read::{At, Node, Read, Reader, one_of, section, word};
use super::value::Any;
use crate::model::claim::ClaimPath;
use crate::model::name::check_user;
use crate::model::right::Role;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

const SESSION_IDLE: Duration = Duration::from_secs(12 * 3600);
const SESSION_MAX: Duration = Duration::from_secs(7 * 86_400);

section! {
    /// Who may be believed, and what their claims are worth.
    struct RawAuth {
        /// Issuers of tokens, by name.
        jwt = "jwt": BTreeMap<String, RawJwt>, "`local` with EdDSA and `jwt.pem` in `state_dir`";
        /// Where people sign in, by name.
        oidc = "oidc": BTreeMap<String, RawOidc>;
        /// What the claims of a foreign issuer's tokens, or of somebody who signed in there, are worth here.
        grant = "grant": Vec<RawGrant>;
        /// People who sign in with a password.
        user = "user": Vec<RawUser>;
        /// How long a sign-in lasts that is not used.
        session_idle = "session_idle": Duration, "12h";
        /// How long a sign-in lasts at most.
        session_max = "session_max": Duration, "7d";
    }
}

section! {
    /// A role for whoever carries a claim.
    struct RawGrant {
        /// The issuer, by its name under `[auth.jwt]` or `[auth.oidc]`.
        issuer = "issuer": At<String>;
        /// The claim's name; in a claim of claims the names with dots between, or as a list.
        claim = "claim": ClaimPath;
        /// The claim's value, or one of its values.
        value = "value": Any;
        /// The team in which the role holds; `owner` has none.
        team = "team": At<String>;
        /// The role.
        role = "role": At<Role>;
    }
}

section! {
    /// Somebody who signs in with a password.
    struct RawUser {
        /// What to sign in as: 1 to 100 printable characters without `:`, not `anonymous` or `system`.
        name = "name": At<String>;
        /// An argon2id hash; never the password.
        password_hash = "password_hash": PasswordHash;
        /// The role in each team.
        teams = "teams": BTreeMap<String, At<Role>>;
        /// May do everything on this instance.
        owner = "owner": bool, "false";
    }
}

/// A PHC string of argon2id. It prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

/// `[auth.*]`.
#[derive(Debug, Clone)]
pub struct Auth {
    /// `[auth.jwt.<name>]` with a local key.
    pub local: BTreeMap<String, LocalKey>,
    /// `[auth.jwt.<name>]` of somebody else's issuer.
    pub foreign: BTreeMap<String, ForeignIssuer>,
    /// `[auth.oidc.<name>]`.
    pub oidc: BTreeMap<String, Provider>,
    /// `[[auth.grant]]`, in order.
    pub grants: Vec<Grant>,
    /// `[[auth.user]]`, by name.
    pub users: BTreeMap<String, User>,
    /// How long a sign-in lasts that is not used.
    pub session_idle: Duration,
    /// How long a sign-in lasts at most.
    pub session_max: Duration,
}

/// What a claim is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// The issuer's name under `[auth.jwt]` or `[auth.oidc]`.
    pub issuer: String,
    /// Where in the claims.
    pub claim: ClaimPath,
    /// The claim's value, or one of its values.
    pub value: serde_json::Value,
    /// What it gives.
    pub reach: Reach,
    /// Where the rule is written.
    pub place: Place,
}

/// What a rule gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everything on this instance.
    Owner,
    /// A role in a team.
    Team(String, Role),
}

/// Somebody who signs in with a password.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// What to sign in as.
    pub name: String,
    /// What the password is checked with.
    pub password_hash: PasswordHash,
    /// The role in each team, and where it is written.
    pub teams: BTreeMap<String, (Role, Place)>,
    /// May do everything on this instance.
    pub owner: bool,
    /// Where the user is written.
    pub place: Place,
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            local: BTreeMap::new(),
            foreign: BTreeMap::new(),
            oidc: BTreeMap::new(),
            grants: Vec::new(),
            users: BTreeMap::new(),
            session_idle: SESSION_IDLE,
            session_max: SESSION_MAX,
        }
    }
}

impl RawAuth {
    /// The section as it is used.
    pub fn freeze(raw: Option<Self>, state_dir: &Path, teams: Option<&BTreeSet<String>>, reader: &Reader<'_>) -> Auth {
        let mut auth = Auth::default();
        let mut issuers = BTreeSet::new();
        if let Some(raw) = raw {
            auth.session_idle = raw.session_idle.unwrap_or(SESSION_IDLE);
            auth.session_max = raw.session_max.unwrap_or(SESSION_MAX);
            for (name, jwt) in raw.jwt.unwrap_or_default() {
                issuers.insert(name.clone());
                match jwt.freeze(&name, state_dir, reader) {
                    Some(Issuer::Local(key)) => drop(auth.local.insert(name, key)),
                    Some(Issuer::Foreign(issuer)) => drop(auth.foreign.insert(name, issuer)),
                    None => {}
                }
            }
            for (name, oidc) in raw.oidc.unwrap_or_default() {
                if !issuers.insert(name.clone()) {
                    let diagnostic = reader.wrong_key(
                        &oidc.at,
                        "name-taken",
                        format!("the issuer `{name}` stands under [auth.jwt] too"),
                    );
                    reader.note(diagnostic.expected("a name of its own: grants name issuers of both kinds"));
                }
                if let Some(provider) = oidc.freeze(&name, reader) {
                    auth.oidc.insert(name, provider);
                }
            }
            auth.grants =
                raw.grant.unwrap_or_default().into_iter().filter_map(|g| g.freeze(&issuers, teams, reader)).collect();
            let mut names = BTreeSet::new();
            for user in raw.user.unwrap_or_default() {
                if let Some(user) = user.freeze(&mut names, teams, reader) {
                    auth.users.insert(user.name.clone(), user);
                }
            }
        }
        if auth.local.is_empty() && !issuers.contains("local") {
            let key = LocalKey { algorithm: LocalAlgorithm::EdDsa, key_file: state_dir.join("jwt.pem") };
            auth.local.insert("local".to_owned(), key);
        }
        auth
    }
}

impl RawGrant {
    fn freeze(
        self,
        issuers: &BTreeSet<String>,
        teams: Option<&BTreeSet<String>>,
        reader: &Reader<'_>,
    ) -> Option<Grant> {
        let issuer = reader.required(&self.at, "issuer", self.issuer);
        if let Some(issuer) = &issuer
            && !issuers.contains(&issuer.value)
        {
            let message = format!("there is no issuer `{}` under [auth.jwt] or [auth.oidc]", issuer.value);
            let diagnostic = reader.wrong(&issuer.path, "unknown-issuer", message);
            let names = || issuers.iter().map(String::as_str);
            reader.note(diagnostic.expected(one_of(names())).suggest(&issuer.value, names()));
        }
        let claim = reader.required(&self.at, "claim", self.claim);
        let value = reader.required(&self.at, "value", self.value);
        let role = reader.required(&self.at, "role", self.role);
        let is_owner = role.as_ref().is_some_and(|role| role.value == Role::Owner);
        let reach = match (self.team, role) {
            (Some(team), _) if is_owner => {
                let diagnostic = reader.wrong(&team.path, "ambiguous", "an owner is not of one team");
                reader.note(diagnostic.expected("`role = \"owner\"` without `team`"));
                None
            }
            (Some(team), role) => {
                check_team(&team.value, &team.path, teams, reader);
                role.map(|role| Reach::Team(team.value, role.value))
            }
            (None, Some(_)) if is_owner => Some(Reach::Owner),
            (None, Some(_)) => {
                reader.required::<String>(&self.at, "team", None);
                None
            }
            (None, None) => None,
        };
        let place = reader.place(&self.at);
        Some(Grant { issuer: issuer?.value, claim: claim?, value: value?.0, reach: reach?, place })
    }
}

impl RawUser {
    fn freeze(
        self,
        names: &mut BTreeSet<String>,
        teams: Option<&BTreeSet<String>>,
        reader: &Reader<'_>,
    ) -> Option<User> {
        let name = reader.required(&self.at, "name", self.name);
        if let Some(name) = &name {
            if let Err(error) = check_user(&name.value) {
                let diagnostic = reader.wrong(&name.path, "bad-name", error.to_string());
                reader.note(diagnostic.expected("a name such as `ada`, `Ada Lovelace` or `ada@example.org`"));
            } else if !names.insert(name.value.clone()) {
                let message = format!("there are two users `{}`", name.value);
                reader.note(reader.wrong(&name.path, "name-taken", message).expected("each user once"));
            }
        }
        let password_hash = reader.required(&self.at, "password_hash", self.password_hash);
        let mut roles = BTreeMap::new();
        for (team, role) in self.teams.unwrap_or_default() {
            if role.value == Role::Owner {
                let diagnostic = reader.wrong(&role.path, "unknown-word", "an owner is not of one team");
                reader.note(diagnostic.expected("`owner = true` beside `teams`"));
            }
            check_team(&team, &role.path, teams, reader);
            roles.insert(team, (role.value, reader.place(&role.path)));
        }
        let place = reader.place(&self.at);
        let owner = self.owner.unwrap_or_default();
        Some(User { name: name?.value, password_hash: password_hash?, teams: roles, owner, place })
    }
}

/// Says that a team does not exist. `teams` is none where that cannot be judged.
pub fn check_team(team: &str, path: &KeyPath, teams: Option<&BTreeSet<String>>, reader: &Reader<'_>) {
    let Some(teams) = teams.filter(|teams| !teams.contains(team)) else { return };
    let names = || teams.iter().map(String::as_str);
    let diagnostic = reader.wrong(path, "unknown-team", format!("there is no team `{team}`"));
    reader.note(diagnostic.expected(one_of(names())).suggest(team, names()));
}

impl Read for Role {
    fn expected() -> Cow<'static, str> {
        "one of `viewer`, `operator`, `admin`, `owner`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let words =
            [("viewer", Self::Viewer), ("operator", Self::Operator), ("admin", Self::Admin), ("owner", Self::Owner)];
        word(node, reader, &words)
    }
}

impl Read for PasswordHash {
    fn expected() -> Cow<'static, str> {
        "an argon2id hash, `$argon2id$v=19$...`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let good =
            node.value.as_str().is_some_and(|text| text.starts_with("$argon2id$") && text.split('$').count() == 6);
        if !good {
            // It may be the password itself.
            let diagnostic = reader.wrong(&node.path, "bad-hash", "this is no password hash");
            reader.note(diagnostic.expected(Self::expected()).covered());
        }
        good.then(|| Self(node.value.as_str().unwrap_or_default().to_owned()))
    }
}

impl Read for ClaimPath {
    fn expected() -> Cow<'static, str> {
        "a claim's name, names with dots between, or a list of names".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        if let Some(text) = node.value.as_str().filter(|text| !text.is_empty()) {
            return Some(Self::Text(text.to_owned()));
        }
        let names: Option<Vec<String>> =
            node.value.as_array().and_then(|list| list.iter().map(|name| name.as_str().map(str::to_owned)).collect());
        match names {
            Some(names) if !names.is_empty() => Some(Self::Names(names)),
            _ => {
                reader.wrong_type::<Self>(node);
                None
            }
        }
    }
}
