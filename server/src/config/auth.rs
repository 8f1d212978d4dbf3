//! `[auth.*]`: who may be believed, and what their claims are worth.

use super::path::KeyPath;
use super::read::{At, Node, Read, Reader, one_of, section, word};
use super::value::{Any, FilePath};
use crate::model::right::Role;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

section! {
    /// Who may be believed, and what their claims are worth.
    struct RawAuth {
        /// Issuers of tokens, by name.
        jwt = "jwt": BTreeMap<String, RawJwt>, "`local` with EdDSA and `jwt.pem` in `state_dir`";
        /// What the claims of a foreign issuer's tokens are worth here.
        grant = "grant": Vec<RawGrant>;
        /// People who sign in with a password.
        user = "user": Vec<RawUser>;
    }
}

section! {
    /// An issuer of tokens: a local key (`algorithm`, `key_file`) or somebody else's (`issuer`, `jwks_url`, `audience`, `algorithms`).
    struct RawJwt {
        /// What the local key signs with.
        algorithm = "algorithm": LocalAlgorithm, "\"EdDSA\"";
        /// The local key; made at first start.
        key_file = "key_file": FilePath, "`NAME.pem` in `state_dir`";
        /// The `iss` of the foreign issuer's tokens.
        issuer = "issuer": String;
        /// Where the foreign issuer's keys are.
        jwks_url = "jwks_url": At<Url>;
        /// The `aud` that the foreign issuer's tokens must carry.
        audience = "audience": String;
        /// What the foreign issuer may sign with.
        algorithms = "algorithms": Vec<ForeignAlgorithm>;
        /// How far the clocks may differ.
        leeway = "leeway": Duration, "60s";
    }
}

section! {
    /// A role for whoever carries a claim.
    struct RawGrant {
        /// The issuer, by its name under `[auth.jwt]`.
        issuer = "issuer": At<String>;
        /// The claim's name.
        claim = "claim": String;
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
        /// What to sign in as.
        name = "name": At<String>;
        /// An argon2id hash; never the password.
        password_hash = "password_hash": PasswordHash;
        /// The role in each team.
        teams = "teams": BTreeMap<String, At<Role>>;
        /// May do everything on this instance.
        owner = "owner": bool, "false";
    }
}

/// Signatures that a foreign issuer may use: none that a shared secret makes.
#[derive(Debug, Clone)]
pub struct ForeignAlgorithm(pub &'static str);

/// A hash that was looked at and found to be one; the text is not kept.
#[derive(Debug, Clone)]
pub struct PasswordHash;

/// `[auth.*]`.
#[derive(Debug, Clone, Default)]
pub struct Auth {
    /// `[auth.jwt.<name>]` with a local key; foreign issuers are checked for shape only so far.
    pub local: BTreeMap<String, LocalKey>,
}

/// An issuer whose key is ours: it signs and checks our own tokens.
#[derive(Debug, Clone)]
pub struct LocalKey {
    /// Signs with this.
    pub algorithm: LocalAlgorithm,
    /// Absolute path; the key is made at first start, mode 0600.
    pub key_file: PathBuf,
}

/// What a local key may sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalAlgorithm {
    /// Ed25519; the file is PKCS#8 PEM.
    EdDsa,
    /// HMAC with SHA-256; the file holds at least 32 random bytes in base64.
    Hs256,
}

impl RawAuth {
    /// The section as it is used; users, grants and foreign issuers are only looked at.
    pub fn freeze(raw: Option<Self>, state_dir: &Path, teams: Option<&BTreeSet<String>>, reader: &Reader<'_>) -> Auth {
        let mut auth = Auth::default();
        let mut issuers = BTreeSet::new();
        let (jwt, grants, users) = raw.map(|raw| (raw.jwt, raw.grant, raw.user)).unwrap_or_default();
        for (name, jwt) in jwt.unwrap_or_default() {
            issuers.insert(name.clone());
            if let Some(key) = jwt.freeze(&name, state_dir, reader) {
                auth.local.insert(name, key);
            }
        }
        if auth.local.is_empty() && !issuers.contains("local") {
            let key = LocalKey { algorithm: LocalAlgorithm::EdDsa, key_file: state_dir.join("jwt.pem") };
            auth.local.insert("local".to_owned(), key);
            issuers.insert("local".to_owned());
        }
        for grant in grants.unwrap_or_default() {
            grant.check(&issuers, teams, reader);
        }
        let mut names = BTreeSet::new();
        for user in users.unwrap_or_default() {
            user.check(&mut names, teams, reader);
        }
        auth
    }
}

impl RawJwt {
    /// Whether it has keys of somebody else's issuer.
    pub fn is_foreign(&self) -> bool {
        self.issuer.is_some() || self.jwks_url.is_some() || self.audience.is_some() || self.algorithms.is_some()
    }

