//! One command on the embedded worker, seen from the server: its supervisor is started, told, listened to, and asked to end it.

use super::header;
use super::launch::Launched;
use super::spec::{Ended, Failure, Order, Report, Spec};
use crate::clock::SharedClock;
use crate::worker::{Channel, Error, Exit, Output, OutputSender};
use bytes::{Bytes, BytesMut};
use nix::errno::Errno;
use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// What one read of a pipe may bring.
const READ_BYTES: usize = 128 << 10;
/// A supervisor that was asked to kill and does not answer for so long is lost.
const SUPERVISOR_PATIENCE: Duration = Duration::from_secs(15);
/// Longest report of a supervisor.
const REPORT_BYTES_MAX: usize = 4 << 10;
/// No deadline: far enough.
const FOREVER: Duration = Duration::from_secs(365 * 86_400);

/// How long a command may run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// At all.
    pub timeout: Option<Duration>,
    /// Without printing anything.
    pub idle_timeout: Option<Duration>,
    /// From the interrupt to the kill of a command that does not end by itself; SIGTERM comes halfway.
    pub grace: Duration,
}

/// Where a command's output goes.
pub struct Sink {
    /// The log.
    pub output: OutputSender,
    /// When it was read.
    pub clock: SharedClock,
}

impl Sink {
    fn piece(&self, channel: Channel, bytes: Bytes) -> Output {
        Output { channel, bytes, at: self.clock.now() }
    }

    /// A log that takes no more is its owner's wish, and no reason to end the command.
    async fn send(&self, channel: Channel, bytes: Bytes) {
        let _ = self.output.send(self.piece(channel, bytes)).await;
    }
}

/// Runs the command of `spec` to its end.
///
/// # Errors
/// Where it could not be started, or its supervisor was lost.
pub async fn run(
    mut launched: Launched,
    spec: &Spec,
    sink: &Sink,
    limits: Limits,
    stop: &CancellationToken,
) -> Result<Exit, Error> {
    let directory = spec.directory.as_deref().map_or_else(|| spec.root.clone(), |below| spec.root.join(below));
    let opening = header::opening(spec, &directory, limits.timeout, limits.idle_timeout);
    let mut watch = Watch::new(limits, sink.piece(Channel::Header, opening.into()));
    let report = watch.listen(&mut launched, sink, stop).await?;
    let exit = match report {
        Report::Ended(Ended::Code(code)) => watch.ending.map_or(Exit::Code(code), |ending| ending.cause),
        Report::Ended(Ended::Signal(signal)) => watch.ending.map_or(Exit::Signal(signal), |ending| ending.cause),
        Report::Failed { at, errno } => return Err(refused(at, errno, spec)),
        Report::Started(_) => return Err(Error::Lost("its supervisor spoke out of turn".to_owned())),
    };
    launched.drain(|channel, bytes| sink.send(channel, bytes)).await;
    sink.send(Channel::Header, header::closing(&exit, watch.started.elapsed()).into()).await;
    Ok(exit)
}

fn refused(at: Failure, errno: i32, spec: &Spec) -> Error {
    let program = &spec.program[0];
    let directory = spec.directory.as_deref().unwrap_or(".");
    let what = match (at, Errno::from_raw(errno)) {
        (Failure::Program, Errno::ENOENT)
            if program.contains('/') && Path::new(program).is_absolute() && Path::new(program).exists() =>
        {
            format!("`{program}` is there but what it names in its first line (`#!`) or as its loader is not")
        }
        (Failure::Program, Errno::ENOENT) => return Error::NoProgram(program.clone()),
        (Failure::Program, _) => format!("starting `{program}`"),
        (Failure::Directory, Errno::EXDEV) => return Error::Outside(directory.to_owned()),
        (Failure::Directory, _) => format!("entering `{directory}` in the builder's work directory"),
        (Failure::Stdin, _) => "preparing the command's standard input".to_owned(),
        (Failure::Fence, _) => "fencing the command in; nothing was run".to_owned(),
        (Failure::Spec, _) => "preparing the command".to_owned(),
    };
    Error::Io { what, source: io::Error::from_raw_os_error(errno) }
}

/// A command that is being ended by us.
struct Ending {
    cause: Exit,
    /// What comes next and when; none after the kill, when only the supervisor's answer is awaited.
    next: Option<Order>,
    at: Instant,
}

/// What is known of a running command.
struct Watch {
    limits: Limits,
    started: Instant,
    last_output: Instant,
    ending: Option<Ending>,
    /// Read and not yet taken by the log. While it waits nothing more is read, so the pipe fills and the command waits, too.
    pending: Option<Output>,
}

impl Watch {
    fn new(limits: Limits, opening: Output) -> Self {
        let now = Instant::now();
        Self { limits, started: now, last_output: now, ending: None, pending: Some(opening) }
    }

