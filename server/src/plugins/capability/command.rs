//! Commands on the build's worker. Their output goes from the worker to the log; it passes through the guest only where asked for.

use crate::config::plugin::CommandGrant;
use crate::plugins::bindings::command::{
    Channel as GuestChannel, Chunk, CommandError, EnvValue, Event, Exit as GuestExit, Host, HostRunning, LineFilter,
    OutputMode, Spec, What,
};
use crate::plugins::capability::lines::{LineReader, Search};
use crate::plugins::capability::log::STDIO;
use crate::plugins::instance::Guest;
use crate::plugins::tally::Gated;
use crate::worker::{self, Channel, Command, Exit, Output, OutputSender};
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use wasmtime::component::Resource;

/// Commands of one step that run at the same time.
const RUNNING_MAX: usize = 16;
/// Pieces of output on the way; a slow reader slows the command.
const PIECES_MAX: usize = 16;
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// A command that runs, with its output. Dropping it ends the command.
#[derive(Debug)]
pub struct RunningCommand {
    output: mpsc::Receiver<(GuestChannel, Bytes)>,
    begun: Begun,
}

/// A command that runs. Dropping it ends the command.
#[derive(Debug)]
pub struct Begun {
    exit: Option<oneshot::Receiver<Result<Exit, worker::Error>>>,
    stop: CancellationToken,
    _ends_with_us: DropGuard,
}

/// What a guest sees of a command's output.
pub enum Tap {
    /// Nothing: it goes to the log.
    Closed,
    /// All of it.
    Chunks(mpsc::Sender<(GuestChannel, Bytes)>),
    /// The lines that it looks for.
    Lines(Search),
}

impl Guest {
    /// Why this guest may not touch the worker at all; none where it may.
    pub fn command_denied(&self) -> Option<String> {
        let name = &self.name;
        self.powers.command.is_none().then(|| {
            format!(
                "may not use the build's worker: grant it with `command = true`, or a list of programs, in `[plugin.{name}]`"
            )
        })
    }

    fn check_program(&self, program: &str) -> Result<(), CommandError> {
        if let Some(why) = self.command_denied() {
            return Err(CommandError::Denied(why));
        }
        let Some(CommandGrant::Programs(programs)) = &self.powers.command else { return Ok(()) };
        if programs.iter().any(|p| p == program) {
            return Ok(());
        }
        let name = &self.name;
        Err(CommandError::Denied(format!(
            "may not run `{program}`: `command` in `[plugin.{name}]` grants {} only",
            programs.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ")
        )))
    }

    /// Checks what the guest wants and makes it a command for the worker.
    async fn command(&mut self, spec: Spec) -> wasmtime::Result<Result<Command, CommandError>> {
        let invalid = |message: &str| Ok(Err(CommandError::Invalid(message.to_owned())));
        let (program, what) = match spec.what {
            What::Shell(line) if line.trim().is_empty() => return invalid("the shell line is empty"),
            What::Shell(line) => ("sh".to_owned(), worker::What::Shell(line)),
            What::Program(words) => match words.first() {
                Some(program) if !program.is_empty() => (program.clone(), worker::What::Program(words)),
                _ => return invalid("the command names no program"),
            },
        };
        if let Err(error) = self.check_program(&program) {
            return Ok(Err(error));
        }
        let mut env = self.step()?.call.env.clone();
        for variable in spec.env {
            if variable.name.is_empty() || variable.name.contains(['=', '\0']) {
                return invalid("the name of a variable is empty or holds `=`");
            }
            if matches!(self.powers.command, Some(CommandGrant::Programs(_))) && redirects(&variable.name) {
                let (name, plugin) = (&variable.name, &self.name);
                return Ok(Err(CommandError::Denied(format!(
                    "may not set `{name}`: it decides which program is run, and `command` in `[plugin.{plugin}]` grants a \
                     list of programs only"
                ))));
            }
            match variable.value {
                EnvValue::Plain(value) => env.insert(variable.name, value),
                EnvValue::Secret(secret) => {
                    if let Some(why) = self.secret_bound(&secret, "hand a command the")? {
                        return Ok(Err(CommandError::Denied(why)));
                    }
                    match self.secret_value(&secret).await? {
                        Ok(value) => env.insert(variable.name, value.expose().to_owned()),
                        Err(why) => return Ok(Err(CommandError::Failed(why.to_string()))),
                    }
                }
            };
        }
        let words = match &what {
            worker::What::Shell(line) => std::slice::from_ref(line),
            worker::What::Program(words) => words.as_slice(),
        };
        if words.iter().chain(env.values()).any(|text| text.contains('\0')) {
            return invalid("a word or a variable holds a zero byte");
        }
        let step = self.step()?;
        Ok(Ok(Command {
            place: step.place.clone(),
            what,
            directory: spec.directory,
            env,
            stdin: spec.stdin.map(Bytes::from),
            timeout: shorter(spec.timeout, step.call.timeout),
            idle_timeout: shorter(spec.idle_timeout, step.call.idle_timeout),
        }))
    }

