//! Tells when the configuration's files have changed: the folders are watched, and a change is told once it has come to rest.

use anyhow::Context as _;
use notify::event::{AccessKind, AccessMode, EventKind, RemoveKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// A change has come to rest when nothing more changed for so long: editors and `git pull` write many files.
const REST: Duration = Duration::from_millis(400);
/// Whoever never stops writing is heard after so long.
const RESTLESS: Duration = Duration::from_secs(5);

/// What the names of the configuration's files end in.
const ENDS: [&str; 4] = ["toml", "yaml", "yml", "json"];

/// Watches folders.
pub struct Watch {
    watcher: RecommendedWatcher,
    /// Folders that are watched. Those that went are watched again when they are back.
    folders: BTreeSet<PathBuf>,
    /// Holds one: that something changed is all there is to know.
    changed: mpsc::Receiver<()>,
}

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// Where the system gives no watch.
    pub fn new() -> anyhow::Result<Self> {
        let (sender, changed) = mpsc::channel(1);
        let heard = move |event: notify::Result<notify::Event>| {
            // Where watching itself fails something may have been missed, which is a reason to look.
            if event.map_or(true, |event| is_change(&event)) {
                // Full: it is known already.
                let _is_known = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(heard).context("the system gives no watch for files")?;
        Ok(Self { watcher, folders: BTreeSet::new(), changed })
    }

    /// Watches these folders from now on, as far as they are there. Says which of those cannot be watched, and why.
    pub fn set(&mut self, folders: Vec<PathBuf>) -> Vec<String> {
        let wanted: BTreeSet<PathBuf> = folders.into_iter().filter(|folder| folder.is_dir()).collect();
        for gone in self.folders.difference(&wanted) {
            // One that is not there any more is not watched any more either.
            drop(self.watcher.unwatch(gone));
        }
        let mut wrong = Vec::new();
        let mut watched = BTreeSet::new();
        for folder in wanted {
            // Also those that are watched: a folder that was replaced has the same name and is another one.
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder)),
                Err(error) => wrong.push(format!("{}: {error}", folder.display())),
            }
        }
        self.folders = watched;
        wrong
    }

    /// Waits until something changed and has come to rest.
    pub async fn changed(&mut self) {
        if self.changed.recv().await.is_none() {
            // The watcher holds the sender, so this is never reached; if it were, nothing would change any more.
            return std::future::pending().await;
        }
        let latest = Instant::now() + RESTLESS;
        while let Ok(Some(())) = timeout_at(latest.min(Instant::now() + REST), self.changed.recv()).await {}
    }
}

/// Whether a file of the configuration may say something else than before. Reading it, as a reload does, is none; nor is what a database
/// writes that lies beside it.
fn is_change(event: &notify::Event) -> bool {
    let is_written = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Remove(RemoveKind::Folder) => true,
        EventKind::Access(_) => false,
        _ => true,
    };
    // What has no ending may be a team's folder, or a link that many files hang on; Kubernetes calls that one `..data`.
    let is_link = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
    let ends =
        |path: &PathBuf| is_link(path) || path.extension().is_none_or(|end| ENDS.iter().any(|known| end == *known));
    is_written && event.paths.iter().any(ends)
}

#[cfg(test)]
mod tests {
    use super::Watch;

    #[tokio::test]
    async fn a_file_that_is_written_moved_or_taken_away_is_told_and_one_that_is_read_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (file, draft) = (dir.path().join("weir.toml"), dir.path().join("draft"));
        let mut watch = Watch::new().unwrap();
        assert!(watch.set(vec![dir.path().to_owned(), dir.path().join("not-there")]).is_empty());
        std::fs::write(&file, "a").unwrap();
        watch.changed().await;
        std::fs::write(&draft, "b").unwrap();
        std::fs::rename(&draft, &file).unwrap();
        watch.changed().await;
        std::fs::read(&file).unwrap();
        std::fs::write(dir.path().join("weir.db-wal"), "c").unwrap();
        assert!(futures::poll!(std::pin::pin!(watch.changed())).is_pending());
        std::fs::remove_file(&file).unwrap();
        watch.changed().await;
    }
}
