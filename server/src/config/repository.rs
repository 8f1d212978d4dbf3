//! `config` of a team: the git repository in which its files are.

use super::read::{At, Node, Read, Reader, section};
use super::team::Secret;
use std::borrow::Cow;
use std::time::Duration;
use url::Url;

section! {
    /// The git repository of a team's files. It declares what only the team has; `quota`, `weight` and `secret` are written beside
    /// `config`, by the operator.
    struct RawRepository {
        /// `https://`, `ssh://`, `http://` or `git://`, without a password.
        repository = "repository": At<String>;
        /// The branch.
        branch = "branch": At<String>, "\"main\"";
        /// The file or folder in it: a file of configuration, or a folder of them.
        path = "path": At<String>, "\"weir\"";
        /// How often to look, at least every 10 seconds.
        every = "every": At<Duration>, "5m";
        /// What lets the server in there, as the password of an `https://` repository. Git gets it by its environment, for that host
        /// alone, and follows no redirect.
        token = "token": At<Secret>;
        /// The user's name beside `token`; many forges take any.
        user = "user": At<String>, "\"weir\"";
    }
}

/// Where a team's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// What git fetches.
    pub url: String,
    /// The branch.
    pub branch: String,
    /// File or folder in it, without a slash at its ends; empty for all of it.
    pub path: String,
    /// How often to look.
    pub every: Duration,
    /// What lets the server in; only with `https://`.
    pub token: Option<Secret>,
    /// The user's name beside it.
    pub user: String,
}

/// How often to look where nobody says.
const EVERY: Duration = Duration::from_secs(300);
const EVERY_MIN: Duration = Duration::from_secs(10);
/// The user's name where nobody says another.
const USER: &str = "weir";

impl Read for Repository {
    fn expected() -> Cow<'static, str> {
        "`{ repository = \"https://...\", branch = \"main\", path = \"weir\", every = \"5m\" }`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        let raw = RawRepository::read(node, reader)?;
        let repository = reader.required(&raw.at, "repository", raw.repository)?;
        let good = |value: At<String>, check: fn(&str) -> Result<(), &'static str>, expected: &'static str| match check(
            &value.value,
        ) {
            Ok(()) => Some(value.value),
            Err(why) => {
                reader.note(reader.wrong(&value.path, "bad-repository", why).expected(expected));
                None
            }
        };
        let default = |word: &str| Some(word.to_owned());
        let url = good(repository, check_url, "a URL such as `https://git.example.org/core.git`");
        let branch = raw.branch.map_or_else(|| default("main"), |b| good(b, check_branch, "the name of a branch"));
        let path = raw.path.map_or_else(|| default("weir"), |p| good(p, check_path, "a path inside of the repository"));
        let every = match raw.every {
            Some(every) if every.value < EVERY_MIN => {
                reader.note(reader.wrong(&every.path, "bad-span", "this is too often").expected("at least `10s`"));
                None
            }
            every => Some(every.map_or(EVERY, |every| every.value)),
        };
        let user = raw.user.map_or_else(|| default(USER), |u| good(u, check_user, "a name without `:`"));
        let url = url?;
        if let Some(token) = raw.token.as_ref().filter(|_| !url.starts_with("https://")) {
            let diagnostic = reader.wrong_key(&token.path, "token-in-clear", "a token is only sent by https");
            reader.note(
                diagnostic
                    .expected("`repository = \"https://...\"`; with `ssh://` the keys of the server's user count"),
            );
            return None;
        }
        let token = raw.token.map(|token| token.value);
        let path = path?.trim_matches('/').to_owned();
        Some(Self { url, branch: branch?, path, every: every?, token, user: user? })
    }
}

/// That git fetches from elsewhere, and takes nothing of it for an option.
fn check_url(text: &str) -> Result<(), &'static str> {
    let Ok(url) = text.parse::<Url>() else {
        return Err("this is no URL; `git@host:path` is written `ssh://git@host/path`");
    };
    let host = url.host_str().unwrap_or_default();
    // URLs are read more kindly than git reads them.
    if text.split_once("://").is_none_or(|(_, rest)| rest.starts_with(['/', '\\'])) {
        return Err("this URL has no host");
    }
    match url.scheme() {
        "https" | "http" | "ssh" | "git" => {}
        _ => return Err("nothing is fetched from there"),
    }
    // Some forges take a token for a user.
    if url.password().is_some() || !url.username().is_empty() && url.scheme() != "ssh" {
        return Err("a password or token does not stand in the configuration");
    }
    let is_plain = |text: &str| !text.starts_with('-') && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if host.is_empty()
        || !is_plain(host)
        || !is_plain(url.username())
        || !is_plain(text)
        || url.path().starts_with("/-")
    {
        return Err("this URL has no host, or a part that would be taken for an option");
    }
    Ok(())
}

/// What `git check-ref-format --branch` lets through, and less.
fn check_branch(text: &str) -> Result<(), &'static str> {
    let is_good = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['-', '.', '+'])
            && !part.ends_with(['.'])
            && !part.ends_with(".lock")
            && !part.contains("..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
    };
    let is_name = text.len() <= 200 && text.split('/').all(is_good);
    is_name.then_some(()).ok_or("this is no name of a branch")
}

/// What basic authentication can say.
fn check_user(text: &str) -> Result<(), &'static str> {
    let is_name = !text.is_empty() && text.len() <= 200 && !text.contains(':') && !text.chars().any(char::is_control);
    is_name.then_some(()).ok_or("this is no user's name")
}

fn check_path(text: &str) -> Result<(), &'static str> {
    let is_good = |part: &str| !matches!(part, "" | "." | ".." | ".git") && !part.chars().any(char::is_control);
    let text = text.trim_matches('/');
    let is_path = text.is_empty() || (text.len() <= 500 && text.split('/').all(is_good));
    is_path.then_some(()).ok_or("this leads out of the repository")
}

#[cfg(test)]
mod tests {
    use super::{check_branch, check_path, check_url};

    #[test]
    fn nothing_but_a_remote_repository_is_fetched_and_nothing_is_an_option() {
        for good in ["https://git.example.org/core.git", "ssh://git@host:22/~core/x", "git://[::1]/core", "http://h/x"]
        {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in [
            "file:///etc",
            "/srv/core.git",
            "../core.git",
            "ext::sh -c touch% /tmp/x",
            "--upload-pack=touch /tmp/x",
            "ssh://-oProxyCommand=touch/x",
            "ssh://-oProxyCommand=x@host/x",
            "https://user:token@host/x",
            "https://token@host/x",
            "https://host/x y",
            "git@host:core.git",
            "https:///x",
            "fd::17",
            "ssh://host/-x",
            "https://host/x\n",
            "",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
        for bad in
            ["-x", "--upload-pack=x", "a..b", "a b", "a/-b", "/a", "a/", "", "a.lock", "@{u}", "a:b", "+a", "a\n"]
        {
            assert!(check_branch(bad).is_err(), "{bad}");
        }
        assert_eq!(check_branch("release/2.4-maint"), Ok(()));
        for bad in ["..", "a/../b", ".git", "a//b", "a/.git/x", "a\nb"] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
        assert_eq!((check_path(""), check_path("ci/weir/"), check_path("weir.toml")), (Ok(()), Ok(()), Ok(())));
    }
}