    /// Hands on output until the supervisor reports the end.
    async fn listen(&mut self, from: &mut Launched, sink: &Sink, stop: &CancellationToken) -> Result<Report, Error> {
        let (mut out, mut err, mut line) = (BytesMut::new(), BytesMut::new(), BytesMut::new());
        let (mut out_open, mut err_open) = (true, true);
        let mut timer = pin!(sleep_until(self.next_deadline()));
        loop {
            let free = self.pending.is_none();
            tokio::select! {
                () = stop.cancelled(), if self.ending.is_none() => {
                    self.end(Exit::Stopped);
                    self.tick(from, timer.as_mut()).await?;
                }
                () = &mut timer => self.tick(from, timer.as_mut()).await?,
                permit = sink.output.reserve(), if !free => {
                    let piece = self.pending.take().expect("only asked for while there is one");
                    if let Ok(permit) = permit {
                        permit.send(piece);
                    }
                    // The time that the log took is not the command's silence.
                    self.last_output = Instant::now();
                }
                n = from.stdout.read_buf(reserved(&mut out)), if free && out_open => {
                    out_open = self.took(n, Channel::Stdout, &mut out, sink)?;
                }
                n = from.stderr.read_buf(reserved(&mut err)), if free && err_open => {
                    err_open = self.took(n, Channel::Stderr, &mut err, sink)?;
                }
                n = from.control.read_buf(&mut line) => {
                    let ended = n.map_err(lost)? == 0;
                    for report in reports(&mut line, ended)? {
                        if !matches!(report, Report::Started(_)) {
                            return self.hand_over(report, sink).await;
                        }
                    }
                }
            }
        }
    }

    /// The command has ended; what was read before must reach the log first.
    async fn hand_over(&mut self, report: Report, sink: &Sink) -> Result<Report, Error> {
        if let Some(piece) = self.pending.take() {
            sink.send(piece.channel, piece.bytes).await;
        }
        Ok(report)
    }

    /// Takes what was read; false at the end of the stream.
    fn took(
        &mut self,
        n: io::Result<usize>,
        channel: Channel,
        bytes: &mut BytesMut,
        sink: &Sink,
    ) -> Result<bool, Error> {
        match n {
            Ok(0) => Ok(false),
            Ok(_) => {
                self.last_output = Instant::now();
                self.pending = Some(sink.piece(channel, bytes.split().freeze()));
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(source) => Err(Error::Io { what: "reading the command's output".to_owned(), source }),
        }
    }

    fn end(&mut self, cause: Exit) {
        self.ending.get_or_insert(Ending { cause, next: Some(Order::Interrupt), at: Instant::now() });
    }

    /// Does what is due, and sets the timer to what comes next.
    async fn tick(&mut self, from: &mut Launched, timer: Pin<&mut Sleep>) -> Result<(), Error> {
        let now = Instant::now();
        if self.limits.timeout.is_some_and(|limit| now >= self.started + limit) {
            self.end(Exit::TimedOut);
        }
        if self.pending.is_none() && self.limits.idle_timeout.is_some_and(|limit| now >= self.last_output + limit) {
            self.end(Exit::Idle);
        }
        if let Some(ending) = &mut self.ending
            && now >= ending.at
        {
            let Some(order) = ending.next else {
                from.abandon();
                return Err(Error::Lost("its supervisor did not answer".to_owned()));
            };
            from.order(order).await.map_err(lost)?;
            (ending.next, ending.at) = match order {
                Order::Interrupt => (Some(Order::Terminate), now + self.limits.grace / 2),
                Order::Terminate => (Some(Order::Kill), now + self.limits.grace / 2),
                Order::Kill => (None, now + SUPERVISOR_PATIENCE),
            };
        }
        timer.reset(self.next_deadline());
        Ok(())
    }

    fn next_deadline(&self) -> Instant {
        if let Some(ending) = &self.ending {
            return ending.at;
        }
        let timeout = self.limits.timeout.map(|limit| self.started + limit);
        // While the log is full nothing is read, and silence means nothing: look again later.
        let heard = if self.pending.is_none() { self.last_output } else { Instant::now() };
        let idle = self.limits.idle_timeout.map(|limit| heard + limit);
        timeout.into_iter().chain(idle).min().unwrap_or(self.started + FOREVER)
    }
}

/// A buffer with room for one read. What is left of the last allocation is used up first, so that small output stays small in memory.
fn reserved(buffer: &mut BytesMut) -> &mut BytesMut {
    if buffer.capacity() < READ_BYTES / 8 {
        buffer.reserve(READ_BYTES);
    }
    buffer
}

/// The complete lines so far.
fn reports(line: &mut BytesMut, ended: bool) -> Result<Vec<Report>, Error> {
    let mut found = Vec::new();
    while let Some(at) = line.iter().position(|byte| *byte == b'\n') {
        let text = line.split_to(at + 1);
        found.push(
            serde_json::from_slice(&text)
                .map_err(|e| Error::Lost(format!("its supervisor is of another mind: {e}")))?,
        );
    }
    if found.is_empty() && ended {
        return Err(Error::Lost("its supervisor was killed".to_owned()));
    }
    if line.len() > REPORT_BYTES_MAX {
        return Err(Error::Lost("its supervisor talks too much".to_owned()));
    }
    Ok(found)
}

fn lost(error: io::Error) -> Error {
    Error::Lost(format!("the connection to its supervisor broke: {error}"))
}
