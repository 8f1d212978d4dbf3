//! The fence: what a build's command can reach, kept by the kernel (Landlock).
//!
//! Landlock only grants. So the default grants everything but what is hidden: where a hidden path (`state_dir`, the configuration, files
//! of secrets) lies beneath a folder, not that folder but each of its other entries is granted. Of `state_dir` a command gets its
//! builder's own work and temporary directory. What follows from this:
//!
//! * Folders above something hidden (`/`, often `$HOME`) cannot be listed, and nothing new can be made directly in them: a grant for the
//!   folder would reach down to what is hidden. Their present entries work as ever. An entry that is made later is granted to
//!   the next command.
//! * With `[worker.X] paths` only those are granted, and for reading what programs need to run at all ([`SYSTEM`]).
//! * The server's own binary and the folders of its plugins can be read but not changed.
//! * Processes outside the fence cannot be traced, so `/proc/PID/environ`, `mem`, `fd`, `cwd` and `root` of the server and of other
//!   builds' commands are closed, for root too; from Linux 6.12 on they cannot be signalled either. Mounting is refused.
//! * Nor can limits, priorities and processors of another process be set, which Landlock does not keep: a filter of calls does (`syscall`).
//! * Where the server runs as root, commands lose the capabilities that lead around the fence (`capability`), `/proc` and `/sys` are
//!   read-only and block devices are not there.
//! * Landlock does not keep commands from changing mode, owner or times of a file whose name they know, and before Linux 6.2 not from
//!   cutting it. A hard link to a hidden file elsewhere is not hidden. `/tmp` and `$HOME` are shared by all teams of a worker. A site
//!   with teams that do not trust each other sets `paths`, or runs an instance for each.
//! * Landlock does not keep commands from connecting to a Unix socket whose path they know. What listens there acts outside the
//!   fence: a user whose session bus, container engine or terminal multiplexer is reachable must not be the server's user.

/// What root may do without leaving the fence.
mod capability;
/// What a grant is, and how a list of them travels.
mod grant;
/// What must not be reached.
mod hidden;
/// The other places where a hidden path can be found.
mod mounts;
/// Grants become a ruleset of the kernel.
mod ruleset;
/// What a command cannot change of other processes.
mod syscall;
/// From what is hidden to what is granted.
mod tree;

pub use hidden::Hidden;
pub use ruleset::{Ruleset, Support, support};

use super::place::Directories;
use bytes::Bytes;
use grant::{Grant, Rights};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tree::{Level, Tree, Walked, resolve};

/// What programs need to run at all, granted for reading beside `paths`.
const SYSTEM: [&str; 9] =
    ["/bin", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/run/systemd/resolve", "/sbin", "/usr"];
/// The same, granted in full. What root may not write there is taken away again by [`Tree::of`].
const DEVICES: [&str; 9] = [
    "/dev/full",
    "/dev/null",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/random",
    "/dev/tty",
    "/dev/urandom",
    "/dev/zero",
    "/proc",
];

/// The fence of one worker.
pub struct Fence {
    hidden: Hidden,
    /// `[worker.X] paths`; none is everything that is not hidden.
    paths: Option<Vec<PathBuf>>,
    listed: Mutex<Option<Listed>>,
}

/// The grants that all commands of a worker share.
struct Listed {
    encoded: Bytes,
    levels: Vec<Level>,
}

impl Fence {
    /// A fence around `paths`, or around everything but what is hidden.
    pub fn new(hidden: Hidden, paths: Option<Vec<PathBuf>>) -> Self {
        Self { hidden, paths, listed: Mutex::new(None) }
    }

    /// What a command of the builder with these directories may reach, encoded for `weir exec`. Lists folders where they changed since
    /// the last command, else looks at a handful of them.
    pub fn grants(&self, own: &Directories) -> Vec<u8> {
        let mut encoded = self.shared().to_vec();
        for path in [&own.work, &own.tmp] {
            // The state directory may have been reached through a symbolic link, which a grant must not be.
            let real = resolve(path).pop().expect("it ends in the path itself");
            Grant { path: real, rights: Rights::Full }.encode(&mut encoded);
        }
        encoded
    }

    fn shared(&self) -> Bytes {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listed) = listed.as_ref().filter(|listed| listed.levels.iter().all(Level::is_current)) {
            return listed.encoded.clone();
        }
        let walked = self.walk();
        if walked.is_cut {
            tracing::warn!(
                "there are too many files beside what is hidden from builds; some cannot be reached by them: set `paths` of the worker"
            );
        }
        let mut encoded = Vec::new();
        walked.grants.iter().for_each(|grant| grant.encode(&mut encoded));
        let encoded = Bytes::from(encoded);
        *listed = Some(Listed { encoded: encoded.clone(), levels: walked.levels });
        encoded
    }

    fn walk(&self) -> Walked {
        let tree = Tree::of(&self.hidden.with_mounts());
        let mut walked = Walked::default();
        let Some(paths) = &self.paths else {
            tree.walk(Path::new("/"), Rights::Full, &mut walked);
            return walked;
        };
        let real = |path: &Path| resolve(path).pop().expect("it ends in the path itself");
        for path in paths {
            tree.walk(&real(path), Rights::Full, &mut walked);
        }
        for (system, rights) in [(SYSTEM, Rights::Read), (DEVICES, Rights::Full)] {
            for path in system.map(|path| real(Path::new(path))) {
                if !tree.hides(&path) {
                    tree.walk(&path, rights, &mut walked);
                }
            }
        }
        walked
    }
}
