//! `[secret]` and every key that holds a secret: says where the value is, never what it is.

use super::read::kind_of;
use super::read::{At, Node, Read, Reader, section};
use super::team::{Secret, TeamSecret};
use super::value::FilePath;
use crate::model::egress::HostRule;
use std::borrow::Cow;

section! {
    /// Where a secret's value comes from: exactly one of `env` and `file`. Nothing that is the server's own (`state_dir`, the
    /// configuration, keys and passwords of the instance, `/proc`), and nothing that another team's secret comes from.
    struct RawTeamSecret {
        /// A variable of the server's environment whose name does not begin with `WEIR_`.
        env = "env": String;
        /// A file; relative paths start in the folder of the file that says so. Line ends at its end are not part of the value.
        file = "file": FilePath;
        /// The only services that it may be sent to, each `HOST:PORT` as in a plugin's `http`; with this no command gets it, and no
        /// plugin may read it.
        hosts = "hosts": Vec<At<String>>, "wherever the plugin may call";
    }
}

section! {
    /// Where a password comes from: exactly one of the keys.
    struct RawSecret {
        /// A variable of the server's environment.
        env = "env": String;
        /// A file; relative paths start in the folder of the file that says so.
        file = "file": FilePath;
    }
}

impl Read for Secret {
    fn expected() -> Cow<'static, str> {
        "`{ env = \"VARIABLE\" }` or `{ file = \"PATH\" }`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        refuse_value(node, reader)?;
        let raw = RawSecret::read(node, reader)?;
        place(raw.env, raw.file, node, reader)
    }
}

impl Read for TeamSecret {
    fn expected() -> Cow<'static, str> {
        Secret::expected()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        refuse_value(node, reader)?;
        let raw = RawTeamSecret::read(node, reader)?;
        let hosts = raw.hosts.map(|hosts| hosts.into_iter().filter_map(|host| check_host(&host, reader)).collect());
        Some(Self { from: place(raw.env, raw.file, node, reader)?, hosts })
    }
}

fn check_host(host: &At<String>, reader: &Reader<'_>) -> Option<HostRule> {
    match host.value.parse::<HostRule>() {
        Ok(rule) => Some(rule),
        Err(error) => {
            reader.note(reader.wrong(&host.path, "bad-host", error.why).expected(error.instead));
            None
        }
    }
}

/// What stands here may be the secret itself: neither it nor its line is shown.
fn refuse_value(node: &Node<'_>, reader: &Reader<'_>) -> Option<()> {
    if node.value.as_dict().is_some() {
        return Some(());
    }
    let kind = if node.value.as_str().is_some() { "a string".to_owned() } else { kind_of(node.value) };
    let message = format!("this is {kind}; a secret does not stand in the configuration");
    reader.note(reader.wrong(&node.path, "wrong-type", message).expected(Secret::expected()).covered());
    None
}

fn place(env: Option<String>, file: Option<FilePath>, node: &Node<'_>, reader: &Reader<'_>) -> Option<Secret> {
    match (env, file) {
        (Some(variable), None) => Some(Secret::Env(variable)),
        (None, Some(path)) => Some(Secret::File(path.0)),
        (Some(_), Some(_)) => {
            let diagnostic = reader.wrong(&node.path, "ambiguous", "this secret comes from two places");
            reader.note(diagnostic.expected(Secret::expected()));
            None
        }
        (None, None) => {
            if node.value.as_dict().is_some_and(|dict| !dict.contains_key("env") && !dict.contains_key("file")) {
                let diagnostic = reader.wrong(&node.path, "missing-key", "this secret comes from nowhere");
                reader.note(diagnostic.expected(Secret::expected()).covered());
            }
            None
        }
    }
}
