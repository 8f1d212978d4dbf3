//! The inside of a component: generated bindings, and the host that they lead to. Public for [`crate::export_step`] only.

/// Commands and their lines.
mod command;
/// The other nouns.
mod convert;
/// Calls of services.
mod http;
/// Refusals.
mod refusal;
/// Reporters.
pub mod reporter;

use crate::artifact::Artifact;
use crate::capability::Capability;
use crate::command::{Command, Exit};
use crate::context::{Build, Context};
use crate::error::{Error, HostError};
use crate::host::{Host, Level, LineReader, Running};
use crate::http::{Request, Response};
use crate::lines::LineFilter;
use crate::secret::Secret;
use crate::state::{Expect, Versioned};
use crate::step::{Step, Verdict, settings_schema};
use crate::test_results::TestCase;
use crate::trigger::{Finished, Order};
use crate::workspace::FileStat;
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
use bindings::weir::plugin as imports;
use imports::{
    artifacts, builds, log, progress, properties, random, state, test_results, trigger, types, wait, workspace,
};

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
        capabilities: S::CAPABILITIES.iter().map(capability).collect(),
        extra: Vec::new(),
    }
}

fn capability(capability: &Capability) -> metadata::Capability {
    let params = match capability.hosts {
        [] => "{}".to_owned(),
        hosts => serde_json::json!({ "hosts": hosts }).to_string(),
    };
    metadata::Capability { kind: capability.kind.to_owned(), params, reason: capability.reason.to_owned() }
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
    let deadline = Duration::from_millis(context.deadline.into());
    let mut cx = Context::new(build, context.step, Imports).with_deadline(deadline);
    let outcome = S::run(&mut cx, settings).map_err(plugin_error)?;
    let verdict = match outcome.verdict {
        Verdict::Success => step_handler::Verdict::Success,
        Verdict::Warnings => step_handler::Verdict::Warnings,
        Verdict::Failure => step_handler::Verdict::Failure,
        Verdict::Skipped => step_handler::Verdict::Skipped,
    };
    Ok(step_handler::Outcome::Finished(step_handler::ResultRecord { verdict, summary: outcome.summary, extra: vec![] }))
}

