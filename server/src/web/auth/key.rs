//! Local keys: read from their file, or made at first start, whole or not at all, readable by the server's user only.

use crate::config::issuer::{LocalAlgorithm, LocalKey};
use crate::config::open::read_text;
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use sha2::{Digest as _, Sha256};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Bytes of an HS256 secret at least.
const SECRET_BYTES_MIN: usize = 32;
/// Bytes of a key's file at most.
const FILE_BYTES_MAX: usize = 64 << 10;

/// One local key. Its algorithm comes from the configuration and never from a token. It prints as its algorithm only.
pub struct Key {
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Its name in the header of what it signs (`kid`): made of the key itself, so that it never names another.
    pub id: String,
    /// None for a key that was replaced: it signs no more.
    pub(super) encoding: Option<EncodingKey>,
    pub(super) decoding: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).field("id", &self.id).finish_non_exhaustive()
    }
}

impl Key {
    /// Reads the key of `[auth.jwt.<name>]`, making it first where its file is not there.
    ///
    /// # Errors
    /// Names the table, the file and what to do.
    pub fn open(name: &str, config: &LocalKey) -> anyhow::Result<Self> {
        let file = &config.key_file;
        let about = || format!("the key of [auth.jwt.{name}], {}", file.display());
        let text = match read(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(file, config.algorithm).with_context(|| format!("cannot make {}", about()))?;
                read(file)
            }
            read => read,
        };
        let text = text.with_context(|| format!("cannot read {}", about()))?;
        warn_if_open_to_others(file);
        parse(&text, config.algorithm).with_context(|| {
            format!(
                "{} is no key; put the right file there, or remove it to have a new key made (old tokens end then)",
                about()
            )
        })
    }
}

/// The text of a key's file: an ordinary file of bounded size.
pub(super) fn read(file: &Path) -> std::io::Result<String> {
    Ok(read_text(file, None, FILE_BYTES_MAX)?)
}

/// Reads a key's text.
fn parse(text: &str, algorithm: LocalAlgorithm) -> anyhow::Result<Key> {
    match algorithm {
        LocalAlgorithm::EdDsa => {
            let key =
                SigningKey::from_pkcs8_pem(text).map_err(|_| anyhow::anyhow!("it is no Ed25519 key in PKCS#8 PEM"))?;
            let der = key.to_pkcs8_der().map_err(|_| anyhow::anyhow!("the key cannot be encoded"))?;
            Ok(Key { encoding: Some(EncodingKey::from_ed_der(der.as_bytes())), ..public(&key.verifying_key()) })
        }
        LocalAlgorithm::Hs256 => {
            let secret = secret(text)?;
            Ok(Key {
                algorithm: Algorithm::HS256,
                id: id(&[b"weir HS256 key", secret.as_slice()]),
                encoding: Some(EncodingKey::from_secret(&secret)),
                decoding: DecodingKey::from_secret(&secret),
            })
        }
    }
}

/// Reads what is kept of a key that was replaced: of an Ed25519 key its public half only.
pub(super) fn parse_retired(text: &str, algorithm: LocalAlgorithm) -> anyhow::Result<Key> {
    match algorithm {
        LocalAlgorithm::EdDsa => {
            let key = VerifyingKey::from_public_key_pem(text)
                .map_err(|_| anyhow::anyhow!("it is no public Ed25519 key in PEM"))?;
            Ok(public(&key))
        }
        LocalAlgorithm::Hs256 => Ok(Key { encoding: None, ..parse(text, algorithm)? }),
    }
}

/// What is to be kept of the key `text` once it is replaced.
pub(super) fn to_retired(text: &str, algorithm: LocalAlgorithm) -> anyhow::Result<String> {
    match algorithm {
        LocalAlgorithm::EdDsa => {
            let key =
                SigningKey::from_pkcs8_pem(text).map_err(|_| anyhow::anyhow!("it is no Ed25519 key in PKCS#8 PEM"))?;
            let pem = key.verifying_key().to_public_key_pem(LineEnding::LF);
            pem.map_err(|_| anyhow::anyhow!("the key cannot be encoded"))
        }
        LocalAlgorithm::Hs256 => Ok(text.to_owned()),
    }
}

/// The half of an Ed25519 key that checks.
fn public(key: &VerifyingKey) -> Key {
    Key {
        algorithm: Algorithm::EdDSA,
        id: id(&[key.as_bytes()]),
        encoding: None,
        decoding: DecodingKey::from_ed_der(key.as_bytes()),
    }
}

fn secret(text: &str) -> anyhow::Result<Vec<u8>> {
    let secret = BASE64.decode(text.trim()).map_err(|_| anyhow::anyhow!("it is no base64"))?;
    if secret.len() < SECRET_BYTES_MIN {
        bail!("it holds {} bytes; at least {SECRET_BYTES_MIN} are needed", secret.len());
    }
    Ok(secret)
}

