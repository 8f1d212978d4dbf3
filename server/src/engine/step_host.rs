//! What a running step gets from its build: properties, filled settings, logs, words.

use super::interpolate::Values;
use super::log_writer::{self, QUEUED_MAX};
use super::masked::Masked;
use super::step::{ArtifactError, ArtifactSink, StepHost, StoredArtifact, TriggerError, Triggered};
use super::trigger::Triggers;
use crate::config::vault::Vault;
use crate::model::id::{BuildId, BuildRequestId, StepId};
use crate::model::mask::Mask;
use crate::model::name::BuilderKey;
use crate::model::property::Properties;
use crate::model::size::Size;
use crate::render::links::Links;
use crate::status::findings::ArtifactDraft;
use crate::status::resource::{Link, TestCase};
use crate::status::trigger::TriggerWish;
use crate::status::{Error, Status};
use crate::worker::OutputSender;
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Logs of one step at most.
const LOGS_MAX: usize = 100;
/// A property's value may be this large, as JSON.
const PROPERTY_BYTES_MAX: usize = 64 << 10;
/// Properties of one build at most.
const PROPERTIES_MAX: usize = 1000;

/// A step's words are told at most so often, and of those in between only the newest: each is a durable write that everybody hears
/// of, and a plugin may change them as often as it likes. So is what it found, of which each row is stored as it comes.
const TOLD_EVERY: Duration = Duration::from_millis(250);

/// One step's host.
pub struct BuildHost {
    place: HostPlace,
    logs: AsyncMutex<BTreeMap<String, OpenLog>>,
    done: CancellationToken,
    failed: Arc<OnceLock<String>>,
    words: AsyncMutex<Option<Teller<String>>>,
    found: AsyncMutex<Option<Teller<()>>>,
}

/// Which step of which build a host serves, and with what.
pub struct HostPlace {
    /// Where it reports.
    pub status: Status,
    /// The build.
    pub build: BuildId,
    /// The step.
    pub step: StepId,
    /// The step's name.
    pub name: String,
    /// Whose build.
    pub builder: BuilderKey,
    /// The build's number.
    pub number: i64,
    /// The build's properties, shared by its steps.
    pub properties: Arc<Mutex<Properties>>,
    /// Names that the builder declares: empty where nobody gave them.
    pub declared: Arc<BTreeSet<String>>,
    /// How large each log may grow.
    pub log_limit: Size,
    /// Ends the step's commands, also when its log cannot be stored.
    pub stop: CancellationToken,
    /// Who waits for the writers of logs.
    pub tasks: TaskTracker,
    /// Where they run.
    pub log_threads: Handle,
    /// The team's secrets: what is stored is stored without them.
    pub vault: Arc<Vault>,
    /// Its way to other builders.
    pub triggers: Triggers,
}

/// The newest of what the step says, and who tells it.
struct Teller<T> {
    newest: watch::Sender<T>,
    writer: JoinHandle<()>,
}

struct OpenLog {
    sender: OutputSender,
    writer: JoinHandle<()>,
}

impl<T> Teller<T> {
    /// Nothing more will come; what came last is still told.
    fn end(self) -> JoinHandle<()> {
        self.writer
    }
}

impl BuildHost {
    /// A host without logs so far.
    pub fn new(place: HostPlace) -> Self {
        Self {
            place,
            logs: AsyncMutex::default(),
            done: CancellationToken::new(),
            failed: Arc::default(),
            words: AsyncMutex::default(),
            found: AsyncMutex::default(),
        }
    }

    /// Waits until all that has arrived for the logs is stored, and closes them.
    ///
    /// # Errors
    /// A sentence, where a log could not be stored.
    pub async fn finish(&self) -> Result<(), String> {
        self.done.cancel();
        let words = self.words.lock().await.take().map(Teller::end);
        let found = self.found.lock().await.take().map(Teller::end);
        for writer in [words, found].into_iter().flatten() {
            if let Err(panic) = writer.await {
                tracing::error!(build = %self.place.build, error = %panic, "the writer of a step's words broke");
                return Err("what the step says of itself could not be stored".to_owned());
            }
        }
        let logs = std::mem::take(&mut *self.logs.lock().await);
        for (name, open) in logs {
            drop(open.sender);
            if let Err(panic) = open.writer.await {
                tracing::error!(build = %self.place.build, log = name, error = %panic, "a log's writer broke");
                return Err(format!("the log {name} could not be stored"));
            }
        }
        self.failed.get().map_or(Ok(()), |why| Err(why.clone()))
    }

