//! Logins that `weir login` saved: a token for each server, in a file that only its owner reads.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;
use url::Url;

/// Bytes of the file at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Every saved login.
#[derive(Default, Serialize, Deserialize)]
pub struct Saved {
    /// The server of the newest login: asked where nobody names another.
    pub current: Option<Url>,
    /// A token by its server's address. A token goes to the server that it was saved for and to no other.
    pub tokens: BTreeMap<Url, String>,
}

impl std::fmt::Debug for Saved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saved").field("current", &self.current).finish_non_exhaustive()
    }
}

/// Where they are: `weir/logins.json` in the folder for configuration of who runs this command.
fn file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let dir = set("XDG_CONFIG_HOME").filter(|dir| dir.is_absolute());
    Some(dir.or_else(|| Some(set("HOME")?.join(".config")))?.join("weir/logins.json"))
}

impl Saved {
    /// Reads them; none where nothing was saved.
    ///
    /// # Errors
    /// Names the file.
    pub fn read() -> anyhow::Result<Self> {
        let Some(file) = file() else { return Ok(Self::default()) };
        let about = || format!("the saved logins in {}", file.display());
        let meta = match std::fs::metadata(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            meta => meta.with_context(|| format!("cannot read {}", about()))?,
        };
        anyhow::ensure!(meta.len() <= FILE_BYTES_MAX, "{} are more than {FILE_BYTES_MAX} bytes", about());
        if meta.permissions().mode() & 0o077 != 0 {
            eprintln!("weir: {0} may be read by others on this machine; say `chmod 600 {0}`", file.display());
        }
        let text = std::fs::read(&file).with_context(|| format!("cannot read {}", about()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} cannot be understood; remove the file", about()))
    }

    /// Writes them, whole or not at all.
    ///
    /// # Errors
    /// Where there is no place for them, naming it.
    pub fn write(&self) -> anyhow::Result<PathBuf> {
        let file = file().context("there is no folder to save a login in: HOME is not set; use WEIR_TOKEN instead")?;
        let dir = file.parent().context("the file has no folder")?;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.with_context(|| format!("cannot make the folder {}", dir.display()))?;
        // Made with mode 0600.
        let mut draft =
            tempfile::NamedTempFile::new_in(dir).with_context(|| format!("cannot write into {}", dir.display()))?;
        let text = serde_json::to_vec_pretty(self).context("logins are JSON")?;
        draft.write_all(&text).and_then(|()| draft.as_file().sync_all()).context("cannot save the login")?;
        draft.persist(&file).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}
