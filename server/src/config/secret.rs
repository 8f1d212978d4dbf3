//! `[secret]` and every key that holds a secret: says where the value is, never what it is.

use super::read::kind_of;
use super::read::{At, Node, Read, Reader, section};
use super::team::{Secret, TeamSecret};
use super::value::FilePath;
use crate::model::egress::HostRule;
use std::borrow::Cow;

section! {
    /// Where a secret's value comes from: exactly one of `env`, `file`, `credential` and `command`. Nothing that is the server's own (`state_dir`, the
    /// configuration, keys and passwords of the instance, `/proc`), and nothing that another team's secret comes from.
    struct RawTeamSecret {
        /// A variable of the server's environment whose name does not begin with `WEIR_`.
        env = "env": String;
        /// A file; relative paths start in the folder of the file that says so. Line ends at its end are not part of the value.
        file = "file": FilePath;
        /// A credential that systemd hands to the server (`LoadCredential=NAME:PATH` in its unit).
        credential = "credential": At<String>;
        /// A program with its arguments, run without a shell when the value is needed: what it prints within 10 seconds, without line
        /// ends at the end. It gets the server's environment without what is named `WEIR_...`. Only in the instance's files.
        command = "command": At<Vec<String>>;
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
        /// A credential that systemd hands to the server (`LoadCredential=NAME:PATH` in its unit).
        credential = "credential": At<String>;
        /// A program with its arguments, run without a shell when the value is needed: what it prints within 10 seconds, without line
        /// ends at the end. It gets the server's environment without what is named `WEIR_...`. Only in the instance's files.
        command = "command": At<Vec<String>>;
    }
}

/// The keys as they were read.
struct Places {
    env: Option<String>,
    file: Option<FilePath>,
    credential: Option<At<String>>,
    command: Option<At<Vec<String>>>,
}

/// What the keys are called.
const KEYS: [&str; 4] = ["env", "file", "credential", "command"];

impl Read for Secret {
    fn expected() -> Cow<'static, str> {
        "`{ env = \"VARIABLE\" }`, `{ file = \"PATH\" }`, `{ credential = \"NAME\" }` or `{ command = [\"PROGRAM\"] }`"
            .into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        refuse_value(node, reader)?;
        let raw = RawSecret::read(node, reader)?;
        let RawSecret { env, file, credential, command, .. } = raw;
        place(Places { env, file, credential, command }, node, reader)
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
        let RawTeamSecret { env, file, credential, command, .. } = raw;
        Some(Self { from: place(Places { env, file, credential, command }, node, reader)?, hosts })
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

fn place(places: Places, node: &Node<'_>, reader: &Reader<'_>) -> Option<Secret> {
    let n_written = node.value.as_dict().map_or(0, |dict| KEYS.iter().filter(|key| dict.contains_key(**key)).count());
    if n_written != 1 {
        let (rule, message) = match n_written {
            0 => ("missing-key", "this secret comes from nowhere"),
            _ => ("ambiguous", "this secret comes from several places"),
        };
        let diagnostic = reader.wrong(&node.path, rule, message).expected(Secret::expected());
        reader.note(if n_written == 0 { diagnostic.covered() } else { diagnostic });
        return None;
    }
    let Places { env, file, credential, command } = places;
    let credential = || check_credential(credential?, reader);
    let command = || check_command(command?, reader);
    env.map(Secret::Env).or_else(|| Some(Secret::File(file?.0))).or_else(credential).or_else(command)
}

/// A name that stays in the folder of the credentials.
fn check_credential(name: At<String>, reader: &Reader<'_>) -> Option<Secret> {
    let is_name = !name.value.is_empty() && !name.value.starts_with('.') && !name.value.contains(['/', '\0']);
    if !is_name {
        let diagnostic = reader.wrong(&name.path, "bad-name", "this is no name of a credential");
        reader.note(diagnostic.expected("a name as in `LoadCredential=NAME:PATH`"));
    }
    is_name.then_some(Secret::Credential(name.value))
}

/// What runs as the server is for the operator to say.
fn check_command(argv: At<Vec<String>>, reader: &Reader<'_>) -> Option<Secret> {
    let diagnostic = reader.wrong(&argv.path, "not-lent", "a team's own file runs no command as the server");
    if diagnostic.team.is_some() {
        reader.note(
            diagnostic.expected("`env`, `file` or `credential`; the operator may write the command into `[team.NAME]`"),
        );
        return None;
    }
    if argv.value.first().is_none_or(String::is_empty) {
        let diagnostic = reader.wrong(&argv.path, "empty-list", "there is no program");
        reader.note(diagnostic.expected("a program and its arguments, such as `[\"pass\", \"show\", \"weir\"]`"));
        return None;
    }
    Some(Secret::Command(argv.value))
}
