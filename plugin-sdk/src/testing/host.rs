//! What a scripted host answers.

use super::lines::ScriptedLines;
use super::{State, fits, words};
use crate::artifact::Artifact;
use crate::command::{Channel, Command, Event, Exit};
use crate::error::{HostError, Refusal};
use crate::host::{Host, Level, LineReader, Running};
use crate::http::{FieldValue, Request, Response};
use crate::lines::LineFilter;
use crate::secret::{Secret, Text};
use crate::state::{Expect, Versioned};
use crate::test_results::TestCase;
use crate::trigger::{Finished, Order, Results};
use crate::workspace::FileStat;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// The host that a script is.
pub struct Scripted(pub Rc<RefCell<State>>);

impl Scripted {
    fn reply(&self, command: &Command) -> Result<(Exit, Vec<u8>), HostError> {
        let mut state = self.0.borrow_mut();
        for (_, value) in &command.env {
            state.knows(value)?;
        }
        state.commands.push(command.clone());
        let given = words(command);
        let answer = state.answers.iter().find(|a| fits(&a.words, &given));
        answer.map_or_else(|| Ok((Exit::Code(0), Vec::new())), |a| a.reply.clone())
    }
}

struct ScriptedRunning(VecDeque<Event>);

impl Running for ScriptedRunning {
    fn next(&mut self, _wait: Option<Duration>) -> Result<Event, HostError> {
        self.0.pop_front().ok_or_else(|| HostError::new(Refusal::Invalid, "the command has already ended"))
    }

    fn stop(&mut self) {
        self.0 = VecDeque::from([Event::Exited(Exit::Stopped)]);
    }
}

impl Host for Scripted {
    fn log(&mut self, _level: Level, text: &str) {
        let mut state = self.0.borrow_mut();
        let log = state.logs.entry("stdio".to_owned()).or_default();
        log.push_str(text);
        log.push('\n');
    }

    fn append(&mut self, log: &str, text: &str) -> Result<(), HostError> {
        self.0.borrow_mut().logs.entry(log.to_owned()).or_default().push_str(text);
        Ok(())
    }

    fn summary(&mut self, text: &str) -> Result<(), HostError> {
        self.0.borrow_mut().summaries.push(text.to_owned());
        Ok(())
    }

    fn link(&mut self, name: &str, url: &str) -> Result<(), HostError> {
        self.0.borrow_mut().links.push((name.to_owned(), url.to_owned()));
        Ok(())
    }

    fn statistic(&mut self, name: &str, value: f64) -> Result<(), HostError> {
        self.0.borrow_mut().statistics.insert(name.to_owned(), value);
        Ok(())
    }

