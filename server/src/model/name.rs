//! What things may be called. An invalid name cannot exist: the constructors refuse it.

use super::one_line::{is_steering, one_line};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// For teams, views, workers, steps and plugins.
    #[error(
        "`{0}` is no name: use a letter, digit or `_`, then up to 99 of letters, digits and `._+-`, not ending in `.json`"
    )]
    Plain(String),
    /// For builders and categories.
    #[error(
        "`{0}` is no builder name: use 1 to 100 printable characters without `/ * ? [ ] {{ }}` and without blanks at the ends"
    )]
    Wide(String),
    /// For people who sign in with a password.
    #[error("`{0}` is no user name: use 1 to 100 printable characters without `:` and without blanks at the ends")]
    User(String),
    /// What the server itself is called in the audit.
    #[error("`{0}` is no user name: that is what the audit calls somebody else")]
    Reserved(String),
    /// For artifacts.
    #[error(
        "`{0}` is no artifact name: use up to 400 bytes of printable characters, with slashes between parts that are not empty, \
         `.` or `..`"
    )]
    Artifact(String),
}

/// Checks the name of a team, view, worker, step or plugin: `[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}`, not ending in `.json`.
///
/// # Errors
/// Says what a name looks like.
pub fn check_plain(name: &str) -> Result<(), NameError> {
    let mut chars = name.chars();
    let good = chars.next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-'))
        && name.len() <= 100
        && !name.ends_with(".json");
    if good { Ok(()) } else { Err(NameError::Plain(name.to_owned())) }
}

/// Checks the name of a builder or a category: what real sites use.
///
/// # Errors
/// Says what a name looks like.
pub fn check_wide(name: &str) -> Result<(), NameError> {
    let n = name.chars().count();
    let good = (1..=100).contains(&n)
        && name.trim() == name
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '*' | '?' | '[' | ']' | '{' | '}'));
    if good { Ok(()) } else { Err(NameError::Wide(name.to_owned())) }
}

/// Names in the audit that are no user's.
const RESERVED: [&str; 2] = ["anonymous", "system"];

/// Checks the name of somebody who signs in with a password. No colon: with one, people of providers are named `PROVIDER:NAME`.
///
/// # Errors
/// Says what a name looks like.
pub fn check_user(name: &str) -> Result<(), NameError> {
    let n = name.chars().count();
    if RESERVED.contains(&name) {
        return Err(NameError::Reserved(name.to_owned()));
    }
    let good = (1..=100).contains(&n) && name.trim() == name && !name.chars().any(|c| c == ':' || is_steering(c));
    if good { Ok(()) } else { Err(NameError::User(one_line(name))) }
}

/// Checks the name of an artifact: like a relative path, so that it can stand at the end of an address.
///
/// # Errors
/// Says what a name looks like.
pub fn check_artifact(name: &str) -> Result<(), NameError> {
    let good = name.len() <= 400
        && !name.chars().any(|c| c.is_control() || c == '\\')
        && name.split('/').all(|part| !matches!(part, "" | "." | "..") && part.trim() == part);
    if good { Ok(()) } else { Err(NameError::Artifact(name.to_owned())) }
}

/// A builder's key in the instance: `team/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BuilderKey {
    /// The team that owns it.
    pub team: String,
    /// Its name in the team.
    pub name: String,
}

impl BuilderKey {
    /// The key of `team`'s builder `name`.
    pub fn new(team: impl Into<String>, name: impl Into<String>) -> Self {
        Self { team: team.into(), name: name.into() }
    }

    /// Reads `team/name`.
    pub fn parse(key: &str) -> Option<Self> {
        key.split_once('/').map(|(team, name)| Self::new(team, name))
    }
}

impl fmt::Display for BuilderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.team, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{check_artifact, check_plain, check_user, check_wide};

    #[test]
    fn plain_names() {
        for good in ["core", "_x", "a.b+c-d", "2.4", &"x".repeat(100)] {
            assert!(check_plain(good).is_ok(), "{good}");
        }
        for bad in ["", ".x", "-x", "a b", "a/b", "core.json", "é", &"x".repeat(101)] {
            assert!(check_plain(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn wide_names_are_what_real_sites_use() {
        for good in ["AMD64 Fedora Rawhide LTO + PGO 3.13", "ünï", "a|b"] {
            assert!(check_wide(good).is_ok(), "{good}");
        }
        for bad in ["", " x", "x ", "a/b", "a*", "{x}", "a\nb", &"é".repeat(101)] {
            assert!(check_wide(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn users_are_named_as_people_are_and_never_like_somebody_else_in_the_audit() {
        for good in ["ada", "Ada Lovelace", "ada@example.org", "Łukasz", "systematic", &"é".repeat(100)] {
            assert!(check_user(good).is_ok(), "{good}");
        }
        let bad = ["", " ", " ada", "ada ", "ada\n", "a\u{202e}da", "main:ada", "anonymous", "system"];
        for bad in bad.into_iter().chain([&*"x".repeat(101)]) {
            assert!(check_user(bad).is_err(), "{bad}");
        }
        assert!(!check_user("a\u{1b}[31m\n").unwrap_err().to_string().contains(char::is_control));
    }

    #[test]
    fn artifacts_are_named_like_relative_paths() {
        for good in ["a", "dist/weir-0.1.0.tar.gz", "Ünï ✓/a b.txt", "50%/a#b?c", &"x".repeat(400)] {
            assert!(check_artifact(good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\nb", "a\\b", " a", &"x".repeat(401)] {
            assert!(check_artifact(bad).is_err(), "{bad}");
        }
    }
}
