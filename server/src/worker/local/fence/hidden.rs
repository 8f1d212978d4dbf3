//! What builds must not reach, taken from the configuration.

use crate::config::Config;
use crate::config::team::Secret;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Files SQLite keeps beside a database.
const DATABASE_COMPANIONS: [&str; 4] = ["", "-wal", "-shm", "-journal"];
/// Folders of further configuration beside the main file: whoever could write there could declare a team.
const CONFIGURATION_FOLDERS: [&str; 2] = ["conf.d", "teams"];

/// What builds must not reach, and what they must not change. Absolute paths; they need not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Neither read nor written, with everything beneath: `state_dir` (database, logs, keys, compiled plugins, work directories), the
    /// configuration, and the files that secrets come from.
    pub secret: BTreeSet<PathBuf>,
    /// Read and executed, never written: what the server itself executes.
    pub read_only: BTreeSet<PathBuf>,
}

impl Hidden {
    /// What this configuration says must be hidden.
    pub fn of(config: &Config) -> Self {
        let mut secret = BTreeSet::from([config.server.state_dir.clone()]);
        secret.extend(config.files.iter().cloned());
        secret.extend(CONFIGURATION_FOLDERS.map(|folder| config.dir.join(folder)));
        secret.extend(config.auth.local.values().map(|key| key.key_file.clone()));
        secret.extend(config.teams.values().map(|team| team.file.clone()));
        let passwords = config.workers.values().filter_map(|worker| worker.password.as_ref());
        let of_teams = config.teams.values().flat_map(|team| team.secrets.values()).map(|secret| &secret.from);
        let secrets = of_teams.chain(passwords);
        secret.extend(secrets.filter_map(Secret::path));
        if let Some(database) = config.server.database.strip_prefix("sqlite:") {
            secret.extend(DATABASE_COMPANIONS.map(|companion| with_suffix(Path::new(database), companion)));
        }
        let mut read_only: BTreeSet<PathBuf> = config.server.plugin_dir.iter().cloned().collect();
        read_only.extend(config.plugins.values().filter_map(|plugin| plugin.file.clone()));
        // Replaced, it would run as the server at the next start. The bundled plugins lie beside it.
        if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
            read_only.extend([folder.to_owned(), folder.join("plugins"), folder.with_file_name("plugins")]);
        }
        read_only.retain(|path| path.ancestors().any(is_writable));
        Self { secret, read_only }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// What the user cannot change anyway needs no guard, and guarding it would cost a grant for each of its neighbours.
fn is_writable(path: &Path) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok()
}
