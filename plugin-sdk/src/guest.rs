//! The inside of a component: generated bindings, and the host that they lead to. Public for [`crate::export_step`] only.

use crate::command::{Channel, Command, Event, Exit, OutputMode, What};
use crate::context::{Build, Context};
use crate::error::{Error, HostError, Refusal};
use crate::host::{FileStat, Host, Level, Running};
use crate::step::{Step, Verdict, settings_schema};
use serde_json::Value;
use std::time::Duration;

/// Generated from `wit/`.
#[expect(missing_docs, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "step",
        pub_export_macro: true,
        default_bindings_module: "weir_plugin_sdk::guest::bindings",
        runtime_path: "weir_plugin_sdk::guest::rt",
    });
}

/// What the generated code runs on.
pub use wit_bindgen::rt;

use bindings::exports::weir::plugin::{metadata, step_handler};
use bindings::weir::plugin::{command, log, progress, properties, types, wait, workspace};

/// Answers `describe`.
pub fn describe<S: Step>() -> metadata::Descriptor {
    install_panic_hook();
    metadata::Descriptor {
        name: S::NAME.to_owned(),
        version: S::VERSION.to_owned(),
        kind: "step".to_owned(),
        summary: S::SUMMARY.to_owned(),
        // Decided when it is compiled: of the two only what is used ends up in the component.
        settings_schema: match S::SETTINGS_SCHEMA {
            Some(schema) => schema.to_owned(),
            None => settings_schema::<S>().to_string(),
        },
        capabilities: S::CAPABILITIES
            .iter()
            .map(|c| metadata::Capability {
                kind: c.kind.to_owned(),
                params: "{}".to_owned(),
                reason: c.reason.to_owned(),
            })
            .collect(),
        extra: Vec::new(),
    }
}

/// Answers `run`.
pub fn run<S: Step>(context: step_handler::Context) -> Result<step_handler::Outcome, types::PluginError> {
    install_panic_hook();
    let settings = serde_json::from_str(&context.settings).map_err(|e| {
        types::PluginError::InvalidSettings(vec![types::Issue { path: String::new(), message: e.to_string() }])
    })?;
    let build = Build {
        team: context.build.team,
        builder: context.build.builder,
        number: context.build.number,
        revision: context.build.revision,
        branch: context.build.branch,
    };
    let mut cx = Context::new(build, context.step, Imports);
    let outcome = S::run(&mut cx, settings).map_err(|error| match error {
        Error::InvalidSettings(issues) => types::PluginError::InvalidSettings(
            issues.into_iter().map(|(path, message)| types::Issue { path, message }).collect(),
        ),
        Error::Retryable(reason) => types::PluginError::Retryable(types::Retry { reason, after: None }),
        Error::Failed(message) => types::PluginError::Failed(message),
    })?;
    let verdict = match outcome.verdict {
        Verdict::Success => step_handler::Verdict::Success,
        Verdict::Warnings => step_handler::Verdict::Warnings,
        Verdict::Failure => step_handler::Verdict::Failure,
        Verdict::Skipped => step_handler::Verdict::Skipped,
    };
    Ok(step_handler::Outcome::Finished(step_handler::ResultRecord { verdict, summary: outcome.summary, extra: vec![] }))
}

/// A panic arrives at the host as a bare trap: its message goes ahead by the log.
fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        log::write(&[log::Line { level: log::Level::Error, text: info.to_string() }]);
    }));
}

/// The host, as a component sees it.
pub struct Imports;

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn command_error(error: command::CommandError) -> HostError {
    use command::CommandError as E;
    let (kind, message) = match error {
        E::Denied(m) => (Refusal::Denied, m),
        E::NoSuchProgram(m) => (Refusal::NotFound, m),
        E::Invalid(m) => (Refusal::Invalid, m),
        E::Limit(m) => (Refusal::Limit, m),
        E::Failed(m) => (Refusal::Failed, m),
    };
    HostError { kind, message }
}

fn file_error(path: &str, error: workspace::FileError) -> HostError {
    use workspace::FileError as E;
    let (kind, message) = match error {
        E::Denied(m) => (Refusal::Denied, m),
        E::Outside(m) => (Refusal::Invalid, m),
        E::NotFound => (Refusal::NotFound, ["there is no file `", path, "`"].concat()),
        E::TooLarge(max) => (Refusal::Limit, format!("`{path}` has more than {max} bytes")),
        E::Failed(m) => (Refusal::Failed, m),
    };
    HostError { kind, message }
}

