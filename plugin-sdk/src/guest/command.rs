//! Commands and their lines, by the host.

use super::imports::command;
use super::imports::secrets;
use super::{convert, millis};
use crate::command::{Channel, Command, Event, Exit, OutputMode, What};
use crate::error::HostError;
use crate::host::{LineReader, Running};
use crate::lines::{Line, LineBatch, LineFilter};
use crate::secret::Text;
use std::time::Duration;

/// Runs one to its end.
pub fn run(what: &Command) -> Result<Exit, HostError> {
    let handles = handles(what)?;
    Ok(exit(command::run(&spec(what, &handles))?))
}

/// Starts one whose events the plugin reads.
pub fn start(what: &Command) -> Result<Box<dyn Running>, HostError> {
    let handles = handles(what)?;
    Ok(Box::new(command::start(&spec(what, &handles))?))
}

/// Starts one whose lines the plugin reads.
pub fn read_lines(what: &Command, wanted: &LineFilter) -> Result<Box<dyn LineReader>, HostError> {
    let handles = handles(what)?;
    let wanted = match wanted {
        LineFilter::All => command::LineFilter::All,
        LineFilter::Prefixes(prefixes) => command::LineFilter::Prefixes(prefixes.clone()),
        LineFilter::Patterns(patterns) => command::LineFilter::Patterns(patterns.clone()),
    };
    Ok(Box::new(command::lines(&spec(what, &handles), &wanted)?))
}

/// The host's handles of a command's secrets, one for each variable; they live until the host has taken them.
fn handles(command: &Command) -> Result<Vec<Option<secrets::Secret>>, HostError> {
    let handle = |(_, value): &(String, Text)| match value {
        Text::Plain(_) => Ok(None),
        Text::Secret(secret) => convert::handle(secret).map(Some),
    };
    command.env.iter().map(handle).collect()
}

fn spec<'a>(command: &Command, handles: &'a [Option<secrets::Secret>]) -> command::Spec<'a> {
    let variable = |((name, value), handle): (&(String, Text), &'a Option<secrets::Secret>)| {
        let value = match (handle, value) {
            (Some(handle), _) => command::EnvValue::Secret(handle),
            (None, Text::Plain(text)) => command::EnvValue::Plain(text.clone()),
            (None, Text::Secret(_)) => return None,
        };
        Some(command::EnvVar { name: name.clone(), value })
    };
    command::Spec {
        what: match &command.what {
            What::Program(words) => command::What::Program(words.clone()),
            What::Shell(line) => command::What::Shell(line.clone()),
        },
        directory: command.directory.clone(),
        env: command.env.iter().zip(handles).filter_map(variable).collect(),
        stdin: command.stdin.clone(),
        log: command.log.clone(),
        output: match command.output {
            OutputMode::Log => command::OutputMode::Log,
            OutputMode::Capture => command::OutputMode::Capture,
            OutputMode::Both => command::OutputMode::Both,
        },
        timeout: command.timeout.map(millis),
        idle_timeout: command.idle_timeout.map(millis),
        extra: Vec::new(),
    }
}

fn exit(exit: command::Exit) -> Exit {
    match exit {
        command::Exit::Code(code) => Exit::Code(code),
        command::Exit::Signal(signal) => Exit::Signal(signal),
        command::Exit::TimedOut => Exit::TimedOut,
        command::Exit::Idle => Exit::Idle,
        command::Exit::Stopped => Exit::Stopped,
        command::Exit::Lost(why) => Exit::Lost(why),
    }
}

fn channel(source: command::Channel) -> Channel {
    match source {
        command::Channel::Stdout => Channel::Stdout,
        command::Channel::Stderr => Channel::Stderr,
    }
}

impl Running for command::Running {
    fn next(&mut self, wait: Option<Duration>) -> Result<Event, HostError> {
        Ok(match command::Running::next(self, wait.map(millis))? {
            command::Event::Output(chunk) => Event::Output(channel(chunk.source), chunk.bytes),
            command::Event::Exited(e) => Event::Exited(exit(e)),
            command::Event::NothingYet => Event::NothingYet,
        })
    }

    fn stop(&mut self) {
        command::Running::stop(self);
    }
}

impl LineReader for command::LineReader {
    fn next(&mut self, wait: Option<Duration>) -> Result<LineBatch, HostError> {
        let batch = command::LineReader::next(self, wait.map(millis))?;
        let line = |found: command::FoundLine| Line {
            number: found.number,
            channel: channel(found.source),
            text: found.text,
            which: found.which as usize,
            groups: found.groups,
        };
        Ok(LineBatch { lines: batch.lines.into_iter().map(line).collect(), exit: batch.exited.map(exit) })
    }

    fn stop(&mut self) {
        command::LineReader::stop(self);
    }
}