/// The first 64 bits of a hash: enough to tell keys apart, and nothing of the key.
fn id(parts: &[&[u8]]) -> String {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize();
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a new key.
fn new_text(algorithm: LocalAlgorithm) -> anyhow::Result<String> {
    let secret: [u8; SECRET_BYTES_MIN] = rand::random();
    match algorithm {
        LocalAlgorithm::EdDsa => {
            // Without the public half: version 1, which every tool reads.
            let bytes = KeypairBytes { secret_key: secret, public_key: None };
            let pem = bytes.to_pkcs8_pem(LineEnding::LF).map_err(|_| anyhow::anyhow!("the key cannot be encoded"))?;
            Ok(pem.to_string())
        }
        LocalAlgorithm::Hs256 => Ok(BASE64.encode(secret) + "\n"),
    }
}

/// Makes a key. Another process may do the same at the same moment: the first one wins and both use it.
fn make(file: &Path, algorithm: LocalAlgorithm) -> anyhow::Result<()> {
    put(file, &new_text(algorithm)?, |draft| match std::fs::hard_link(draft, file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => std::fs::remove_file(draft),
        linked => linked.and_then(|()| std::fs::remove_file(draft)),
    })
}

/// Puts a new key in the place of the one in `file`.
pub(super) fn replace(file: &Path, algorithm: LocalAlgorithm) -> anyhow::Result<()> {
    put(file, &new_text(algorithm)?, |draft| std::fs::rename(draft, file))
}

/// Puts `text` into `file`, whole or not at all, and durably: `place` brings the draft there and leaves none behind.
pub(super) fn put(file: &Path, text: &str, place: impl FnOnce(&Path) -> std::io::Result<()>) -> anyhow::Result<()> {
    let dir = file.parent().context("the file has no folder")?;
    if !dir.exists() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.with_context(|| format!("cannot make the folder {}", dir.display()))?;
    }
    let name = file.file_name().context("the file has no name")?.to_string_lossy().into_owned();
    let draft = dir.join(format!(".{name}.{}.{:08x}", std::process::id(), rand::random::<u32>()));
    if let Err(error) = write_new(&draft, text).and_then(|()| place(&draft)) {
        // What cannot be written cannot always be removed either.
        let _ = std::fs::remove_file(&draft);
        return Err(error).with_context(|| format!("cannot write into the folder {}", dir.display()));
    }
    std::fs::File::open(dir).and_then(|dir| dir.sync_all()).context("cannot make the folder durable")
}

/// Writes a new file that only its owner may read, and makes it durable.
fn write_new(file: &Path, text: &str) -> std::io::Result<()> {
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    open.write_all(text.as_bytes())?;
    open.sync_all()
}

/// Says so where others on the machine may read the key: who has it can be anybody.
fn warn_if_open_to_others(file: &Path) {
    let open = std::fs::metadata(file).is_ok_and(|m| m.permissions().mode() & 0o077 != 0);
    if open {
        tracing::warn!("{} may be read by others on this machine; say `chmod 600 {0}`", file.display());
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, LocalAlgorithm, LocalKey};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_made_once_for_its_owner_only_and_leaves_no_draft() {
        for algorithm in [LocalAlgorithm::EdDsa, LocalAlgorithm::Hs256] {
            let dir = tempfile::tempdir().unwrap();
            let config = LocalKey { algorithm, key_file: dir.path().join("state/jwt.pem") };
            Key::open("local", &config).unwrap();
            let first = std::fs::read(&config.key_file).unwrap();
            Key::open("local", &config).unwrap();
            assert_eq!(std::fs::read(&config.key_file).unwrap(), first);
            assert_eq!(std::fs::metadata(&config.key_file).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(std::fs::read_dir(dir.path().join("state")).unwrap().count(), 1);
        }
    }

    #[test]
    fn many_who_start_at_once_agree_on_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let config = LocalKey { algorithm: LocalAlgorithm::Hs256, key_file: dir.path().join("key") };
        let tokens: Vec<_> = std::thread::scope(|s| {
            let opened: Vec<_> = (0..8).map(|_| s.spawn(|| Key::open("local", &config).unwrap())).collect();
            opened.into_iter().map(|t| t.join().unwrap().id).collect()
        });
        assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        for (algorithm, text) in
            [(LocalAlgorithm::EdDsa, "nonsense"), (LocalAlgorithm::Hs256, "c2hvcnQ="), (LocalAlgorithm::Hs256, "%")]
        {
            std::fs::write(&file, text).unwrap();
            let error = Key::open("local", &LocalKey { algorithm, key_file: file.clone() }).unwrap_err();
            assert!(format!("{error:#}").contains(file.to_str().unwrap()), "{error:#}");
        }
    }
}
