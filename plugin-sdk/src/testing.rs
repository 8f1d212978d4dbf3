//! A scripted host: a step runs natively against answers that the test writes down, and everything it did can be asked for.

use crate::command::{Channel, Command, Event, Exit, What};
use crate::context::{Build, Context};
use crate::error::{HostError, Refusal};
use crate::host::{FileStat, Host, Level, Running};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// The script and, afterwards, what happened. Commands without an answer exit with 0 and print nothing.
#[derive(Debug, Clone, Default)]
pub struct Script {
    build: Build,
    state: Rc<RefCell<State>>,
}

#[derive(Debug, Default)]
struct State {
    answers: Vec<Answer>,
    commands: Vec<Command>,
    files: BTreeMap<String, Option<Vec<u8>>>,
    properties: BTreeMap<String, Value>,
    logs: BTreeMap<String, String>,
    summaries: Vec<String>,
    links: Vec<(String, String)>,
    cancelled: bool,
}

#[derive(Debug)]
struct Answer {
    words: Vec<String>,
    reply: Result<(Exit, Vec<u8>), HostError>,
}

impl Script {
    /// A host that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which build the step belongs to.
    #[must_use]
    pub fn build(mut self, build: Build) -> Self {
        self.build = build;
        self
    }

    /// Commands that hold all of `words`, in this order, exit with `code`. The first answer that fits counts.
    #[must_use]
    pub fn exits<S: Into<String>>(self, words: impl IntoIterator<Item = S>, code: i32) -> Self {
        self.answers(words, Ok((Exit::Code(code), Vec::new())))
    }

    /// Commands that hold all of `words`, in this order, print `stdout` and exit with 0.
    #[must_use]
    pub fn prints<S: Into<String>>(self, words: impl IntoIterator<Item = S>, stdout: &str) -> Self {
        self.answers(words, Ok((Exit::Code(0), stdout.as_bytes().to_vec())))
    }

    /// Commands that hold all of `words`, in this order, end like this.
    #[must_use]
    pub fn answers<S: Into<String>>(
        self,
        words: impl IntoIterator<Item = S>,
        reply: Result<(Exit, Vec<u8>), HostError>,
    ) -> Self {
        let words = words.into_iter().map(Into::into).collect();
        self.state.borrow_mut().answers.push(Answer { words, reply });
        self
    }

    /// A directory of the work directory.
    #[must_use]
    pub fn directory(self, path: &str) -> Self {
        self.state.borrow_mut().files.insert(path.to_owned(), None);
        self
    }

    /// A file of the work directory.
    #[must_use]
    pub fn file(self, path: &str, content: &str) -> Self {
        self.state.borrow_mut().files.insert(path.to_owned(), Some(content.as_bytes().to_vec()));
        self
    }

    /// A property of the build.
    #[must_use]
    pub fn property(self, name: &str, value: impl Into<Value>) -> Self {
        self.state.borrow_mut().properties.insert(name.to_owned(), value.into());
        self
    }

    /// Somebody has stopped the build.
    #[must_use]
    pub fn cancelled(self) -> Self {
        self.state.borrow_mut().cancelled = true;
        self
    }

    /// A context over this script.
    pub fn context(&self) -> Context {
        Context::new(self.build.clone(), "step".to_owned(), Box::new(Scripted(Rc::clone(&self.state))))
    }

    /// Every command that ran, words joined by blanks.
    pub fn commands(&self) -> Vec<String> {
        self.state.borrow().commands.iter().map(|command| words(command).join(" ")).collect()
    }

    /// Every command that ran, whole.
    pub fn whole_commands(&self) -> Vec<Command> {
        self.state.borrow().commands.clone()
    }

    /// A property as it is now.
    pub fn property_now(&self, name: &str) -> Option<Value> {
        self.state.borrow().properties.get(name).cloned()
    }

    /// What the step itself wrote to a log.
    pub fn log(&self, name: &str) -> String {
        self.state.borrow().logs.get(name).cloned().unwrap_or_default()
    }

    /// What the step said it did, in order.
    pub fn summaries(&self) -> Vec<String> {
        self.state.borrow().summaries.clone()
    }

    /// Links of the step: name and URL.
    pub fn links(&self) -> Vec<(String, String)> {
        self.state.borrow().links.clone()
    }
}

fn words(command: &Command) -> Vec<String> {
    match &command.what {
        What::Program(words) => words.clone(),
        What::Shell(line) => vec![line.clone()],
    }
}

/// Whether `wanted` stand in `given` in this order, others between them.
fn fits(wanted: &[String], given: &[String]) -> bool {
    let mut given = given.iter();
    wanted.iter().all(|word| given.any(|g| g == word))
}

struct Scripted(Rc<RefCell<State>>);

impl Scripted {
    fn reply(&self, command: &Command) -> Result<(Exit, Vec<u8>), HostError> {
        let mut state = self.0.borrow_mut();
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
}
