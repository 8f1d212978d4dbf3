//! `weir exec`: the small process between the server and a build's command.
//!
//! It stays outside the fence and lives as long as the command. It is the subreaper of everything the command starts, so that a daemon
//! which forked twice and made its own session still has a parent that ends it: no process outlives its command. When the control
//! socket closes, because the server died however it died, everything is killed at once. (A parent-death signal would not do for
//! that: it tells of the death of the thread that spawned, and the server's threads come and go.)

use super::spec::{Ended, Failure, Frame, Order, Report, read_frame};
use super::{fence, process};
use crate::nice;
use crate::open_files;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::Mode;
use nix::sys::wait::WaitStatus;
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, fchdir, getpid, setsid};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// What the command left running may take so long to end by itself, as `tee` in a process substitution does, before it is killed.
const LEFTOVER_GRACE: Duration = Duration::from_millis(200);
/// A killed process that stays longer hangs in the kernel; the step ends without it.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// How often killing is repeated while something forks faster than it dies.
const KILL_AGAIN: Duration = Duration::from_millis(20);

/// Runs the command that the server describes on descriptor 0, to its end.
///
/// # Errors
/// Where descriptor 0 is not the server's control socket, or the process cannot be set up.
pub fn supervise() -> anyhow::Result<ExitCode> {
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Not a process to be read by the command: it has the command's secrets, too.
    nix::sys::prctl::set_dumpable(false)?;
    nix::sys::prctl::set_child_subreaper(true)?;
    // Away from the server's terminal: its Ctrl-C is the server's to handle.
    setsid()?;
    process::close_inherited(&control)?;
    let report = match read_frame(&mut control) {
        Ok(frame) => match start(frame) {
            Ok(command) => watch(command, &mut control)?,
            Err(failed) => failed,
        },
        Err(_) => failed(Failure::Spec, Errno::EPROTO),
    };
    // The server may be gone, and then nobody wants to know.
    let _ = say(&mut control, &report);
    Ok(ExitCode::SUCCESS)
}

fn say(control: &mut UnixStream, report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report).map_err(io::Error::other)?;
    line.push(b'\n');
    control.write_all(&line)
}

fn failed(at: Failure, errno: Errno) -> Report {
    Report::Failed { at, errno: errno as i32 }
}

/// A started command.
struct Running {
    /// Its process, which is its process group and session, too.
    main: Pid,
    /// Readable when a child changes.
    children: SignalFd,
}

fn start(frame: Frame) -> Result<Running, Report> {
    let Frame { spec, grants, stdin } = frame;
    if let Some(n) = spec.open_files {
        // What the server may have open, programs that go through all that they could would take long for.
        open_files::allow(n).map_err(|errno| failed(Failure::Spec, errno))?;
    }
    enter(&spec.root, spec.directory.as_deref()).map_err(|errno| failed(Failure::Directory, errno))?;
    let stdin = if spec.has_stdin {
        stdin_file(&stdin).map_err(|e| failed(Failure::Stdin, errno_of(&e)))?
    } else {
        Stdio::null()
    };
    let fence = if spec.fenced {
        Some(fence::Ruleset::of(&grants).map_err(|_| failed(Failure::Fence, Errno::EPERM))?)
    } else {
        None
    };
    let sigchld = SigSet::from(Signal::SIGCHLD);
    let children = sigchld
        .thread_block()
        .and_then(|()| SignalFd::with_flags(&sigchld, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK))
        .map_err(|errno| failed(Failure::Spec, errno))?;

    let mut command = Command::new(&spec.program[0]);
    command.args(&spec.program[1..]).env_clear().envs(spec.env).stdin(stdin);
    let supervisor = getpid();
    let mut fence = fence;
    let prepare = move || {
        prepare_child(supervisor)?;
        // An error of its own, so that the server can tell the fence from the program.
        fence.take().map_or(Ok(()), |fence| fence.enter().map_err(|_| Errno::ENOTRECOVERABLE.into()))
    };
    #[expect(
        unsafe_code,
        reason = "what must happen between fork and exec; this process has one thread, so anything may run there"
    )]
    let spawned = unsafe { command.pre_exec(prepare) }.spawn();
    let child = spawned.map_err(|error| match errno_of(&error) {
        Errno::ENOTRECOVERABLE => failed(Failure::Fence, Errno::EPERM),
        errno => failed(Failure::Program, errno),
    })?;
    let main = Pid::from_raw(i32::try_from(child.id()).expect("a process id fits an i32"));
    Ok(Running { main, children })
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))
}

