//! What a dead server left running, and how it is known.
//!
//! Normally nothing is left: each supervisor ends its command when the server's end of the control socket closes. This is for what could
//! outlive that, as when the supervisor was killed together with the server (by the kernel for want of memory, by an operator). Each
//! running command has a record in `state_dir/run`: process id, when the process started, and the boot, which name one process for
//! ever. What has lost its parents is found by its TMPDIR, which no process has but those of our builds.

use super::process::{Stat, processes};
use anyhow::Context;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Processes that die slower than they fork are killed again so often.
const ROUNDS_MAX: usize = 50;

/// A process, named for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    pid: i32,
    started: u64,
    boot: String,
}

impl Known {
    fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, started: Stat::of(pid)?.started, boot: boot()? })
    }

    /// Still the same process, and not another with its number.
    fn runs(&self) -> bool {
        boot().as_ref() == Some(&self.boot) && Stat::of(self.pid).is_some_and(|stat| stat.started == self.started)
    }
}

fn boot() -> Option<String> {
    Some(std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

/// The record of one running supervisor. Dropping it removes it.
#[derive(Debug)]
pub struct Record(PathBuf);

impl Record {
    /// Writes it.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn new(state_dir: &Path, supervisor: i32) -> io::Result<Self> {
        let folder = state_dir.join("run");
        std::fs::create_dir_all(&folder)?;
        let known = Known::of(supervisor).ok_or_else(|| io::Error::other("the supervisor has ended already"))?;
        let path = folder.join(supervisor.to_string());
        // Not flushed to the disk: after a crash of the machine there is no process to find.
        std::fs::write(&path, serde_json::to_vec(&known).map_err(io::Error::other)?)?;
        Ok(Self(path))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!("the record {} stays: {error}", self.0.display());
        }
    }
}

/// Ends every process that a dead server's builds left running; how many those were. To be called at start by the one server that owns
/// `state_dir`, before it runs anything.
///
/// # Errors
/// Where the records cannot be read, or a process does not end.
pub fn end_leftovers(state_dir: &Path) -> anyhow::Result<usize> {
    let folder = state_dir.join("run");
    let mut supervisors = Vec::new();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error).with_context(|| format!("reading `{}`", folder.display())),
    };
    for entry in &entries {
        let text = std::fs::read(entry.path()).with_context(|| format!("reading `{}`", entry.path().display()))?;
        // A record that was cut by the crash names nobody.
        supervisors.extend(serde_json::from_slice::<Known>(&text).ok().filter(Known::runs));
    }
    let tmp = super::place::real(&state_dir.join("tmp"));
    let is_ours = |pid: i32| {
        supervisors.iter().any(|supervisor| supervisor.pid == pid && supervisor.runs())
            || tmpdir(pid).is_some_and(|value| value.starts_with(&tmp))
    };
    let n_ended = end_all(is_ours).context("ending what the last server's builds left running")?;
    for entry in entries {
        std::fs::remove_file(entry.path()).with_context(|| format!("removing `{}`", entry.path().display()))?;
    }
    Ok(n_ended)
}

/// Ends what a lost supervisor left of a builder's command.
///
/// # Errors
/// Where a process does not end.
pub fn end_strays(tmp: &Path) -> anyhow::Result<usize> {
    let tmp = super::place::real(tmp);
    end_all(|pid| tmpdir(pid).is_some_and(|value| value == tmp))
}

/// Kills all that are ours and what descends from them, until none is left.
fn end_all(is_ours: impl Fn(i32) -> bool) -> anyhow::Result<usize> {
    let mut ended = std::collections::BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        let stats: Vec<(i32, Stat)> =
            processes().filter_map(|pid| Some((pid, Stat::of(pid)?))).filter(|(_, stat)| !stat.is_dead).collect();
        let mut doomed: Vec<(i32, u64)> =
            stats.iter().filter(|(pid, _)| is_ours(*pid)).map(|(pid, stat)| (*pid, stat.started)).collect();
        let mut next = 0;
        while let Some((parent, _)) = doomed.get(next).copied() {
            let children = stats
                .iter()
                .filter(|(pid, stat)| stat.parent == parent && doomed.iter().all(|(known, _)| known != pid));
            let children: Vec<(i32, u64)> = children.map(|(pid, stat)| (*pid, stat.started)).collect();
            doomed.extend(children);
            next += 1;
        }
        if doomed.is_empty() {
            return Ok(ended.len());
        }
        let handles: Vec<OwnedFd> = doomed.iter().filter_map(|(pid, started)| kill(*pid, *started)).collect();
        ended.extend(doomed);
        for handle in handles {
            wait(&handle)?;
        }
    }
    anyhow::bail!("they fork faster than they can be killed")
}

/// Kills a process by a handle, which never means another one, once it is sure that the handle is of the right one.
fn kill(pid: i32, started: u64) -> Option<OwnedFd> {
    let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    if Stat::of(pid)?.started != started {
        return None;
    }
    // It may have ended by itself.
    pidfd_send_signal(&handle, Signal::KILL).ok()?;
    Some(handle)
}

/// Waits until it has ended, or for two seconds: then it hangs in the kernel, and the next round sees.
fn wait(handle: &OwnedFd) -> nix::Result<()> {
    use std::os::fd::AsFd;
    let mut ended = [nix::poll::PollFd::new(handle.as_fd(), nix::poll::PollFlags::POLLIN)];
    nix::poll::poll(&mut ended, 2000_u16).map(drop)
}

/// What a process was given as its TMPDIR; none where it is not ours to look.
fn tmpdir(pid: i32) -> Option<PathBuf> {
    let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = environ.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(b"TMPDIR="))?;
    Some(PathBuf::from(OsStr::from_bytes(value)))
}

#[cfg(test)]
mod tests {
    use super::{Known, Record, end_leftovers, end_strays};
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_is_known_by_more_than_its_number() {
        let me = Known::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(me.runs());
        assert!(!Known { started: me.started + 1, ..me.clone() }.runs(), "another process with our number");
        assert!(!Known { boot: "another".to_owned(), ..me }.runs(), "before the machine was started again");
    }

    #[test]
    fn what_a_dead_server_left_is_ended_and_nothing_else() {
        let state_dir = tempfile::tempdir().unwrap();
        let sleep = |tmp: &str| {
            let mut command = Command::new("sleep");
            command.arg("1000").env("TMPDIR", state_dir.path().join(tmp)).stdin(Stdio::null());
            command.spawn().unwrap()
        };
        let (mut ours, mut recorded, mut other) =
            (sleep("tmp/local/core/linux"), sleep("elsewhere"), sleep("elsewhere"));
        std::mem::forget(Record::new(state_dir.path(), i32::try_from(recorded.id()).unwrap()).unwrap());
        // A record of a process whose number somebody else has now.
        let mut stale = Known::of(i32::try_from(other.id()).unwrap()).unwrap();
        stale.started += 1;
        std::fs::write(state_dir.path().join("run/1"), serde_json::to_vec(&stale).unwrap()).unwrap();

        assert_eq!(end_leftovers(state_dir.path()).unwrap(), 2);
        assert!(ours.try_wait().unwrap().is_some() && recorded.try_wait().unwrap().is_some());
        assert!(other.try_wait().unwrap().is_none(), "it is not ours");
        assert_eq!(std::fs::read_dir(state_dir.path().join("run")).unwrap().count(), 0);
        assert_eq!(end_strays(&state_dir.path().join("elsewhere")).unwrap(), 1);
        other.wait().unwrap();
        assert_eq!(end_leftovers(&state_dir.path().join("absent")).unwrap(), 0);
    }
}