    /// Starts a command whose output goes to its log and through the tap, as the spec says.
    pub async fn begin(&mut self, mut spec: Spec, tap: Tap) -> wasmtime::Result<Result<Begun, CommandError>> {
        let mode = spec.output;
        let log_name = spec.log.take().unwrap_or_else(|| STDIO.to_owned());
        let command = self.command(spec).await?;
        self.tally(Gated::Command, matches!(command, Err(CommandError::Denied(_))));
        let command = match command {
            Ok(command) => command,
            Err(error) => return Ok(Err(error)),
        };
        let step = self.step()?;
        if step.commands.len() >= RUNNING_MAX {
            let message = format!("a step runs at most {RUNNING_MAX} commands at the same time");
            return Ok(Err(CommandError::Limit(message)));
        }
        let log = match mode {
            OutputMode::Capture => None,
            OutputMode::Log | OutputMode::Both => match step.open_log(&log_name).await {
                Ok(log) => Some(log),
                Err(why) => return Ok(Err(CommandError::Failed(format!("the log `{log_name}`: {why}")))),
            },
        };
        let stop = step.call.stop.child_token();
        let (ended, exit) = oneshot::channel();
        let worker = step.call.worker.clone();
        let stopped = stop.clone();
        let run = async move {
            let end = match (tap, log) {
                (Tap::Closed, Some(log)) => worker.run(command, log, stopped).await,
                (tap, log) => {
                    let (sender, pieces) = mpsc::channel(PIECES_MAX);
                    let (end, ()) = tokio::join!(worker.run(command, sender, stopped), share(pieces, log, tap));
                    end
                }
            };
            // A guest that has dropped the command does not ask how it ended.
            drop(ended.send(end));
        };
        step.commands.spawn_on(run, &step.main);
        Ok(Ok(Begun { exit: Some(exit), stop: stop.clone(), _ends_with_us: stop.drop_guard() }))
    }
}

/// Whether a variable of this name decides which program or library is run in the place of a granted one.
fn redirects(name: &str) -> bool {
    let asks = name == "GIT_TERMINAL_PROMPT"; // whether a password is asked for: nothing else is run by it
    name == "PATH" || name.starts_with("LD_") || (name.starts_with("GIT_") && !asks)
}

fn shorter(asked_ms: Option<u32>, step: Option<Duration>) -> Option<Duration> {
    let asked = asked_ms.map(|ms| Duration::from_millis(ms.into()));
    asked.into_iter().chain(step).min()
}

/// Hands a command's output to the log and to the guest, as fast as the slower of them takes it.
async fn share(mut pieces: mpsc::Receiver<Output>, log: Option<OutputSender>, mut tap: Tap) {
    while let Some(piece) = pieces.recv().await {
        let channel = match piece.channel {
            Channel::Stdout => Some(GuestChannel::Stdout),
            Channel::Stderr => Some(GuestChannel::Stderr),
            Channel::Header => None,
        };
        let mut bytes = piece.bytes.clone();
        // Who no longer listens misses nothing: the command goes on, its log is written.
        if let Some(log) = &log {
            drop(log.send(piece).await);
        }
        while let (Some(channel), false) = (channel, bytes.is_empty()) {
            let part = bytes.split_to(bytes.len().min(CHUNK_BYTES_MAX));
            match &mut tap {
                Tap::Closed => {}
                Tap::Chunks(to_guest) => drop(to_guest.send((channel, part)).await),
                Tap::Lines(search) => search.look(channel, part).await,
            }
        }
    }
    if let Tap::Lines(search) = &mut tap {
        search.end().await;
    }
}