    /// The text without the team's secrets.
    fn masked(&self, text: &str) -> String {
        self.place.vault.mask().text(text).into_owned()
    }

    /// A name is kept as it is or not at all: with stars in it, it would be another.
    fn check_name(&self, what: &str, name: &str) -> Result<(), String> {
        check(&self.place.vault.mask(), &format!("the name of a {what}"), name)
    }

    fn start_words(&self) -> Teller<String> {
        let (status, build, step) = (self.place.status.clone(), self.place.build, self.place.step);
        self.start_teller(String::new(), move |words: String| {
            let update = status.update();
            async move { update.step_changed(build, step, Some(&words), None).await }
        })
    }

    /// It has found more, which is stored; this tells of it.
    async fn tell_found(&self) {
        let mut found = self.found.lock().await;
        if self.done.is_cancelled() {
            // Its end tells.
            return;
        }
        let start = || {
            let (status, build, step) = (self.place.status.clone(), self.place.build, self.place.step);
            self.start_teller((), move |()| {
                let update = status.update();
                async move { update.found(build, step).await }
            })
        };
        found.get_or_insert_with(start).newest.send_replace(());
    }

    /// Tells the newest of what it is sent, at most every [`TOLD_EVERY`]; the last also when the step has ended meanwhile.
    fn start_teller<T, F>(&self, first: T, tell: impl Fn(T) -> F + Send + 'static) -> Teller<T>
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), Error>> + Send,
    {
        let (newest, mut wanted) = watch::channel(first);
        let (failed, done) = (self.failed.clone(), self.done.clone());
        let writer = self.place.tasks.spawn(async move {
            while wanted.changed().await.is_ok() {
                let now = wanted.borrow_and_update().clone();
                if let Err(error) = tell(now).await {
                    let why = say(&error);
                    failed.get_or_init(|| format!("what the step says of itself could not be stored: {why}"));
                    return;
                }
                tokio::select! {
                    () = done.cancelled() => {}
                    () = tokio::time::sleep(TOLD_EVERY) => {}
                }
            }
        });
        Teller { newest, writer }
    }

    fn start_writer(&self, id: crate::model::id::LogId, name: &str) -> OpenLog {
        let (sender, input) = mpsc::channel(QUEUED_MAX);
        let status = self.place.status.clone();
        let is_full = Arc::new(AtomicBool::new(false));
        let append = move |lines| {
            let (update, is_full) = (status.update(), is_full.clone());
            async move {
                // The step goes on; its log says once what is missing, and that stays true when there is room again.
                if is_full.load(Ordering::Relaxed) {
                    return Ok(());
                }
                match update.log_append(id, lines).await {
                    Err(error @ (Error::OverQuota(_) | Error::NoRoom(_))) => {
                        is_full.store(true, Ordering::Relaxed);
                        update.log_said(id, &format!("From here on this log is not kept: {error}.")).await
                    }
                    stored => stored,
                }
            }
        };
        let masked = Masked::new(self.place.vault.clone());
        let writing = log_writer::write(input, self.place.log_limit, masked, self.done.clone(), append);
        let (failed, stop, log) = (self.failed.clone(), self.place.stop.clone(), name.to_owned());
        let write = async move {
            if let Err(error) = writing.await {
                let why = say(&error);
                // Only the first reason is kept.
                failed.get_or_init(|| format!("the log {log} could not be stored: {why}"));
                stop.cancel();
            }
        };
        let writer = self.place.tasks.spawn_on(write, &self.place.log_threads);
        OpenLog { sender, writer }
    }
}

#[async_trait]
impl StepHost for BuildHost {
    fn properties(&self) -> Properties {
        self.place.properties.lock().expect("no holder of the properties panics").clone()
    }

