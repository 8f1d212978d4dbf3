//! The keys of one local issuer: the one that signs, and those that it replaced, which go on checking until the last token that they
//! signed has expired. Replaced keys lie beside the key's file in a folder of its name with `.retired`, of Ed25519 keys only the
//! public half.

use super::key::{self, Key};
use crate::config::issuer::LocalKey;
use anyhow::Context as _;
use std::io::ErrorKind;

/// Keys that were replaced and are looked at, at most.
const RETIRED_MAX: usize = 100;

/// The keys of one local issuer.
#[derive(Debug)]
pub struct Ring {
    signing: Key,
    retired: Vec<Key>,
}

impl Ring {
    /// Reads the keys of `[auth.jwt.<name>]`, making the first where there is none.
    ///
    /// # Errors
    /// Names the table, the file and what to do.
    pub fn open(name: &str, config: &LocalKey) -> anyhow::Result<Self> {
        let signing = Key::open(name, config)?;
        let dir = config.retired_dir();
        let about = || format!("the replaced keys of [auth.jwt.{name}] in {}", dir.display());
        let mut retired = Vec::new();
        let entries = match std::fs::read_dir(&dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self { signing, retired }),
            entries => entries.with_context(|| format!("cannot read {}", about()))?,
        };
        for entry in entries {
            let file = entry.with_context(|| format!("cannot read {}", about()))?.path();
            // A draft that a crash left is none.
            if file.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.')) {
                continue;
            }
            if retired.len() == RETIRED_MAX {
                anyhow::bail!(
                    "there are more than {RETIRED_MAX} {}; remove those whose tokens have all expired",
                    about()
                );
            }
            let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let key = key::parse_retired(&text, config.algorithm)
                .with_context(|| format!("{} is no replaced key of [auth.jwt.{name}]; remove it", file.display()))?;
            retired.push(key);
        }
        Ok(Self { signing, retired })
    }

    /// The key that signs.
    pub fn signing(&self) -> &Key {
        &self.signing
    }

    /// The key of this name.
    pub fn find(&self, kid: &str) -> Option<&Key> {
        std::iter::once(&self.signing).chain(&self.retired).find(|key| key.id == kid)
    }

    /// Puts a new key in the place of the one that signs. Tokens that the old one signed stay good until they expire.
    ///
    /// # Errors
    /// Where a file cannot be written; the old key then signs on.
    pub fn rotate(name: &str, config: &LocalKey) -> anyhow::Result<Self> {
        let old = Key::open(name, config)?;
        let text = std::fs::read_to_string(&config.key_file)
            .with_context(|| format!("cannot read {}", config.key_file.display()))?;
        // Kept first: a crash in between leaves the old key signing, and checked twice.
        let kept = config.retired_dir().join(&old.id);
        key::put(&kept, &key::to_retired(&text, config.algorithm)?, |draft| std::fs::rename(draft, &kept))?;
        key::replace(&config.key_file, config.algorithm)?;
        Self::open(name, config)
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;
    use crate::config::issuer::{LocalAlgorithm, LocalKey};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_replaced_key_is_kept_for_checking_and_a_new_one_signs() {
        for algorithm in [LocalAlgorithm::EdDsa, LocalAlgorithm::Hs256] {
            let dir = tempfile::tempdir().unwrap();
            let config = LocalKey { algorithm, key_file: dir.path().join("jwt.pem") };
            let first = Ring::open("local", &config).unwrap().signing().id.clone();
            let second = Ring::rotate("local", &config).unwrap().signing().id.clone();
            let ring = Ring::rotate("local", &config).unwrap();
            let third = ring.signing().id.clone();
            assert!(first != second && second != third && first != third);
            for id in [&first, &second] {
                let old = ring.find(id).unwrap();
                assert!(old.encoding.is_none(), "a replaced key signs no more");
                let file = dir.path().join("jwt.pem.retired").join(id);
                assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
                let kept = std::fs::read_to_string(file).unwrap();
                assert_eq!(kept.contains("PUBLIC KEY"), algorithm == LocalAlgorithm::EdDsa);
            }
            assert!(ring.find(&third).unwrap().encoding.is_some() && ring.find("gone").is_none());
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no draft is left");
        }
    }
}