fn ended(end: Result<Result<Exit, worker::Error>, oneshot::error::RecvError>) -> Result<GuestExit, CommandError> {
    match end {
        Ok(Ok(Exit::Code(code))) => Ok(GuestExit::Code(code)),
        Ok(Ok(Exit::Signal(signal))) => Ok(GuestExit::Signal(signal)),
        Ok(Ok(Exit::TimedOut)) => Ok(GuestExit::TimedOut),
        Ok(Ok(Exit::Idle)) => Ok(GuestExit::Idle),
        Ok(Ok(Exit::Stopped)) => Ok(GuestExit::Stopped),
        Ok(Err(worker::Error::Lost(why))) => Ok(GuestExit::Lost(why)),
        Ok(Err(worker::Error::NoProgram(program))) => {
            Err(CommandError::NoSuchProgram(format!("there is no program `{program}` on the worker")))
        }
        Ok(Err(error @ worker::Error::Outside(_))) => Err(CommandError::Invalid(error.to_string())),
        Ok(Err(error)) => Err(CommandError::Failed(error.to_string())),
        Err(_) => Err(CommandError::Failed("the worker broke while it ran the command".to_owned())),
    }
}

impl Begun {
    /// Waits for its end.
    pub async fn exit(&mut self) -> Result<GuestExit, CommandError> {
        let Some(exit) = &mut self.exit else {
            return Err(CommandError::Invalid("the command has already ended".to_owned()));
        };
        let end = exit.await;
        self.exit = None;
        ended(end)
    }

    /// Ends it.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl RunningCommand {
    async fn next(&mut self) -> Result<Event, CommandError> {
        match self.output.recv().await {
            Some((source, bytes)) => Ok(Event::Output(Chunk { source, bytes: bytes.to_vec() })),
            None => self.begun.exit().await.map(Event::Exited),
        }
    }
}

impl Host for Guest {
    async fn start(&mut self, spec: Spec) -> wasmtime::Result<Result<Resource<RunningCommand>, CommandError>> {
        self.enter()?;
        let (tap, output) = match spec.output {
            OutputMode::Log => (Tap::Closed, mpsc::channel(1).1),
            OutputMode::Capture | OutputMode::Both => {
                let (to_guest, output) = mpsc::channel(PIECES_MAX);
                (Tap::Chunks(to_guest), output)
            }
        };
        match self.begin(spec, tap).await? {
            Ok(begun) => Ok(Ok(self.table.push(RunningCommand { output, begun })?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn run(&mut self, spec: Spec) -> wasmtime::Result<Result<GuestExit, CommandError>> {
        if spec.output != OutputMode::Log {
            let message = "`run` returns no output: start the command and read it";
            return Ok(Err(CommandError::Invalid(message.to_owned())));
        }
        self.enter()?;
        match self.begin(spec, Tap::Closed).await? {
            Ok(mut begun) => {
                let _waiting = self.stopwatch.pause();
                Ok(begun.exit().await)
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn lines(
        &mut self,
        spec: Spec,
        want: LineFilter,
    ) -> wasmtime::Result<Result<Resource<LineReader>, CommandError>> {
        self.start_lines(spec, want).await
    }
}

impl HostRunning for Guest {
    async fn next(
        &mut self,
        running: Resource<RunningCommand>,
        wait_ms: Option<u32>,
    ) -> wasmtime::Result<Result<Event, CommandError>> {
        self.enter()?;
        let _waiting = self.stopwatch.pause();
        let running = self.table.get_mut(&running)?;
        let Some(wait_ms) = wait_ms else { return Ok(running.next().await) };
        let wait = Duration::from_millis(wait_ms.into());
        Ok(tokio::time::timeout(wait, running.next()).await.unwrap_or(Ok(Event::NothingYet)))
    }

    async fn stop(&mut self, running: Resource<RunningCommand>) -> wasmtime::Result<()> {
        self.enter()?;
        self.table.get(&running)?.begun.stop();
        Ok(())
    }

    async fn drop(&mut self, running: Resource<RunningCommand>) -> wasmtime::Result<()> {
        self.table.delete(running)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::redirects;

    #[test]
    fn variables_that_put_another_program_in_a_granted_one_s_place_are_known() {
        for name in ["PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "GIT_SSH_COMMAND", "GIT_EXEC_PATH"] {
            assert!(redirects(name), "{name}");
        }
        for name in ["GIT_TERMINAL_PROMPT", "MAKEFLAGS", "MY_PATH", "LDFLAGS", "GIT"] {
            assert!(!redirects(name), "{name}");
        }
    }
}