    fn fill(&self, settings: &Value, is_shell_line: &(dyn Fn(&str) -> bool + Sync)) -> Result<Value, String> {
        let properties = self.properties();
        Values { properties: &properties, declared: &self.place.declared }.fill(settings, is_shell_line)
    }

    fn vault(&self) -> Arc<Vault> {
        self.place.vault.clone()
    }

    async fn set_property(&self, name: &str, mut value: Value) -> Result<(), String> {
        self.check_name("property", name)?;
        self.place.vault.mask().json(&mut value);
        let size = value.to_string().len();
        if size > PROPERTY_BYTES_MAX {
            return Err(format!("the property {name} has {size} bytes; at most {PROPERTY_BYTES_MAX} are kept"));
        }
        let source = format!("Step: {}", self.place.name);
        {
            let properties = self.place.properties.lock().expect("no holder of the properties panics");
            if properties.0.len() >= PROPERTIES_MAX && properties.get(name).is_none() {
                return Err(format!("the build has {PROPERTIES_MAX} properties already, which is the most"));
            }
        }
        self.place
            .status
            .update()
            .set_property(self.place.build, name, value.clone(), &source)
            .await
            .map_err(|e| say(&e))?;
        self.place.properties.lock().expect("no holder of the properties panics").set(name, value, source);
        Ok(())
    }

    async fn log(&self, name: &str) -> Result<OutputSender, String> {
        self.check_name("log", name)?;
        let mut logs = self.logs.lock().await;
        if let Some(open) = logs.get(name) {
            return Ok(open.sender.clone());
        }
        if logs.len() >= LOGS_MAX {
            return Err(format!("a step may have {LOGS_MAX} logs at most"));
        }
        let log = self
            .place
            .status
            .update()
            .log_opened(self.place.build, self.place.step, name)
            .await
            .map_err(|e| say(&e))?;
        let open = self.start_writer(log.id, name);
        let sender = open.sender.clone();
        logs.insert(name.to_owned(), open);
        Ok(sender)
    }

    async fn summary(&self, text: &str) -> Result<(), String> {
        if let Some(why) = self.failed.get() {
            return Err(why.clone());
        }
        let mut words = self.words.lock().await;
        if self.done.is_cancelled() {
            return Err("the step has ended".to_owned());
        }
        words.get_or_insert_with(|| self.start_words()).newest.send_replace(self.masked(text));
        Ok(())
    }

    async fn link(&self, name: &str, url: &str) -> Result<(), String> {
        let is_web = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_web {
            return Err(format!("`{url}` is no link: only http and https are"));
        }
        let link = Link { name: self.masked(name), url: self.masked(url) };
        self.place
            .status
            .update()
            .step_changed(self.place.build, self.place.step, None, Some(link))
            .await
            .map_err(|e| say(&e))
    }

    async fn statistic(&self, name: &str, value: f64) -> Result<(), String> {
        let HostPlace { status, build, step, vault, .. } = &self.place;
        let mask = vault.mask();
        status.update().statistic(*build, *step, &mask.text(name), value).await.map_err(|e| say(&e))?;
        self.tell_found().await;
        Ok(())
    }

    async fn test_results(&self, mut cases: Vec<TestCase>) -> Result<(), String> {
        let HostPlace { status, build, step, vault, .. } = &self.place;
        let mask = vault.mask();
        for case in &mut cases {
            for text in [&mut case.suite, &mut case.name].into_iter().chain(&mut case.message) {
                *text = mask.text(text).into_owned();
            }
        }
        status.update().test_results(*build, *step, cases).await.map_err(|e| say(&e))?;
        self.tell_found().await;
        Ok(())
    }

    async fn artifact(&self, name: &str) -> Result<Box<dyn ArtifactSink>, ArtifactError> {
        let HostPlace { status, build, step, .. } = &self.place;
        self.check_name("file", name).map_err(ArtifactError::Invalid)?;
        let draft = status.update().artifact(*build, *step, name).await.map_err(no_artifact)?;
        let links = Links::new(&status.config().server.public_url);
        let url = links.whole(&links.artifact(&self.place.builder, self.place.number, name));
        Ok(Box::new(Sink { draft, url }))
    }