/// Makes the directory the current one, and never one outside `root`: the builder itself may have put symbolic links there.
fn enter(root: &std::path::Path, directory: Option<&str>) -> nix::Result<()> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = open(root, flags, Mode::empty())?;
    match directory {
        None => fchdir(root),
        Some(directory) => {
            let beneath = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
            fchdir(openat2(&root, directory, OpenHow::new().flags(flags).resolve(beneath))?)
        }
    }
}

/// In memory: a command that never reads its input blocks nobody.
fn stdin_file(content: &[u8]) -> io::Result<Stdio> {
    let memory = nix::sys::memfd::memfd_create(c"stdin", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)?;
    let mut file = File::from(memory);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file.into())
}

/// Between fork and exec: what the command must not inherit.
fn prepare_child(supervisor: Pid) -> io::Result<()> {
    setsid()?;
    // The supervisor has one thread, so here the signal means what it says. It has gone already where the parent is another.
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    if nix::unistd::getppid() != supervisor {
        return Err(Errno::ESRCH.into());
    }
    process::default_signals()?;
    SigSet::empty().thread_set_mask()?;
    // A core file holds what the process held, secrets too, and lies where nobody looks for it.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    nix::sys::prctl::set_no_new_privs()?;
    stand_back();
    Ok(())
}

/// Leaves the processors to the server where they are short. Where the kernel groups processes by session (sched(7), "The autogroup
/// feature"), priorities count within a group only, and the group has one of its own.
fn stand_back() {
    nice::stand_back();
    // Not there on every kernel.
    let _ = std::fs::write("/proc/self/autogroup", nice::BACKGROUND.to_string());
}

/// Waits for the end of the command and of all that it started.
fn watch(command: Running, control: &mut UnixStream) -> anyhow::Result<Report> {
    // Gone already where the server is; the loop sees it.
    let _ = say(control, &Report::Started(command.main.as_raw()));
    let_go()?;
    let mut ended: Option<(Ended, Instant)> = None;
    let mut killing: Option<Instant> = None;
    while process::reap(|status| {
        if let Some(how) = end_of(command.main, status) {
            ended = Some((how, Instant::now()));
        }
    })? {
        if killing.is_none() && ended.is_some_and(|(_, since)| since.elapsed() >= LEFTOVER_GRACE) {
            killing = Some(Instant::now());
        }
        if let Some(since) = killing {
            process::kill_descendants();
            if since.elapsed() >= KILL_PATIENCE {
                break;
            }
        }
        let patience = match (killing, ended) {
            (Some(_), _) => Some(KILL_AGAIN),
            (None, Some((_, since))) => Some(LEFTOVER_GRACE.saturating_sub(since.elapsed())),
            (None, None) => None,
        };
        match next_order(control, &command.children, patience)? {
            Some(Order::Interrupt) => signal_group(command.main, Signal::SIGINT),
            Some(Order::Terminate) => signal_group(command.main, Signal::SIGTERM),
            Some(Order::Kill) => {
                killing.get_or_insert_with(Instant::now);
            }
            None => {}
        }
    }
    Ok(Report::Ended(ended.map_or(Ended::Signal(Signal::SIGKILL as i32), |(how, _)| how)))
}

/// The output ends when the command and all its processes have closed it; the supervisor must not hold it open. Nor the work
/// directory: a step may be told to have ended a moment before the supervisor has.
fn let_go() -> anyhow::Result<()> {
    std::env::set_current_dir("/")?;
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}

fn end_of(main: Pid, status: WaitStatus) -> Option<Ended> {
    match status {
        WaitStatus::Exited(pid, code) if pid == main => Some(Ended::Code(code)),
        WaitStatus::Signaled(pid, signal, _) if pid == main => Some(Ended::Signal(signal as i32)),
        _ => None,
    }
}

fn signal_group(main: Pid, signal: Signal) {
    // ESRCH: it has just ended, which is what was wanted.
    let _ = killpg(main, signal);
}

/// Waits until a child changes, the server says something, or `patience` is over. A server that is gone asks to kill.
fn next_order(
    control: &mut UnixStream,
    children: &SignalFd,
    patience: Option<Duration>,
) -> anyhow::Result<Option<Order>> {
    let timeout = patience.map_or(PollTimeout::NONE, |wait| PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX));
    let mut ready = [PollFd::new(control.as_fd(), PollFlags::POLLIN), PollFd::new(children.as_fd(), PollFlags::POLLIN)];
    match poll(&mut ready, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let spoke = ready[0].any().unwrap_or(false);
    while children.read_signal()?.is_some() {}
    if !spoke {
        return Ok(None);
    }
    let mut byte = [0];
    match control.read(&mut byte) {
        Ok(0) => Ok(Some(Order::Kill)),
        Ok(_) => Ok(Order::from_byte(byte[0])),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        // The connection broke, so the server is gone.
        Err(_) => Ok(Some(Order::Kill)),
    }
}
