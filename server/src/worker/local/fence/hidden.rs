//! What builds must not reach, taken from the configuration.

use crate::config::Config;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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
        let mut secret: BTreeSet<PathBuf> = config.own_folders().chain(config.own_files()).collect();
        secret.extend(config.configuration_folders());
        secret.extend(config.teams.values().map(|team| team.file.clone()));
        let of_teams = config.teams.values().flat_map(|team| team.secrets.values());
        secret.extend(of_teams.filter_map(|secret| secret.from.path()));
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

/// What the user cannot change anyway needs no guard, and guarding it would cost a grant for each of its neighbours.
fn is_writable(path: &Path) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::Hidden;
    use crate::config::plugin::Plugin;
    use crate::config::server::Server;
    use crate::config::{Described, NotDescribed, PluginCatalogue, load};
    use std::path::Path;

    struct NoPlugins;

    impl PluginCatalogue for NoPlugins {
        fn describe(&self, _: &str, _: &Plugin, _: &Server) -> Result<Described, NotDescribed> {
            Err(NotDescribed::NotAsked)
        }

        fn names(&self, _: &Server) -> Vec<String> {
            Vec::new()
        }
    }

    #[test]
    fn every_file_that_a_secret_of_the_instance_comes_from_is_hidden() {
        let dir = tempfile::tempdir().unwrap();
        let main = "[worker.a]\npassword = { file = \"/own/worker\" }\n\
                    [mail]\nsmtp = \"smtp://mail.example.org:25\"\nfrom = \"a@example.org\"\npassword = { file = \"/own/mail\" }\n\
                    [auth.oidc.forge]\nissuer = \"https://id.example.org\"\nclient_id = \"weir\"\nclient_secret = { file = \"/own/oidc\" }\n\
                    [auth.jwt.local]\nalgorithm = \"HS256\"\nkey_file = \"/keys/jwt.pem\"\n";
        std::fs::write(dir.path().join("weir.toml"), main).unwrap();
        let loaded = load(&dir.path().join("weir.toml"), [], &NoPlugins);
        let hidden = Hidden::of(&loaded.config.unwrap()).secret;
        for path in ["/own/worker", "/own/mail", "/own/oidc", "/keys/jwt.pem", "/keys/jwt.pem.retired"] {
            assert!(hidden.contains(Path::new(path)), "{path} is not hidden: {hidden:?}");
        }
    }
}
