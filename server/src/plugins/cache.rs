//! Compiled components and descriptors on disk, under a keyed MAC: loading foreign machine code would be running it.

use super::descriptor::Descriptor;
use super::engine::engine;
use std::fs::{self, OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const KEY_BYTES: usize = 32;

/// The folder `compiled` of the state directory, or nothing where there is none to write to: then everything is compiled anew.
#[derive(Debug)]
pub struct Cache {
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
    engine: String,
}

impl Cache {
    /// The cache of a server, made where there is none; empty where it cannot be.
    pub fn open(state_dir: &Path) -> Self {
        let dir = state_dir.join("compiled");
        let kept = open_key(&dir).map(|key| Kept { dir, key, engine: engine_mark() });
        if let Err(error) = &kept {
            tracing::debug!("compiled plugins are not kept in {}: {error}", state_dir.display());
        }
        Self { kept: kept.ok() }
    }

    /// The compiled form of a component; none where there is none, or somebody has changed it.
    pub fn artifact(&self, sha256: &str) -> Option<Vec<u8>> {
        self.kept.as_ref()?.read(&format!("{sha256}.cwasm"))
    }

    /// Keeps the compiled form of a component.
    pub fn keep_artifact(&self, sha256: &str, artifact: &[u8]) {
        self.keep(&format!("{sha256}.cwasm"), artifact);
    }

    /// What a component said of itself.
    pub fn descriptor(&self, sha256: &str) -> Option<Descriptor> {
        serde_json::from_slice(&self.kept.as_ref()?.read(&format!("{sha256}.json"))?).ok()
    }

    /// Keeps what a component said of itself.
    pub fn keep_descriptor(&self, sha256: &str, descriptor: &Descriptor) {
        if let Ok(json) = serde_json::to_vec(descriptor) {
            self.keep(&format!("{sha256}.json"), &json);
        }
    }

    fn keep(&self, name: &str, bytes: &[u8]) {
        let Some(kept) = &self.kept else { return };
        // A cache that cannot be written costs time, not correctness.
        if let Err(error) = kept.write(name, bytes) {
            tracing::warn!("cannot keep a compiled plugin in {}: {error}", kept.dir.display());
        }
    }
}

impl Kept {
    /// Name and engine are under the MAC too: a file cannot stand in for another one.
    fn mac(&self, name: &str, bytes: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(self.engine.as_bytes()).update(b"\0").update(name.as_bytes()).update(b"\0").update(bytes);
        hasher.finalize()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{}-{name}", self.engine))
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.path(name);
        let bytes = fs::read(&path).ok()?;
        let mac = fs::read_to_string(mac_path(&path)).ok().and_then(|hex| blake3::Hash::from_hex(hex.trim()).ok());
        // Comparing two of these hashes takes the same time wherever they differ.
        if mac == Some(self.mac(name, &bytes)) {
            return Some(bytes);
        }
        tracing::warn!(
            "{} was not written by this server, or was changed since: it is not used and is made anew",
            path.display()
        );
        None
    }

    fn write(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.path(name);
        write_private(&path, bytes)?;
        write_private(&mac_path(&path), self.mac(name, bytes).to_hex().as_bytes())
    }
}

fn mac_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".mac");
    name.into()
}

/// Tells artifacts of other engines, settings and versions apart.
fn engine_mark() -> String {
    let mut hasher = DefaultHasher::new();
    engine().precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}-{:08x}", std::process::id(), rand::random::<u32>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        fs::remove_file(&new).ok();
    }
    written
}

/// The server's key for its cache, made at first use.
fn open_key(dir: &Path) -> std::io::Result<[u8; KEY_BYTES]> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let path = dir.join("key");
    if let Some(key) = read_key(&path)? {
        return Ok(key);
    }
    let new: [u8; KEY_BYTES] = rand::random();
    // Two servers that start at once agree on the key that came first.
    let made = dir.join(format!("key.{}-{:08x}", std::process::id(), rand::random::<u32>()));
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&made)?.write_all(&new)?;
    let linked = fs::hard_link(&made, &path);
    fs::remove_file(&made)?;
    match linked {
        Ok(()) => Ok(new),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            read_key(&path)?.ok_or_else(|| std::io::Error::other("the key of the compiled plugins went away"))
        }
        Err(error) => Err(error),
    }
}

fn read_key(path: &Path) -> std::io::Result<Option<[u8; KEY_BYTES]>> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        tracing::warn!("{} could be read by others; now only by the server", path.display());
    }
    let mut key = [0; KEY_BYTES];
    file.read_exact(&mut key)?;
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::Cache;
    use std::os::unix::fs::PermissionsExt;

    fn files(dir: &std::path::Path, ending: &str) -> Vec<std::path::PathBuf> {
        let all = std::fs::read_dir(dir.join("compiled")).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
    }

    #[test]
    fn what_is_kept_comes_back_and_only_the_server_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        Cache::open(dir.path()).keep_artifact("a", b"code");
        assert_eq!(Cache::open(dir.path()).artifact("a").unwrap(), b"code");
        assert_eq!(Cache::open(dir.path()).artifact("b"), None);
        let key = dir.path().join("compiled/key");
        assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        let folder = dir.path().join("compiled");
        assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_was_changed_does_not_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path());
        cache.keep_artifact("a", b"code");
        std::fs::write(&files(dir.path(), "a.cwasm")[0], b"evil").unwrap();
        assert_eq!(cache.artifact("a"), None);
    }

    #[test]
    fn one_file_does_not_stand_in_for_another() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path());
        cache.keep_artifact("a", b"code of a");
        cache.keep_artifact("b", b"code of b");
        for ending in ["cwasm", "cwasm.mac"] {
            let (a, b) = (&files(dir.path(), &format!("a.{ending}"))[0], &files(dir.path(), &format!("b.{ending}"))[0]);
            std::fs::copy(b, a).unwrap();
        }
        assert_eq!(cache.artifact("a"), None);
        assert_eq!(cache.artifact("b").unwrap(), b"code of b");
    }

    #[test]
    fn another_servers_files_are_not_trusted() {
        let (mine, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Cache::open(theirs.path()).keep_artifact("a", b"code");
        Cache::open(mine.path());
        for path in files(theirs.path(), "").into_iter().filter(|path| !path.ends_with("key")) {
            std::fs::copy(&path, mine.path().join("compiled").join(path.file_name().unwrap())).unwrap();
        }
        assert_eq!(Cache::open(mine.path()).artifact("a"), None);
    }

    #[test]
    fn without_a_folder_to_write_nothing_is_kept() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let cache = Cache::open(file.path());
        cache.keep_artifact("a", b"code");
        assert_eq!(cache.artifact("a"), None);
    }
}
