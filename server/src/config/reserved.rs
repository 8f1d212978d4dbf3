//! What a team's secret may not come from: whoever writes a team's file decides what its commands get, and must not get the server's own.

use super::Config;
use super::path::KeyPath;
use super::read::Reader;
use super::source::Syntax;
use super::team::{Secret, Team};
use super::team_texts::TeamTexts;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the system shows of running processes there, the server's environment among it.
const OF_THE_SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Variables with these prefixes set the server's own keys, and let it into databases, machines and clouds.
const OWN_PREFIXES: [&str; 4] = ["WEIR_", "PG", "SSH_", "AWS_"];
/// What the programs of the server's user read there to be let in somewhere.
const OF_THE_USER: [&str; 3] = [".ssh", ".netrc", ".pgpass"];

/// What a team's secret may not come from. Paths are absolute; they need not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reserved {
    /// Nothing in these folders.
    folders: BTreeSet<PathBuf>,
    /// None of these.
    files: BTreeSet<PathBuf>,
    /// Nothing in these that could be a file of the configuration.
    configuration: BTreeSet<PathBuf>,
    /// None of these variables of the environment.
    variables: BTreeSet<String>,
    /// No variable whose name begins so, in whatever case.
    prefixes: &'static [&'static str],
}

impl Reserved {
    /// What is the server's own.
    fn of_server(config: &Config) -> Self {
        let mut reserved = Self {
            folders: OF_THE_SYSTEM.map(PathBuf::from).into_iter().chain(config.own_folders()).collect(),
            files: config.own_files().collect(),
            configuration: config.configuration_folders().into(),
            variables: BTreeSet::new(),
            prefixes: &["WEIR_"],
        };
        config.own_secrets().for_each(|secret| reserved.add(secret));
        reserved
    }

    fn add(&mut self, secret: &Secret) {
        match secret {
            Secret::Env(variable) => drop(self.variables.insert(variable.clone())),
            Secret::File(_) | Secret::Credential(_) => self.files.extend(secret.path()),
            // No team's own file runs one.
            Secret::Command(_) => {}
        }
    }

    /// Whether a secret may not come from here: as it is written, and where its links lead now.
    pub fn holds(&self, secret: &Secret) -> bool {
        match secret {
            Secret::Env(variable) => {
                let begins = |own: &str| variable.get(..own.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(own));
                let is_own = self.prefixes.iter().any(|own| begins(own));
                is_own || self.variables.contains(variable)
            }
            Secret::File(_) | Secret::Credential(_) => {
                secret.path().is_some_and(|path| self.holds_path(&path) || self.holds_path(&real(&path)))
            }
            Secret::Command(_) => false,
        }
    }

    fn holds_path(&self, path: &Path) -> bool {
        let is = |one: &PathBuf| path == one || path == real(one);
        let is_in = |folder: &PathBuf| path.starts_with(folder) || path.starts_with(real(folder));
        let may_be_read = || Syntax::of(path).is_some();
        let is_of_configuration = || self.configuration.iter().any(is_in) && may_be_read();
        self.folders.iter().any(is_in) || self.files.iter().any(is) || is_of_configuration()
    }
}

/// Tells each team what its secrets may not come from, and says which of them do. `is_own_file` says whether a team has a file of its
/// own: the operator, who writes the other teams, knows what they share, and nobody's file may break those. What a team had already by
/// `texts` stays its own: whoever declares it later is wrong.
pub fn reserve(config: &mut Config, is_own_file: impl Fn(&str) -> bool, texts: &TeamTexts, reader: &Reader<'_>) {
    let of_server = Reserved::of_server(config);
    let declared: Vec<(String, Secret)> = config
        .teams
        .values()
        .flat_map(|team| team.secrets.values().map(|secret| (team.name.clone(), secret.from.clone())))
        .collect();
    for team in config.teams.values_mut() {
        let mut reserved = of_server.clone();
        if is_own_file(&team.name) {
            reserved.prefixes = &OWN_PREFIXES;
            // Of the server's user; whoever writes the instance's files may lend them.
            if let Some(home) = std::env::home_dir().filter(|home| home.is_absolute()) {
                reserved.folders.extend(OF_THE_USER.map(|name| home.join(name)));
            }
            let others = declared.iter().filter(|(name, _)| *name != team.name);
            let had = |name: &str, secret: &Secret| {
                texts.get(name).is_some_and(|text| text.secrets.contains(&secret.to_string()))
            };
            let takes =
                |name: &str, secret: &Secret| is_own_file(name) && had(&team.name, secret) && !had(name, secret);
            others.filter(|(name, secret)| !takes(name, secret)).for_each(|(_, secret)| reserved.add(secret));
        }
        note(team, &reserved, reader);
        Arc::make_mut(team).reserved = Arc::new(reserved);
    }
}

fn note(team: &Team, reserved: &Reserved, reader: &Reader<'_>) {
    for (name, secret) in team.secrets.iter().filter(|(_, secret)| reserved.holds(&secret.from)) {
        let (key, what, expected) = match &secret.from {
            Secret::Env(variable) => (
                "env",
                format!("variable `{variable}`"),
                "a variable that is only for this team and not named `WEIR_...`, `PG...`, `SSH_...` or `AWS_...`",
            ),
            Secret::Credential(name) => {
                ("credential", format!("credential `{name}`"), "a credential that is only for this team")
            }
            Secret::Command(_) => continue,
            Secret::File(path) => (
                "file",
                format!("`{}`", path.display()),
                "a file that is only for this team, and not in `state_dir` or of the configuration",
            ),
        };
        let path = KeyPath::of(&["team", &team.name, "secret", name, key]);
        let message =
            format!("{what} is the server's own or another team's: no secret of this team may come from there");
        reader.note(reader.wrong(&path, "reserved-secret", message).expected(expected));
    }
}

/// Where the links of a path lead; what does not exist yet is taken as it is written.
fn real(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
            // Joining nothing would add a slash at the end.
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path.to_owned()
}
