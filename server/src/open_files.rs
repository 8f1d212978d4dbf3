//! How many files the process may have open, connections among them: as many as the system lets it, and what it started with for what it
//! starts itself.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::sync::OnceLock;

/// Files that a process may have open where nobody can say: what most systems give.
const USUAL: u64 = 1_024;

/// What the process was started with.
static BEFORE: OnceLock<u64> = OnceLock::new();

/// Lets this process have as many files open as the system allows it; to be said once, by the server. Many a system gives 1,024, for the
/// sake of programs that can count no further, and as many connections fill that.
pub fn allow_all() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    BEFORE.get_or_init(|| soft);
    if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        tracing::warn!("only {soft} files can be open at a time, connections among them: {error}");
    }
}

/// How many files this process may have open now.
pub fn max() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(USUAL, |(soft, _)| soft)
}

/// How many files what the server starts may have open: as many as the server itself was started with. None where that was not changed.
pub fn of_children() -> Option<u64> {
    BEFORE.get().copied()
}

/// Takes back what [`allow_all`] gave, in a process that the server started.
///
/// # Errors
/// What the system says.
pub fn allow(n: u64) -> nix::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, n.min(hard), hard)
}