    fn properties(&mut self) -> Vec<(String, Value)> {
        self.0.borrow().properties.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn property(&mut self, name: &str) -> Option<Value> {
        self.0.borrow().properties.get(name).cloned()
    }

    fn set_property(&mut self, name: &str, value: &Value) -> Result<(), HostError> {
        self.0.borrow_mut().properties.insert(name.to_owned(), value.clone());
        Ok(())
    }

    fn sleep(&mut self, _duration: Duration) -> bool {
        !self.0.borrow().cancelled
    }

    fn cancelled(&mut self) -> bool {
        self.0.borrow().cancelled
    }

    fn now(&mut self) -> String {
        self.0.borrow().now.clone().unwrap_or_else(|| "2026-01-01T00:00:00Z".to_owned())
    }

    /// Not random at all: 0, 1, 2 ...
    fn random_bytes(&mut self, n: u32) -> Vec<u8> {
        let mut state = self.0.borrow_mut();
        let next = |_| {
            state.n_random = state.n_random.wrapping_add(1);
            state.n_random.wrapping_sub(1)
        };
        (0..n).map(next).collect()
    }

    fn reveal(&mut self, secret: &Secret) -> Result<String, HostError> {
        let state = self.0.borrow();
        state.secrets.get(secret.name()).cloned().ok_or_else(|| not_handed_over(secret))
    }

    fn read_lines(&mut self, command: &Command, wanted: &LineFilter) -> Result<Box<dyn LineReader>, HostError> {
        let (exit, stdout) = self.reply(command)?;
        Ok(Box::new(ScriptedLines::find(&String::from_utf8_lossy(&stdout), wanted, exit)?))
    }

    fn run(&mut self, command: &Command) -> Result<Exit, HostError> {
        self.reply(command).map(|(exit, _)| exit)
    }

    fn start(&mut self, command: &Command) -> Result<Box<dyn Running>, HostError> {
        let (exit, stdout) = self.reply(command)?;
        let mut events = VecDeque::new();
        if !stdout.is_empty() {
            events.push_back(Event::Output(Channel::Stdout, stdout));
        }
        events.push_back(Event::Exited(exit));
        Ok(Box::new(ScriptedRunning(events)))
    }

    fn upload(&mut self, path: &str, max_bytes: u32) -> Result<Vec<u8>, HostError> {
        match self.0.borrow().files.get(path) {
            Some(Some(content)) if content.len() <= max_bytes as usize => Ok(content.clone()),
            Some(Some(_)) => Err(HostError::new(Refusal::Limit, format!("`{path}` has more than {max_bytes} bytes"))),
            _ => Err(HostError::new(Refusal::NotFound, format!("there is no file `{path}`"))),
        }
    }

    fn download(&mut self, path: &str, content: &[u8]) -> Result<(), HostError> {
        self.0.borrow_mut().files.insert(path.to_owned(), Some(content.to_vec()));
        Ok(())
    }

    fn stat(&mut self, path: &str) -> Result<Option<FileStat>, HostError> {
        let state = self.0.borrow();
        Ok(state.files.get(path).map(|file| FileStat {
            is_dir: file.is_none(),
            size_bytes: file.as_ref().map_or(0, |content| u32::try_from(content.len()).unwrap_or(u32::MAX)),
            mode: 0o755,
        }))
    }

    fn glob(&mut self, pattern: &str, max: u32) -> Result<Vec<String>, HostError> {
        let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
        let state = self.0.borrow();
        let fitting = state.files.keys().filter(|path| path.starts_with(before) && path.ends_with(after));
        Ok(fitting.take(max as usize).cloned().collect())
    }

    fn mkdir(&mut self, path: &str) -> Result<(), HostError> {
        self.0.borrow_mut().files.insert(path.to_owned(), None);
        Ok(())
    }

    fn rmdir(&mut self, path: &str) -> Result<(), HostError> {
        let below = format!("{path}/");
        self.0.borrow_mut().files.retain(|file, _| file != path && !file.starts_with(&below));
        Ok(())
    }

    fn cpdir(&mut self, from: &str, to: &str) -> Result<(), HostError> {
        let mut state = self.0.borrow_mut();
        let copies: Vec<_> = state
            .files
            .iter()
            .filter_map(|(path, content)| path.strip_prefix(from).map(|rest| (format!("{to}{rest}"), content.clone())))
            .collect();
        state.files.extend(copies);
        Ok(())
    }

    fn report_tests(&mut self, cases: &[TestCase]) -> Result<(), HostError> {
        self.0.borrow_mut().tests.extend_from_slice(cases);
        Ok(())
    }

    fn store_file(&mut self, path: &str, name: &str) -> Result<Artifact, HostError> {
        let content = self.upload(path, u32::MAX)?;
        self.store_bytes(name, &content)
    }

    /// The digest is made up.
    fn store_bytes(&mut self, name: &str, content: &[u8]) -> Result<Artifact, HostError> {
        let mut state = self.0.borrow_mut();
        if state.artifacts.insert(name.to_owned(), content.to_vec()).is_some() {
            return Err(HostError::new(Refusal::Invalid, format!("the build has an artifact `{name}` already")));
        }
        Ok(Artifact {
            name: name.to_owned(),
            size_bytes: u32::try_from(content.len()).unwrap_or(u32::MAX),
            sha256: "0".repeat(64),
            url: format!("http://weir.example/artifacts/{name}"),
        })
    }

    fn builder_status(&mut self, builder: &str) -> Result<Value, HostError> {
        self.0.borrow().status_of(builder)
    }

    fn build_status(&mut self, builder: &str, number: u32) -> Result<Value, HostError> {
        self.0.borrow().status_of(&format!("{builder}/{number}"))
    }

    fn recent_builds(&mut self, builder: &str, max: u32) -> Result<Vec<Value>, HostError> {
        let recent = self.0.borrow().status_of(&format!("{builder}/recent"))?;
        Ok(recent.as_array().into_iter().flatten().take(max as usize).cloned().collect())
    }

    fn view_status(&mut self, view: &str) -> Result<Value, HostError> {
        self.0.borrow().status_of(&format!("view/{view}"))
    }

    fn trigger(&mut self, order: &Order) -> Result<String, HostError> {
        let mut state = self.0.borrow_mut();
        if !state.builders.contains_key(&order.builder) {
            return Err(HostError::new(Refusal::NotFound, format!("there is no builder `{}`", order.builder)));
        }
        state.orders.push(order.clone());
        Ok(state.orders.len().to_string())
    }

    fn wait_for(&mut self, requests: &[String], _timeout: Option<Duration>) -> Result<Vec<Finished>, HostError> {
        let state = self.0.borrow();
        if state.cancelled {
            return Err(HostError::new(Refusal::Cancelled, "the build was stopped"));
        }
        requests.iter().map(|request| state.finished(request)).collect()
    }

    fn send(&mut self, request: &Request) -> Result<Response, HostError> {
        let mut state = self.0.borrow_mut();
        for (_, value) in &request.fields {
            match value {
                FieldValue::Text(text) => state.knows(text)?,
                FieldValue::Bearer(secret) => state.knows(&Text::from(secret))?,
            }
        }
        state.requests.push(request.clone());
        let mut services = state.services.iter();
        match services.find(|(method, url, _)| (method, url) == (&request.method, &request.url)) {
            Some((_, _, reply)) => reply.clone(),
            None => Err(HostError::new(Refusal::Unreachable, format!("there is nothing at {}", request.url))),
        }
    }

    fn state_get(&mut self, key: &str) -> Result<Option<Versioned>, HostError> {
        let state = self.0.borrow();
        let versioned = |(value, version): &(Vec<u8>, u32)| (value.clone(), version.to_string());
        Ok(state.kept.get(key).map(versioned).map(|(value, version)| Versioned { value, version }))
    }

    fn state_put(&mut self, key: &str, value: &[u8], expected: &Expect) -> Result<String, HostError> {
        let mut state = self.0.borrow_mut();
        let there = state.kept.get(key).map(|(_, version)| version.to_string());
        let fits = match expected {
            Expect::Anything => true,
            Expect::Absent => there.is_none(),
            Expect::Version(version) => there.as_ref() == Some(version),
        };
        if !fits {
            return Err(HostError::new(Refusal::Conflict, "something else is there than was expected"));
        }
        state.n_puts += 1;
        let version = state.n_puts;
        state.kept.insert(key.to_owned(), (value.to_vec(), version));
        Ok(version.to_string())
    }

    fn state_delete(&mut self, key: &str) -> Result<(), HostError> {
        self.0.borrow_mut().kept.remove(key);
        Ok(())
    }

    fn state_keys(&mut self, prefix: &str, max: u32) -> Result<Vec<String>, HostError> {
        let state = self.0.borrow();
        Ok(state.kept.keys().filter(|key| key.starts_with(prefix)).take(max as usize).cloned().collect())
    }
}

fn not_handed_over(secret: &Secret) -> HostError {
    HostError::new(Refusal::Denied, format!("the settings do not hand over the secret `{}`", secret.name()))
}

impl State {
    /// Whether a text can be had: a secret only where the script has it.
    fn knows(&self, text: &Text) -> Result<(), HostError> {
        match text {
            Text::Secret(secret) if !self.secrets.contains_key(secret.name()) => Err(not_handed_over(secret)),
            Text::Secret(_) | Text::Plain(_) => Ok(()),
        }
    }

    fn status_of(&self, what: &str) -> Result<Value, HostError> {
        let found = self.status.get(what).cloned();
        found.ok_or_else(|| HostError::new(Refusal::NotFound, format!("there is no `{what}`")))
    }

    /// The build of a request: its number is the request's.
    fn finished(&self, request: &str) -> Result<Finished, HostError> {
        let number: Option<u32> = request.parse().ok();
        let order = number.and_then(|n| self.orders.get((n as usize).checked_sub(1)?));
        let order = order.ok_or_else(|| HostError::new(Refusal::Invalid, format!("`{request}` is no request")))?;
        let builder = order.builder.clone();
        let results = self.builders.get(&builder).copied().unwrap_or(Results::Exception);
        let url = format!("http://weir.example/{builder}/{request}");
        Ok(Finished { request: request.to_owned(), builder, number, results, summary: results.to_string(), url })
    }
}
