//! The folder that belongs to one server: its lock, and where it tells what it listens on.

use anyhow::Context as _;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A server that was just killed lets go within this many tries.
const TRIES: u32 = 20;
/// Between two tries.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The folder, held until this is dropped or the process dies.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    _lock: Flock<File>,
}

impl StateDir {
    /// Makes the folder where it is missing, readable by its owner only, and takes it for this process.
    ///
    /// # Errors
    /// Where it cannot be made, or another server has it.
    pub async fn take(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("state_dir `{}` cannot be made", path.display()))?;
        let lock_file = path.join("lock");
        for _ in 0..TRIES {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&lock_file)
                .with_context(|| format!("`{}` cannot be opened", lock_file.display()))?;
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(mut lock) => {
                    lock.set_len(0)?;
                    write!(lock, "{}", std::process::id())?;
                    return Ok(Self { path: path.to_owned(), _lock: lock });
                }
                Err((_, nix::errno::Errno::EWOULDBLOCK)) => tokio::time::sleep(TRY_AGAIN_AFTER).await,
                Err((_, error)) => {
                    return Err(error).with_context(|| format!("`{}` cannot be locked", lock_file.display()));
                }
            }
        }
        let mut holder = String::new();
        // Only for the message: who it is may be unknown.
        let _ = File::open(&lock_file).and_then(|mut file| file.read_to_string(&mut holder));
        anyhow::bail!(
            "state_dir `{}` is in use by another weir server (process {}): end that one first, or give this one a state_dir \
             of its own",
            path.display(),
            if holder.is_empty() { "unknown" } else { holder.trim() },
        )
    }

    /// Tells programs on this machine what the server listens on: `server.json` with `pid`, `listen` and `urls`, whole or not at
    /// all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn announce(&self, listen: &[SocketAddr], urls: &[String]) -> anyhow::Result<()> {
        let listen: Vec<_> = listen.iter().map(SocketAddr::to_string).collect();
        let told = serde_json::json!({ "pid": std::process::id(), "listen": listen, "urls": urls });
        let (file, draft) = (self.path.join("server.json"), self.path.join("server.json.new"));
        std::fs::write(&draft, format!("{told}\n"))
            .and_then(|()| std::fs::rename(&draft, &file))
            .with_context(|| format!("`{}` cannot be written", file.display()))
    }

    /// Nobody listens any more.
    pub fn retract(&self) {
        let file = self.path.join("server.json");
        if let Err(error) = std::fs::remove_file(&file) {
            tracing::warn!(file = %file.display(), %error, "cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StateDir;

    #[tokio::test]
    async fn a_folder_belongs_to_one_server_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("a/state");
        let first = StateDir::take(&state).await.unwrap();
        let refused = StateDir::take(&state).await.unwrap_err().to_string();
        assert!(refused.contains("is in use by another weir server"), "{refused}");
        assert!(refused.contains(&std::process::id().to_string()), "{refused}");
        drop(first);
        StateDir::take(&state).await.unwrap();
    }

    #[tokio::test]
    async fn what_it_listens_on_is_told_and_retracted() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::take(dir.path()).await.unwrap();
        state.announce(&["127.0.0.1:8010".parse().unwrap()], &["http://127.0.0.1:8010/".to_owned()]).unwrap();
        let told = std::fs::read_to_string(dir.path().join("server.json")).unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["listen"][0], "127.0.0.1:8010");
        state.retract();
        assert!(!dir.path().join("server.json").exists());
    }
}
