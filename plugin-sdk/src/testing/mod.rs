//! A scripted host: a step runs natively against answers that the test writes down, and everything it did can be asked for.

/// The script's answers.
mod host;
/// Lines of scripted commands.
mod lines;

use crate::command::{Command, Exit, What};
use crate::context::{Build, Context};
use crate::error::HostError;
use crate::host::Host;
use crate::http::{Request, Response};
use crate::test_results::TestCase;
use crate::trigger::{Order, Results};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

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
    statistics: BTreeMap<String, f64>,
    cancelled: bool,
    now: Option<String>,
    n_random: u8,
    secrets: BTreeMap<String, String>,
    tests: Vec<TestCase>,
    artifacts: BTreeMap<String, Vec<u8>>,
    status: BTreeMap<String, Value>,
    builders: BTreeMap<String, Results>,
    orders: Vec<Order>,
    services: Vec<(String, String, Result<Response, HostError>)>,
    requests: Vec<Request>,
    kept: BTreeMap<String, (Vec<u8>, u32)>,
    n_puts: u32,
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

    /// The time of day, RFC 3339 in UTC; without it, the first moment of 2026.
    #[must_use]
    pub fn at(self, now: &str) -> Self {
        self.state.borrow_mut().now = Some(now.to_owned());
        self
    }

    /// A secret that the settings hand over, and its value.
    #[must_use]
    pub fn secret(self, name: &str, value: &str) -> Self {
        self.state.borrow_mut().secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// What status says: of a builder by its `NAME`, of a build by `NAME/NUMBER`, of a builder's newest builds, a list, by
    /// `NAME/recent`, of a view by `view/NAME`.
    #[must_use]
    pub fn status(self, of: &str, document: Value) -> Self {
        self.state.borrow_mut().status.insert(of.to_owned(), document);
        self
    }

    /// A builder of the own team, whose builds end so when they are triggered.
    #[must_use]
    pub fn builder(self, name: &str, results: Results) -> Self {
        self.state.borrow_mut().builders.insert(name.to_owned(), results);
        self
    }

    /// A service that answers requests with this method and URL. The first that fits counts.
    #[must_use]
    pub fn responds(self, method: &str, url: &str, response: Response) -> Self {
        self.replies(method, url, Ok(response))
    }

    /// A service that answers so, or does not.
    #[must_use]
    pub fn replies(self, method: &str, url: &str, reply: Result<Response, HostError>) -> Self {
        self.state.borrow_mut().services.push((method.to_owned(), url.to_owned(), reply));
        self
    }

    /// What the state of this use of the plugin holds under a key.
    #[must_use]
    pub fn kept(self, key: &str, value: &[u8]) -> Self {
        self.state.borrow_mut().kept.insert(key.to_owned(), (value.to_vec(), 0));
        self
    }

    /// The host of this script, for contexts that are not a step's.
    pub fn host(&self) -> Box<dyn Host> {
        Box::new(host::Scripted(Rc::clone(&self.state)))
    }

    /// A context over this script.
    pub fn context(&self) -> Context {
        Context::new(self.build.clone(), "step".to_owned(), self.host())
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

    /// A number that the step measured.
    pub fn statistic(&self, name: &str) -> Option<f64> {
        self.state.borrow().statistics.get(name).copied()
    }

    /// Every test case that was reported.
    pub fn tests(&self) -> Vec<TestCase> {
        self.state.borrow().tests.clone()
    }

    /// The content of an artifact.
    pub fn artifact(&self, name: &str) -> Option<Vec<u8>> {
        self.state.borrow().artifacts.get(name).cloned()
    }

    /// Every build that was requested.
    pub fn orders(&self) -> Vec<Order> {
        self.state.borrow().orders.clone()
    }

    /// Every request that was sent.
    pub fn requests(&self) -> Vec<Request> {
        self.state.borrow().requests.clone()
    }

    /// What the state holds under a key now.
    pub fn kept_now(&self, key: &str) -> Option<Vec<u8>> {
        self.state.borrow().kept.get(key).map(|(value, _)| value.clone())
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