fn plugin_error(error: Error) -> types::PluginError {
    let retryable = |reason, after| types::PluginError::Retryable(types::Retry { reason, after });
    match error {
        Error::InvalidSettings(issues) => types::PluginError::InvalidSettings(
            issues.into_iter().map(|(path, message)| types::Issue { path, message }).collect(),
        ),
        Error::Retryable(reason) => retryable(reason, None),
        Error::RetryableAfter(reason, after) => retryable(reason, Some(millis(after))),
        Error::Failed(message) => types::PluginError::Failed(message),
    }
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

/// A document of the host; one that is none would be its fault and reads as null.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

impl Host for Imports {
    fn log(&mut self, level: Level, text: &str) {
        log::write(&[log::Line { level: convert::level(level), text: text.to_owned() }]);
    }

    fn append(&mut self, log: &str, text: &str) -> Result<(), HostError> {
        Ok(log::append(log, text)?)
    }

    fn summary(&mut self, text: &str) -> Result<(), HostError> {
        Ok(progress::summary(text)?)
    }

    fn link(&mut self, name: &str, url: &str) -> Result<(), HostError> {
        Ok(progress::link(name, url)?)
    }

    fn statistic(&mut self, name: &str, value: f64) -> Result<(), HostError> {
        Ok(progress::statistic(name, value)?)
    }

    fn property(&mut self, name: &str) -> Option<Value> {
        properties::get(name).map(|text| json(&text))
    }

    fn properties(&mut self) -> Vec<(String, Value)> {
        properties::all().into_iter().map(|entry| (entry.key, json(&entry.value))).collect()
    }

    fn set_property(&mut self, name: &str, value: &Value) -> Result<(), HostError> {
        Ok(properties::set(name, &value.to_string())?)
    }

    fn sleep(&mut self, duration: Duration) -> bool {
        wait::sleep(millis(duration)).is_ok()
    }

    fn cancelled(&mut self) -> bool {
        wait::cancelled()
    }

    fn now(&mut self) -> String {
        wait::now()
    }

    fn random_bytes(&mut self, n: u32) -> Vec<u8> {
        random::bytes(n)
    }

    fn reveal(&mut self, secret: &Secret) -> Result<String, HostError> {
        Ok(imports::secret_reveal::reveal(&convert::handle(secret)?)?)
    }

    fn run(&mut self, command: &Command) -> Result<Exit, HostError> {
        command::run(command)
    }

    fn start(&mut self, command: &Command) -> Result<Box<dyn Running>, HostError> {
        command::start(command)
    }

    fn read_lines(&mut self, command: &Command, wanted: &LineFilter) -> Result<Box<dyn LineReader>, HostError> {
        command::read_lines(command, wanted)
    }

    fn upload(&mut self, path: &str, max_bytes: u32) -> Result<Vec<u8>, HostError> {
        workspace::upload(path, max_bytes).map_err(|e| refusal::of_file(path, e))
    }

    fn download(&mut self, path: &str, content: &[u8]) -> Result<(), HostError> {
        workspace::download(path, content).map_err(|e| refusal::of_file(path, e))
    }

    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, HostError> {
        let stat = workspace::stat(path).map_err(|e| refusal::of_file(path, e))?;
        Ok(stat.map(|s| FileStat { is_dir: s.directory, size_bytes: s.size, mode: s.mode }))
    }

    fn glob(&mut self, pattern: &str, max: u32) -> Result<Vec<String>, HostError> {
        workspace::glob(pattern, max).map_err(|e| refusal::of_file(pattern, e))
    }

    fn mkdir(&mut self, path: &str) -> Result<(), HostError> {
        workspace::mkdir(path).map_err(|e| refusal::of_file(path, e))
    }

    fn rmdir(&mut self, path: &str) -> Result<(), HostError> {
        workspace::rmdir(path).map_err(|e| refusal::of_file(path, e))
    }

    fn cpdir(&mut self, from: &str, to: &str) -> Result<(), HostError> {
        workspace::cpdir(from, to).map_err(|e| refusal::of_file(from, e))
    }

    fn report_tests(&mut self, cases: &[TestCase]) -> Result<(), HostError> {
        let cases: Vec<_> = cases.iter().map(convert::test_case).collect();
        Ok(test_results::report(&cases)?)
    }

    fn store_file(&mut self, path: &str, name: &str) -> Result<Artifact, HostError> {
        Ok(convert::artifact(artifacts::store_file(path, name)?))
    }

    fn store_bytes(&mut self, name: &str, content: &[u8]) -> Result<Artifact, HostError> {
        Ok(convert::artifact(artifacts::store_bytes(name, content)?))
    }

    fn builder_status(&mut self, builder: &str) -> Result<Value, HostError> {
        builds::builder(builder).map(|text| json(&text)).map_err(|e| refusal::of_builds(builder, e))
    }

    fn build_status(&mut self, builder: &str, number: u32) -> Result<Value, HostError> {
        builds::build(builder, number).map(|text| json(&text)).map_err(|e| refusal::of_builds(builder, e))
    }

    fn recent_builds(&mut self, builder: &str, max: u32) -> Result<Vec<Value>, HostError> {
        let recent = builds::recent(builder, max).map_err(|e| refusal::of_builds(builder, e))?;
        Ok(recent.iter().map(|text| json(text)).collect())
    }

    fn view_status(&mut self, view: &str) -> Result<Value, HostError> {
        builds::view(view).map(|text| json(&text)).map_err(|e| refusal::of_builds(view, e))
    }

    fn trigger(&mut self, order: &Order) -> Result<String, HostError> {
        Ok(trigger::start(&convert::order(order))?)
    }

    fn wait_for(&mut self, requests: &[String], timeout: Option<Duration>) -> Result<Vec<Finished>, HostError> {
        let finished = trigger::wait_for(requests, timeout.map(millis))?;
        Ok(finished.into_iter().map(convert::finished).collect())
    }

    fn send(&mut self, request: &Request) -> Result<Response, HostError> {
        http::send(request)
    }

    fn state_get(&mut self, key: &str) -> Result<Option<Versioned>, HostError> {
        Ok(state::get(key)?.map(|v| Versioned { value: v.value, version: v.version }))
    }

    fn state_put(&mut self, key: &str, value: &[u8], expected: &Expect) -> Result<String, HostError> {
        Ok(state::put(key, value, &convert::expectation(expected))?)
    }

    fn state_delete(&mut self, key: &str) -> Result<(), HostError> {
        Ok(state::delete(key)?)
    }

    fn state_keys(&mut self, prefix: &str, max: u32) -> Result<Vec<String>, HostError> {
        Ok(state::keys(prefix, max)?)
    }
}
