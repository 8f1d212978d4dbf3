//! Processes as `/proc` and the system calls show them: who descends from whom, ending and reaping them, what they inherit.

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, close, getpid};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// Closes every descriptor but the three standard ones and `keep`: whatever the server forgot to mark close-on-exec ends here.
///
/// # Errors
/// Where `/proc/self/fd` cannot be read.
pub fn close_inherited(keep: &impl AsRawFd) -> io::Result<()> {
    let names = std::fs::read_dir("/proc/self/fd")?;
    let open: Vec<RawFd> = names.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for fd in open {
        if fd > 2 && fd != keep.as_raw_fd() {
            // EBADF: the descriptor of the listing itself, which is closed by now.
            let _ = close(fd);
        }
    }
    Ok(())
}

/// Sets every signal that can be set back to its default: an ignored one would stay ignored in the command.
///
/// # Errors
/// What the system says.
pub fn default_signals() -> nix::Result<()> {
    for number in Signal::iterator().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP)) {
        #[expect(unsafe_code, reason = "installs no handler, so no code of ours can run at a bad moment")]
        unsafe { signal(number, SigHandler::SigDfl) }?;
    }
    Ok(())
}

/// Reaps every child that has ended, telling `each`; false when there is no child left.
///
/// # Errors
/// What the system says.
pub fn reap(mut each: impl FnMut(WaitStatus)) -> nix::Result<bool> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return Ok(true),
            Ok(status) => each(status),
            Err(Errno::ECHILD) => return Ok(false),
            Err(Errno::EINTR) => {}
            // A signal without a name in nix (a real-time one) ended some child; it is reaped all the same.
            Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Kills every process that descends from this one.
pub fn kill_descendants() {
    for pid in descendants(getpid(), &parents()) {
        // ESRCH: it has ended by itself.
        let _ = kill(pid, Signal::SIGKILL);
    }
}

/// The parent of each process there is.
fn parents() -> HashMap<Pid, Pid> {
    processes().filter_map(|pid| Some((Pid::from_raw(pid), Pid::from_raw(Stat::of(pid)?.parent)))).collect()
}

/// Every process there is.
pub fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn descendants(of: Pid, parents: &HashMap<Pid, Pid>) -> Vec<Pid> {
    let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for (&child, &parent) in parents {
        children.entry(parent).or_default().push(child);
    }
    let mut found = children.remove(&of).unwrap_or_default();
    let mut next = 0;
    while next < found.len() {
        found.extend(children.remove(&found[next]).unwrap_or_default());
        next += 1;
    }
    found
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its parent.
    pub parent: i32,
    /// When it started, in clock ticks since boot: with the process id and the boot it names one process for ever.
    pub started: u64,
    /// It has ended and waits to be reaped.
    pub is_dead: bool,
}

impl Stat {
    /// None where there is no such process.
    pub fn of(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses and may hold blanks and parentheses itself. See proc_pid_stat(5).
        let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace();
        let is_dead = matches!(fields.next()?, "Z" | "X");
        let parent = fields.next()?.parse().ok()?;
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { parent, started, is_dead })
    }
}

#[cfg(test)]
mod tests {
    use super::{Pid, Stat, descendants};
    use std::collections::HashMap;

    #[test]
    fn stat_is_read_whatever_the_name_of_the_process() {
        let rest = "S 7 8 8 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        for name in ["sh", "a b", "x) S 9 (y"] {
            assert_eq!(
                Stat::parse(&format!("42 ({name}) {rest}")),
                Some(Stat { parent: 7, started: 4711, is_dead: false }),
                "{name}"
            );
        }
        let me = Stat::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(me.parent, nix::unistd::getppid().as_raw());
    }

    #[test]
    fn descendants_are_found_through_generations_and_only_they() {
        let pid = Pid::from_raw;
        let parents: HashMap<Pid, Pid> = [(2, 1), (3, 2), (4, 3), (5, 1), (6, 5)].map(|(c, p)| (pid(c), pid(p))).into();
        let mut found = descendants(pid(2), &parents);
        found.sort();
        assert_eq!(found, [pid(3), pid(4)]);
    }
}
