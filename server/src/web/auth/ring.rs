//! The keys of one local issuer: the one that signs, and those that it replaced, which go on checking until the last token that they
//! signed has expired. Replaced keys lie beside the key's file in a folder of its name with `.retired`, of Ed25519 keys only the
//! public half.

use super::key::{self, Key};
use crate::config::issuer::LocalKey;
use crate::model::time::Time;
use anyhow::Context as _;
use std::fs::DirEntry;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::SystemTime;

/// Keys that were replaced and are looked at, at most.
const RETIRED_MAX: usize = 100;
/// Files of that folder that are looked at, at most.
const LOOKED_AT_MAX: usize = 10 * RETIRED_MAX;

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
        let files = retired_files(name, config)?;
        if files.len() > RETIRED_MAX {
            anyhow::bail!("there are more than {RETIRED_MAX} {}; {}", about(name, config), what_may_go(files));
        }
        let mut retired = Vec::with_capacity(files.len());
        for (_, file) in files {
            let text = key::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
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
    /// Where there is no room for one more replaced key, or a file cannot be written; the old key then signs on.
    pub fn rotate(name: &str, config: &LocalKey) -> anyhow::Result<Self> {
        let old = Key::open(name, config)?;
        let text = key::read(&config.key_file).with_context(|| format!("cannot read {}", config.key_file.display()))?;
        let kept = config.retired_dir().join(&old.id);
        let mut others = retired_files(name, config)?;
        others.retain(|(_, file)| *file != kept);
        if others.len() >= RETIRED_MAX {
            anyhow::bail!(
                "the key is not replaced: there are {RETIRED_MAX} {} already, and no more are looked at; {}",
                about(name, config),
                what_may_go(others)
            );
        }
        // Kept first: a crash in between leaves the old key signing, and checked twice.
        key::put(&kept, &key::to_retired(&text, config.algorithm)?, |draft| std::fs::rename(draft, &kept))?;
        key::replace(&config.key_file, config.algorithm)?;
        Self::open(name, config)
    }
}

fn about(name: &str, config: &LocalKey) -> String {
    format!("replaced keys of [auth.jwt.{name}] in {}", config.retired_dir().display())
}

/// The files of replaced keys, with when each was replaced. Drafts that a crash left are none.
fn retired_files(name: &str, config: &LocalKey) -> anyhow::Result<Vec<(SystemTime, PathBuf)>> {
    let entries = match std::fs::read_dir(config.retired_dir()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries,
    };
    let files =
        entries.and_then(|entries| entries.filter_map(dated).take(LOOKED_AT_MAX).collect::<std::io::Result<_>>());
    files.with_context(|| format!("cannot read the {}", about(name, config)))
}

/// A replaced key's file, with when it was put there; none where it is a draft, or gone since the folder was listed.
fn dated(entry: std::io::Result<DirEntry>) -> Option<std::io::Result<(SystemTime, PathBuf)>> {
    let dated = entry.map(|entry| {
        // By its name first: a draft may be renamed at this moment.
        let is_draft = entry.file_name().to_string_lossy().starts_with('.');
        (!is_draft).then(|| Ok((entry.metadata()?.modified()?, entry.path())))
    });
    let dated = dated.unwrap_or_else(|error| Some(Err(error)))?;
    let is_gone = dated.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    (!is_gone).then_some(dated)
}

/// What to do where they are too many, with the oldest.
fn what_may_go(mut files: Vec<(SystemTime, PathBuf)>) -> String {
    files.sort_unstable();
    let one = |(at, file): &(SystemTime, PathBuf)| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        format!("{name} (replaced on {})", Time::from(*at).format("%Y-%m-%d"))
    };
    let oldest: Vec<String> = files.iter().take(3).map(one).collect();
    format!(
        "remove the files of those whose tokens have all expired (`weir token list` has them), or that were revoked by `weir token revoke \
         --key`; the oldest are {}",
        oldest.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::{RETIRED_MAX, Ring, dated};
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

    #[test]
    fn what_has_no_room_for_one_more_replaced_key_replaces_none_and_says_what_may_go() {
        let dir = tempfile::tempdir().unwrap();
        let config = LocalKey { algorithm: LocalAlgorithm::EdDsa, key_file: dir.path().join("jwt.pem") };
        let first = Ring::open("local", &config).unwrap().signing().id.clone();
        Ring::rotate("local", &config).unwrap();
        let retired = dir.path().join("jwt.pem.retired");
        for n in 1..RETIRED_MAX {
            std::fs::copy(retired.join(&first), retired.join(format!("copy-{n}"))).unwrap();
        }
        std::fs::write(retired.join(".draft"), "").unwrap();
        let old = std::fs::File::options().write(true).open(retired.join("copy-7")).unwrap();
        old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        let signs = Ring::open("local", &config).unwrap().signing().id.clone();
        let said = Ring::rotate("local", &config).unwrap_err().to_string();
        assert!(
            said.contains("the key is not replaced: there are 100 ")
                && said.contains("copy-7 (replaced on 1970-01-01)"),
            "{said}"
        );
        assert_eq!(
            Ring::open("local", &config).unwrap().signing().id,
            signs,
            "the old one signs on, and the server starts"
        );
        std::fs::remove_file(retired.join("copy-7")).unwrap();
        let ring = Ring::rotate("local", &config).unwrap();
        assert!(ring.signing().id != signs && ring.find(&signs).is_some());
    }

    #[test]
    fn what_goes_while_the_folder_is_read_and_drafts_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["gone", "kept", ".draft"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let entries: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        std::fs::remove_file(dir.path().join("gone")).unwrap();
        std::fs::remove_file(dir.path().join(".draft")).unwrap();
        let files: Vec<_> = entries.into_iter().filter_map(dated).map(|file| file.unwrap().1).collect();
        assert_eq!(files, [dir.path().join("kept")]);
    }

    #[test]
    fn a_pipe_and_what_is_too_large_are_no_keys_and_keep_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let config = LocalKey { algorithm: LocalAlgorithm::EdDsa, key_file: dir.path().join("jwt.pem") };
        nix::unistd::mkfifo(&config.key_file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let said = format!("{:#}", Ring::open("local", &config).unwrap_err());
        assert!(said.contains("it is no ordinary file"), "{said}");
        std::fs::remove_file(&config.key_file).unwrap();
        std::fs::write(&config.key_file, "x".repeat(1 << 20)).unwrap();
        let said = format!("{:#}", Ring::open("local", &config).unwrap_err());
        assert!(said.contains("it has over 65536 bytes"), "{said}");
    }
}
