//! What is the server's own, listed once: no team's secret comes from there, and no build reaches it.

use super::Config;
use super::issuer::LocalKey;
use super::team::Secret;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Files SQLite keeps beside a database.
const DATABASE_COMPANIONS: [&str; 4] = ["", "-wal", "-shm", "-journal"];
/// Folders of further configuration beside the main file: whoever could write there could declare a team.
const CONFIGURATION_FOLDERS: [&str; 2] = ["conf.d", "teams"];

impl Config {
    /// Where every secret of the instance itself comes from: the workers' passwords, the one of `[mail]`, what the providers of
    /// sign-in know this server by, and what lets it into teams' repositories. A new kind of secret of the instance belongs here, and nowhere else.
    pub fn own_secrets(&self) -> impl Iterator<Item = &Secret> {
        let workers = self.workers.values().filter_map(|worker| worker.password.as_ref());
        let providers = self.auth.oidc.values().filter_map(|provider| provider.client_secret.as_ref());
        let repositories = self.repositories.values().filter_map(|repository| repository.token.as_ref());
        workers.chain(&self.mail_password).chain(providers).chain(repositories)
    }

    /// Files that are the server's own, wherever they lie: the configuration, the keys that sign, the database, and the files its
    /// secrets come from. They need not exist.
    pub fn own_files(&self) -> impl Iterator<Item = PathBuf> {
        let keys = self.auth.local.values().map(|key| key.key_file.clone());
        let database = self
            .server
            .database
            .strip_prefix("sqlite:")
            .map(|database| DATABASE_COMPANIONS.map(|companion| with_suffix(Path::new(database), companion)));
        let secrets = self.own_secrets().filter_map(Secret::path);
        self.files.iter().cloned().chain(keys).chain(database.into_iter().flatten()).chain(secrets)
    }

    /// Folders that are the server's own with all that is in them, wherever they lie: `state_dir`, and keys that were replaced and go
    /// on checking. They need not exist.
    pub fn own_folders(&self) -> impl Iterator<Item = PathBuf> {
        let retired = self.auth.local.values().map(LocalKey::retired_dir);
        std::iter::once(self.server.state_dir.clone()).chain(retired)
    }

    /// Folders of further configuration beside the main file.
    pub fn configuration_folders(&self) -> [PathBuf; 2] {
        CONFIGURATION_FOLDERS.map(|folder| self.dir.join(folder))
    }
}

impl LocalKey {
    /// Where keys that were replaced are kept: beside the key's file, in a folder of its name with `.retired`. Replaced HS256 keys are
    /// as secret as the one that signs, as long as they check.
    pub fn retired_dir(&self) -> PathBuf {
        with_suffix(&self.key_file, ".retired")
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
