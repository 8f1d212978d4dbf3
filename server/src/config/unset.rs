//! Warns of secrets that have no value when the configuration is read.

use super::Config;
use super::path::KeyPath;
use super::read::Reader;
use super::team::Secret;
use std::collections::BTreeSet;

/// Warns of the teams' secrets that have no value now. What no secret may come from is not looked at: whether it is there is nothing that a
/// team may learn.
pub fn warn_teams(config: &Config, variables: &BTreeSet<String>, reader: &Reader<'_>) {
    for team in config.teams.values() {
        for (name, secret) in team.secrets.iter().filter(|(_, secret)| !team.reserved.holds(&secret.from)) {
            let path = KeyPath::of(&["team", &team.name, "secret", name]);
            warn(&secret.from, &path, &format!("what uses secret `{name}` will fail"), (variables, reader));
        }
    }
}

/// Warns where the variable of the secret at `path` is not among the server's `variables`, or its file is not there, and says what follows.
pub fn warn(from: &Secret, path: &KeyPath, follows: &str, (variables, reader): (&BTreeSet<String>, &Reader<'_>)) {
    let (key, what, expected) = match from {
        Secret::Env(variable) if !variables.contains(variable) => {
            let expected = format!("`{variable}` in the server's environment");
            ("env", format!("variable `{variable}` is not set"), expected)
        }
        Secret::File(file) if matches!(file.try_exists(), Ok(false)) => {
            let expected = "a file; a relative path starts in the folder of the file that says so";
            ("file", format!("`{}` does not exist", file.display()), expected.to_owned())
        }
        from @ Secret::Credential(credential) if from.path().is_none_or(|path| !path.exists()) => {
            let expected = format!("`LoadCredential={credential}:PATH` in the server's unit");
            ("credential", format!("systemd gave no credential `{credential}`"), expected)
        }
        _ => return,
    };
    let diagnostic = reader.wrong(&path.key(key), "unset-secret", format!("{what}: {follows}")).warning();
    reader.note(diagnostic.expected(expected));
}