    async fn trigger(&self, order: TriggerWish) -> Result<BuildRequestId, TriggerError> {
        let order = without_secrets(order, &self.place.vault.mask()).map_err(TriggerError::Invalid)?;
        self.place.triggers.start(order).await
    }

    async fn wait_for(
        &self,
        requests: Vec<BuildRequestId>,
        timeout: Option<Duration>,
        commands: &TaskTracker,
    ) -> Result<Vec<Triggered>, TriggerError> {
        self.place.triggers.wait(requests, timeout, commands).await
    }
}

/// Refuses what is kept as it is or not at all, where it holds a secret.
fn check(mask: &Mask, what: &str, text: &str) -> Result<(), String> {
    if mask.text(text) == text { Ok(()) } else { Err(format!("{what} holds a secret of the team")) }
}

/// What names something is refused where it holds a secret; in what is only told it is hidden.
fn without_secrets(mut order: TriggerWish, mask: &Mask) -> Result<TriggerWish, String> {
    check(mask, "the name of a builder", &order.builder)?;
    check(mask, "the branch", order.branch.as_deref().unwrap_or_default())?;
    check(mask, "the revision", order.revision.as_deref().unwrap_or_default())?;
    order.properties.keys().try_for_each(|name| check(mask, "the name of a property", name))?;
    order.reason = mask.text(&order.reason).into_owned();
    order.properties.values_mut().for_each(|value| mask.json(value));
    Ok(order)
}

/// Takes an artifact of a step.
struct Sink {
    draft: ArtifactDraft,
    url: String,
}

#[async_trait]
impl ArtifactSink for Sink {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ArtifactError> {
        self.draft.write(&bytes).await.map_err(no_artifact)
    }

    async fn finish(self: Box<Self>) -> Result<StoredArtifact, ArtifactError> {
        let size_bytes = self.draft.size_bytes();
        let stored = self.draft.finish().await.map_err(no_artifact)?;
        Ok(StoredArtifact { name: stored.name, size_bytes, sha256: stored.sha256, url: self.url })
    }
}

fn no_artifact(error: Error) -> ArtifactError {
    match error {
        Error::Invalid { fields } => ArtifactError::Invalid(fields.into_values().collect::<Vec<_>>().join("; ")),
        error => ArtifactError::Failed(say(&error)),
    }
}

/// The sentence for people; what lies behind an internal error goes to the server's own log.
fn say(error: &Error) -> String {
    if let Error::Internal(source) = error {
        tracing::error!(error = format!("{source:#}"), "a build could not report");
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::{Mask, TriggerWish, check, without_secrets};
    use crate::model::secret::SecretValue;
    use serde_json::json;

    #[test]
    fn an_order_that_names_a_secret_is_refused_and_what_it_tells_is_hidden() {
        let mask = Mask::of([&SecretValue::new("hunter22".to_owned())]);
        let told = || TriggerWish { builder: "all".to_owned(), ..TriggerWish::default() };
        let secret = || Some("x-hunter22".to_owned());
        let refused = |order| without_secrets(order, &mask).unwrap_err();
        let all = [
            refused(TriggerWish { builder: "hunter22".to_owned(), ..told() }),
            refused(TriggerWish { branch: secret(), ..told() }),
            refused(TriggerWish { revision: secret(), ..told() }),
            refused(TriggerWish { properties: [("hunter22".to_owned(), json!(1))].into(), ..told() }),
        ];
        let what = ["the name of a builder", "the branch", "the revision", "the name of a property"];
        assert_eq!(all, what.map(|what| format!("{what} holds a secret of the team")));

        let properties = [("key".to_owned(), json!(["hunter22"]))].into();
        let kept =
            without_secrets(TriggerWish { reason: "is hunter22".to_owned(), properties, ..told() }, &mask).unwrap();
        assert_eq!((kept.reason.as_str(), &kept.properties["key"]), ("is ***", &json!(["***"])));
        assert!(check(&mask, "the name of a file", "out/hunter22.txt").is_err());
        assert!(check(&mask, "the name of a file", "out/a.txt").is_ok());
    }
}
