//! Starting a supervisor (`weir exec`) and the four ways to it: control socket, standard output, standard error, its end.

use super::leftover::Record;
use super::spec::Order;
use crate::worker::Channel;
use bytes::Bytes;
use nix::fcntl::{FcntlArg, fcntl};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};

/// Room of a pipe in the kernel: the command can go on while its last output is being stored.
const PIPE_BYTES: usize = 512 << 10;

/// A started supervisor. Dropping it closes the control socket, upon which the supervisor kills everything and ends.
pub struct Launched {
    /// Reports come from here.
    pub control: UnixStream,
    /// The command's standard output.
    pub stdout: Receiver,
    /// The command's standard error.
    pub stderr: Receiver,
    supervisor: Child,
    record: Record,
}

impl Launched {
    /// Starts the binary `weir` as a supervisor. It has nothing to do yet.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(weir: &Path, state_dir: &Path) -> io::Result<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (stdout, stdout_end) = pipe()?;
        let (stderr, stderr_end) = pipe()?;
        let supervisor = Command::new(weir)
            .arg0("weir")
            .arg("exec")
            // Its own environment is readable by the command where there is no fence; the command's comes over the socket.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(stdout_end))
            .stderr(Stdio::from(stderr_end))
            .spawn()?;
        let pid = supervisor.id().and_then(|pid| i32::try_from(pid).ok()).ok_or(io::ErrorKind::NotFound)?;
        let record = Record::new(state_dir, pid)?;
        Ok(Self { control: UnixStream::from_std(ours)?, stdout, stderr, supervisor, record })
    }

    /// Whether it is still there.
    pub fn is_waiting(&mut self) -> bool {
        matches!(self.supervisor.try_wait(), Ok(None))
    }

    /// Tells it what to run.
    ///
    /// # Errors
    /// Where it is gone.
    pub async fn tell(&mut self, head: &[u8], stdin: &[u8]) -> io::Result<()> {
        self.control.write_all(head).await?;
        self.control.write_all(stdin).await
    }

    /// Asks it for something.
    ///
    /// # Errors
    /// Where it is gone.
    pub async fn order(&mut self, order: Order) -> io::Result<()> {
        self.control.write_all(&[order.byte()]).await
    }

    /// Kills a supervisor that does not answer.
    pub fn abandon(&mut self) {
        // It may have ended in this moment.
        let _ = self.supervisor.start_kill();
    }

    /// Hands on what is still in the pipes, now that every process of the command has ended. It never waits for more: a descriptor may
    /// have been passed to somebody who lives on.
    pub async fn drain<F: Future<Output = ()>>(self, mut each: impl FnMut(Channel, Bytes) -> F) {
        drop(self.record);
        for (channel, receiver) in [(Channel::Stdout, self.stdout), (Channel::Stderr, self.stderr)] {
            // Read without the runtime, whose idea of what is readable may lag behind the kernel's.
            let Ok(fd) = receiver.into_nonblocking_fd() else { continue };
            let mut rest = Vec::new();
            // `WouldBlock` where somebody else still holds the pipe; what was read until then is kept.
            let _ = File::from(fd).take(PIPE_BYTES as u64).read_to_end(&mut rest);
            if !rest.is_empty() {
                each(channel, rest.into()).await;
            }
        }
    }
}

fn pipe() -> io::Result<(Receiver, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    // Refused where the user has too much room in pipes already; then it is smaller.
    let _ = fcntl(writer.as_fd(), FcntlArg::F_SETPIPE_SZ(i32::try_from(PIPE_BYTES).expect("a small constant")));
    Ok((Receiver::from_owned_fd(reader.into())?, writer.into()))
}