    fn freeze(self, name: &str, state_dir: &Path, reader: &Reader<'_>) -> Option<LocalKey> {
        if !self.is_foreign() {
            return Some(LocalKey {
                algorithm: self.algorithm.unwrap_or(LocalAlgorithm::EdDsa),
                key_file: self.key_file.map_or_else(|| state_dir.join(format!("{name}.pem")), |path| path.0),
            });
        }
        if self.algorithm.is_some() || self.key_file.is_some() {
            let message = format!("`{name}` is both a local key and somebody else's issuer");
            let diagnostic = reader.wrong_key(&self.at, "ambiguous", message);
            reader.note(
                diagnostic.expected("`algorithm` and `key_file`, or `issuer`, `jwks_url`, `audience` and `algorithms`"),
            );
        }
        reader.required(&self.at, "issuer", self.issuer);
        reader.required(&self.at, "audience", self.audience);
        reader.required(&self.at, "algorithms", self.algorithms);
        if let Some(url) = reader.required(&self.at, "jwks_url", self.jwks_url)
            && !matches!(url.value.scheme(), "https" | "http")
        {
            let diagnostic = reader.wrong(&url.path, "bad-url", format!("keys cannot be fetched from `{}`", url.value));
            reader.note(diagnostic.expected("an `https://` URL"));
        }
        None
    }
}

impl RawGrant {
    fn check(self, issuers: &BTreeSet<String>, teams: Option<&BTreeSet<String>>, reader: &Reader<'_>) {
        if let Some(issuer) = reader.required(&self.at, "issuer", self.issuer)
            && !issuers.contains(&issuer.value)
        {
            let message = format!("there is no issuer `{}` under [auth.jwt]", issuer.value);
            let diagnostic = reader.wrong(&issuer.path, "unknown-issuer", message);
            let names = || issuers.iter().map(String::as_str);
            reader.note(diagnostic.expected(one_of(names())).suggest(&issuer.value, names()));
        }
        reader.required(&self.at, "claim", self.claim);
        reader.required(&self.at, "value", self.value);
        let role = reader.required(&self.at, "role", self.role);
        let is_owner = role.as_ref().is_some_and(|role| role.value == Role::Owner);
        match (self.team, role) {
            (Some(team), _) if is_owner => {
                let diagnostic = reader.wrong(&team.path, "ambiguous", "an owner is not of one team");
                reader.note(diagnostic.expected("`role = \"owner\"` without `team`"));
            }
            (Some(team), _) => check_team(&team.value, &team.path, teams, reader),
            (None, Some(_)) if !is_owner => {
                reader.required::<String>(&self.at, "team", None);
            }
            (None, _) => {}
        }
    }
}

impl RawUser {
    fn check(self, names: &mut BTreeSet<String>, teams: Option<&BTreeSet<String>>, reader: &Reader<'_>) {
        if let Some(name) = reader.required(&self.at, "name", self.name)
            && !names.insert(name.value.clone())
        {
            let message = format!("there are two users `{}`", name.value);
            reader.note(reader.wrong(&name.path, "name-taken", message).expected("each user once"));
        }
        reader.required(&self.at, "password_hash", self.password_hash);
        for (team, role) in self.teams.unwrap_or_default() {
            if role.value == Role::Owner {
                let diagnostic = reader.wrong(&role.path, "unknown-word", "an owner is not of one team");
                reader.note(diagnostic.expected("`owner = true` beside `teams`"));
            }
            check_team(&team, &role.path, teams, reader);
        }
    }
}

/// Says that a team does not exist. `teams` is none where that cannot be judged.
pub fn check_team(team: &str, path: &KeyPath, teams: Option<&BTreeSet<String>>, reader: &Reader<'_>) {
    let Some(teams) = teams.filter(|teams| !teams.contains(team)) else { return };
    let names = || teams.iter().map(String::as_str);
    let diagnostic = reader.wrong(path, "unknown-team", format!("there is no team `{team}`"));
    reader.note(diagnostic.expected(one_of(names())).suggest(team, names()));
}

impl Read for LocalAlgorithm {
    fn expected() -> Cow<'static, str> {
        "one of `EdDSA`, `HS256`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        word(node, reader, &[("EdDSA", Self::EdDsa), ("HS256", Self::Hs256)])
    }
}

/// What a foreign issuer may sign with.
const FOREIGN: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

impl Read for ForeignAlgorithm {
    fn expected() -> Cow<'static, str> {
        one_of(FOREIGN).into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        word(node, reader, &FOREIGN.map(|word| (word, word))).map(Self)
    }
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
        good.then_some(Self)
    }
}