fn spec(command: &Command) -> command::Spec<'_> {
    command::Spec {
        what: match &command.what {
            What::Program(words) => command::What::Program(words.clone()),
            What::Shell(line) => command::What::Shell(line.clone()),
        },
        directory: command.directory.clone(),
        env: command
            .env
            .iter()
            .map(|(name, value)| command::EnvVar { name: name.clone(), value: command::EnvValue::Plain(value.clone()) })
            .collect(),
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

impl Running for command::Running {
    fn next(&mut self, wait: Option<Duration>) -> Result<Event, HostError> {
        Ok(match command::Running::next(self, wait.map(millis)).map_err(command_error)? {
            command::Event::Output(chunk) => {
                let channel = match chunk.source {
                    command::Channel::Stdout => Channel::Stdout,
                    command::Channel::Stderr => Channel::Stderr,
                };
                Event::Output(channel, chunk.bytes)
            }
            command::Event::Exited(e) => Event::Exited(exit(e)),
            command::Event::NothingYet => Event::NothingYet,
        })
    }

    fn stop(&mut self) {
        command::Running::stop(self);
    }
}

impl Host for Imports {
    fn log(&mut self, level: Level, text: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(&[log::Line { level, text: text.to_owned() }]);
    }

    fn append(&mut self, log: &str, text: &str) -> Result<(), HostError> {
        log::append(log, text).map_err(|error| match error {
            log::LogError::Denied(m) => HostError::new(Refusal::Denied, m),
            log::LogError::Invalid(m) => HostError::new(Refusal::Invalid, m),
            log::LogError::Failed(m) => HostError::new(Refusal::Failed, m),
        })
    }

    fn summary(&mut self, text: &str) -> Result<(), HostError> {
        progress::summary(text).map_err(progress_error)
    }

    fn link(&mut self, name: &str, url: &str) -> Result<(), HostError> {
        progress::link(name, url).map_err(progress_error)
    }

    fn property(&mut self, name: &str) -> Option<Value> {
        properties::get(name).and_then(|json| serde_json::from_str(&json).ok())
    }

    fn set_property(&mut self, name: &str, value: &Value) -> Result<(), HostError> {
        properties::set(name, &value.to_string()).map_err(|error| match error {
            properties::PropertyError::Denied(m) => HostError::new(Refusal::Denied, m),
            properties::PropertyError::Invalid(m) => HostError::new(Refusal::Invalid, m),
            properties::PropertyError::Limit(m) => HostError::new(Refusal::Limit, m),
            properties::PropertyError::Failed(m) => HostError::new(Refusal::Failed, m),
        })
    }

    fn sleep(&mut self, duration: Duration) -> bool {
        wait::sleep(millis(duration)).is_ok()
    }

    fn cancelled(&mut self) -> bool {
        wait::cancelled()
    }

    fn run(&mut self, command: &Command) -> Result<Exit, HostError> {
        command::run(&spec(command)).map(exit).map_err(command_error)
    }

    fn start(&mut self, command: &Command) -> Result<Box<dyn Running>, HostError> {
        let running = command::start(&spec(command)).map_err(command_error)?;
        Ok(Box::new(running))
    }

    fn upload(&mut self, path: &str, max_bytes: u32) -> Result<Vec<u8>, HostError> {
        workspace::upload(path, max_bytes).map_err(|e| file_error(path, e))
    }

    fn download(&mut self, path: &str, content: &[u8]) -> Result<(), HostError> {
        workspace::download(path, content).map_err(|e| file_error(path, e))
    }

    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, HostError> {
        let stat = workspace::stat(path).map_err(|e| file_error(path, e))?;
        Ok(stat.map(|s| FileStat { is_dir: s.directory, size_bytes: s.size, mode: s.mode }))
    }

    fn glob(&mut self, pattern: &str, max: u32) -> Result<Vec<String>, HostError> {
        workspace::glob(pattern, max).map_err(|e| file_error(pattern, e))
    }

    fn mkdir(&mut self, path: &str) -> Result<(), HostError> {
        workspace::mkdir(path).map_err(|e| file_error(path, e))
    }

    fn rmdir(&mut self, path: &str) -> Result<(), HostError> {
        workspace::rmdir(path).map_err(|e| file_error(path, e))
    }

    fn cpdir(&mut self, from: &str, to: &str) -> Result<(), HostError> {
        workspace::cpdir(from, to).map_err(|e| file_error(from, e))
    }
}

fn progress_error(error: progress::ProgressError) -> HostError {
    match error {
        progress::ProgressError::Invalid(m) => HostError::new(Refusal::Invalid, m),
        progress::ProgressError::Limit(m) => HostError::new(Refusal::Limit, m),
        progress::ProgressError::Failed(m) => HostError::new(Refusal::Failed, m),
    }
}
